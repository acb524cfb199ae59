"""Experiments of the chapter on landscapes: their measures against closed forms, tiny runs, what was recorded."""

import io
import json
import math
import tarfile

import numpy
import pytest
import torch
from PIL import Image
from scipy import stats
from torch.nn import functional as F

from talweg import Objective, data, experiments, recorded
from talweg.book.landscapes import experiment as landscapes
from talweg.book.landscapes.experiment import flip, measures, skips
from talweg.chapters import folder
from talweg.data import jpeg
from talweg.experiments import Config, Parts
from talweg.landscape import Surface
from talweg.models import MLP, ResNet
from talweg.recorded import write_json

pytestmark = pytest.mark.slow  # left out of `make check`


@pytest.fixture(scope="module")
def tiny():
    return experiments.run("landscapes", Config(seeds=2, tiny=True))


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A root with an archive of a few noisy images of each class, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cifar10-jpeg").mkdir()
    generator = numpy.random.default_rng(0)
    with tarfile.open(tmp_path / "cifar10-jpeg" / "cifar10-jpeg.tar.gz", "w:gz") as archive:
        for part, count in (("train", 4), ("test", 2)):
            for name in jpeg.CLASSES:
                for number in range(count):
                    file = io.BytesIO()
                    pixels = generator.integers(0, 256, (32, 32, 3), dtype=numpy.uint8)
                    Image.fromarray(pixels).save(file, "JPEG")
                    entry = tarfile.TarInfo(f"{part}/{name}/{number:04}.jpg")
                    entry.size = file.tell()
                    file.seek(0)
                    archive.addfile(entry, file)
    return tmp_path


class Bowl(Objective):
    """κ/2 ‖θ‖² of two numbers."""

    dim = 2

    def __init__(self, curvature):
        self.curvature = curvature

    def value(self, theta):
        return self.curvature / 2 * theta.square().sum()


def surface(function, points=21):
    axis = torch.linspace(-1, 1, points, dtype=torch.float64)
    return Surface(axis, axis, function(axis[None, :], axis[:, None]))


# measures of slices


def test_second_differences_are_the_hessian_of_a_quadratic():
    """Fails if x and y, or the factor of the mixed term, are wrong."""
    axis_x, axis_y = torch.linspace(-1, 1, 5).double(), torch.linspace(-3, 3, 7).double()
    x, y = axis_x[None, :], axis_y[:, None]
    found = measures.second_differences(Surface(axis_x, axis_y, 2 * x**2 + 3 * x * y - 0.5 * y**2))
    expected = torch.from_numpy(numpy.linalg.eigvalsh([[4.0, 3.0], [3.0, -1.0]]))
    assert found.shape == (5, 3, 2) and torch.allclose(found, expected.expand(5, 3, 2), atol=1e-10)


@pytest.mark.parametrize(
    "function, nonconvex, minima",
    [
        (lambda x, y: x**2 + y**2, 0.0, 1),
        (lambda x, y: x**2 + 0 * y, 0.0, 0),
        (lambda x, y: x**2 - y**2, 1.0, 0),
        (lambda x, y: 10 * x**2 - 0.1 * y**2, 0.0, 0),  # too little downward beside what goes up
        (lambda x, y: torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y), None, 4),
    ],
)
def test_roughness_of_surfaces_that_one_knows(function, nonconvex, minima):
    found = measures.roughness(surface(function))
    assert found["minima"] == minima and nonconvex in (None, found["nonconvex"])


def test_half_of_a_slope_lies_below_chance():
    assert measures.roughness(surface(lambda x, y: math.log(10) + x + 0 * y, points=20))["below_chance"] == 0.5


def test_holes_are_left_out_of_roughness():
    """A value that is not finite is neither convex nor a minimum, and its neighbours are not judged."""
    holed = surface(lambda x, y: x**2 + y**2, points=5)
    holed.z[2, 2] = torch.nan
    assert measures.roughness(holed) == {"nonconvex": 0.0, "minima": 0, "below_chance": 24 / 25}
    assert measures.second_differences(holed).isnan().all()


@pytest.mark.parametrize("curvature", [0.05, 1.0, 7.0])
def test_width_and_rise_of_a_bowl(curvature):
    bowl, origin, d = Bowl(curvature), torch.zeros(2).double(), torch.tensor([[3.0, 4.0], [1.0, 0.0]]).double()
    assert math.isclose(measures.width(bowl, origin, d[1]), math.sqrt(0.2 / curvature), rel_tol=1e-3)
    assert math.isclose(measures.rise(bowl, origin, d, 0.5), curvature / 2 * 0.25 * (25 + 1) / 2)


def test_a_width_beyond_the_search_is_none():
    assert measures.width(Bowl(1e-3), torch.zeros(2).double(), torch.tensor([1.0, 0.0]).double()) is None


def test_filter_directions_follow_a_rescaled_layer_and_raw_ones_do_not():
    """Layer times c, the next divided by c: one function (Dinh et al. 2017), whose raw rise is another."""
    digits = data.load(device="cpu", dtype=torch.float64)
    torch.manual_seed(0)
    model, scaled = MLP((64, 8, 10), dtype=torch.float64), MLP((64, 8, 10), dtype=torch.float64)
    scaled.load_state_dict(model.state_dict())
    with torch.no_grad():
        scaled[1].weight *= 10
        scaled[1].bias *= 10
        scaled[3].weight /= 10
    rises = {}
    for kind in ("filter", "raw"):
        for name, network in (("model", model), ("scaled", scaled)):
            f = Objective.of(network, F.cross_entropy, digits.x_train[:50], digits.y_train[:50])
            rises[kind, name] = measures.rise(f, f.theta, flip.randoms(network, kind, 4), 0.5)
    assert math.isclose(rises["filter", "model"], rises["filter", "scaled"], rel_tol=1e-9)
    assert rises["raw", "scaled"] > 5 * rises["raw", "model"]


def test_numbers_that_json_has_not_become_none():
    values = torch.tensor([[1.0, math.inf], [math.nan, 0.0]])
    assert measures.digits(values) == [[1.0, None], [None, 0.0]]
    assert measures.logarithms(values) == [[0.0, None], [None, None]]


# flip


def row(small, large):
    return {
        "small": {"a": small}, "large": {"a": large}, "difference": {"a": experiments.comparison.paired(small, large)}
    }  # fmt: skip


def test_a_flip_needs_both_sides_separated():
    up, down = row([3.0, 3.1, 3.2], [1.0, 1.0, 1.0]), row([1.0, 1.1, 1.2], [3.0, 3.0, 3.0])
    assert flip.flip(up, down, "a")["flips"] and flip.flip(down, up, "a")["flips"]
    assert not flip.flip(up, up, "a")["flips"] and not flip.flip(up, row([0.0, 2.0, 1.1], [1.0] * 3), "a")["flips"]
    assert math.isclose(flip.flip(up, down, "a")["change"]["mean"], -4.0)


# training of the networks with and without skips


def test_images_are_cropped_at_first_mirrored_by_half_and_left_alone_in_eval_mode():
    augment, x = skips.Augmentation(batches=2), torch.randn(200, 3, 32, 32)
    torch.manual_seed(0)
    sizes = [tuple(augment(x).shape[2:]) for _ in range(4)]
    assert sizes == [(24, 24), (24, 24), (32, 32), (32, 32)]
    out = augment(x)
    same, mirrored = ((out == other).flatten(1).all(1) for other in (x, x.flip(3)))
    assert (same ^ mirrored).all() and 60 < int(mirrored.sum()) < 140
    assert augment.eval()(x) is x


def test_weights_kept_as_text_are_those_of_the_network():
    torch.manual_seed(0)
    model, other = (ResNet(8, width=2) for _ in range(2))
    model(torch.randn(4, 3, 32, 32))  # running statistics that are not those of a new network
    restored, x = skips.unpacked(other, skips.packed(model)), torch.randn(2, 3, 32, 32)
    assert not restored.training and torch.equal(restored(x), model.eval()(x))


def test_channels_are_standardised_by_the_training_images(images):
    loaded = data.load("CIFAR10-JPEG", root=images, device="cpu", dtype=torch.float32)
    ours, pixels = skips.standardized(loaded), loaded.x_train.numpy()
    for channel in range(3):
        mean, deviation = pixels[:, channel].mean(), pixels[:, channel].std(ddof=1)
        expected = (loaded.x_test[:, channel].numpy() - mean) / deviation
        assert numpy.allclose(ours.x_test[:, channel].numpy(), expected, atol=1e-5)


def test_a_finished_training_is_not_repeated(images, tmp_path, monkeypatch):
    """Interrupted after the networks were trained, the experiment goes on to the planes from their kept weights."""
    config, out = Config("cifar10-jpeg", seeds=1, tiny=True), tmp_path / "result.json"
    whole = experiments.run("landscapes", config, root=images)
    monkeypatch.setattr(skips, "look", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        experiments.run("landscapes", config, out=out, root=images)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(skips, "trained", lambda *_: pytest.fail("trained again"))
    resumed = experiments.run("landscapes", config, out=out, root=images)
    assert resumed == whole and "weights" not in json.dumps(resumed)
    centre = resumed["skip"]["log10_loss"][0][1][1]
    assert math.isclose(10**centre, resumed["skip"]["train_loss"][0], rel_tol=1e-3)


def test_another_data_set_is_refused():
    with pytest.raises(ValueError, match="dataset must be one of"):
        landscapes.experiment(Config("MNIST"), data.load(device="cpu"), Parts(None, {}))


# results


def test_a_tiny_run_can_be_written_and_its_lines_end_in_the_solutions(tiny, tmp_path):
    write_json(tmp_path / "result.json", tiny)
    for setup in flip.SETUPS:
        check_flip(tiny[setup])
    check_depth(tiny["depth"])


def check_flip(found):
    at = {end: found["alphas"].index(alpha) for end, alpha in (("small", 0.0), ("large", 1.0))}
    for decay in found["decays"]:
        for end, k in at.items():
            for part in ("train_loss", "test_loss"):
                ends = [line[k] for line in decay["lines"][part]]
                assert numpy.allclose(ends, decay[end][part], rtol=1e-3)
            middle = [decay["random_lines"][kind][end][20] for kind in ("raw", "filter")]
            assert numpy.allclose(middle, numpy.mean(decay[end]["train_loss"]), rtol=1e-3)
        for name, difference in decay["difference"].items():
            check_difference(difference, decay["small"][name], decay["large"][name])


def check_depth(found):
    for row in found["depths"]:
        side = found["protocol"]["resolution"]
        assert numpy.shape(row["skip"]["log10_loss"]) == numpy.shape(row["plain"]["log10_loss"]) == (side, side)
        for name, difference in row["difference"].items():
            check_difference(difference, row["plain"][name], row["skip"][name])


def check_difference(found, first, second):
    """The paired interval against SciPy's."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if None not in (a, b)]
    assert found["n"] == len(pairs)
    if len(pairs) > 1 and len({a - b for a, b in pairs}) > 1:
        expected = stats.ttest_rel(*zip(*pairs, strict=True)).confidence_interval(0.95)
        assert numpy.allclose((found["low"], found["high"]), expected, rtol=1e-6, atol=1e-12)


def test_recorded_lines_end_in_the_solutions_and_norms_follow_decay():
    """Li et al. 2018: small batches end at larger weights without decay and at smaller ones with it."""
    found = recorded.load("landscapes-digits").data
    for setup in flip.SETUPS:
        check_flip(found[setup])
    check_depth(found["depth"])
    assert not found["flip_before"]["flips"]["weight_norm"]["flips"]
    without, with_decay = (decay["difference"]["weight_norm"] for decay in found["flip"]["decays"])
    assert len(found["flip"]["seeds"]) >= 10 and without["low"] > 0 > with_decay["high"]
    assert found["flip"]["flips"]["weight_norm"]["flips"]


def test_recorded_networks_with_skips_are_good_enough_and_planes_have_their_loss_in_the_middle():
    found = recorded.load("landscapes-cifar10-jpeg").data
    assert max(found["skip"]["test_error"]) <= 0.25
    for kind in skips.KINDS:
        for loss, plane in zip(found[kind]["train_loss"], found[kind]["log10_loss"], strict=True):
            assert numpy.shape(plane) == (25, 25) and math.isclose(10 ** plane[12][12], loss, rel_tol=1e-3)
        for name, difference in found["difference"].items():
            check_difference(difference, found["plain"][name], found["skip"][name])


@pytest.mark.parametrize("name", ["landscapes-digits", "landscapes-cifar10-jpeg"])
def test_records_are_small(name):
    assert (folder("landscapes") / "recorded" / f"{name}.json").stat().st_size <= 200 * 1024
