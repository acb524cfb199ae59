"""Where the answers of the chapter "optimizers" come from: each is computed with the library's own methods."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from talweg.optimizers import SGD, Adafactor, Adam, AMSGrad, Lion
from talweg.surfaces import Quadratic
from talweg.training import minimize


def _after(Optimizer: type, gradients: list[list[float]], **options) -> Tensor:
    """Where these gradients, one a step, lead from 0."""
    theta = torch.zeros(len(gradients[0]), dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([theta], **options)
    for gradient in gradients:
        theta.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    return theta.detach()


def momentum_by_hand() -> float:
    """θ after two steps on ½θ² from 1, η = 0.1, μ = 0.9."""
    return minimize(Quadratic([1.0]), [1.0], SGD, steps=2, lr=0.1, momentum=0.9).state["theta"].item()


def terminal_velocity() -> float:
    """Length of the last of 2,000 steps under the gradient 2, η = 0.01, μ = 0.95."""
    before, after = (_after(SGD, [[2.0]] * steps, lr=0.01, momentum=0.95) for steps in (1999, 2000))
    return (before - after).item()


def stability() -> float:
    """The step size from which a root of the heavy ball leaves the unit circle, λ_max = 4, μ = 0.9."""

    def radius(lr: float) -> float:
        step = torch.tensor([[1.9 - 4 * lr, -0.9], [1.0, 0.0]], dtype=torch.float64)
        return torch.linalg.eigvals(step).abs().max().item()

    return _crossing(lambda lr: radius(lr) - 1, 0.5, 2.0)


def best_momentum() -> float:
    """The momentum at which, κ = 400, both ends of the spectrum have double roots.

    z² - (1 + μ - ηλ) z + μ has one for ηλ = (1 ± √μ)²: η from the steep end, μ so that the flat one follows.
    """

    def discriminant(momentum: float) -> float:
        lr = (1 + momentum**0.5) ** 2 / 400
        return (1 + momentum - lr) ** 2 - 4 * momentum

    return _crossing(lambda momentum: -discriminant(momentum), 0.5, 1.0)


def _crossing(f: Callable[[float], float], low: float, high: float) -> float:
    """Where f, negative at `low` and positive at `high`, is zero."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return high


def adam_first_step() -> float:
    """Length of Adam's first step under the gradient (3, -0.001), η = 0.01, ε = 0."""
    return _after(Adam, [[3.0, -0.001]], lr=0.01, eps=0.0).norm().item()


def bias() -> float:
    """Adam's first step without correction in units of η, β₁ = 0.9, β₂ = 0.9999: from the averages themselves."""
    g, m, v = 3.7, 0.0, 0.0
    m, v = 0.9 * m + (1 - 0.9) * g, 0.9999 * v + (1 - 0.9999) * g**2
    return m / v**0.5


def lion() -> float:
    """θ in units of η after two steps of Lion under the gradients 1 and -0.5, β = (0.9, 0.99)."""
    return _after(Lion, [[1.0], [-0.5]], lr=1.0, betas=(0.9, 0.99)).item()


def state() -> list[str]:
    """The methods by the numbers that they keep for a matrix of 1,000 × 1,000."""
    methods = {
        "adam": (Adam, {}),
        "amsgrad": (AMSGrad, {}),
        "sgd": (SGD, {}),
        "momentum": (SGD, {"momentum": 0.9}),
        "adafactor": (Adafactor, {}),
    }

    def kept(Optimizer: type, options: dict) -> int:
        theta = torch.zeros(1000, 1000, requires_grad=True)
        optimizer = Optimizer([theta], lr=0.01, **options)
        theta.grad = torch.ones_like(theta)
        optimizer.step()
        return sum(s.numel() for s in optimizer.state[theta].values() if isinstance(s, Tensor))

    return sorted(methods, key=lambda name: kept(*methods[name]))


def adam_path(curvatures: Tensor, start: Tensor, lr: float, beta1: float, beta2: float, steps: float) -> Tensor:
    """The points of Adam on ½ Σ λᵢ θᵢ², from the start on."""
    f = Quadratic(curvatures)
    points = minimize(f, start, Adam, steps=int(steps), lr=lr, betas=(beta1, beta2)).trajectory
    assert points is not None  # recorded, unless one asks for less
    return points
