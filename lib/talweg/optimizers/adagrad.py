"""Adagrad: each coordinate divides by the root of all its squared gradients."""

from __future__ import annotations

import torch

from talweg.optimizers.hyperparameters import number
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled


class Adagrad(Rule):
    """Steps that shrink where gradients were large (Duchi, Hazan & Singer 2011, JMLR 12, diagonal form).

    g ← g + λ θ;   s ← s + g²;   θ ← θ - ηₜ g / (√s + ε),   ηₜ = η / (1 + (t - 1) d)

    The state is s, one tensor per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η.
    lr_decay : float
        d, which makes η fall with the number of updates.
    weight_decay : float
        λ of an L2 penalty.
    initial_accumulator_value : float
        s before the first update.
    eps : float
        ε, outside the root.

    References
    ----------
    Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12,
    2011.

    Examples
    --------
    A constant gradient gives steps η / √t, whatever its size:

    >>> import torch
    >>> from talweg.optimizers import Adagrad
    >>> theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> optimizer = Adagrad([theta], lr=0.1)
    >>> for _ in range(4):
    ...     theta.grad = torch.tensor([100.0, 0.01], dtype=torch.float64)
    ...     optimizer.step()
    >>> theta.detach()
    tensor([-0.2784, -0.2784], dtype=torch.float64)
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
