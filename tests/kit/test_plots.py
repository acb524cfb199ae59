"""Figures: words and numbers of the edition, no boxes, small files, the same bytes; failures leave nothing behind."""

import io
import itertools
import json
import re
import warnings

import matplotlib
import pytest
import torch

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.text import Text  # noqa: E402

import talweg  # noqa: E402
from talweg import i18n, plots  # noqa: E402
from talweg.labels import LABELS  # noqa: E402
from talweg.landscape import Surface, plane  # noqa: E402
from talweg.plots.colors import colors_of  # noqa: E402
from talweg.surfaces import Quadratic, Rosenbrock  # noqa: E402
from talweg.uncertainty import t_interval  # noqa: E402

F64 = torch.float64
T = torch.arange(60, dtype=F64)
VALLEY = Rosenbrock()


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(i18n, "_current", None)
    pyplot.close("all")
    yield
    pyplot.close("all")


def descent(f, start, eta, steps=100):
    path = [torch.as_tensor(start, dtype=F64)]
    for _ in range(steps):
        path.append(path[-1] - eta * f.grad(path[-1]))
    return torch.stack(path)


def valley_surface(resolution=41):
    return plane(VALLEY, [0.0, 0.5], [1.0, 0.0], [0.0, 1.0], span=(1.5, 1.2), resolution=resolution)


DRAWINGS = {
    "curves": lambda: plots.curves({"loss": torch.exp(-T / 9), "$\\eta=0{,}1$": torch.exp(-T / 5)}, y="grad_norm"),
    "linear": lambda: plots.curves(torch.sin(T / 9) / 30, log=None),
    "loglog": lambda: plots.curves({0.05: 1 / (1 + T)}, log="xy"),
    "paths": lambda: plots.paths(VALLEY, {"start": descent(VALLEY, VALLEY.theta, 1e-3)}),
    "contour": lambda: plots.contour(valley_surface()),
    "contour-log": lambda: plots.contour(valley_surface(), log=True),
    "intervals": lambda: plots.intervals(
        [1, 2, 4, 8], torch.rand(4, 9, generator=torch.Generator().manual_seed(0)), theory=lambda x: 1 / x, log="xy"
    ),
    "differences": lambda: plots.differences(
        {"a − b": {"mean": 0.01, "low": -0.02, "high": 0.04}, "a − c": {"mean": -0.05, "low": -0.06, "high": -0.04}}
    ),
    "errors": lambda: plots.differences(
        {"SGD − Adam": {"mean": 0.01, "low": -0.02, "high": 0.04}}, xlabel="test_error_difference", limit=0.05
    ),
    "levels": lambda: plots.curves(T, log=None, hlines={1: "border"}, vlines={30: "start"}),
    "two-maps": lambda: plots.contour({"skip": valley_surface(21), "plain": valley_surface(21)}, log=True),
    "spectrum": lambda: plots.spectrum(torch.tensor([3.0, 1.0, -0.5])),
}


def stored(kind):
    """The figure's bytes as the inline backend of a notebook stores them."""
    file = io.BytesIO()
    pyplot.gcf().canvas.print_figure(file, format=kind, bbox_inches="tight", dpi=pyplot.gcf().dpi)
    return file.getvalue()


def words():
    pyplot.gcf().canvas.draw()
    found = []
    for axes in pyplot.gcf().axes:
        legend = axes.get_legend()
        ticks = [t.get_text() for t in axes.get_xticklabels() + axes.get_yticklabels()]
        found += [axes.get_xlabel(), axes.get_ylabel(), *ticks]
        found += [text.get_text() for text in axes.texts + (legend.get_texts() if legend else [])]
    return found


@pytest.mark.parametrize("code", i18n.EDITIONS)
@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_have_no_missing_glyph_and_stay_small(name, code):
    talweg.use(code)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each glyph that no font has
        assert DRAWINGS[name]() is None
        assert len(stored("png")) < 40_000
        assert len(stored("svg")) < 60_000


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_same_figure_has_the_same_bytes(name):
    talweg.use("ru")
    DRAWINGS[name]()
    first = stored("svg"), stored("png")
    pyplot.close("all")
    DRAWINGS[name]()
    assert (stored("svg"), stored("png")) == first


def test_the_bundled_font_has_every_character_of_the_catalogs():
    from fontTools.ttLib import TTFont

    from talweg.plots import style

    glyphs = TTFont(style._FONT).getBestCmap()
    for code in i18n.EDITIONS:
        talweg.use(code)
        drawn = {character for key in LABELS for character in plots.label(key)}
        assert not [c for c in drawn if ord(c) not in glyphs]


def test_axes_speak_the_language_in_use():
    for code, axis, legend in (
        ("es", "Paso", "Pérdida"),
        ("de", "Schritt", "Verlust"),
        ("zh", "步数", "损失"),
        ("ru", "Шаг", "Потери"),
    ):
        talweg.use(code)
        plots.curves({"loss": T + 1})
        assert axis in words() and words().count(legend) == 2  # y axis and legend


def test_ticks_have_the_decimal_mark_of_the_edition():
    for code, mark, other in (("de", ",", "."), ("zh", ".", ",")):
        talweg.use(code)
        plots.curves(torch.sin(T / 9) / 30, log=None)
        ticks = " ".join(words())
        assert f"0{mark}02" in ticks.replace("{,}", ",") and f"0{other}02" not in ticks.replace("{,}", ",")
        pyplot.close("all")


def test_the_language_of_a_figure_is_that_of_its_drawing():
    talweg.use("de")
    plots.curves(torch.sin(T / 9) / 30, log=None)
    talweg.use("zh")
    assert "{,}" in " ".join(words())


def test_labels_of_keys_numbers_and_other_text():
    talweg.use("es")
    assert plots.label("grad_norm") == "Norma del gradiente"
    assert plots.label(0.05) == "0,05" and plots.label(64) == "64"
    assert plots.label("$\\eta$ Adam") == "$\\eta$ Adam"


class History:
    """As much of a run as the plots read."""

    def __init__(self, **history):
        self.history = history
        self.trajectory = history.pop("trajectory", None)

    def __getitem__(self, name):
        return self.history[name]


def test_runs_are_drawn_from_their_history():
    runs = [History(loss=torch.exp(-T / k), weight_norm=T) for k in (3, 5)]
    plots.curves({"Adam": runs, "SGD": runs[0]}, x="weight_norm")
    lines = pyplot.gca().get_lines()
    assert len(lines) == 3 and lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert sorted(text.get_text() for text in pyplot.gca().texts) == ["Adam", "SGD"]
    assert torch.equal(torch.as_tensor(lines[0].get_xdata()), T)
    assert pyplot.gca().get_xlabel() == "Weight norm"


def test_a_method_has_one_colour_whatever_stands_beside_it():
    alone, together = colors_of(["Adam"]), colors_of(["new", "SGD", "Adam", 0.1])
    assert together[2] == alone[0] and len(set(together)) == 4
    assert len(set(colors_of(["SGD", "Momentum", "Adam", "AdaGrad", "RMSprop", "AdamW"]))) == 6
    assert len(colors_of(range(9))) == 9


def test_names_stand_apart_and_in_the_order_of_the_ends():
    plots.curves({"c": T, "a": T - 1.0, "b": T - 0.5}, log=None, hlines={58.8: "border"})
    pyplot.gcf().canvas.draw()
    boxes = sorted((*Text.get_window_extent(text).intervaly, text.get_text()) for text in pyplot.gca().texts)
    assert [name for *_, name in boxes] == ["a", "b", "Border", "c"]
    assert all(below[1] <= above[0] + 1 for below, above in itertools.pairwise(boxes))


def test_a_name_is_beside_the_last_value_that_is_drawn():
    plots.curves({"gone": torch.tensor([1.0, 10.0, torch.inf])})
    assert pyplot.gca().texts[0].xy == pytest.approx((1, 10))


def test_right_angles_are_right_and_long_maps_fill_the_frame():
    plots.paths(VALLEY, torch.zeros(4, 2), window=((-2, 2), (-1, 1)))
    assert pyplot.gca().get_aspect() == 1
    plots.paths(VALLEY, torch.zeros(4, 2), window=((-2, 2), (-0.1, 0.1)))
    assert pyplot.gca().get_aspect() == "auto"


def test_maps_beside_each_other_share_one_scale_of_colour():
    low, high = valley_surface(), valley_surface()
    high = Surface(high.x, high.y, 100 * high.z + 1)
    plots.contour({"a": low, "b": high}, log=False)
    first, second, bar = pyplot.gcf().axes
    assert first.collections[0].get_clim() == second.collections[0].get_clim()
    assert first.get_aspect() == second.get_aspect() == 1 and bar.get_xlabel() == "Loss"
    x, y, _ = low.lowest()
    assert first.lines[0].get_xydata().tolist() == [[float(x), float(y)]]


def test_errors_are_shares_in_per_cent_and_the_better_side_is_named():
    talweg.use("de")
    plots.curves({"Adam": (T[1:] / 100, T[1:] / 1000)}, log="xy", y="val_error")
    assert {"1 %", "2 %", "5 %"} <= set(words())
    pyplot.close("all")
    plots.differences(
        {"SGD − Adam": {"mean": -0.01, "low": -0.02, "high": -0.004}}, xlabel="test_error_difference", limit=0.02
    )
    assert {"← A besser", "B besser →"} <= set(words()) and "Prozentpunkte" in pyplot.gca().get_xlabel()
    assert pyplot.gca().get_xlim() == (-2, 2) and pyplot.gca().lines[0].get_xdata().tolist() == [-1]


def test_an_svg_says_nothing_of_time_and_machine_and_is_rounded():
    plots.curves({"loss": torch.exp(-T / 9)})
    text = stored("svg").decode()
    assert text.startswith("<svg ") and "<metadata" not in text and "matplotlib" not in text
    numbers = [n for path in re.findall(r' d="([^"]+)"', text) for n in re.findall(r"-?[\d.]+", path)]
    assert len(numbers) > 100 and all(len(n.partition(".")[2]) <= 1 for n in numbers)


def test_an_svg_forgets_the_last_digits_of_its_numbers():
    plots.curves({"loss": torch.exp(-T / 9)})
    first = stored("svg")
    pyplot.close("all")
    plots.curves({"loss": torch.exp(-T / 9) * (1 + 1e-12)})
    assert stored("svg") == first


def test_long_bands_are_thinned_and_keep_their_ends():
    steps = torch.arange(1, 5001, dtype=F64)
    plots.curves({"loss": torch.stack([steps, steps + 1], 1)}, x=steps, log="xy", band=True)
    shown = pyplot.gca().lines[0].get_xdata()
    assert len(shown) <= 300 and shown[0] == 1 and shown[-1] == 5000


def test_curves_end_where_training_diverged():
    plots.curves(torch.tensor([1.0, 10.0, torch.inf, torch.nan]))
    drawn = torch.as_tensor(pyplot.gca().get_lines()[0].get_ydata())
    assert torch.equal(drawn.isnan(), torch.tensor([False, False, True, True]))


def test_paths_end_before_the_first_undefined_point():
    path = torch.tensor([[0.0, 0.0], [1.0, 1.0], [torch.nan, 1.0], [2.0, 2.0]])
    plots.paths(Quadratic([1.0, 2.0]), path)
    assert pyplot.gca().get_lines()[0].get_xydata().tolist() == [[0, 0], [1, 1]]


def test_intervals_are_student_intervals():
    mean, half = t_interval(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert mean.tolist() == [2.5]
    assert float(half) == pytest.approx(3.182446 * 1.290994 / 2, rel=1e-6)  # t table: 3.182446 for 3 degrees of freedom


@pytest.mark.parametrize(
    "draw, message",
    [
        (lambda: plots.curves(T, log="z"), "log must be"),
        (lambda: plots.curves({}), "at least one curve"),
        (lambda: plots.curves(torch.zeros(2, 2, 2)), "a curve must have shape"),
        (lambda: plots.curves(T, x=T[:-1]), "x must have as many numbers"),
        (lambda: plots.paths(Quadratic([1.0, 2.0, 3.0]), torch.zeros(4, 3)), "f has 3"),
        (lambda: plots.paths(VALLEY, torch.zeros(4, 3)), "a trajectory must have shape"),
        (lambda: plots.paths(VALLEY, torch.full((4, 2), torch.nan)), "no finite point"),
        (lambda: plots.paths(VALLEY, History(loss=T)), "has no trajectory"),
        (lambda: plots.paths(VALLEY, torch.zeros(4, 2), window=((1, 0), (0, 1))), "window must be"),
        (lambda: plots.intervals([1, 2], torch.zeros(3, 4)), r"got \(2,\) and \(3, 4\)"),
        (lambda: plots.intervals([1, 2], torch.zeros(2, 1)), "at least two samples"),
        (lambda: plots.intervals([1, 2], torch.full((2, 3), torch.nan)), "6 NaN"),
        (lambda: plots.differences({"a": {"mean": 2.0, "low": -1.0, "high": 1.0}}), "low ≤ mean ≤ high"),
        (lambda: plots.differences({}), "at least one interval"),
        (lambda: plots.spectrum(torch.zeros(2, 2)), "values must be a vector"),
        (lambda: plots.contour(Surface(T, T, torch.zeros(60, 60)), log=True), "positive ones for log"),
        (lambda: plots.surface(valley_surface(), torch.zeros(3, 4)), "path must have shape"),
    ],
)
def test_what_cannot_be_drawn_is_named_and_leaves_no_figure(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
    assert not pyplot.get_fignums()


# plotly


def test_a_surface_is_small_rounded_and_has_no_template():
    fields = json.loads(plots.surface(valley_surface(), descent(VALLEY, VALLEY.theta, 1e-3)).to_json())
    assert len(json.dumps(fields)) < 32_000
    assert len(json.dumps(fields["layout"].get("template", {}))) < 100
    values = [v for row in fields["data"][0]["z"] for v in row] + fields["data"][1]["z"]
    assert all(v == float(f"{v:.4g}") for v in values)


def test_a_surface_speaks_the_language_in_use():
    for code, word, separators in (("de", "Verlust", ", "), ("zh", "损失", ". ")):
        talweg.use(code)
        figure = plots.surface(valley_surface())
        assert figure.layout.scene.zaxis.title.text == word and word in figure.data[0].hovertemplate
        assert figure.layout.separators == separators
        assert len(figure.layout.meta["alt"]) >= 40 and word in figure.layout.meta["alt"]


def test_the_alternative_text_says_where_the_lowest_point_is():
    surface = plane(Quadratic([2.0, 2.0]), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=3)
    alt = plots.surface(surface).layout.meta["alt"]
    assert "Lowest value 0 at (0; 0), highest value 2 at (−1; −1)" in alt


def test_undefined_values_are_holes():
    z = torch.tensor([[1.0, torch.nan], [torch.inf, -2.0]])
    surface = Surface(torch.arange(2), torch.arange(2), z)
    assert json.loads(plots.surface(surface).to_json())["data"][0]["z"] == [[1, None], [None, -2]]
    assert json.loads(plots.surface(surface, log=True).to_json())["data"][0]["z"] == [[1, None], [None, None]]


def test_a_path_lies_on_the_drawn_surface():
    surface = plane(Quadratic([2.0, 4.0]), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=5)
    figure = plots.surface(surface, torch.tensor([[0.5, -1.0], [1.0, 0.5]]))
    assert list(figure.data[1].z) == [2.25, 1.5]


def test_notebooks_of_the_book_store_json_only(monkeypatch):
    import plotly.io

    monkeypatch.setattr(plotly.io.renderers, "default", "browser")
    monkeypatch.setenv("TALWEG_BATCH", "0")
    plots.surface(valley_surface())
    assert plotly.io.renderers.default == "browser"
    monkeypatch.setenv("TALWEG_BATCH", "1")
    plots.surface(valley_surface())
    assert plotly.io.renderers.default == "plotly_mimetype"


def test_band_is_the_interval_of_the_mean(monkeypatch):
    import matplotlib.pyplot as pyplot

    values = torch.tensor([[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 6.0]])
    plots.curves({"loss": values}, log=None, band=True)
    axes = pyplot.gcf().axes[0]
    mean, half = t_interval(values)
    assert axes.lines[0].get_ydata() == pytest.approx(mean.tolist())
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx(float((mean + half).max()))
    assert edges.min() == pytest.approx(float((mean - half).min()))
    pyplot.close("all")


def test_band_needs_several_curves_over_the_same_steps():
    with pytest.raises(ValueError, match="at least two"):
        plots.curves({"loss": torch.ones(3, 1)}, band=True)
