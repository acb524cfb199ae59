"""Predict, then reveal: a figure in which readers guess before they see what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets

from talweg.i18n import gettext as _
from talweg.widgets.assets import BASE, script, style
from talweg.widgets.base import Figure
from talweg.widgets.parameters import Choice, Number, Switch

__all__ = ["Prediction"]

_HERE = Path(__file__).parent
KINDS = ("order", "number", "line")


class Prediction(Figure):
    """A question that readers answer before they see the answer beside their own: an order, a number or a curve.

    A subclass computes the truth when it is made, never states it, and passes it on with the traits below. Its words
    add to those of this class: the question, what is said about the truth (`said`) and, for an order, what each item is
    called and its value (`items`, `values`); for a number its name (`guess`); for a curve its axes (`x`, `y`). On paper
    the answer stands beside the question.

    Parameters
    ----------
    name
        Under which a reader's browser remembers the guess.
    kind
        "order", "number" or "line".
    truth
        The items in their order, the number, or the heights of the curve.
    guess
        With what the reader begins: as the truth, or for an order the items as they are offered.
    axis
        For a curve: {"x": its places, "low": the least height, "high": the greatest}; for a number without "x".

    Raises
    ------
    ValueError
        An unknown kind, or a guess that is not of the kind of the truth.

    Examples
    --------
    >>> from talweg.widgets import Prediction
    >>> class Die(Prediction):
    ...     def __init__(self):
    ...         super().__init__(name="die", kind="number", truth=3.5, guess=1.0, axis={"low": 1, "high": 6})
    ...
    ...     def _words(self):
    ...         return super()._words() | {"figure": "A die", "question": "Its mean?", "guess": "Mean", "said": "(1 + 6)/2."}
    >>> Die().truth, Die().ranges["guess"], Die().revealed
    (3.5, {'low': 1, 'high': 6}, False)
    """

    _esm = script(_HERE / "prediction.js")
    _css = style(*BASE, _HERE / "prediction.css")
    name = traitlets.Unicode().tag(sync=True)
    kind = Choice("order", KINDS)
    truth = traitlets.Any().tag(sync=True)
    guess = traitlets.Any().tag(sync=True)
    axis = traitlets.Dict().tag(sync=True)
    revealed = Switch(False)

    def __init__(self, **traits: Any):
        super().__init__(**traits)

    @traitlets.default("ranges")
    def _ranges(self) -> dict[str, dict[str, Any]]:
        return super()._ranges() | ({"guess": Number(None, **self.axis).range()} if self.kind == "number" else {})

    @traitlets.validate("guess")
    def _check_guess(self, proposal: Any) -> Any:
        guess, truth = proposal["value"], self.truth
        same = {
            "order": lambda: sorted(guess) == sorted(truth),
            "number": lambda: self.axis["low"] <= guess <= self.axis["high"],
            "line": lambda: len(guess) == len(truth),
        }[self.kind]
        try:
            if same():
                return guess
        except TypeError:
            pass
        raise ValueError(f"guess must be of the kind of the truth {truth!r}, got {guess!r}")

    def _words(self) -> dict[str, Any]:
        return {
            "yours": _("You expect"),
            "truth": _("What comes out"),
            "reveal": _("Show the answer"),
            "again": _("Guess again"),
            "up": _("Move up"),
            "down": _("Move down"),
            "point": _("Point at {x}, height {y}; move it with the arrow keys"),
            "moved": _("{item}: now in place {k} of {n}."),
            "invite": {
                "order": _("Put them in the order that you expect; then look."),
                "number": _("Set the number that you expect; then look."),
                "line": _("Draw the curve that you expect, point by point; then look."),
            },
            "compared": {
                "order": _("{k} of {n} are in their place."),
                "number": _("You expected {guess}; it is {truth}."),
                "line": _("Your curve is {distance} away from the true one on average."),
            },
        }
