"""One colour for each method or run, the same in every figure of the book."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["COLORS", "GREY", "colors_of"]

# As dark as text must be on white. The page has a light one for each in its dark theme (_assets/static-figures.css);
# the first four are those of the playground.
COLORS = ("#0072b2", "#c04f00", "#007a58", "#a8478a", "#8a6a00", "#5d50c6", "#6b6b6b")
GREY = COLORS[-1]

# Places in COLORS of what several figures show.
OWN = {
    "SGD": 0,
    "Momentum": 1,
    "Adam": 2,
    "AdaGrad": 3,
    "RMSprop": 4,
    "AdamW": 5,
    "Nesterov": 3,
    "$\\mu = 0.9$": 1,
    "$\\eta = 0.8,\\ \\mu = 0.9$": 1,
    "$\\eta = 0.8$": 4,
    "$\\eta = 0.4$": 0,
    "CE": 6,
    "train_loss": 0,
    "val_loss": 1,
    "skip": 0,
    "plain": 1,
    "none": 6,
}


def colors_of(keys: Iterable[Any]) -> list[str]:
    """The colours of series: their own, or the next ones that are free, in order.

    Parameters
    ----------
    keys : iterable
        What `curves` and the others get as legend labels.

    Examples
    --------
    >>> from talweg.plots.colors import COLORS, colors_of
    >>> colors_of(["Adam", "Muon", "SGD"]) == [COLORS[2], COLORS[1], COLORS[0]]
    True
    """
    keys = list(keys)
    own = [OWN.get(key) if isinstance(key, str) else None for key in keys]
    free = [place for place in range(len(COLORS)) if place not in own] or [0]
    others = iter(range(len(keys)))
    return [COLORS[free[next(others) % len(free)] if place is None else place] for place in own]
