"""Surfaces against their formulas, and closed-form gradients against autograd."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from talweg.objective import Objective
from talweg.surfaces import (
    Beale,
    GaussianMixture,
    GaussianWell,
    Interpolated,
    LeastSquares,
    Quadratic,
    Rosenbrock,
    Saddle,
)

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def regression(n=9, p=3):
    return LeastSquares(random(n, p), random(n, seed=1))


SURFACES = [
    Quadratic([1.0, 20.0], [0.5, -1.0]),
    Quadratic([[2.0, 0.5], [0.5, 1.0]]),
    Saddle(),
    Saddle((3.0, -0.2), angle=0.7),
    Rosenbrock(),
    Rosenbrock(a=2.0, b=5.0),
    GaussianWell(depth=2.0, sigma=0.7, center=(0.3, -0.2), offset=1.5),
    Beale(),
    GaussianMixture([1.0, 0.7, 2.0], [0.5, 1.0, 0.8], [[0.0, 0.0], [2.0, 1.0], [-1.0, 0.5]], offset=1.0),
    Interpolated(torch.linspace(-1, 1, 7), torch.linspace(0, 3, 5), random(5, 7, seed=4)),
    regression(p=2),
]
coordinates = st.floats(-3, 3, allow_subnormal=False)
points = st.tuples(coordinates, coordinates).map(lambda pair: torch.tensor(pair, dtype=F64))


@pytest.mark.parametrize("f", SURFACES, ids=lambda f: type(f).__name__)
@given(theta=points, v=points)
@settings(max_examples=25, deadline=None)
def test_closed_forms_are_what_autograd_finds(f, theta, v):
    near = {"rtol": 1e-9, "atol": 1e-9}
    point = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(point), point)
    assert torch.allclose(f.grad(theta), gradient, **near)
    assert torch.allclose(f.hessian(theta), torch.autograd.functional.hessian(f.value, theta), **near)
    assert torch.allclose(f.hvp(theta, v), Objective.hvp(f, theta, v), **near)
    thetas = torch.stack([theta, v, theta - v])
    assert torch.allclose(f.many(thetas), torch.stack([f(t) for t in thetas]), rtol=1e-12, atol=1e-12)
    assert torch.allclose(f.grads(thetas), torch.stack([f.grad(t) for t in thetas]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", SURFACES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_results_have_the_precision_of_the_point(f, dtype):
    theta = torch.ones(2, dtype=dtype)
    results = [
        f(theta),
        f.grad(theta),
        f.hvp(theta, theta),
        f.hessian(theta),
        f.many(theta[None]),
        f.grads(theta[None]),
    ]
    assert {result.dtype for result in results} == {dtype}


def test_quadratic_by_hand():
    f = Quadratic([[2.0, 1.0], [1.0, 3.0]], center=[1.0, 0.0])
    assert float(f([2.0, 2.0])) == (2 + 2 * 2 + 3 * 4) / 2
    assert f.grad([2.0, 2.0]).tolist() == [4.0, 7.0]
    assert torch.equal(f.hessian(), torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=F64))
    assert torch.equal(Quadratic([1.0, 5.0]).hessian(), torch.diag(torch.tensor([1.0, 5.0], dtype=F64)))


def test_constants_given_as_lists_are_not_rounded_to_float32():
    assert Quadratic([0.1, 0.7]).H.diagonal().tolist() == [0.1, 0.7]
    assert GaussianWell(center=(0.3, -0.2)).minimizer().tolist() == [0.3, -0.2]


@pytest.mark.parametrize(
    "hessian, message",
    [([[1.0, 2.0], [0.0, 1.0]], "symmetric"), ([[1.0, 2.0]], "symmetric"), (1.0, "shape"), ([float("nan")], "finite")],
)
def test_a_hessian_that_is_none_is_refused(hessian, message):
    with pytest.raises(ValueError, match=f"hessian must.*{message}"):
        Quadratic(hessian)


def test_a_center_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="center must have 2 numbers, got 3"):
        Quadratic([1.0, 2.0], center=[0.0, 0.0, 0.0])


def test_the_saddle_falls_along_y_only():
    f = Saddle()
    assert float(f([1.0, 0.0])) == 0.5 and float(f([0.0, 1.0])) == -0.5
    assert f.grad([3.0, 0.0]).tolist() == [3.0, 0.0]  # on the stable manifold nothing leads away
    turned = Saddle(angle=math.pi / 2)
    assert math.isclose(float(turned([1.0, 0.0])), -0.5) and math.isclose(float(turned([0.0, 1.0])), 0.5)
    eigenvalues = torch.linalg.eigvalsh(Saddle((3.0, -0.2), angle=0.7).hessian())
    assert torch.allclose(eigenvalues, torch.tensor([-0.2, 3.0], dtype=F64), rtol=1e-12)
    for bad in ((1.0, 2.0), (-1.0, -2.0), (0.0, 1.0)):
        with pytest.raises(ValueError, match="both signs"):
            Saddle(bad)
    with pytest.raises(ValueError, match="angle needs two variables"):
        Saddle((1.0, 1.0, -1.0), angle=0.1)


def test_rosenbrock_by_hand():
    f = Rosenbrock()
    assert float(f(f.theta)) == pytest.approx(24.2)
    assert float(f(f.minimizer())) == 0 and not f.grad(f.minimizer()).any()
    assert torch.equal(f.hessian([1.0, 1.0]), torch.tensor([[802.0, -400.0], [-400.0, 200.0]], dtype=F64))
    other = Rosenbrock(a=3.0, b=7.0)
    assert other.minimizer().tolist() == [3.0, 9.0] and float(other(other.minimizer())) == 0


def test_the_gaussian_well_is_convex_within_sigma_only():
    f = GaussianWell(depth=2.0, sigma=0.5, center=(1.0, -1.0), offset=3.0)
    assert float(f(f.minimizer())) == 1.0
    assert torch.allclose(f.hessian(f.minimizer()), 2.0 / 0.25 * torch.eye(2, dtype=F64), rtol=1e-12)
    for distance, sign in ((0.49, 1), (0.51, -1)):
        assert sign * torch.linalg.eigvalsh(f.hessian([1.0 + distance, -1.0]))[0] > 0
    far = torch.tensor([40.0, 0.0], dtype=F64)
    assert float(f(far)) == 3.0 and not f.grad(far).any()
    for bad in ({"depth": 0.0}, {"sigma": -1.0}, {"depth": math.nan}):
        with pytest.raises(ValueError, match="depth and sigma must be positive"):
            GaussianWell(**bad)


def test_least_squares_by_hand():
    f = LeastSquares([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 0.0, 2.0])
    residuals = [-1.0, 0.5, -1.0]  # at θ = (0, ½)
    assert float(f([0.0, 0.5])) == pytest.approx((1 + 0.25 + 1) / 6)
    assert f.sample_losses([0.0, 0.5]).tolist() == [0.5, 0.125, 0.5]
    assert f.sample_grads([0.0, 0.5]).tolist() == [[-1.0, 0.0], [0.5, 0.5], [-1.0, -2.0]]
    assert f.grad([0.0, 0.5]).tolist() == pytest.approx([sum(residuals) / 3, -0.5])
    assert f.hessian().flatten().tolist() == pytest.approx([1.0, 1.0, 1.0, 5 / 3])


def test_the_mean_of_the_samples_is_the_whole():
    f, theta = regression(), random(3, seed=2)
    assert torch.isclose(f.sample_losses(theta).mean(), f(theta), rtol=1e-13)
    assert torch.allclose(f.sample_grads(theta).mean(0), f.grad(theta), rtol=1e-12)
    everything = torch.arange(f.n).flip(0)
    assert torch.allclose(f.batch_grad(theta, everything), f.grad(theta), rtol=1e-12)


def test_each_row_has_its_own_batch():
    f, thetas = regression(), random(4, 3, seed=3)
    indices = torch.randint(0, f.n, (4, 5), generator=torch.Generator().manual_seed(0))
    expected = torch.stack([f.sample_grads(t)[i].mean(0) for t, i in zip(thetas, indices, strict=True)])
    assert torch.allclose(f.batch_grads(thetas, indices), expected, rtol=1e-12)


def test_the_minimizer_solves_the_normal_equations():
    f = regression()
    assert f.grad(f.minimizer()).norm() < 1e-14
    assert torch.allclose(f.minimizer(), torch.linalg.solve(f.x.T @ f.x, f.x.T @ f.y), rtol=1e-10)


def test_of_many_minimizers_the_shortest_is_taken():
    x = random(6, 2)
    x = torch.cat([x, x[:, :1]], dim=1)  # a column twice: the minimizers form a line
    f = LeastSquares(x, random(6, seed=1))
    theta = f.minimizer()
    assert f.grad(theta).norm() < 1e-13
    assert torch.isclose(theta[0], theta[2], rtol=1e-10)  # orthogonal to the kernel (1, 0, −1)


@pytest.mark.parametrize(
    "x, y, message",
    [
        (torch.zeros(3, 2), torch.zeros(2), "must share n"),
        (torch.zeros(3), torch.zeros(3), r"x must be numbers of shape \(n, P\)"),
        (torch.zeros(0, 2), torch.zeros(0), "x must be numbers"),
        (torch.full((2, 2), torch.nan), torch.zeros(2), "x must be finite"),
    ],
)
def test_data_that_do_not_fit_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        LeastSquares(x, y)


def test_indices_that_do_not_fit_are_named():
    f = regression()
    for indices in (torch.zeros(3, 2, dtype=torch.long), torch.zeros(2, dtype=torch.long), torch.zeros(2, 3)):
        with pytest.raises(ValueError, match=r"indices must be integers of shape \(2, B\)"):
            f.batch_grads(torch.zeros(2, 3), indices)


def test_beale_by_hand():
    f = Beale()
    assert float(f(f.minimizer())) == 0 and not f.grad(f.minimizer()).any()
    assert float(f([0.0, 7.0])) == 1.5**2 + 2.25**2 + 2.625**2  # flat along x = 0
    assert float(f(f.theta)) == 14.203125
    assert torch.linalg.eigvalsh(f.hessian(f.minimizer())).min() > 0


def test_one_gaussian_is_a_well_and_far_ones_do_not_meet():
    well = GaussianWell(depth=2.0, sigma=0.7, center=(0.3, -0.2), offset=1.5)
    one = GaussianMixture([2.0], [0.7], [[0.3, -0.2]], offset=1.5)
    theta = torch.tensor([0.6, 0.1], dtype=F64)
    assert torch.isclose(one(theta), well(theta), rtol=0, atol=1e-14)
    assert torch.allclose(one.grad(theta), well.grad(theta), rtol=1e-13)
    two = GaussianMixture([1.0, 3.0], [1.0, 1.0], [[0.0, 0.0], [60.0, 0.0]])
    assert two([0.0, 0.0]) == -1.0 and two([60.0, 0.0]) == -3.0 and abs(two([30.0, 0.0])) < 1e-150


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1.0, -1.0], [1.0, 1.0], [[0.0], [1.0]]), "depths and sigmas must be positive"),
        (([1.0], [0.0], [[0.0]]), "depths and sigmas must be positive"),
        (([1.0, 1.0], [1.0], [[0.0], [1.0]]), "same number of wells, got 2, 1 and 2"),
        (([1.0], [1.0], [0.0, 1.0]), "centers must be numbers of shape"),
    ],
)
def test_wells_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(*arguments)


def grid(nx=9, ny=7, f=lambda x, y: torch.sin(x) * torch.cos(2 * y)):
    x, y = torch.linspace(-1, 1, nx, dtype=F64), torch.linspace(0, 1.5, ny, dtype=F64)
    return x, y, f(x[None, :], y[:, None])


def test_the_spline_goes_through_its_values_and_is_scipys():
    from scipy.interpolate import CubicSpline

    x, y, z = grid()
    f = Interpolated(x, y, z)
    found = f.many(torch.cartesian_prod(y, x).flip(1)).reshape(z.shape)
    assert torch.allclose(found, z, rtol=0, atol=1e-14)
    fine_x, fine_y = torch.linspace(-1, 1, 33, dtype=F64), torch.linspace(0, 1.5, 21, dtype=F64)
    rows = CubicSpline(y, z, bc_type="natural", axis=0)(fine_y)
    expected = torch.from_numpy(CubicSpline(x, rows, bc_type="natural", axis=1)(fine_x))
    found = f.many(torch.cartesian_prod(fine_y, fine_x).flip(1)).reshape(expected.shape)
    assert torch.allclose(found, expected, rtol=0, atol=1e-13)


def test_the_spline_keeps_planes_also_beyond_the_grid():
    f = Interpolated(*grid(f=lambda x, y: 2 * x - 3 * y + 1))
    for point in ([0.3, 0.4], [5.0, 0.2], [-7.0, -4.0], [1.0, 1.5]):
        assert float(f(point)) == pytest.approx(2 * point[0] - 3 * point[1] + 1, abs=1e-12)
        assert f.grad(point).tolist() == pytest.approx([2, -3], abs=1e-12)


def test_the_spline_leaves_the_grid_without_a_kink():
    f = Interpolated(*grid())
    for edge, out in (([1.0, 0.7], [1e-7, 0.0]), ([-1.0, 0.3], [-1e-7, 0.0]), ([0.2, 1.5], [0.0, 1e-7])):
        edge, out = torch.tensor(edge, dtype=F64), torch.tensor(out, dtype=F64)
        assert torch.allclose(f.grad(edge - out), f.grad(edge + out), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "x, y, shape, message",
    [
        ([0.0, 1.0], [0.0, 1.0, 2.0], (3, 2), "x must be at least 3 equidistant"),
        ([0.0, 1.0, 3.0], [0.0, 1.0, 2.0], (3, 3), "x must be at least 3 equidistant"),
        ([0.0, 1.0, 2.0], [2.0, 1.0, 0.0], (3, 3), "y must be at least 3 equidistant"),
        ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0], (4, 3), r"z must have shape \(len\(y\), len\(x\)\) = \(3, 4\)"),
    ],
)
def test_grids_that_do_not_fit_are_named(x, y, shape, message):
    with pytest.raises(ValueError, match=message):
        Interpolated(x, y, torch.zeros(shape))
