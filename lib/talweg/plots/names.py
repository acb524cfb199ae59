"""Names of curves at their right ends, in their colours: no legend lies over a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy.optimize import isotonic_regression

from talweg.labels import label
from talweg.plots.style import FRAME

__all__ = ["mark_levels", "name_ends"]

GAP = 1.03  # where names begin, in widths of the axes
LINE = 1.3  # height of a line of text in font sizes


def name_ends(axes: Axes, named: Sequence[tuple[str, Line2D]], levels: Mapping[float, str] | None = None) -> None:
    """Write each name beside the last point of its line, as near to its height as the other names allow.

    Parameters
    ----------
    axes : Axes
        With its scales and limits as they will be drawn.
    named : list of pairs
        Name, line.
    levels : dict, optional
        Heights of lines through the whole frame → keys or words.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg.plots.names import name_ends
    >>> from talweg.plots.style import drawing
    >>> with drawing() as (_, axes):
    ...     name_ends(axes, [("rising", axes.plot([0, 1])[0])])
    >>> [text.get_text() for text in axes.texts]
    ['rising']
    >>> pyplot.close()
    """
    axes.figure.draw_without_rendering()  # lays the axes out  # pyright: ignore[reportAttributeAccessIssue]
    right = axes.get_xlim()[1]
    lasts = [(name, line.get_color(), _end(axes, line)) for name, line in named]
    ends = [(name, color, end) for name, color, end in lasts if end is not None]
    ends += [(label(name), FRAME, (right, height)) for height, name in (levels or {}).items()]
    ends.sort(key=lambda row: row[2][1])
    if not ends:
        return
    heights = axes.transAxes.inverted().transform([axes.transData.transform(end) for *_, end in ends])[:, 1]
    for (name, color, end), height in zip(ends, _apart(heights, _line_height(axes)), strict=True):
        axes.annotate(
            name, end, (GAP, height), "data", "axes fraction", va="center", color=color, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.9, "linestyle": ":", "shrinkA": 1, "shrinkB": 2},
        )  # fmt: skip


def mark_levels(axes: Axes, horizontal: Mapping[float, str] | None, vertical: Mapping[float, str] | None) -> None:
    """Draw the values that a figure is about as dashed lines, with the names of the vertical ones above them.

    Those of the horizontal ones stand where `name_ends` puts them.

    Parameters
    ----------
    axes : Axes
    horizontal, vertical : dict, optional
        Value → key or words.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg.plots.names import mark_levels
    >>> from talweg.plots.style import drawing
    >>> with drawing() as (_, axes):
    ...     mark_levels(axes, {1.0: "border"}, {0.0: "start"})
    >>> [text.get_text() for text in axes.texts]
    ['Start']
    >>> pyplot.close()
    """
    look: dict[str, Any] = {"color": FRAME, "linewidth": 1.0, "linestyle": (0, (4, 3)), "zorder": 1}
    for value in horizontal or {}:
        axes.axhline(value, **look)
    for value, name in (vertical or {}).items():
        axes.axvline(value, **look)
        axes.annotate(
            label(name), (value, 1), (0, 3), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            ha="center", va="bottom", color=FRAME, fontsize="small",
        )  # fmt: skip


def _end(axes: Axes, line: Line2D) -> tuple[float, float] | None:
    """The last point of a line that is drawn, moved into the frame; None where nothing is."""
    points = numpy.asarray(line.get_xydata(), dtype=float)
    drawn = points[numpy.isfinite(axes.transData.transform(points)).all(1)]
    if not len(drawn):
        return None
    (left, right), (bottom, top) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    x, y = numpy.clip(drawn[-1], (left, bottom), (right, top))
    return float(x), float(y)


def _line_height(axes: Axes) -> float:
    """Of a line of text, in heights of the axes."""
    points = axes.get_window_extent().height * 72 / axes.figure.dpi
    return LINE * rcParams["font.size"] / points


def _apart(heights: numpy.ndarray, distance: float) -> numpy.ndarray:
    """Rising heights, moved as little as possible (least squares) so that neighbours are at least `distance` apart."""
    steps = distance * numpy.arange(len(heights))
    return isotonic_regression(heights - steps).x + steps
