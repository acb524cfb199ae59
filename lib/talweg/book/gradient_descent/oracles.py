"""Where the answers come from: each is computed from the library, and a test compares the data files with it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from talweg.optimizers import SGD
from talweg.surfaces import LeastSquares, Quadratic


def gd_by_hand() -> float:
    """f after two steps with η = 0.1 on ½(θ₁² + 10 θ₂²) from (10, 1)."""
    f = Quadratic([1.0, 10.0])
    theta = torch.tensor([10.0, 1.0], dtype=torch.float64)
    for _step in range(2):
        theta = theta - 0.1 * f.grad(theta)
    return f(theta).item()


def gd_sgd_by_hand() -> float:
    """θ after one epoch, one sample at a time in order, η = 0.1, on (1, 2), (2, 3), (3, 5) from 0."""
    f = LeastSquares([[1.0], [2.0], [3.0]], [2.0, 3.0, 5.0])
    theta = torch.zeros(1, dtype=torch.float64)
    for sample in range(f.n):
        theta = theta - 0.1 * f.batch_grad(theta, torch.tensor([sample]))
    return theta.item()


def gd_largest_step() -> float:
    """2/λ_max for the rows (1, 0), (1, 1), (0, 2), (2, 1)."""
    f = LeastSquares([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0], [2.0, 1.0]], [0.0] * 4)
    return 2 / torch.linalg.eigvalsh(f.hessian())[-1].item()


def gd_speed() -> float:
    """Steps at the best step size until the distance has shrunk by 10⁶, κ = 100, counted by taking them."""
    f = Quadratic([1.0, 100.0])
    theta = torch.ones(2, dtype=torch.float64)
    lr, target, steps = 2 / 101, 1e-6 * math.sqrt(2), 0
    while theta.norm() > target:
        theta, steps = theta - lr * f.grad(theta), steps + 1
    return steps


def gd_variance() -> float:
    """Variance of the mean of B = 20 of N = 100 numbers with population variance 50, drawn without replacement.

    E (Σ_{i∈S} gᵢ)² over all batches S needs only P(i ∈ S) = B/N and P(i, j ∈ S) = B(B−1)/(N(N−1)).
    """
    N, B = 100, 20
    g = torch.linspace(-1, 1, N, dtype=torch.float64)
    g = math.sqrt(50) * (g - g.mean()) / g.std(correction=0)
    alone, together = B / N, B * (B - 1) / (N * (N - 1))
    squares, pairs = g.square().sum(), g.sum().square() - g.square().sum()
    return ((alone * squares + together * pairs) / B**2).item()


def gd_order() -> list[str]:
    """The settings by η/B, the floor to first order."""
    settings = {"lr04-b8": (0.4, 8), "lr01-b16": (0.1, 16), "lr02-b16": (0.2, 16), "lr01-b64": (0.1, 64)}
    return sorted(settings, key=lambda name: settings[name][0] / settings[name][1])


def step_with_momentum(theta: Tensor, velocity: Tensor, gradient: Tensor, lr: float, momentum: float):
    """One step of SGD that carries `velocity` over: v ← μ v + g, θ ← θ − η v, by the library's optimizer.

    The velocity is brought about by a first step at θ + η v with gradient v, after which θ and the buffer are as given.
    """
    parameter = torch.nn.Parameter(theta + lr * velocity)
    optimizer = SGD([parameter], lr=lr, momentum=momentum)
    for g in (velocity, gradient):
        parameter.grad = g.clone()
        optimizer.step()
    v = momentum * velocity + gradient
    return parameter.detach(), v
