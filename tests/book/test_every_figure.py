"""What holds for every driven figure, over all of `talweg.figures`; the tests of a chapter keep what is its own."""

import inspect
import re
import types

import pytest
import torch
from torch.nn.functional import cross_entropy

import talweg
from talweg import figures
from talweg.figures import _gathered
from talweg.i18n import EDITIONS
from talweg.models import MLP
from talweg.objective import Objective
from talweg.surfaces import Quadratic
from talweg.widgets import Choice, Figure, Number, Numbers, Switch, script
from talweg.widgets.parameters import Parameter

NAMES = [name for name in figures.__all__ if inspect.isclass(getattr(figures, name)) and name.islower()]
LARGEST, LARGER = 19_500, {"playground": 38_000}  # bytes of a script


def plane():
    """What a figure of planes needs: a function, a point, two directions, a path."""
    f = Quadratic([4.0, 1.0, 0.5])
    axes = torch.eye(3, dtype=torch.float64)
    return f, torch.full((3,), 0.1, dtype=torch.float64), tuple(axes[:2]), axes + 1


def network():
    torch.manual_seed(0)
    model = MLP((4, 3, 2), dtype=torch.float64)
    return model, Objective.of(model, cross_entropy, torch.randn(8, 4, dtype=torch.float64), torch.arange(8) % 2)


def slices():
    f, center, pair, path = plane()
    return figures.slices(f, center, {"filter": pair}, path, spans=(0.5, 1.0), resolution=3)


def eigenplanes():
    f, center, pair, path = plane()
    return figures.eigenplanes(f, center, {"v1, v2": pair}, path, resolution=3)


# Figures that cannot be made without arguments.
SAMPLES = {
    "first_to_arrive": figures.first_to_arrive,
    "slices": slices,
    "eigenplanes": eigenplanes,
    "rescaling": lambda: figures.rescaling(*network()),
}


def make(name):
    return SAMPLES.get(name, getattr(figures, name))()


def parameters(kind):
    """(figure, parameter, trait) of all parameters of that kind which are arguments of their figure."""
    classes = {name: getattr(figures, name) for name in NAMES}
    return [
        pytest.param(cls, name, trait, id=f"{figure}-{name}")
        for figure, cls in classes.items()
        for name, trait in cls.class_traits().items()
        if isinstance(trait, kind) and name in inspect.signature(cls).parameters
    ]


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


def test_a_figure_is_its_class_by_another_name():
    classes = [name for name in figures.__all__ if not name.islower()]
    assert sorted(getattr(figures, name).__name__ for name in NAMES) == sorted(classes)
    assert all(issubclass(getattr(figures, name), Figure) for name in figures.__all__ if name in NAMES + classes)


@pytest.mark.parametrize("name", NAMES)
def test_script_is_small_one_module_that_renders_and_asks_nobody(parses, name):
    source = getattr(figures, name)._esm
    assert len(source.encode()) <= LARGER.get(name, LARGEST)
    assert "import " not in source and "eval(" not in source and "Function(" not in source
    assert "http" not in source.replace("http://www.w3.org/2000/svg", "")
    assert source.count("export ") == 1
    assert parses(source)


@pytest.mark.parametrize("name", NAMES)
def test_state_and_repr_are_the_same_each_time(name):
    def state(widget):
        return {name: value for name, value in widget.get_state().items() if name != "layout"}

    first, second = make(name), make(name)
    assert state(first) == state(second) and repr(first) == repr(second)
    assert "0x" not in repr(first) and repr(first).startswith(f"{type(first).__name__}(")


@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_is_in_every_language(name):
    words = {}
    for code in EDITIONS:
        talweg.use(code)
        for key, text in make(name).words.items():
            words.setdefault(key, []).append(text)
    sentences = [key for key, said in words.items() if isinstance(said[0], str) and len(said[0]) > 40]
    assert sentences
    for key in {"figure", *sentences}:
        assert len(set(words[key])) == len(EDITIONS), key


@pytest.mark.parametrize("name", NAMES)
def test_docstring_names_every_parameter_and_its_range(name):
    """The docstring is written by hand; a range that it states must be the one that the trait checks."""
    cls = getattr(figures, name)
    ranges = {key: trait for key, trait in cls.class_traits().items() if isinstance(trait, Number | Numbers)}
    number = r"(-?\d(?:[\d.e-]*\d)?)"
    stated = {(float(low), float(high)) for low, high in re.findall(rf"{number} to {number}", cls.__doc__)}
    for parameter in inspect.signature(cls).parameters:
        assert re.search(rf"\b{parameter}\b", cls.__doc__) or parameter in ("f", "seed"), parameter
        if parameter in ranges and parameter != "seed":
            assert (ranges[parameter].low, ranges[parameter].high) in stated, parameter


@pytest.mark.parametrize("name", NAMES)
def test_no_script_states_a_range_again(name):
    """Sliders read `ranges`; what a script passes to one must not be two numbers of its own."""
    assert not re.search(r"slider\([^\n]*(?<!range: )\{ low: ", getattr(figures, name)._esm)
    assert set(make(name).ranges) == {
        key for key, trait in getattr(figures, name).class_traits().items() if isinstance(trait, Number | Numbers)
    }


@pytest.mark.parametrize(("figure", "name", "trait"), parameters(Number))
def test_a_number_out_of_its_range_is_named(figure, name, trait):
    kind = "a whole number" if trait.whole else "a number"
    must = f"{name} must be {kind} between {trait.low:g} and {trait.high:g}, got "
    bad = [trait.low - 1, trait.high * 1.01 + 1, float("nan"), float("inf"), "big", True]
    for value in [*bad, *([] if not trait.whole else [trait.low + 0.5])]:
        with pytest.raises(ValueError, match=re.escape(f"{must}{value!r}")):
            figure(**{name: value})


@pytest.mark.parametrize(("figure", "name", "trait"), parameters(Switch))
def test_what_is_neither_true_nor_false_is_named(figure, name, trait):
    for value in (1, "no", None):
        with pytest.raises(ValueError, match=re.escape(f"{name} must be True or False, got {value!r}")):
            figure(**{name: value})


@pytest.mark.parametrize(("figure", "name", "trait"), parameters(Choice))
def test_an_unknown_choice_proposes_the_nearest(figure, name, trait):
    for known in trait.allowed:
        with pytest.raises(ValueError, match=f"^{name} must be one of .*Did you mean '{known}'"):
            figure(**{name: known + "x"})


@pytest.mark.parametrize(("figure", "name", "trait"), parameters(Numbers))
def test_numbers_that_are_too_many_or_too_far_are_named(figure, name, trait):
    inside = [trait.low] * trait.most
    for value in ([*inside, trait.low], [trait.low] * (trait.least - 1), [*inside[1:], trait.high + 1], ["a", "b"], 3):
        with pytest.raises(
            ValueError, match=re.escape(f"numbers between {trait.low:g} and {trait.high:g}, got {value!r}")
        ):
            figure(**{name: value})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SAMPLES])
def test_an_unknown_argument_is_a_type_error_that_names_it(name):
    with pytest.raises(TypeError, match="nonsense"):
        getattr(figures, name)(nonsense=1)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SAMPLES])
def test_arguments_are_taken_in_the_order_of_the_signature(name):
    cls = getattr(figures, name)
    [first, *_] = inspect.signature(cls).parameters
    assert isinstance(cls.class_traits()[first], Parameter)
    default = inspect.signature(cls).parameters[first].default
    assert getattr(cls(default), first) == getattr(cls(**{first: default}), first)


def test_two_figures_of_one_name_are_refused():
    one, two = (types.ModuleType(name) for name in ("talweg.book.a.figures", "talweg.book.b.figures"))
    one.__all__, two.__all__ = ["ravine"], ["saddle", "ravine"]
    with pytest.raises(ValueError, match=r"two figures are called 'ravine': in talweg\.book\.a\.figures and .*\.b\."):
        _gathered([one, two])


@pytest.mark.parametrize("second", ["export const dot = 2;", "export function dot() {}", "const a = f(1, 2), dot = 3;", "class dot {}",
                                    "const [b, dot] = [1, 2];"])  # fmt: skip
def test_modules_of_a_bundle_that_define_one_name_are_refused_with_both_files(tmp_path, second):
    (tmp_path / "a.js").write_text("export const dot = (a, b) => a * b;\n", encoding="utf-8")
    (tmp_path / "b.js").write_text(f"{second}\nexport const other = 1;\n", encoding="utf-8")
    main = 'import { dot } from "./a.js";\nimport { other } from "./b.js";\nconst c = dot(other, 1);\n'
    (tmp_path / "c.js").write_text(main, encoding="utf-8")
    with pytest.raises(ValueError, match=r"cannot hold 'dot' twice: in .*a\.js and .*b\.js"):
        script(tmp_path / "c.js")


def test_names_inside_a_function_may_be_the_same(tmp_path):
    (tmp_path / "a.js").write_text(
        "export const f = (x) => {\n  const y = x, z = 1;\n  return y + z;\n};\n", encoding="utf-8"
    )
    (tmp_path / "b.js").write_text('import { f } from "./a.js";\nconst y = f(1), g = (z = 2) => z;\n', encoding="utf-8")
    assert script(tmp_path / "b.js").count("const y") == 2
