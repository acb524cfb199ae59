"""Playground, momentum and Adam's first steps: sizes, words, validation, the stored slice."""

import json

import pytest
import torch

import talweg
from talweg import data, figures
from talweg.i18n import EDITIONS
from talweg.playground import load_slice, surface
from talweg.playground.slice import OUT, digits_slice
from talweg.playground.surfaces import SETUP

LIMITS = {figures.playground: 31_200, figures.momentum: 15_000, figures.adam_start: 15_000}


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


@pytest.mark.parametrize("make", LIMITS, ids=lambda make: make.__name__)
def test_script_is_small_one_module_and_asks_nobody(make):
    source = make()._esm
    assert len(source.encode()) <= LIMITS[make]
    assert "import " not in source and "eval(" not in source and "Function(" not in source
    assert "http" not in source.replace("http://www.w3.org/2000/svg", "")
    assert source.count("export ") == 1


@pytest.mark.parametrize("make", LIMITS, ids=lambda make: make.__name__)
def test_state_and_repr_are_the_same_each_time(make):
    def state(widget):
        return {name: value for name, value in widget.get_state().items() if name != "layout"}

    first, second = make(), make()
    assert state(first) == state(second) and repr(first) == repr(second) and "0x" not in repr(first)


@pytest.mark.parametrize("make", LIMITS, ids=lambda make: make.__name__)
def test_every_word_is_in_every_language(make):
    titles = set()
    for code in EDITIONS:
        talweg.use(code)
        titles.add(make().words["figure"])
    assert len(titles) == len(EDITIONS)


def test_every_choice_has_its_words():
    words = figures.playground().words
    assert set(words["surfaces"]) == set(SETUP["surfaces"]) and set(words["names"]) <= set(SETUP["methods"])
    assert set(words["sliders"]) == set(SETUP["sliders"])


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
        (lambda: figures.playground(start=(50, 0)), "start must be two numbers between -12 and 12 on 'ravine'"),
        (lambda: figures.playground("beale", start=(1,)), "start must be two numbers between -4.5 and 4.5 on 'beale'"),
        (lambda: figures.playground(kappa=0.1), "kappa must be a number between 1 and 200, got 0.1"),
        (lambda: figures.playground(steps=2.5), "steps must be a whole number between 10 and 2000, got 2.5"),
        (lambda: surface("plain"), "name must be one of 'ravine'"),
        (lambda: figures.momentum(product=5), "product must be a number between 0 and 4, got 5"),
        (lambda: figures.momentum(momentum=1), "momentum must be a number between 0 and 0.99, got 1"),
        (lambda: figures.adam_start(g=0), "g must be a number between 0.0001 and 10000, got 0"),
        (lambda: figures.adam_start(method="Lion"), "method must be one of 'Adam', 'RMSprop', 'SGD'; got 'Lion'"),
        (lambda: figures.adam_start(corrected="yes"), "corrected must be True or False, got 'yes'"),
        (lambda: figures.adam_start(beta2=1.0), "beta2 must be a number between 0 and 0.9999, got 1.0"),
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
