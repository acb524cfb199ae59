"""Adafactor: Adam's second moment from its row and column means alone."""

from __future__ import annotations

import math

import torch

from talweg.optimizers.hyperparameters import flag, number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import decoupled


class Adafactor(Rule):
    """Factored second moment, clipped update, relative step (Shazeer & Stern 2018, arXiv:1804.04235, Alg. 4-6).

    β = 1 - t^(-decay);   R ← β R + (1 - β) row means of g² + ε₁;   C ← β C + (1 - β) column means of g² + ε₁
    V̂ = R Cᵀ / mean R;   U = g / √V̂;   U ← U / max(1, RMS(U) / d)
    ρ = min(η, 1 / √t);   θ ← θ - η λ θ - max(ε₂, RMS(θ)) ρ U

    Vectors, and everything with `factored=False`, keep the whole V ← β V + (1 - β)(g² + ε₁). Means stand where the
    paper has sums, which gives the same V̂.

    A tensor of more than two dimensions is taken as the matrix (first dimension) × (all others): O(n + m) numbers for
    a convolution too. torch factors its last two dimensions instead, and clamps by ε₁ at the end: the same method on
    matrices and vectors, another on convolutions. The state is R and C, or V.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        η, the upper limit of the relative step; the paper's is 10⁻².
    decay : float
        The exponent of β.
    eps : tuple of two floats
        (ε₁, ε₂).
    clip : float
        d, the largest root mean square of an update; ∞ is no clipping.
    weight_decay : float
        λ of decoupled decay, which is not in the paper.
    relative_step : bool
        False: ρ = η.
    scale_parameter : bool
        False: 1 in place of max(ε₂, RMS(θ)).
    factored : bool
        Whether matrices keep R and C alone.

    References
    ----------
    Shazeer & Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018, arXiv:1804.04235.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import Adafactor
    >>> W = torch.ones(300, 200, requires_grad=True)
    >>> optimizer = Adafactor([W])
    >>> W.square().sum().backward()
    >>> optimizer.step()
    >>> {name: tuple(optimizer.state[W][name].shape) for name in ("R", "C")}
    {'R': (300, 1), 'C': (1, 200)}
    """

    lr: float = number(1e-2, low=0)
    decay: float = number(0.8, low=0)
    eps: tuple[float, float] = pair(1e-30, 1e-3, low=0)
    clip: float = number(1.0, above=0, high=math.inf)
    weight_decay: float = number(0.0, low=0)
    relative_step: bool = flag(True)
    scale_parameter: bool = flag(True)
    factored: bool = flag(True)
    buffers = ("R", "C", "V")
    foreach = False
    elementwise = False

    def update(self, theta, g, R, C, V, *, t, lr, decay, eps, clip, weight_decay, relative_step, scale_parameter, **_):
        if not theta.numel():
            return  # an empty tensor has no mean
        eps1, eps2 = eps
        rho = min(lr, t**-0.5) if relative_step else lr
        step = rho * max(eps2, _rms(theta)) if scale_parameter else rho
        decoupled(theta, lr, weight_decay)
        if R is None:
            V.lerp_(g.square().add_(eps1), t**-decay)
            U = V.rsqrt().mul_(g)
        else:
            G = g.flatten(1)
            squares = G.square()
            R.lerp_(squares.mean(1, keepdim=True).add_(eps1), t**-decay)
            C.lerp_(squares.mean(0, keepdim=True).add_(eps1), t**-decay)
            row_factors = (R / R.mean()).rsqrt_()
            U = torch.mul(G, row_factors, out=squares).mul_(C.rsqrt()).view_as(g)
        theta.add_(U, alpha=-step / max(1.0, _rms(U) / clip))

    def start(self, name, theta, factored, **_):
        if factored and theta.ndim > 1:
            rows, columns = theta.flatten(1).shape
            shape = {"R": (rows, 1), "C": (1, columns)}.get(name)
            return theta.new_zeros(shape) if shape else None
        return super().start(name, theta) if name == "V" else None


def _rms(x: torch.Tensor) -> float:
    return torch.linalg.vector_norm(x).item() / x.numel() ** 0.5
