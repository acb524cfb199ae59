"""Slices against the function itself, and against the loop everyone writes first."""

import numpy
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

import talweg
from talweg.landscape import Surface, line, plane, random_directions
from talweg.surfaces import Quadratic, Rosenbrock

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def small_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    return model, random(40, 6), torch.arange(40) % 3


def test_plane_of_a_quadratic_is_the_quadratic():
    root = random(5, 5)
    H, c = root @ root.T, random(5, seed=1)
    center, d1, d2 = random(5, seed=2), random(5, seed=3), random(5, seed=4)
    surface = plane(Quadratic(H, c), center, d1, d2, span=(2.0, 0.5), resolution=(9, 4))
    assert surface.z.shape == (4, 9)
    assert surface.x[0] == -2 and surface.x[-1] == 2 and surface.y[0] == -0.5
    for j, y in enumerate(surface.y):
        for i, x in enumerate(surface.x):
            d = center + x * d1 + y * d2 - c
            assert torch.isclose(surface.z[j, i], d @ H @ d / 2, rtol=1e-12)


def test_plane_equals_the_naive_loop():
    model, x, y = small_network()
    f = talweg.Objective.of(model, nn.functional.cross_entropy, x, y)
    d1, d2 = random_directions(model, generator=torch.Generator().manual_seed(1))
    surface = plane(f, f.theta, d1, d2, span=1.0, resolution=5)
    for j, b in enumerate(surface.y):
        for i, a in enumerate(surface.x):
            vector_to_parameters(f.theta + a * d1 + b * d2, model.parameters())
            loss = nn.functional.cross_entropy(model(x), y)
            assert torch.isclose(surface.z[j, i], loss, rtol=1e-10)


def test_plane_is_centred_and_symmetric():
    surface = plane(Quadratic([1.0, 3.0]), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], span=0.7, resolution=41)
    assert surface.z[20, 20] == 0 and surface.lowest() == (0.0, 0.0, 0.0)
    assert torch.equal(surface.z, surface.z.flip(0)) and torch.equal(surface.z, surface.z.flip(1))


def test_a_plane_too_large_for_one_chunk_is_the_same(monkeypatch):
    arguments = Rosenbrock(), [0.0, 0.0], [1.0, 0.0], [0.5, 1.0]
    whole = plane(*arguments, resolution=7)
    monkeypatch.setattr("talweg.objective.fast.one_by_one.NUMBERS_AT_ONCE", 10)
    assert torch.equal(plane(*arguments, resolution=7).z, whole.z)


def test_line_goes_from_a_to_b_and_beyond():
    a, b = torch.tensor([-1.2, 1.0], dtype=F64), torch.tensor([1.0, 1.0], dtype=F64)
    values = line(Rosenbrock(), a, b, [0, 0.5, 1, 2])
    assert torch.allclose(
        values, torch.tensor([24.2, 1.21 + 100 * 0.99**2, 0.0, 2.2**2 + 100 * (1 - 3.2**2) ** 2], dtype=F64)
    )


@pytest.mark.parametrize(
    "change, message",
    [
        ({"d1": [0.0, 0.0]}, "d1 must not be the zero vector"),
        ({"d2": [2.0, 0.0]}, "parallel"),
        ({"d2": [0.0, 1.0, 2.0]}, r"d2 must have shape \(2,\), got \(3,\)"),
        ({"center": [float("nan"), 0.0]}, "center must be finite"),
        ({"d1": [float("inf"), 0.0]}, "d1 must be finite"),
        ({"span": 0.0}, "span must be positive"),
        ({"span": float("nan")}, "span must be positive"),
        ({"resolution": 1}, "resolution must be"),
        ({"resolution": (3, 4, 5)}, "one number or two"),
    ],
)
def test_a_plane_that_is_none_is_refused(change, message):
    arguments = {"center": [0.0, 0.0], "d1": [1.0, 0.0], "d2": [0.0, 1.0]} | change
    with pytest.raises(ValueError, match=message):
        plane(Rosenbrock(), **arguments)


class Hole(Quadratic):
    """A quadratic that is undefined left of the origin, as a loss that overflows is."""

    def value(self, theta):
        return super().value(theta) + torch.log(theta[..., 0])


def test_undefined_values_are_kept_and_counted():
    surface = plane(Hole([1.0, 1.0]), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=5)
    assert surface.nonfinite == 15  # NaN in two columns, −∞ in the middle one
    assert surface.lowest()[0] == 0.5
    with pytest.raises(ValueError, match="no finite value"):
        Surface(torch.arange(2), torch.arange(2), torch.full((2, 2), torch.nan)).highest()


def test_a_saved_surface_comes_back(tmp_path):
    surface = plane(Hole([1.0, 1.0]), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=(4, 3))
    surface.save(tmp_path / "s.npz")
    again = Surface.load(tmp_path / "s.npz")
    for name in "xyz":
        assert torch.equal(getattr(again, name).nan_to_num(7.0), getattr(surface, name).nan_to_num(7.0))
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    surface = plane(Rosenbrock(), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=3)
    surface.save(tmp_path / "s.npz")
    before = (tmp_path / "s.npz").read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(numpy, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        surface.save(tmp_path / "s.npz")
    assert (tmp_path / "s.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]


def test_files_that_are_no_surface_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    good = plane(Rosenbrock(), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=21)
    good.save(path)
    whole = path.read_bytes()
    numpy.savez(tmp_path / "other.npz", x=numpy.arange(3))
    numpy.savez(tmp_path / "pickled.npz", x=numpy.array([{}], dtype=object), y=numpy.arange(2), z=numpy.arange(2))
    numpy.save(tmp_path / "array.npy", numpy.arange(3))
    (tmp_path / "text.npz").write_text("not a surface")
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("other.npz", "pickled.npz", "array.npy", "text.npz", "cut.npz", "empty.npz"):
        with pytest.raises(ValueError, match="is not a surface saved by talweg"):
            Surface.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Surface.load(tmp_path / "none.npz")


def test_a_surface_with_axes_that_do_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"z must have shape \(len\(y\), len\(x\)\) = \(2, 3\), got \(3, 2\)"):
        Surface(torch.arange(3), torch.arange(2), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="x must be a vector of increasing"):
        Surface(torch.tensor([1.0, 0.0]), torch.arange(2), torch.zeros(2, 2))


def network_with_every_kind_of_parameter():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.LayerNorm([4, 2, 2]), nn.Flatten(), nn.Linear(16, 3)
    ).double()


def split(model, vector):
    sizes = [p.numel() for p in model.parameters()]
    names = [name for name, _ in model.named_parameters()]
    shapes = [p.shape for p in model.parameters()]
    return {n: v.view(s) for n, v, s in zip(names, vector.split(sizes), shapes, strict=True)}


def test_filter_normalization_gives_each_filter_the_norm_of_the_model():
    model = network_with_every_kind_of_parameter()
    for d in random_directions(model, "filter", torch.Generator().manual_seed(3)):
        pieces = split(model, d)
        for name in ("0.weight", "5.weight"):
            theirs = model.get_parameter(name).flatten(1).norm(dim=1)
            assert torch.allclose(pieces[name].flatten(1).norm(dim=1), theirs, rtol=1e-12)
        for name in ("0.bias", "1.weight", "1.bias", "3.weight", "3.bias", "5.bias"):
            assert not pieces[name].any()


def test_layer_normalization_gives_each_layer_the_norm_of_the_model():
    model = network_with_every_kind_of_parameter()
    pieces = split(model, random_directions(model, "layer")[0])
    for name in ("0.weight", "5.weight"):
        assert torch.isclose(pieces[name].norm(), model.get_parameter(name).norm(), rtol=1e-12)
    rows = pieces["5.weight"].norm(dim=1) / model.get_parameter("5.weight").norm(dim=1)
    assert not torch.allclose(rows, torch.ones_like(rows), rtol=1e-3)  # layer-wise is not filter-wise


def test_unnormalized_directions_do_not_know_the_weights():
    model = network_with_every_kind_of_parameter()
    first = random_directions(model, "none", torch.Generator().manual_seed(3))
    with torch.no_grad():
        model[5].weight *= 100
    second = random_directions(model, "none", torch.Generator().manual_seed(3))
    assert torch.equal(first[0], second[0]) and not torch.equal(*first)


def test_filter_normalization_undoes_the_scale_of_a_layer():
    """The picture of a ReLU network does not change when a layer is doubled and the next halved."""
    model, x, y = small_network()
    model[1] = nn.ReLU()
    directions = [random_directions(model, "filter", torch.Generator().manual_seed(4))]
    surfaces = []
    for _ in range(2):
        f = talweg.Objective.of(model, nn.functional.cross_entropy, x, y)
        d1, d2 = random_directions(model, "filter", torch.Generator().manual_seed(4))
        surfaces.append(plane(f, f.theta, d1, d2, resolution=5).z)
        directions.append((d1, d2))
        with torch.no_grad():
            model[0].weight *= 2
            model[0].bias *= 2
            model[2].weight /= 2
    assert torch.allclose(*surfaces, rtol=1e-10)


def test_directions_leave_the_model_alone_and_refuse_what_they_do_not_know():
    model, *_ = small_network()
    before = parameters_to_vector(model.parameters()).clone()
    random_directions(model)
    assert torch.equal(parameters_to_vector(model.parameters()), before)
    with pytest.raises(ValueError, match="normalize must be one of 'filter', 'layer', 'none'; got 'neuron'"):
        random_directions(model, "neuron")
    with pytest.raises(ValueError, match="at least one weight matrix"):
        random_directions(nn.BatchNorm1d(3))


def test_a_saved_surface_can_be_read_by_whoever_may_read_other_files(tmp_path):
    surface = plane(Rosenbrock(), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=3)
    surface.save(tmp_path / "surface.npz")
    (tmp_path / "other").write_bytes(b"")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"surface.npz": modes["other"], "other": modes["other"]}  # and no part file is left


def test_the_points_of_a_surface_are_those_of_its_values():
    surface = Surface([0.0, 1.0, 2.0], [10.0, 20.0], [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    expected = [[0, 10], [1, 10], [2, 10], [0, 20], [1, 20], [2, 20]]
    assert surface.points().tolist() == expected


@pytest.mark.parametrize(
    "norm, other",
    [
        (talweg.normalization.LayerNorm((2, 3)), nn.LayerNorm((2, 3))),
        (talweg.normalization.RMSNorm((2, 3)), nn.RMSNorm((2, 3))),
    ],
)
def test_written_out_norms_do_not_move_in_random_directions(norm, other):
    """Their scale and shift have two axes, as weights have: only their kind tells them from weights."""
    for layer in (norm, other):
        model = nn.Sequential(nn.Linear(6, 6), nn.Unflatten(1, (2, 3)), layer)
        for d in random_directions(model, generator=torch.Generator().manual_seed(0)):
            assert d[:36].all() and not d[36:].any()
