"""The playground: what it refuses, the rates that suit a surface, the stored slice."""

import json

import pytest
import torch

import talweg
from talweg import data, figures
from talweg.playground import load_slice, surface
from talweg.playground.slice import OUT, digits_slice
from talweg.playground.surfaces import SETUP
from talweg.playground.widget import PRESETS


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


def test_every_choice_has_its_words():
    words = figures.playground().words
    assert set(words["surfaces"]) == set(SETUP["surfaces"]) and set(words["names"]) <= set(SETUP["methods"])
    assert set(words["sliders"]) == set(SETUP["sliders"]) and set(words["presets"]) == set(SETUP["presets"])


def test_without_arguments_it_opens_with_the_first_preset():
    opening, first = figures.playground(), PRESETS["same"]
    assert {key: getattr(opening, key) for key in first} == first
    assert len({method["lr"] for method in opening.methods}) == 1
    assert repr(figures.playground("ravine")) == "Playground('ravine', SGD, Momentum, Adam)"


def test_choices_keep_their_order_in_a_notebook_with_sorted_keys():
    choices = figures.playground().choices
    assert choices["surface"][:2] == ["ravine", "turned"] and choices["methods"][:2] == ["SGD", "Momentum"]
    assert choices["presets"] == ["same", "tuned", "turned", "saddle"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.playground("ravin"), "surface must be one of 'ravine'"),
        (lambda: figures.playground(methods=()), "methods must be one to 4 names or mappings, got ()"),
        (lambda: figures.playground(methods="Adam"), "methods must be one to 4 names or mappings, got 'Adam'"),
        (lambda: figures.playground(methods=["SGD"] * 5), "methods must be one to 4"),
        (lambda: figures.playground(methods=["Adamm"]), "Did you mean 'Adam'"),
        (lambda: figures.playground(methods=[{"lr": 0.1}]), "methods: name must be one of"),
        (lambda: figures.playground(methods=[{"name": "SGD", "momentum": 0.9}]),
         "methods: hyperparameter of SGD must be one of 'lr'; got 'momentum'"),
        (lambda: figures.playground(methods=[{"name": "Adam", "beta1": 1.0}]),
         "methods: beta1 of Adam must be between 0 and 0.999, got 1.0"),
        (lambda: figures.playground(methods=[{"name": "Adam", "lr": float("nan")}]), "methods: lr of Adam must be between"),
        (lambda: figures.playground("ravine", start=(50, 0)), "start must be two numbers between -12 and 12 on 'ravine'"),
        (lambda: figures.playground("beale", start=(1,)), "start must be two numbers between -4.5 and 4.5 on 'beale'"),
        (lambda: figures.playground(kappa=0.1), "kappa must be a number between 1 and 200, got 0.1"),
        (lambda: figures.playground(steps=2.5), "steps must be a whole number between 10 and 2000, got 2.5"),
        (lambda: surface("plain"), "name must be one of 'ravine'"),
        (lambda: figures.playground(kappa=0.0), "kappa must be a number between 1 and 200, got 0.0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_given_hyperparameters_stay_and_the_others_suit_the_surface():
    widget = figures.playground("rosenbrock", [{"name": "Adam", "lr": 0.2}, "RMSprop"], start=(0, 2), steps=50)
    assert widget.methods == [
        {"name": "Adam", "lr": 0.2, "beta1": 0.9, "beta2": 0.999},
        {"name": "RMSprop", "lr": 0.01, "alpha": 0.99},
    ]
    assert (widget.start, widget.steps, repr(widget)) == ([0.0, 2.0], 50, "Playground('rosenbrock', Adam, RMSprop)")


def test_rates_in_the_ravine_keep_their_share_of_the_limit():
    """The limit is 2/κ for gradient descent, so the rate that suits falls with 1/κ; Adam's does not depend on it."""
    for kappa in (5.0, 100.0):
        sgd, adam = figures.playground(methods=["SGD", "Adam"], kappa=kappa).methods
        assert sgd["lr"] == pytest.approx(0.9 * 2 / kappa, rel=1e-3) and adam["lr"] == 0.3


@pytest.mark.parametrize("name", SETUP["surfaces"])
def test_marked_minima_and_saddles_are_there(name):
    f, known = surface(name), SETUP["surfaces"][name]
    for point in known["minima"] + known.get("saddles", []):
        theta = torch.tensor(point, dtype=torch.float64)
        step = torch.linalg.solve(f.hessian(theta), f.grad(theta))
        assert step.norm() < 1e-4, point  # Newton's step: how far the true one is
        lowest = torch.linalg.eigvalsh(f.hessian(theta))[0]
        assert (lowest > 0) == (point in known["minima"])


def test_slice_is_a_real_one_and_says_where_it_comes_from():
    stored = json.loads(OUT.read_text(encoding="utf-8"))
    assert stored["provenance"]["command"] == "python -m talweg.playground.slice"
    assert stored["provenance"]["data_sha256"] == data.load(device="cpu").sha256()
    assert stored["data"]["spline_error"] < 1e-3
    x, y, z = load_slice()
    assert z.shape == (33, 33) and torch.equal(x, y) and x[0] == -1.6
    f = surface("slice")
    at_networks = f.many(torch.tensor(stored["data"]["networks"], dtype=torch.float64))
    assert (at_networks < 0.2).all()  # three trained networks
    assert f(torch.zeros(2, dtype=torch.float64)) > 5 * at_networks.max()  # and a hill in their middle


@pytest.mark.slow
def test_slice_comes_out_again():
    _, _, stored = load_slice()
    fresh = digits_slice()
    z = torch.tensor([[float(value) for value in row.split()] for row in fresh["z"]], dtype=torch.float64)
    assert torch.allclose(z, stored, rtol=1e-4, atol=2e-5)
    assert fresh["networks"] == json.loads(OUT.read_text(encoding="utf-8"))["data"]["networks"]
