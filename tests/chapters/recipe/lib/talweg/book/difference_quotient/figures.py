"""The figure of the chapter on the difference quotient: a parabola and its secant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talweg.i18n import gettext as _
from talweg.widgets import BASE, Figure, Number, script, style

__all__ = ["Secant", "secant"]

_HERE = Path(__file__).parent


class Secant(Figure):
    """The secant of x² between x and x + h, and how far its slope is from the derivative.

    x: where the derivative is wanted, -2 to 2. h: the step, 0.01 to 1.
    """

    _esm = script(_HERE / "secant.js")
    _css = style(*BASE)
    x = Number(1.0, -2, 2)
    h = Number(0.5, 0.01, 1)

    def __repr__(self) -> str:
        return f"Secant(x={self.x:g}, h={self.h:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("A secant of the parabola"),
            "parabola": _("Parabola and secant"),
            "deviation": _("Slope of the secant minus derivative"),
            "x": _("Point x"),
            "h": _("Step h"),
            "said": _("At x = {x} the secant with h = {h} has slope {slope}; the derivative is {derivative}."),
        }


secant = Secant
