"""The figures of the chapter on loss landscapes: what their states hold. Their JavaScript is tested in test_scripts.py."""

import pytest
import torch
from torch.nn.functional import cross_entropy

import talweg
from talweg import figures
from talweg.book.landscapes.figures import FACTORS, RESCALINGS, rescaled
from talweg.landscape import Surface, random_directions
from talweg.models import MLP
from talweg.objective import Objective
from talweg.surfaces import Quadratic
from talweg.widgets.planes import LETTERS

F64 = torch.float64


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = MLP((6, 5, 3), dtype=F64)
    x, y = torch.randn(20, 6, dtype=F64), torch.arange(20) % 3
    return model, Objective.of(model, cross_entropy, x, y)


def planes(f, center, **options):
    pair = torch.eye(f.dim, dtype=F64)[:2]
    path = torch.stack([center + 3 * pair[0] + 4 * torch.eye(f.dim, dtype=F64)[2], center])
    return figures.slices(f, center, {"none": tuple(pair), "pca": tuple(2 * pair)}, path, **options)


@pytest.fixture(scope="module")
def rescaling(network):
    return figures.rescaling(*network)


class Bowl(Quadratic):
    """1 + ½ Σ λᵢ θᵢ²"""

    def value(self, theta):
        return 1 + super().value(theta)


def decoded(text, extent):
    codes = [64 * LETTERS.index(a) + LETTERS.index(b) for a, b in zip(text[::2], text[1::2], strict=True)]
    low, high = extent
    return torch.tensor([torch.nan if code == 4095 else low + code / 4094 * (high - low) for code in codes], dtype=F64)


def test_state_is_the_loss_on_the_plane_and_its_unit_is_the_direction():
    f = Bowl([1.0, 9.0, 4.0])
    widget = planes(f, torch.zeros(3, dtype=F64), spans=(0.5, 2.0), resolution=5)
    for kind, unit in (("none", 1.0), ("pca", 2.0)):
        for text, span in zip(widget.planes[kind], widget.spans, strict=True):
            axis = unit * torch.linspace(-span, span, 5, dtype=F64)
            expected = 1 + (axis[None, :] ** 2 + 9 * axis[:, None] ** 2) / 2  # x runs fastest
            z = 10 ** decoded(text, widget.extent).view(5, 5)
            assert ((z - expected).abs() / expected).max() < 2e-3


def test_path_is_projected_but_keeps_its_own_loss():
    widget = planes(Bowl([1.0, 9.0, 4.0]), torch.zeros(3, dtype=F64), spans=(1.0,), resolution=3)
    assert widget.paths == {"none": [[3.0, 0.0], [0.0, 0.0]], "pca": [[1.5, 0.0], [0.0, 0.0]]}
    assert widget.outside == {"none": 0.64, "pca": 0.64}  # 4² of 3² + 4²
    assert 10 ** widget.losses[0] == pytest.approx(1 + 9 / 2 + 4 * 16 / 2, rel=1e-5)


def test_a_loss_that_is_not_finite_is_a_hole(monkeypatch):
    z = torch.tensor([[1.0, 2.0, torch.inf], [1.0, 1.0, 1.0], [torch.nan, 1.0, 100.0]], dtype=F64)
    axis = torch.tensor([-1.0, 0.0, 1.0], dtype=F64)
    monkeypatch.setattr("talweg.widgets.planes.plane", lambda *_: Surface(axis, axis, z))
    widget = planes(Bowl([1.0, 9.0, 4.0]), torch.zeros(3, dtype=F64), spans=(1.0,), resolution=3)
    found = decoded(widget.planes["none"][0], widget.extent)
    assert found.isnan().tolist() == [False, False, True, False, False, False, True, False, False]
    assert found[-1] == pytest.approx(2.0, abs=1e-3)


def test_rescaling_keeps_the_function_and_filter_normalization_undoes_it_only_layer_wise(network, rescaling):
    model, f = network
    x = torch.randn(7, 6, dtype=F64)
    torch.testing.assert_close(
        rescaled(model, torch.logspace(-1, 1, 5, dtype=F64))(x), model(x), rtol=1e-10, atol=1e-12
    )
    found = rescaling.curvatures
    middle = len(FACTORS) // 2
    assert found["layer"]["filter"] == [found["layer"]["filter"][middle]] * len(FACTORS)
    assert max(found["layer"]["none"]) > 10 * found["layer"]["none"][middle]
    assert max(found["neuron"]["filter"]) > 10 * found["neuron"]["filter"][middle]
    assert rescaling.lines["layer"]["filter"] == [rescaling.lines["layer"]["filter"][0]] * len(FACTORS)


def test_curvatures_are_those_of_the_exact_hessian(network, rescaling):
    model, f = network
    for at in (0, 12, 20):
        other = Objective.of(rescaled(model, FACTORS[at].expand(5)), cross_entropy, f.x, f.y)
        H = other.hessian(other.theta)
        d, _ = random_directions(other.model, "none", torch.Generator().manual_seed(0))
        assert rescaling.curvatures["layer"]["none"][at] == pytest.approx(float(d @ H @ d), rel=1e-3)
        assert rescaling.curvatures["layer"]["largest"][at] == pytest.approx(
            float(torch.linalg.eigvalsh(H)[-1]), rel=1e-2
        )


def test_both_have_at_least_25_states_and_small_ones(network, rescaling):
    model, f = network
    pair = random_directions(model, "filter", torch.Generator().manual_seed(0))
    widget = figures.slices(f, f.theta, dict.fromkeys(("none", "filter", "pca"), pair), f.theta[None] + 1)
    assert sum(map(len, widget.planes.values())) >= 25
    assert sum(len(text) for several in widget.planes.values() for text in several) < 40_000
    assert len(FACTORS) * len(RESCALINGS) >= 25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spans": (1.0, 0.5)}, "spans must be at least one number and increase, got (1.0, 0.5)"),
        ({"spans": ()}, "spans must be at least one number"),
        ({"resolution": 4}, "resolution must be odd"),
    ],
)
def test_bad_planes_are_named(options, message):
    with pytest.raises(ValueError) as error:
        planes(Bowl([1.0, 9.0, 4.0]), torch.zeros(3, dtype=F64), **options)
    assert message in str(error.value)


def test_bad_input_is_named(network):
    model, f = network
    center = torch.zeros(3, dtype=F64)
    pair = tuple(torch.eye(3, dtype=F64)[:2])
    with pytest.raises(ValueError, match="path must have a point other than the centre"):
        figures.slices(Bowl([1.0, 9.0, 4.0]), center, {"none": pair}, center[None])
    with pytest.raises(ValueError, match="directions must be one of 'none', 'layer', 'filter', 'pca'"):
        figures.slices(Bowl([1.0, 9.0, 4.0]), center, {"random": pair}, center[None] + 1)
    with pytest.raises(ValueError, match="directions must hold at least one pair"):
        figures.slices(Bowl([1.0, 9.0, 4.0]), center, {}, center[None] + 1)
    with pytest.raises(ValueError, match="f must be positive for a logarithmic scale"):
        figures.slices(Quadratic([1.0, 9.0, 4.0]), center, {"none": pair}, center[None] + 1)
    for other in (MLP((6, 3)), MLP((6, 5, 3), "tanh"), MLP((6, 5, 5, 3))):
        with pytest.raises(ValueError, match="one hidden layer and ReLU"):
            figures.rescaling(other, f)
