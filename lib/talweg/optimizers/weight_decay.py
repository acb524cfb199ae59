"""Weight decay in its two manners, for all methods.

coupled     g ← g + λ θ       the gradient of the penalty ½ λ ‖θ‖²; a method's averages see it
decoupled   θ ← θ - η λ θ     beside the method's own step (Loshchilov & Hutter 2019, arXiv:1711.05101)
"""

from __future__ import annotations


def coupled(g, theta, weight_decay: float):
    """g + λ θ."""
    return g.add(theta, alpha=weight_decay) if weight_decay else g


def decoupled(theta, lr: float, weight_decay: float) -> None:
    """θ ← θ - η λ θ, in place."""
    if weight_decay:
        theta.mul_(1 - lr * weight_decay)


def either(theta, g, lr: float, weight_decay: float, decoupled_weight_decay: bool):
    """In one manner or the other; returns the gradient to go on with."""
    if not decoupled_weight_decay:
        return coupled(g, theta, weight_decay)
    decoupled(theta, lr, weight_decay)
    return g
