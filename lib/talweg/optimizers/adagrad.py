"""Adagrad: each coordinate divides by the root of all its squared gradients."""

from __future__ import annotations

import torch

from talweg.optimizers import kernels
from talweg.optimizers.rule import Rule


class Adagrad(Rule):
    """Steps that shrink where gradients were large (Duchi, Hazan & Singer 2011, JMLR 12, diagonal form).

    g ← g + λ θ;   s ← s + g²;   θ ← θ - ηₜ g / (√s + ε),   ηₜ = η / (1 + (t - 1) d)

    η = lr, d = lr_decay, λ = weight_decay, ε = eps (outside the root), s₀ = initial_accumulator_value.
    State: s, one tensor per parameter.
    """

    defaults = dict(lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10)
    one_kernel = True

    def update(self, theta, g, s, *, t, lr, lr_decay, weight_decay, initial_accumulator_value, eps):
        if weight_decay:
            g = g.add(theta, alpha=weight_decay)
        s.addcmul_(g, g)
        theta.addcdiv_(g, s.sqrt().add_(eps), value=-lr / (1 + (t - 1) * lr_decay))

    def fused(self, theta, g, s, *, t, lr, lr_decay, weight_decay, initial_accumulator_value, eps):
        kernels.adagrad(theta, g, s, t=t, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)

    def start(self, name, theta, initial_accumulator_value, **_):
        return torch.full_like(theta, initial_accumulator_value, memory_format=torch.preserve_format)
