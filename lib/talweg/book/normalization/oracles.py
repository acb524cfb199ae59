"""Where the answers of the chapter "normalization" come from: torch's layers, and networks that use them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COLUMN = torch.tensor([[1.0], [3.0], [5.0], [7.0]], dtype=torch.float64)


def by_hand() -> float:
    """The last output of the column (1, 3, 5, 7) in training, γ = 2, β = 1, ε = 0."""
    two, one = (torch.tensor([value], dtype=torch.float64) for value in (2.0, 1.0))
    return F.batch_norm(COLUMN, None, None, two, one, training=True, eps=1e-30)[-1].item()


def running() -> float:
    """The running variance after the columns (1, 3, 5, 7) and (0, 0, 4, 4), momentum 0.1."""
    layer = nn.BatchNorm1d(1, dtype=torch.float64)
    for column in (COLUMN, torch.tensor([[0.0], [0.0], [4.0], [4.0]], dtype=torch.float64)):
        layer(column)
    assert layer.running_var is not None
    return layer.running_var.item()


def batch_of_two() -> float:
    """The larger output of a batch of the two values 3 and 3.02, ε = 10⁻⁵."""
    pair = torch.tensor([[3.0], [3.02]], dtype=torch.float64)
    return F.batch_norm(pair, None, None, training=True, eps=1e-5).max().item()


def scale() -> float:
    """By how much the learning rate must grow when a weight before batch normalization is ten times as large.

    Found from two training steps on random data, whose outputs must agree: a search over powers of ten.
    """
    generator = torch.Generator().manual_seed(0)
    x, w, v, y = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((8, 3), (2, 3), (2,), (8,))
    )

    def outputs(factor: float, lr: float) -> Tensor:
        weight = (factor * w).requires_grad_()
        for _ in range(2):
            h = F.batch_norm(x @ weight.T, None, None, training=True, eps=1e-30) @ v
            (gradient,) = torch.autograd.grad((h - y).square().mean(), weight)
            weight = (weight - lr * gradient).detach().requires_grad_()
        return F.batch_norm(x @ weight.T, None, None, training=True, eps=1e-30).detach()

    wanted = outputs(1.0, 0.1)
    return min((10.0**k for k in range(-4, 5)), key=lambda ratio: (outputs(10.0, 0.1 * ratio) - wanted).norm().item())


def equilibrium() -> float:
    """Degrees by which a step turns a scale-invariant weight in the end, η = 0.1, λ = 0.005, found by walking there."""
    eta, decay, square = 0.1, 0.005, 1.0
    for _ in range(100_000):
        square = (1 - eta * decay) ** 2 * square + eta**2 / square
    return math.degrees(math.atan2(eta / math.sqrt(square), (1 - eta * decay) * math.sqrt(square)))


def axes() -> list[str]:
    """The layers by how many numbers of a 32×64×8×8 tensor share a mean, counted by moving one of them."""
    layers = {
        "instance": nn.InstanceNorm2d(64),
        "group": nn.GroupNorm(8, 64, affine=False),
        "batch": nn.BatchNorm2d(64, affine=False, dtype=torch.float64),
        "layer": nn.GroupNorm(1, 64, affine=False),
    }
    x = torch.randn(32, 64, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    moved = x.clone()
    moved[0, 0, 0, 0] += 100.0
    return sorted(layers, key=lambda name: int((layers[name](moved) != layers[name](x)).sum()))


def batch_norm_step(
    x: Tensor, gamma: Tensor, beta: Tensor, running_mean: Tensor, running_var: Tensor, momentum: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The outputs of a training step and the running statistics after it, by torch."""
    mean, variance = running_mean.clone(), running_var.clone()
    y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=momentum, eps=eps)
    return y, mean, variance
