"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from talweg.optimizers import kernels
from talweg.optimizers.rule import Rule


class SGD(Rule):
    """Gradient descent with momentum (Polyak 1964; Nesterov 1983; as in Sutskever et al. 2013).

    g ← g + λ θ;   m ← μ m + (1 - τ) g, at first m = g;   θ ← θ - η m,   with Nesterov θ ← θ - η (g + μ m)

    η = lr, μ = momentum, τ = dampening, λ = weight_decay. State: m, one tensor per parameter, if μ > 0.

    Two conventions: with τ = 0 (torch, most papers) m sums gradients and grows to about g / (1 - μ). With τ = μ it is
    their moving average. For constant μ and η, steps η_average = η_sum / (1 - μ) give the same path only if the first
    update is treated alike; here, as in torch, the first m is g itself, undamped, in both.
    """

    defaults = dict(lr=1e-3, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0)
    one_kernel = True

    def update(self, theta, g, m, *, t, lr, momentum, dampening, nesterov, weight_decay):
        if weight_decay:
            g = g.add(theta, alpha=weight_decay)
        if momentum:
            if t == 1:
                m.copy_(g)
            else:
                m.mul_(momentum).add_(g, alpha=1 - dampening)
            g = g.add(m, alpha=momentum) if nesterov else m
        theta.add_(g, alpha=-lr)

    def fused(self, theta, g, m, *, t, lr, momentum, dampening, nesterov, weight_decay):
        kernels.sgd(
            theta, g, m, first=t == 1, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov,
            weight_decay=weight_decay,
        )  # fmt: skip

    def needs(self, momentum, **_):
        return momentum != 0

    def check(self, momentum, dampening, nesterov, **_):
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"SGD: nesterov=True needs momentum > 0 and dampening = 0; got {momentum=}, {dampening=}.")
