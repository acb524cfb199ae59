"""The driven figures of the chapter on initialization: what they refuse."""

import pytest

import talweg
from talweg import figures


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.signal_depth(gain=9), "gain must be a number between 0.2 and 5, got 9"),
        (lambda: figures.signal_depth("rleu"), "Did you mean 'relu'"),
        (lambda: figures.singular_values(rows=2), "rows must be a whole number between 4 and 100, got 2"),
        (lambda: figures.singular_values(columns=10.5), "columns must be a whole number between 4 and 100, got 10.5"),
        (lambda: figures.singular_values("kaimnig"), "Did you mean 'kaiming'"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
