"""Eigenpairs, density, trace and index of Hessians that are known exactly."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

import talweg
from talweg import landscape
from talweg.landscape import NotConverged, eigenpairs, saddle_index, sam_sharpness, sharpness, spectral_density, trace
from talweg.landscape.lanczos import Chain, tridiagonal
from talweg.surfaces import Formula, GaussianWell, Quadratic, Rosenbrock, Saddle

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def symmetric(values, seed=0):
    """A matrix with these eigenvalues, and its eigenvectors as columns."""
    values = torch.as_tensor(values, dtype=F64)
    axes = torch.linalg.qr(torch.randn(len(values), len(values), dtype=F64, generator=generator(seed))).Q
    matrix = axes @ torch.diag(values) @ axes.T
    return (matrix + matrix.T) / 2, axes


@pytest.fixture(scope="module")
def network():
    """A net of 195 parameters with its exact Hessian."""
    torch.manual_seed(0)
    model = talweg.models.MLP((12, 10, 5), "tanh").double()
    x, y = torch.randn(60, 12, dtype=F64, generator=generator()), torch.arange(60) % 5
    f = talweg.Objective.of(model, cross_entropy, x, y)
    return f, torch.linalg.eigh(f.hessian(f.theta))


@pytest.mark.parametrize("which", ["largest", "smallest", "magnitude"])
def test_eigenpairs_are_those_of_the_exact_hessian(network, which):
    f, (values, vectors) = network
    order = {"largest": -values, "smallest": values, "magnitude": -values.abs()}[which].argsort()[:5]
    found = eigenpairs(f, f.theta, 5, 1e-9, which=which)
    assert torch.allclose(found.values, values[order], rtol=1e-12, atol=1e-14)
    assert torch.allclose((found.vectors @ vectors[:, order]).abs(), torch.eye(5, dtype=F64), atol=1e-6)


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_residuals_are_kept_and_are_those_of_fresh_products(network, tol, dtype):
    if dtype == torch.float32 and tol < 1e-5:
        pytest.skip("below the rounding of float32 beside the largest eigenvalue")
    f = network[0]
    f = talweg.Objective.of(f.model, cross_entropy, f.x, f.y, dtype=dtype)
    found = eigenpairs(f, f.theta, 4, tol)
    fresh = torch.stack([f.hvp(f.theta, v) - value * v for value, v in zip(found.values, found.vectors, strict=True)])
    assert (found.residuals <= tol * found.values.abs() * (1 + 1e-3)).all()
    assert torch.allclose(fresh.norm(dim=1), found.residuals, rtol=1e-2, atol=1e-5 if dtype == torch.float32 else 1e-12)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(4, dtype=dtype), atol=1e-5)


@given(
    values=st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0, 7.0]), min_size=1, max_size=9), seed=st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_repeated_eigenvalues_are_all_found_where_the_space_is_exhausted(values, seed):
    matrix, _ = symmetric(values, seed)
    found = eigenpairs(Quadratic(matrix), torch.zeros(len(values), dtype=F64), len(values), 1e-8, seed=seed)
    assert torch.allclose(found.values, torch.tensor(values, dtype=F64).sort(descending=True).values, atol=1e-9)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(len(values), dtype=F64), atol=1e-8)


def test_a_double_top_eigenvalue_is_not_passed_over():
    matrix, _ = symmetric([5.0, 5.0] + [1.0] * 30)
    found = eigenpairs(Quadratic(matrix), torch.zeros(32, dtype=F64), 2, 1e-8)
    assert torch.allclose(found.values, torch.tensor([5.0, 5.0], dtype=F64))


def test_the_chain_stays_orthogonal_where_three_terms_do_not():
    """Ghosts: without reorthogonalization the largest eigenvalue is found again and again."""
    matrix, _ = symmetric(torch.linspace(-1, 1, 120, dtype=F64).pow(3) + torch.eye(120, dtype=F64)[-1] * 20)
    start = torch.randn(120, dtype=F64, generator=generator(1))
    chain = Chain(lambda v: matrix @ v, start, 60, generator())
    for _ in range(60):
        chain.grow()
    V = chain.vectors[:60]
    assert torch.allclose(V @ V.T, torch.eye(60, dtype=F64), atol=1e-13)
    diagonal, beside = tridiagonal(lambda v: matrix @ v, start, 60)
    ghosts = torch.linalg.eigvalsh(torch.diag(diagonal) + torch.diag(beside, 1) + torch.diag(beside, -1))
    assert (ghosts > 20).sum() > 1 and (chain.ritz()[0] > 20).sum() == 1


def test_it_takes_fewer_products_than_power_iteration_would():
    matrix, _ = symmetric(torch.cat([torch.tensor([10.0, 9.0, 8.0, 7.0]), torch.linspace(0, 5, 296)]))
    assert eigenpairs(Quadratic(matrix), torch.zeros(300, dtype=F64), 4, 1e-3).products < 40


def test_a_search_that_does_not_converge_says_so_and_hands_over_what_it_has():
    matrix, _ = symmetric(torch.linspace(0, 1, 200))
    with pytest.raises(NotConverged, match="3 eigenpairs did not reach tol=1e-06 in 10 products") as caught:
        eigenpairs(Quadratic(matrix), torch.zeros(200, dtype=F64), 3, 1e-6, max_products=10)
    found = caught.value.found
    assert (found.residuals > 1e-6 * found.values).any() and found.products == 10


class Broken(Formula):
    """A Hessian that is not finite: √ at 0."""

    dim = 2

    def value(self, theta):
        return theta.abs().pow(1.5).sum(-1)


@pytest.mark.parametrize("what", [eigenpairs, spectral_density, trace])
def test_a_hessian_that_is_not_finite_is_an_error(what):
    with pytest.raises(FloatingPointError, match="Hessian-vector product number 1 is not finite"):
        what(Broken(), [0.0, 0.0])
    with pytest.raises(ValueError, match="theta must be finite"):
        what(Broken(), [0.0, math.nan])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"k": 3}, "k must be at most the number of parameters, 2; got 3"),
        ({"k": 0}, "k must be at least 1"),
        ({"tol": 0}, "tol must be between 0 and 1"),
        ({"which": "biggest"}, "which must be one of 'largest', 'smallest', 'magnitude'; got 'biggest'"),
        ({"start": [0.0, 0.0]}, "start must be a finite vector other than zero"),
        ({"start": [1.0]}, r"start must have shape \(2,\)"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        eigenpairs(Rosenbrock(), [1.0, 1.0], **arguments)


def test_the_graph_is_kept_and_gives_the_same_products(network):
    f = network[0]
    product, batched = f.hessian_at(f.theta), talweg.Objective.of(f.model, cross_entropy, f.x, f.y, batch_size=17)
    for seed in range(3):
        v = torch.randn(f.dim, dtype=F64, generator=generator(seed))
        assert torch.allclose(product(v), f.hvp(f.theta, v), rtol=1e-10, atol=1e-13)
        assert torch.allclose(batched.hessian_at(f.theta)(v), product(v), rtol=1e-10, atol=1e-13)
    assert not product(v).requires_grad
    with pytest.raises(ValueError, match="v must have shape"):
        product(v[:-1])


def test_a_linear_function_has_no_curvature():
    class Slope(Formula):
        dim = 3

        def value(self, theta):
            return theta.sum(-1)

    assert not Slope().hessian_at(torch.zeros(3))(torch.ones(3)).any()
    found = eigenpairs(Slope(), torch.zeros(3, dtype=F64), 2)
    assert not found.values.any() and not trace(Slope(), torch.zeros(3)).value


def test_the_trace_lies_within_its_error_and_is_exact_for_a_diagonal():
    diagonal = torch.tensor([3.0, -1.0, 0.5])
    estimate = trace(Quadratic(diagonal), torch.zeros(3, dtype=F64), samples=5)
    assert torch.allclose(estimate.samples, diagonal.sum().double().expand(5)) and estimate.standard_error < 1e-15
    matrix, _ = symmetric(torch.linspace(-1, 4, 40))
    errors = []
    for seed in range(60):
        estimate = trace(Quadratic(matrix), torch.zeros(40, dtype=F64), samples=40, seed=seed)
        errors.append((estimate.value - matrix.trace()) / estimate.standard_error)
    errors = torch.stack(errors)
    assert 0.75 < errors.std() < 1.35 and errors.mean().abs() < 0.5
    # Var vᵀHv = 2 Σ_{i≠j} H_ij² for random signs
    known = (2 * (matrix.square().sum() - matrix.diagonal().square().sum()) / 40) ** 0.5
    assert torch.isclose(estimate.standard_error, known, rtol=0.4)


def test_the_trace_stops_when_it_is_good_enough(network):
    f, (values, _) = network
    estimate = trace(f, f.theta, samples=5000, rtol=0.05)
    assert 8 <= len(estimate.samples) < 5000
    assert abs(estimate.value - values.sum()) < 4 * estimate.standard_error
    with pytest.raises(ValueError, match="samples must be at least 2"):
        trace(f, f.theta, samples=1)


def test_moments_of_the_density_are_those_of_the_spectrum(network):
    f, (values, _) = network
    found = spectral_density(f, f.theta, probes=60, steps=20)
    assert torch.allclose(found.weights.sum(1), torch.ones(60, dtype=F64))
    for p in (1, 2, 3):
        # the spread over probes tells how near the mean must be
        samples = (found.weights * found.nodes**p).sum(1)
        assert abs(found.moment(p) - (values**p).mean()) < 4 * samples.std() / 60**0.5
    grid = torch.linspace(-2, 3, 4001, dtype=F64)
    assert torch.isclose(torch.trapezoid(found.density(grid, 0.05), grid), torch.tensor(1.0, dtype=F64), atol=1e-3)


def test_a_probe_of_full_length_is_the_spectrum():
    values = torch.tensor([-2.0, 0.5, 1.0, 6.0], dtype=F64)
    matrix, _ = symmetric(values)
    found = spectral_density(Quadratic(matrix), torch.zeros(4, dtype=F64), probes=2000, steps=50)
    assert torch.allclose(found.nodes, values.expand(2000, 4), atol=1e-9)
    assert torch.allclose(found.weights.mean(0), torch.full((4,), 0.25, dtype=F64), atol=0.02)
    assert abs(found.share_below(0.7) - 0.5) < 0.03
    with pytest.raises(ValueError, match="width must be positive"):
        found.density(torch.zeros(1), 0.0)


def test_the_density_of_few_distinct_values_ends_early_and_keeps_its_mass():
    matrix, _ = symmetric([1.0] * 10 + [4.0] * 2)
    found = spectral_density(Quadratic(matrix), torch.zeros(12, dtype=F64), probes=200, steps=12)
    assert torch.allclose(found.weights.sum(1), torch.ones(200, dtype=F64))
    assert abs(found.share_below(2.0) - 10 / 12) < 0.05


def test_sharpness_along_a_path_is_the_largest_eigenvalue_at_each_point():
    path = torch.stack([torch.linspace(-1.2, 1, 7, dtype=F64), torch.linspace(1, 1, 7, dtype=F64)], dim=1)
    expected = torch.stack([torch.linalg.eigvalsh(Rosenbrock().hessian(p))[-1] for p in path])
    assert torch.allclose(sharpness(Rosenbrock(), path, 1e-8), expected, rtol=1e-8)
    assert torch.allclose(sharpness(Rosenbrock(), path[0], 1e-8), expected[0], rtol=1e-8)
    assert torch.isclose(sharpness(GaussianWell(2.0, 0.5), [0.0, 0.0]), torch.tensor(8.0, dtype=F64))  # A/σ²


def test_sharpness_notices_when_another_direction_overtakes():
    class Crossing(Formula):
        """Curvatures 2 + x along x-independent axes: the sharpest axis changes half-way."""

        dim = 3

        def value(self, theta):
            t = theta[..., 2].detach()
            return ((2 + t) * theta[..., 0] ** 2 + (2 - t) * theta[..., 1] ** 2) / 2

    path = torch.zeros(9, 3, dtype=F64)
    path[:, 2] = torch.linspace(-1, 1, 9)
    assert torch.allclose(sharpness(Crossing(), path, 1e-6), 2 + path[:, 2].abs(), rtol=1e-6)


def test_sam_sharpness_of_a_bowl():
    bowl, theta = Quadratic([4.0, 1.0]), torch.tensor([3.0, 0.0], dtype=F64)
    assert torch.isclose(sam_sharpness(bowl, theta, 0.1), torch.tensor(2 * (3.1**2 - 9), dtype=F64))
    # at the minimum the worst direction is the sharpest: ρ² λ/2
    found = sam_sharpness(bowl, [0.0, 0.0], 0.1, steps=60)
    assert torch.isclose(found, torch.tensor(0.1**2 * 4 / 2, dtype=F64), rtol=1e-6)
    rises = [sam_sharpness(bowl, [1.0, 2.0], 0.5, steps=steps) for steps in (1, 2, 5)]
    assert rises[0] <= rises[1] <= rises[2]
    with pytest.raises(ValueError, match="rho must be positive"):
        sam_sharpness(bowl, theta, -1.0)


def test_saddle_index_counts_the_directions_down(monkeypatch):
    assert saddle_index(Saddle(), [0.0, 0.0]) == 1 and saddle_index(Rosenbrock(), [1.0, 1.0]) == 0
    values = [-3.0, -2.0, -1.0, -1e-6, 0.0, 2.0, 5.0] + [0.5] * 20
    matrix, _ = symmetric(values)
    f, zero = Quadratic(matrix), torch.zeros(len(values), dtype=F64)
    assert saddle_index(f, zero) == 3 and saddle_index(f, zero, threshold=1e-9) == 4
    monkeypatch.setattr("talweg.landscape.saddle.HESSIAN_LIMIT", 1)
    assert saddle_index(f, zero) == 3
    with pytest.raises(ValueError, match="more than 1 eigenvalues"):
        saddle_index(Quadratic(-matrix), zero, limit=1)


def test_a_plane_of_eigenvectors_shows_their_curvature(network):
    f, _ = network
    top = eigenpairs(f, f.theta, 2, 1e-8)
    h = 1e-3
    flat = landscape.plane(f, f.theta, *top.vectors, span=h, resolution=3)
    along_x = (flat.z[1, 0] - 2 * flat.z[1, 1] + flat.z[1, 2]) / h**2
    along_y = (flat.z[0, 1] - 2 * flat.z[1, 1] + flat.z[2, 1]) / h**2
    assert torch.allclose(torch.stack([along_x, along_y]), top.values, rtol=1e-4)


def test_dead_relu_units_do_not_upset_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    model[0].bias.data.fill_(-100.0)
    x, y = torch.randn(9, 3, dtype=F64), torch.randn(9, 1, dtype=F64)
    f = talweg.Objective.of(model, mse_loss, x, y)
    found = eigenpairs(f, f.theta, 3, 1e-8)  # only the last bias curves the loss: 2 b²/2
    assert torch.allclose(found.values, torch.tensor([2.0, 0.0, 0.0], dtype=F64), atol=1e-12)
