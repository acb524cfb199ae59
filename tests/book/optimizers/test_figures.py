"""The driven figures of the chapter on optimizers: what they refuse. Their numbers are tested in test_scripts.py."""

import pytest

import talweg
from talweg import figures


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.momentum(product=5), "product must be a number between 0 and 4, got 5"),
        (lambda: figures.momentum(momentum=1), "momentum must be a number between 0 and 0.99, got 1"),
        (lambda: figures.adam_start(g=0), "g must be a number between 0.0001 and 10000, got 0"),
        (lambda: figures.adam_start(method="Lion"), "method must be one of 'Adam', 'RMSprop', 'SGD'; got 'Lion'"),
        (lambda: figures.adam_start(corrected="yes"), "corrected must be True or False, got 'yes'"),
        (lambda: figures.adam_start(beta2=1.0), "beta2 must be a number between 0 and 0.9999, got 1.0"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_the_bet_is_computed_and_its_sentence_tells_what_came_out():
    talweg.use("es")
    bet = figures.first_to_arrive()
    assert bet.truth == sorted(bet.steps, key=bet.steps.get) == ["Momentum", "Adam", "SGD"]
    assert bet.guess == ["Adam", "Momentum", "SGD"]  # as the chapter's story has it: Adam first
    for steps in bet.steps.values():
        assert str(steps) in bet.words["said"]
    with pytest.raises(ValueError, match="guess must be of the kind of the truth"):
        bet.guess = ["Adam", "SGD"]
