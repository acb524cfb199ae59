"""Eigenpairs where the Krylov space ends early: Hessians of low rank, and repeated eigenvalues."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg import Objective
from talweg.landscape import NotConverged, eigenpairs, sharpness
from talweg.models import MLP
from talweg.objective import EmpiricalFisher, GaussNewton
from talweg.surfaces import Quadratic

F64 = torch.float64


def outermost(values, k, which):
    key = {"largest": -values, "smallest": values, "magnitude": -values.abs()}[which]
    return values[key.argsort()[:k]].double()


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("which", ["largest", "smallest", "magnitude"])
def test_linear_regression_on_few_samples(dtype, n, which):
    """H = 2/n xᵀx has rank n among 300 parameters; the search used to fill the whole space and then to give up."""
    torch.manual_seed(n)
    x, y = torch.randn(n, 300, dtype=dtype), torch.randn(n, 1, dtype=dtype)
    f = Objective.of(nn.Linear(300, 1, bias=False).to(dtype), F.mse_loss, x, y)
    above = torch.linalg.eigvalsh(2 / n * (x.double() @ x.double().T))
    exact = torch.cat([above, torch.zeros(300 - n, dtype=F64)])
    for k in (1, 2, n + 2):
        found = eigenpairs(f, f.theta, k, which=which)
        expected = outermost(exact, k, which)
        assert torch.allclose(found.values.double(), expected, rtol=1e-3, atol=1e-5 * exact.max())
        assert found.products <= n + 4 + 2 * k
        residuals = torch.stack([f.hvp(f.theta, v) for v in found.vectors]) - found.values[:, None] * found.vectors
        assert (residuals.norm(dim=1) <= 2e-3 * found.values.abs() + 1e-4 * exact.max()).all()
    assert torch.isclose(sharpness(f, f.theta).double(), exact.max(), rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("top", [[3.0, 3.0], [3.0, 3.0, 3.0, 1.0], [1.0] * 20, [-2.0, -2.0, 1.0], [5.0, 4.0, 4.0]])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_repeated_outermost_values_beside_a_null_space(dtype, top, k):
    diagonal = torch.cat([torch.tensor(top, dtype=dtype), torch.zeros(300, dtype=dtype)])
    for which in ("largest", "smallest", "magnitude"):
        found = eigenpairs(Quadratic(diagonal), torch.zeros(len(diagonal), dtype=dtype), k, which=which)
        expected = outermost(diagonal, k, which)
        assert torch.allclose(found.values.double(), expected, atol=1e-4), which
        assert found.products < 40


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("kind", [GaussNewton, EmpiricalFisher])
def test_matrices_of_a_network_with_few_samples(dtype, kind):
    torch.manual_seed(0)
    f = Objective.of(
        MLP((20, 12, 3), "tanh").to(dtype), F.cross_entropy, torch.randn(3, 20, dtype=dtype), torch.arange(3)
    )
    A = kind(f, f.theta)
    values = torch.linalg.eigvalsh((A @ torch.eye(f.dim, dtype=dtype)).double())
    for k in (1, 3):
        found = eigenpairs(kind(f, f.theta), k=k)
        assert torch.allclose(found.values.double(), values[-k:].flip(0), rtol=2e-3)
        assert found.products < 30
    assert abs(eigenpairs(kind(f, f.theta), which="smallest").values[0]) < 1e-5 * values[-1]


def test_a_start_in_an_invariant_space_does_not_hide_what_lies_beyond():
    diagonal = torch.cat([torch.tensor([7.0, 5.0]), torch.zeros(60)]).double()
    f, start = Quadratic(diagonal), torch.zeros(62, dtype=F64)
    start[1] = 1
    assert eigenpairs(f, torch.zeros(62), start=start).values.item() == pytest.approx(7)


def test_a_limit_before_the_copies_are_found_says_what_is_missing():
    f = Quadratic(torch.cat([torch.full((6,), 3.0), torch.zeros(300)]))
    with pytest.raises(NotConverged, match="have converged, but the Krylov space ended early, and further copies"):
        eigenpairs(f, torch.zeros(306, dtype=F64), 4, max_products=6)
    matrix = torch.diag(torch.linspace(0, 1, 200, dtype=F64))
    with pytest.raises(NotConverged, match=r"the largest residual is \S+ times what tol allows. Raise max_products"):
        eigenpairs(Quadratic(matrix), torch.zeros(200, dtype=F64), 2, 1e-6, max_products=10)
