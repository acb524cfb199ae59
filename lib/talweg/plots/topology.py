"""Persistence diagrams and barcodes."""

from __future__ import annotations

import dataclasses

import torch
from matplotlib.axes import Axes
from torch import Tensor

from talweg.i18n import gettext
from talweg.plots.colors import COLORS, GREY
from talweg.plots.style import drawing
from talweg.topology import TENSORS, Diagram
from talweg.topology import barcode as bars_of

__all__ = ["barcode", "diagram"]

MARKERS = "os"


def diagram(diagram: Diagram) -> None:
    """Draw birth against death: components ○, holes □; infinite deaths on a dashed line above all others.

    Persistence is the height above the diagonal.

    Parameters
    ----------
    diagram : Diagram
        With at least one bar; else ValueError.

    Examples
    --------
    >>> import torch
    >>> from matplotlib import pyplot
    >>> from talweg import plots, topology
    >>> from talweg.landscape import Surface
    >>> surface = Surface(torch.arange(3.0), torch.arange(1.0), torch.tensor([[0.0, 3.0, 1.0]]))
    >>> plots.diagram(topology.persistence(surface))
    >>> pyplot.gca().lines[-1].get_xdata().tolist()  # two valleys
    [0.0, 1.0]
    >>> pyplot.close()
    """
    low, high = _range(diagram)
    with drawing(height=4.4) as (_, axes):
        axes.plot([low, high], [low, high], color=GREY, linewidth=1)
        if diagram.death.isinf().any():
            axes.axhline(high, color=GREY, linewidth=1, linestyle="--")
            axes.text(low, high, "∞", va="bottom")
        for dimension, name in enumerate(_names()):
            some = diagram.of(dimension)
            if len(some):
                points = some.birth, some.death.clamp(max=high)
                axes.plot(*points, MARKERS[dimension], color=COLORS[dimension], markersize=5, label=name)
        axes.set(xlabel=gettext("Birth"), ylabel=gettext("Death"))
        axes.legend(loc="lower right")


def barcode(diagram: Diagram, longest: int = 40) -> None:
    """Draw each bar from birth to death; infinite bars end in an arrow.

    Parameters
    ----------
    diagram : Diagram
        With at least one bar; else ValueError.
    longest : int
        How many bars of each dimension to draw at most.

    Examples
    --------
    >>> import torch
    >>> from matplotlib import pyplot
    >>> from talweg import plots, topology
    >>> from talweg.landscape import Surface
    >>> surface = Surface(torch.arange(3.0), torch.arange(1.0), torch.tensor([[0.0, 3.0, 1.0]]))
    >>> plots.barcode(topology.persistence(surface))
    >>> pyplot.gca().lines[-1].get_xdata().tolist()  # the valley that ends where it meets the other
    [1.0, 3.0]
    >>> pyplot.close()
    """
    _, high = _range(diagram)
    at = 0
    with drawing() as (_, axes):
        for dimension, name in enumerate(_names()):
            bars = bars_of(_longest(diagram.of(dimension), longest))
            for number, (_, birth, death) in enumerate(bars.tolist()):
                _bar(axes, at, birth, min(death, high), COLORS[dimension], name if not number else "_nolegend_")
                if death == torch.inf:
                    axes.plot(high, at, ">", color=COLORS[dimension], markersize=5)
                at += 1
        axes.set_yticks([])
        axes.set(xlabel=gettext("Height"))
        axes.legend()


def _bar(axes: Axes, at: int, birth: float, death: float, color: str, name: str) -> None:
    axes.plot([birth, death], [at, at], color=color, linewidth=2, solid_capstyle="butt", label=name)


def _longest(diagram: Diagram, count: int) -> Diagram:
    """The first bars: they are in order of persistence."""
    keep: Tensor = torch.arange(len(diagram)) < count
    parts = {name: getattr(diagram, name)[keep] for name in TENSORS}
    return dataclasses.replace(diagram, **parts)


def _range(diagram: Diagram) -> tuple[float, float]:
    """From the lowest birth to a little above the highest finite value."""
    if not len(diagram):
        raise ValueError("diagram must have at least one bar to draw")
    finite = torch.cat([diagram.birth, diagram.death[diagram.death.isfinite()]])
    low, high = float(finite.min()), float(finite.max())
    margin = 0.08 * (high - low) or 1.0
    return low, high + margin


def _names() -> tuple[str, str]:
    return gettext("Components"), gettext("Holes")
