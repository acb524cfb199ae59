"""The driven figures of normalization: what they refuse. Their numbers are tested in test_scripts.py."""

import pytest

import talweg
from talweg import figures


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.batch_column([1.0]), "values must be 2 to 10 numbers between -6 and 10"),
        (lambda: figures.batch_column([1.0, 20.0]), "values must be 2 to 10 numbers between -6 and 10"),
        (lambda: figures.batch_column([1.0, float("nan")]), "values must be 2 to 10 numbers between -6 and 10"),
        (lambda: figures.batch_column("12"), "values must be 2 to 10 numbers between -6 and 10"),
        (lambda: figures.batch_column(training="yes"), "training must be True or False, got 'yes'"),
        (lambda: figures.batch_column(eps=0), "eps must be a number between 1e-05 and 100, got 0"),
        (lambda: figures.batch_column(steps=1.5), "steps must be a whole number between 0 and 60, got 1.5"),
        (lambda: figures.equilibrium(eta=2), "eta must be a number between 0.01 and 1, got 2"),
        (lambda: figures.equilibrium(decay=-0.1), "decay must be a number between 0 and 0.1, got -0.1"),
        (lambda: figures.equilibrium(start=0), "start must be a number between 0.1 and 10, got 0"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
