"""What is read off slices: widths and rises along lines, roughness of planes; and how it is rounded for a record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.landscape import Surface, random_directions
from talweg.objective import Objective
from talweg.objective.network import NetworkObjective

DOWNWARD = 0.05  # a negative curvature counts from this share of the largest curvature at the same point
RISE = 0.1  # of the loss: how far a width reaches
FARTHEST = 4.0  # where the search for a width ends


def directions(model: nn.Module, count: int, normalize: str) -> Tensor:
    """`count` random directions (count, P), the same Gaussian numbers for every model of one architecture."""
    generator = torch.Generator().manual_seed(0)
    pairs = [torch.stack(random_directions(model, normalize, generator)) for _ in range(math.ceil(count / 2))]
    return torch.cat(pairs)[:count]


def objective(model: nn.Module, dataset: Dataset, protocol: Mapping[str, Any]) -> NetworkObjective:
    """The loss on as many training samples as the protocol says, the same for all networks.

    Batch normalization by running statistics, constants of the plane as in Li et al. 2018, if the protocol says so.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(dataset.x_train), generator=generator)[: protocol["samples"]]
    x, y = dataset.x_train[rows], dataset.y_train[rows]
    return Objective.of(model, F.cross_entropy, x, y, batch_norm=protocol["batch_norm"])


def even(span: float, points: int) -> Tensor:
    """`points` numbers from -span to span, exactly symmetric, in float64."""
    return span * torch.arange(1 - points, points, 2, dtype=torch.float64) / (points - 1)


def mean_line(f: Objective, theta: Tensor, d: Tensor, ts: Tensor) -> Tensor:
    """The mean over directions d (m, P) of f(θ + t dᵢ), for each t: (K,)."""
    return torch.stack([f.slice(theta, one[None], ts[:, None]) for one in d]).mean(0)


def rise(f: Objective, theta: Tensor, d: Tensor, t: float) -> float:
    """The mean of f(θ ± t dᵢ) - f(θ) over directions d (m, P) and both signs."""
    return (mean_line(f, theta, d, torch.tensor([-t, t]).to(theta)).mean() - f(theta)).item()


def width(f: Objective, theta: Tensor, d: Tensor) -> float | None:
    """The first distance t, in units of d, at which f(θ + t d) ≥ f(θ) + 0.1, linearly between points; None: beyond 4."""
    ts = torch.linspace(0, FARTHEST, 401).to(theta)
    above = f.slice(theta, d[None], ts[:, None]) - f(theta) - RISE
    reached = (above >= 0).nonzero()
    if not len(reached):
        return None
    k = int(reached[0])
    before, after = above[k - 1].item(), above[k].item()
    step = FARTHEST / 400
    return step * (k - 1 + before / (before - after))


def roughness(surface: Surface) -> dict[str, Any]:
    """What a plane looks like, in three numbers.

    nonconvex: of the inner grid points, the share where the 2×2 Hessian of second differences has a negative
    eigenvalue, and one of at least a twentieth of its largest in size (cf. Li et al. 2018, who map the
    ratio of the two extreme eigenvalues of the whole Hessian). minima: inner grid points below all their eight
    neighbours. below_chance: the share of the grid where the loss is less than ln 10, that of guessing ten classes.
    """
    z = surface.z.double()
    low, high = second_differences(surface).unbind(-1)
    known = low.isfinite()
    downward = low < -DOWNWARD * torch.maximum(low.abs(), high.abs())
    return {
        "nonconvex": (downward & known).sum().item() / max(1, int(known.sum())),
        "minima": local_minima(z),
        "below_chance": (z < math.log(10)).double().mean().item(),
    }


def second_differences(surface: Surface) -> Tensor:
    """The two eigenvalues, ascending, of the slice's Hessian by central differences: (ny - 2, nx - 2, 2); NaN: unknown."""
    z = surface.z.double()
    hx, hy = (float(axis[1] - axis[0]) for axis in (surface.x, surface.y))
    xx = (z[1:-1, 2:] - 2 * z[1:-1, 1:-1] + z[1:-1, :-2]) / hx**2
    yy = (z[2:, 1:-1] - 2 * z[1:-1, 1:-1] + z[:-2, 1:-1]) / hy**2
    xy = (z[2:, 2:] - z[2:, :-2] - z[:-2, 2:] + z[:-2, :-2]) / (4 * hx * hy)
    middle, radius = (xx + yy) / 2, torch.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    values = torch.stack([middle - radius, middle + radius], dim=-1)
    return torch.where(values.isfinite(), values, torch.nan)


def local_minima(z: Tensor) -> int:
    """Inner points strictly below their eight neighbours."""
    inner = z[1:-1, 1:-1]
    rows, columns = inner.shape
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    return int(torch.stack([inner < z[i : i + rows, j : j + columns] for i, j in shifts]).all(0).sum())


def logarithms(values: Tensor) -> list:
    """log₁₀ of losses, to 4 decimals; None where a loss is not finite or not positive."""
    return nested(values.double().log10(), lambda value: round(value, 4))


def digits(values: Tensor, significant: int = 4) -> list:
    """To so many significant digits; None where a value is not finite."""
    return nested(values.double(), lambda value: float(f"{value:.{significant}g}"))


def nested(values: Tensor, rounded: Callable[[float], float]) -> list:
    if values.ndim > 1:
        return [nested(row, rounded) for row in values]
    return [rounded(value) if math.isfinite(value) else None for value in values.tolist()]


@torch.no_grad()
def scores(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Error rate and mean loss, in batches."""
    outputs = torch.cat([model(some) for some in x.split(500)])
    wrong = (outputs.argmax(1) != y).double().mean().item()
    return {"error": wrong, "loss": F.cross_entropy(outputs, y).item()}


def weight_norm(model: nn.Module) -> float:
    """Of all weight matrices and kernels: no biases, no normalization, as in the directions."""
    return math.sqrt(sum(p.double().square().sum().item() for p in model.parameters() if p.ndim > 1))
