"""Where the answers of the chapter "landscapes" come from: each is computed with the library's own functions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from talweg.landscape import connect
from talweg.models import MLP
from talweg.objective import Objective
from talweg.surfaces import Quadratic


class _Product(Objective):
    """½ (w₁ w₂ − 1)²: a network of two weights, one after the other."""

    dim = 2

    def value(self, theta: Tensor) -> Tensor:
        return (theta[0] * theta[1] - 1).square() / 2


def line_barrier() -> float:
    """The barrier between (2, ½) and (½, 2), on a line of 61 points."""
    ends = torch.tensor([[2.0, 0.5], [0.5, 2.0]], dtype=torch.float64)
    return connect(_Product(), ends[0], ends[1]).barrier


def mean_over_batches() -> float:
    """The mean of all terms, each batch written out sample by sample."""
    batches = {0.30: 128, 0.34: 128, 0.72: 64}
    return torch.cat([torch.full((n,), loss, dtype=torch.float64) for loss, n in batches.items()]).mean().item()


def rescaled_block() -> float:
    """How often the second layer's block of the Hessian is what it was, after W₁ → 10 W₁, b₁ → 10 b₁, W₂ → W₂/10."""

    def second_block(c: float) -> Tensor:
        torch.manual_seed(0)
        model = MLP((3, 4, 2), dtype=torch.float64)
        x, y = torch.randn(9, 3, dtype=torch.float64), torch.arange(9) % 2
        with torch.no_grad():
            for name in ("1.weight", "1.bias"):
                model.get_parameter(name).mul_(c)
            model.get_parameter("3.weight").div_(c)
        f = Objective.of(model, cross_entropy, x, y)
        first = 3 * 4 + 4
        return f.hessian(f.theta)[first : first + 8, first : first + 8]

    return (second_block(10.0).trace() / second_block(1.0).trace()).item()


def mean_curvature() -> float:
    """Mean of dᵀHd over pairs of vectors that fill the space: the eigenvectors of a quadratic, turned at random."""
    f = Quadratic(torch.cat([torch.ones(990), torch.full((10,), -50.0)]).double())
    turned = torch.linalg.qr(torch.randn(1000, 1000, dtype=torch.float64, generator=_generator())).Q
    return ((turned @ f.hessian(torch.zeros(1000, dtype=torch.float64))) * turned).sum(1).mean().item()


def length_in_plane() -> float:
    """Root mean square over the coordinate planes of 10⁶ dimensions of the part of a vector of length 20 in them."""
    displacement = torch.randn(10**6, dtype=torch.float64, generator=_generator())
    displacement *= 20 / displacement.norm()
    return displacement.square().view(-1, 2).sum(1).mean().sqrt().item()


def order() -> list[str]:
    """The spectra by their mean."""
    spectra = {
        "single": [100.0] + [0.0] * 99,
        "few": [20.0] * 10 + [0.0] * 990,
        "even": [0.5] * 10,
        "balanced": [3.0] * 50 + [-3.0] * 50,
    }
    return sorted(spectra, key=lambda name: torch.tensor(spectra[name]).mean().item())


def filter_normalized(direction: Tensor, weight: Tensor) -> Tensor:
    """Each row of the direction with the norm of the weight's row."""
    return nn.functional.normalize(direction, dim=1) * weight.norm(dim=1, keepdim=True)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
