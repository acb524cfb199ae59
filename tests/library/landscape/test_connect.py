"""Curves between minima, alignment, fits, pictures of paths, grids in pieces."""

import copy
import math

import joblib
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

import talweg
from talweg import Objective
from talweg.landscape import (
    Surface,
    accuracy,
    align,
    connect,
    fit_mixture,
    fit_well,
    pca,
    permute,
    plane,
    random_directions,
    random_walk,
    random_walk_variance,
    tsne,
)
from talweg.models import MLP, ConvNet
from talweg.surfaces import Formula, GaussianMixture, GaussianWell, Quadratic, Rosenbrock

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


class Ring(Formula):
    """(‖θ‖² − 1)²: minima all around the circle, a hill of 1 in the middle."""

    dim = 2

    def value(self, theta):
        return (theta.square().sum(-1) - 1) ** 2


LEFT, RIGHT = [-1.0, 0.05], [1.0, 0.05]


def test_the_barrier_of_a_straight_line_is_what_lies_on_it():
    curve = connect(Ring(), [-1.0, 0.0], [1.0, 0.0])
    assert torch.allclose(curve.values, ((2 * curve.t - 1) ** 2 - 1) ** 2) and curve.barrier == pytest.approx(1.0)
    # against the line between the ends, not against their mean or the lower one
    slope = connect(Quadratic([2.0]), [0.0], [1.0])
    assert slope.barrier == 0 and slope.values[-1] == 1


@pytest.mark.parametrize(
    "kind, bends, height", [("bezier", 1, 0.25), ("bezier", 3, 0.05), ("chain", 1, 0.3), ("chain", 3, 0.05)]
)
def test_a_curve_goes_around_the_hill(kind, bends, height):
    curve = connect(Ring(), LEFT, RIGHT, kind, bends=bends, steps=300, lr=0.05)
    assert connect(Ring(), LEFT, RIGHT).barrier > 0.9 and curve.barrier < height
    assert torch.allclose(curve.points(torch.tensor([0.0, 1.0])), torch.tensor([LEFT, RIGHT], dtype=F64))
    assert torch.allclose(Ring().many(curve.points(curve.t)), curve.values)
    assert curve.history[-20:].mean() < 0.5 * curve.history[:20].mean()


def test_bezier_and_chain_by_hand():
    controls = torch.tensor([[0.0, 0.0], [1.0, 2.0], [4.0, 0.0]], dtype=F64)
    t = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=F64)
    bezier = talweg.landscape.Curve("bezier", controls, t, t).points(t)
    by_hand = torch.stack([(1 - s) ** 2 * controls[0] + 2 * s * (1 - s) * controls[1] + s**2 * controls[2] for s in t])
    assert torch.allclose(bezier, by_hand)
    chain = talweg.landscape.Curve("chain", controls, t, t).points(t)
    assert torch.allclose(chain, torch.tensor([[0.0, 0.0], [0.5, 1.0], [1.0, 2.0], [4.0, 0.0]], dtype=F64))


def trained(model, x, y, steps=60, seed=0):
    torch.manual_seed(seed)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def digits(n=200):
    data = talweg.data.load("digits", device="cpu", dtype=F64)
    return data.x_train[:n], data.y_train[:n]


def vector(model):
    return parameters_to_vector(model.parameters()).detach()


def test_networks_are_joined_by_a_curve_where_the_line_climbs():
    x, y = digits()
    a, b = (trained(MLP((64, 16, 10)).double(), x, y, seed=seed) for seed in (1, 2))
    f = Objective.of(a, F.cross_entropy, x, y)
    straight = connect(f, vector(a), vector(b), resolution=21)
    curve = connect(f, vector(a), vector(b), "bezier", steps=80, samples=3, batch_size=64, resolution=21)
    assert straight.barrier > 0.2 and curve.barrier < 0.25 * straight.barrier
    right = curve.evaluate(f.with_loss(accuracy), curve.t)
    assert right.min() > 0.9 and torch.allclose(curve.evaluate(f, curve.t), curve.values)


def test_batch_norm_has_to_be_estimated_anew_on_the_way():
    x, y = digits(100)
    a, b = (trained(ConvNet((1, 8, 8), (4,), norm="batch").double(), x, y, 20, seed) for seed in (1, 2))
    stale = Objective.of(a.eval(), F.cross_entropy, x, y)
    with pytest.raises(ValueError, match="batch_norm='data'"):
        connect(stale, vector(a), vector(b))
    f = Objective.of(a, F.cross_entropy, x, y, batch_norm="data")
    curve = connect(f, vector(a), vector(b), resolution=3)
    middle = copy.deepcopy(a).train()
    nn.utils.vector_to_parameters((vector(a) + vector(b)) / 2, middle.parameters())
    assert torch.isclose(curve.values[1], F.cross_entropy(middle(x), y), rtol=1e-10)
    assert not torch.isclose(stale((vector(a) + vector(b)) / 2), curve.values[1], rtol=1e-3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "arc"}, "kind must be one of 'line', 'bezier', 'chain'"),
        ({"b": [1.0]}, r"b must have shape \(2,\)"),
        ({"a": [math.nan, 0.0]}, "a must be finite"),
        ({"b": LEFT, "kind": "bezier"}, "a and b must differ"),
        ({"bends": 0, "kind": "chain"}, "bends must be at least 1"),
    ],
)
def test_curves_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        connect(**{"f": Ring(), "a": LEFT, "b": RIGHT} | arguments)


def test_a_curve_that_diverges_says_in_which_step():
    with pytest.raises(FloatingPointError, match="in step .*a smaller lr may help"):
        connect(Ring(), LEFT, RIGHT, "bezier", lr=1e200, steps=5)


# Alignment


def test_shuffled_units_are_found_again():
    torch.manual_seed(0)
    model = MLP((6, 20, 15, 4), "tanh").double()
    orders = [torch.randperm(20), torch.randperm(15)]
    shuffled = permute(model, orders)
    x = random(10, 6)
    assert not torch.equal(vector(shuffled), vector(model)) and torch.allclose(shuffled(x), model(x), rtol=1e-12)
    assert torch.equal(vector(align(shuffled, model)), vector(model))


def test_alignment_keeps_the_function_and_comes_nearer():
    x, y = digits()
    a, b = (trained(MLP((64, 32, 10)).double(), x, y, seed=seed) for seed in (1, 2))
    moved = align(b, a)
    assert torch.allclose(moved(x), b(x), rtol=1e-10, atol=1e-12)
    assert (vector(moved) - vector(a)).norm() < 0.95 * (vector(b) - vector(a)).norm()
    f = Objective.of(a, F.cross_entropy, x, y)
    assert connect(f, vector(a), vector(moved)).barrier < connect(f, vector(a), vector(b)).barrier


def test_one_hidden_layer_is_aligned_as_well_as_possible():
    """With one layer the assignment is exact: no transposition of two units comes nearer."""
    torch.manual_seed(0)
    a, b = MLP((3, 6, 2)).double(), MLP((3, 6, 2)).double()
    best = (vector(align(b, a)) - vector(a)).norm()
    for i in range(6):
        for j in range(i):
            order = torch.arange(6)
            order[[i, j]] = order[[j, i]]
            assert (vector(permute(align(b, a), [order])) - vector(a)).norm() >= best - 1e-12


def test_what_cannot_be_aligned_is_refused():
    with pytest.raises(ValueError, match="model must be a chain of at least two dense layers"):
        align(ConvNet(), ConvNet())
    with pytest.raises(ValueError, match="layers of one shape"):
        align(MLP((3, 4, 2)), MLP((3, 5, 2)))
    with pytest.raises(ValueError, match="orders must be permutations"):
        permute(MLP((3, 2, 2)), [torch.tensor([0, 0])])


# Fits


def on_grid(f, span=2.0, n=25):
    return plane(f, [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], span, n)


def test_a_gaussian_well_is_found_again():
    well = GaussianWell(3.0, 0.7, (0.4, -0.3), offset=5.0)
    fit = fit_well(on_grid(well))
    assert fit.surrogate.depth == pytest.approx(3.0, rel=1e-6) and fit.surrogate.sigma == pytest.approx(0.7, rel=1e-6)
    assert fit.surrogate.offset == pytest.approx(5.0) and fit.rmse < 1e-7 and fit.r2 > 1 - 1e-12
    assert torch.allclose(fit.surrogate.center, torch.tensor([0.4, -0.3], dtype=F64), atol=1e-7)


def test_a_mixture_is_found_again_even_with_holes():
    mixture = GaussianMixture([2.0, 1.0], [0.5, 0.4], [[-0.8, 0.0], [0.9, 0.3]], offset=1.0)
    surface = on_grid(mixture)
    z = surface.z.clone()
    z[3, 4] = math.nan
    fit = fit_mixture(Surface(surface.x, surface.y, z), 2)
    assert fit.rmse < 1e-6 and torch.allclose(fit.surrogate.depths, mixture.depths, rtol=1e-4)
    assert torch.allclose(fit.surrogate.centers, mixture.centers, atol=1e-4) and fit.residuals.nonfinite == 1


def test_a_fit_reports_what_it_leaves_over():
    surface = on_grid(Rosenbrock())
    fit = fit_well(surface)
    rest = surface.z - fit.surrogate.many(torch.cartesian_prod(surface.y, surface.x).flip(1)).reshape(25, 25)
    assert torch.allclose(fit.residuals.z, rest) and fit.rmse == pytest.approx(float(rest.square().mean().sqrt()))
    assert 0 < fit.r2 < 1 and fit_mixture(surface, 2, starts=2).rmse < fit.rmse
    run = talweg.training.minimize(fit.surrogate, [1.0, 1.0], talweg.optimizers.SGD, steps=5, lr=1e-6)
    assert run["loss"][-1] < run["loss"][0]


def test_surfaces_with_nothing_to_fit_are_refused():
    axis = torch.linspace(0, 1, 5)
    with pytest.raises(ValueError, match="at least 10 finite values that are not all equal"):
        fit_well(Surface(axis, axis, torch.ones(5, 5)))
    with pytest.raises(ValueError, match="at least 18 finite values.*it has 9"):
        fit_mixture(Surface(axis[:3], axis[:3], random(3, 3)), 2)


# Pictures of paths


def test_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    path = random(30, 8).cumsum(0)
    ours, theirs = pca(path, 3), PCA(3).fit(path.numpy())
    assert torch.allclose(ours.variance, torch.from_numpy(theirs.explained_variance_ratio_))
    assert torch.allclose(ours.directions.abs(), torch.from_numpy(theirs.components_).abs(), atol=1e-9)
    assert torch.allclose(ours.coordinates, (path - path.mean(0)) @ ours.directions.T)
    assert torch.allclose(ours.directions @ ours.directions.T, torch.eye(3, dtype=F64), atol=1e-12)


def test_a_flat_path_lies_in_its_plane_and_the_last_point_can_be_the_centre():
    basis = torch.linalg.qr(random(9, 2)).Q.T
    path = random(12, 2, seed=1) @ basis + 5
    seen = pca(path, 2, center=path[-1])
    assert seen.distance(path).max() < 1e-10 and seen.variance.sum() == pytest.approx(1.0)
    assert seen.coordinates[-1].abs().max() < 1e-12 and torch.allclose(seen.project(path), seen.coordinates)
    assert torch.allclose(seen.center + seen.coordinates @ seen.directions, path)
    surface = plane(Quadratic(torch.ones(9)), seen.center, *seen.directions, resolution=3)
    assert surface.z[1, 1] == path[-1].square().sum() / 2


def test_a_random_walk_looks_like_training():
    walk = random_walk(400, 4000, seed=1)
    found = pca(walk, 3).variance
    assert torch.allclose(found, torch.tensor([random_walk_variance(k) for k in (1, 2, 3)], dtype=F64), atol=0.01)
    assert walk.shape == (401, 4000) and not walk[0].any()
    assert pca(random_walk(100, 500, drift=1.0), 1).variance[0] > 0.9


@pytest.mark.parametrize(
    "path, message",
    [
        (random(2, 5), "more than k = 2 points; got 2"),
        (random(10, 1) * random(1, 5), "span at least k = 2 dimensions"),
        (random(5), r"shape \(T, P\)"),
        (torch.cat([random(3, 4), torch.full((1, 4), math.nan, dtype=F64)]), "point 3 is not"),
    ],
)
def test_paths_without_a_plane_are_refused(path, message):
    with pytest.raises(ValueError, match=message):
        pca(path)


def test_tsne_wants_points_enough_for_its_perplexity():
    points = torch.cat([random(20, 6), random(20, 6, seed=1) + 30])
    found = tsne(points)
    assert found.shape == (40, 2)
    distance = torch.cdist(found, found)
    nearest = distance.fill_diagonal_(math.inf).argmin(1)
    assert ((nearest < 20) == (torch.arange(40) < 20)).all()
    with pytest.raises(ValueError, match=r"perplexity must be between 2 and \(n - 1\)/3 = 13 for 40 points; got 1"):
        tsne(points, 1)
    with pytest.raises(ValueError, match="at least 10"):
        tsne(points[:9])


def test_a_path_is_drawn_on_its_contours():
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    path = torch.tensor([[-1.0, -1.0], [0.0, 0.5], [5.0, 5.0]], dtype=F64)
    talweg.plots.contour(on_grid(Rosenbrock()), path)
    axes = pyplot.gcf().axes[0]
    assert axes.get_xlim() == (-2, 2) and any(len(line.get_xdata()) == 3 for line in axes.lines)
    pyplot.close("all")


# Grids in pieces


def network():
    torch.manual_seed(0)
    model = MLP((4, 6, 3)).double()
    return model, Objective.of(model, F.cross_entropy, random(20, 4), torch.arange(20) % 3)


class Interrupted(Formula):
    """A quadratic that fails after so many evaluations, as a machine does."""

    dim = 2
    left = math.inf

    def value(self, theta):
        self.left -= theta[..., 0].numel()
        if self.left < 0:
            raise KeyboardInterrupt
        return theta.square().sum(-1)


def test_an_interrupted_grid_goes_on_where_it_was(tmp_path):
    f, arguments = Interrupted(), ([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], 1.0, 20)
    whole = plane(f, *arguments)
    f.left = 250
    with pytest.raises(KeyboardInterrupt):
        plane(f, *arguments, file=tmp_path / "grid.npz")
    f.left = 400 - 200 + 4  # two points are evaluated to recognize the function
    assert torch.equal(plane(f, *arguments, file=tmp_path / "grid.npz").z, whole.z)
    f.left = 2
    assert torch.equal(plane(f, *arguments, file=tmp_path / "grid.npz").z, whole.z)
    f.left = math.inf
    with pytest.raises(ValueError, match="holds a grid of another function, centre, span or resolution"):
        plane(f, [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], 2.0, 20, file=tmp_path / "grid.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "grid.npz").read_bytes()[:500])
    with pytest.raises(ValueError, match="is not an unfinished grid"):
        plane(f, *arguments, file=tmp_path / "cut.npz")
    with pytest.raises(ValueError, match="is not a surface"):
        Surface.load(tmp_path / "grid.npz")


def test_a_grid_is_one_call_unless_it_is_shared_or_saved(tmp_path, monkeypatch):
    """Each call begins with work for all its points: cut in pieces without need, a plane was slower than a loop."""
    model, f = network()
    calls, (d1, d2) = [], random_directions(model)
    slice_of = type(f).slice
    monkeypatch.setattr(type(f), "slice", lambda *arguments: calls.append(1) or slice_of(*arguments))
    plane(f, f.theta, d1, d2, resolution=20)
    assert len(calls) == 1
    plane(f, f.theta, d1, d2, resolution=20, file=tmp_path / "grid.npz")
    assert len(calls) == 1 + 1 + 400 // 16  # one more to recognize the function


@pytest.mark.slow
def test_processes_share_a_grid():
    model, f = network()
    d1, d2 = random_directions(model)
    whole = plane(f, f.theta, d1, d2, resolution=9)
    with joblib.parallel_config(n_jobs=2):
        assert torch.allclose(plane(f, f.theta, d1, d2, resolution=9).z, whole.z, rtol=1e-12)
    assert torch.allclose(plane(f, f.theta, d1, d2, resolution=9, jobs=2).z, whole.z, rtol=1e-12)


@pytest.mark.slow
def test_a_dask_cluster_shares_a_grid():
    distributed = pytest.importorskip("distributed")
    model, f = network()
    d1, d2 = random_directions(model)
    whole = plane(f, f.theta, d1, d2, resolution=9)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        assert torch.allclose(plane(f, f.theta, d1, d2, resolution=9).z, whole.z, rtol=1e-12)
