"""Driven figures: size, words, validation. The update rules in their JavaScript are tested in test_scripts.py."""

import pytest

import talweg
from talweg import figures
from talweg.i18n import EDITIONS

MAKERS = [figures.ravine, figures.noise, figures.saddle]


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


@pytest.mark.parametrize("make", MAKERS)
def test_script_is_small_one_module_and_asks_nobody(make):
    source = make()._esm
    assert len(source.encode()) <= 15_000
    assert "import " not in source and "eval(" not in source and "Function(" not in source
    assert "http" not in source.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("make", MAKERS)
def test_state_and_repr_are_the_same_each_time(make):
    def state(widget):
        return {name: value for name, value in widget.get_state().items() if name != "layout"}

    first, second = make(), make()
    assert state(first) == state(second) and repr(first) == repr(second)
    assert "0x" not in repr(first)


@pytest.mark.parametrize("make", MAKERS)
def test_every_word_is_in_every_language(make):
    english = {}
    for code in EDITIONS:
        talweg.use(code)
        words = make().words
        english.setdefault(tuple(words), []).append(words["figure"])
    assert all(len(set(titles)) == len(EDITIONS) for titles in english.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.ravine(kappa=0.5), "kappa must be a number between 1 and 100, got 0.5"),
        (lambda: figures.ravine(kappa=float("nan")), "kappa must be a number between 1 and 100, got nan"),
        (lambda: figures.ravine(step=1.5), "step must be a number between 0.02 and 1.1 without momentum, got 1.5"),
        (lambda: figures.ravine(momentum=1.0), "momentum must be a number between 0 and 0.99, got 1.0"),
        (lambda: figures.ravine(start=(1, 2, 3)), "start must be two numbers between -11.5 and 11.5"),
        (lambda: figures.ravine(start=(50, 0)), "start must be two numbers between -11.5 and 11.5"),
        (lambda: figures.noise(batch=2.5), "batch must be a whole number between 1 and 1000, got 2.5"),
        (lambda: figures.noise(batch=200), "batch must be a whole number between 1 and points = 100, got 200"),
        (lambda: figures.noise(eta="big"), "eta must be a number between 0.02 and 1.2, got 'big'"),
        (lambda: figures.saddle(sigma=-1), "sigma must be a number between 0 and 1, got -1"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_momentum_slider_is_there_only_when_asked_for():
    assert not figures.ravine().show_momentum
    assert figures.ravine(momentum=0.0).show_momentum
    assert figures.ravine(momentum=0.5, step=1.5).step == 1.5
