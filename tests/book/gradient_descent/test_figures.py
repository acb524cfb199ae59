"""The driven figures of gradient descent: what they refuse, and when momentum has a slider. The update rules in their JavaScript are tested in test_scripts.py."""

import pytest

import talweg
from talweg import figures


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


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
