"""Adagrad: each coordinate divides by the root of all its squared gradients."""

from __future__ import annotations

import torch

from talweg.optimizers.hyperparameters import number
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled


class Adagrad(Rule):
    """Steps that shrink where gradients were large (Duchi, Hazan & Singer 2011, JMLR 12, diagonal form).

    g ← g + λ θ;   s ← s + g²;   θ ← θ - ηₜ g / (√s + ε),   ηₜ = η / (1 + (t - 1) d)

    η = lr, d = lr_decay, λ = weight_decay, ε = eps (outside the root), s₀ = initial_accumulator_value.
    State: s, one tensor per parameter.
    """

    lr: float = number(1e-2, low=0)
    lr_decay: float = number(0.0, low=0)
    weight_decay: float = number(0.0, low=0)
    initial_accumulator_value: float = number(0.0, low=0)
    eps: float = number(1e-10, low=0)
    buffers = ("s",)

    def update(self, theta, g, s, *, t, lr, lr_decay, weight_decay, eps, **_):
        g = coupled(g, theta, weight_decay)
        s.addcmul_(g, g)
        theta.addcdiv_(g, s.sqrt().add_(eps), value=-lr / (1 + (t - 1) * lr_decay))

    def start(self, name, theta, initial_accumulator_value, **_):
        return torch.full_like(theta, initial_accumulator_value, memory_format=torch.preserve_format)
