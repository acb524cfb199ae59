"""Where the answers of the chapter "curvature" come from: each is computed with the library's own functions."""

from __future__ import annotations

import torch
from torch import Tensor

from talweg.book.curvature.experiment import border, share
from talweg.landscape import spectral_density, trace
from talweg.landscape.lanczos import tridiagonal
from talweg.optimizers import SGD
from talweg.surfaces import Quadratic
from talweg.training import minimize


def certificate() -> float:
    """‖Hv − λ̂v‖ for H = diag(5, 1), v = (0.8, 0.6), λ̂ = vᵀHv."""
    f, v = Quadratic([5.0, 1.0]), torch.tensor([0.8, 0.6], dtype=torch.float64)
    product = f.hvp(torch.zeros_like(v), v)
    return (product - (v @ product) * v).norm().item()


def power_steps() -> int:
    """Steps of power iteration on diag(10, 9) from (1, 1) until |v₂/v₁| is at most 10⁻⁶."""
    f, v, steps = Quadratic([10.0, 9.0]), torch.ones(2, dtype=torch.float64), 0
    while v[1] / v[0] > 1e-6:
        v, steps = f.hvp(v, v), steps + 1
        v = v / v.norm()
    return steps


def heavy_ball_border() -> float:
    """Where the sharpness ends with η = 0.05 and μ = 0.9."""
    return border(0.05, 0.9)


def hutchinson_samples() -> float:
    """Samples for a standard error of 0.25, from all 2³ sign vectors."""
    f = Quadratic([[3.0, 1.0, 0.0], [1.0, 2.0, -2.0], [0.0, -2.0, 1.0]])
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)
    values = torch.stack([v @ f.hvp(torch.zeros(3, dtype=torch.float64), v) for v in signs])
    return (values.var(correction=0) / 0.25**2).item()


def share_after_five_steps() -> float:
    """The share of the squared gradient along the steep axis after five steps with η = 0.05."""
    f = Quadratic([10.0, 1.0])
    run = minimize(f, torch.tensor([0.1, 1.0], dtype=torch.float64), SGD, steps=5, lr=0.05)
    return share(f.grad(run.state["theta"]), torch.eye(2, dtype=torch.float64)[:1])


class _Counting(Quadratic):
    """Counts products with its Hessian."""

    products = 0

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor:
        self.products += 1
        return super().hvp(theta, v)


def by_cost() -> list[str]:
    """What is to be ordered, by Hessian-vector products; a gradient costs less than one."""
    curvatures = torch.linspace(0.1, 3, 1482, dtype=torch.float64)
    costs = {"gradient": 0.5, "hessian": len(curvatures)}
    for name, call in {
        "product": lambda f, zero: f.hvp(zero, zero),
        "trace": lambda f, zero: trace(f, zero, samples=20),
        "density": lambda f, zero: spectral_density(f, zero, probes=10, steps=60),
    }.items():
        f = _Counting(curvatures)
        call(f, torch.zeros(f.dim, dtype=torch.float64))
        costs[name] = f.products
    return sorted(costs, key=costs.__getitem__)


def lanczos(H: Tensor, start: Tensor, k: float) -> tuple[Tensor, Tensor]:
    """Diagonal and off-diagonal of T after k products."""
    return tridiagonal(lambda v: H @ v, start, int(k))
