"""How the Matplotlib figures look: colours, font, numbers in the edition's notation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy
from matplotlib import font_manager, pyplot, rc_context, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image

from talweg.i18n import decimal

__all__ = ["COLORS", "drawing", "format_axis"]

# Okabe & Ito 2008, told apart by readers with any colour vision; in this order.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#767676")
GREY = COLORS[-1]
PALETTE = 32  # colours of a PNG: a dozen lines with the shades of their edges

_FONT = Path(__file__).parents[1] / "fonts" / "TalwegSansSC-Regular.otf"

STYLE: dict[Any, Any] = {
    # Matplotlib takes the whole of a string with $…$ from the first family, so it must have Latin and Chinese.
    "font.family": ["Talweg Sans SC", "DejaVu Sans"],
    "font.size": 10.5,
    "mathtext.fontset": "custom",
    "mathtext.rm": "Talweg Sans SC",
    "mathtext.it": "DejaVu Sans:italic",
    "mathtext.bf": "DejaVu Sans:bold",
    "mathtext.cal": "DejaVu Sans:italic",
    "mathtext.fallback": "stixsans",
    "text.hinting": "none",
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "lines.linewidth": 1.7,
    "legend.frameon": False,
    "figure.figsize": (6.4, 3.8),
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
}


@cache
def _register_font() -> None:
    font_manager.fontManager.addfont(_FONT)


@contextmanager
def drawing(*, square: bool = False) -> Iterator[tuple[Figure, Axes]]:
    """A new figure in the book's style; finished, and left to the notebook to show, at the end of the block.

    If the block fails, no half-drawn figure stays behind.

    Parameters
    ----------
    square : bool
        For maps, on which both axes are of one kind.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg.plots.style import COLORS, drawing
    >>> with drawing() as (figure, axes):
    ...     lines = axes.plot([0, 1], [0, 1])
    >>> lines[0].get_color() == COLORS[0]
    True
    >>> pyplot.close(figure)
    """
    _register_font()
    pyplot.draw_if_interactive()  # loads the backend here: loaded inside, rc_context would undo its interactive mode
    with rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(5.2, 4.4) if square else None)
        if isinstance(figure.canvas, FigureCanvasAgg):
            _Canvas(figure, figure.canvas.manager)
        try:
            yield figure, axes
            for one in figure.axes:
                format_axis(one)
        except BaseException:
            pyplot.close(figure)
            raise


class _Canvas(FigureCanvasAgg):
    """Draws in the book's style and writes PNG files with a palette: a third of the bytes, and no visible difference.

    The style must hold again when the notebook draws the figure, after the cell: ticks and mathematics read it then.
    """

    def __init__(self, figure: Figure, manager) -> None:
        super().__init__(figure)
        self.manager = manager
        if manager is not None:
            manager.canvas = self  # what an interactive backend redraws after the cell

    def draw(self) -> None:
        with rc_context(STYLE):
            super().draw()

    def print_figure(self, *args, **kwargs):
        with rc_context(STYLE):
            return super().print_figure(*args, **kwargs)

    def print_png(self, filename_or_obj, **_) -> None:
        self.draw()
        image = Image.fromarray(numpy.asarray(self.buffer_rgba())).convert("RGB")
        palette = image.quantize(PALETTE, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
        dpi = self.figure.dpi
        palette.save(filename_or_obj, format="png", optimize=True, dpi=(dpi, dpi))


def format_axis(axes: Axes) -> None:
    """Write the tick labels of both axes with the edition's decimal mark.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from talweg.plots.style import format_axis
    >>> axes = Figure().subplots()
    >>> axes.set_xlim(0.0, 0.5)
    (0.0, 0.5)
    >>> format_axis(axes)
    >>> axes.xaxis.get_major_formatter().format_data_short(0.25)
    '0.250'
    """
    for axis in (axes.xaxis, axes.yaxis):
        for which in ("major", "minor"):
            formatter = getattr(axis, f"get_{which}_formatter")()
            if isinstance(formatter, (ticker.ScalarFormatter, ticker.LogFormatter)):
                if isinstance(formatter, ticker.ScalarFormatter):
                    formatter.set_useMathText(True)
                getattr(axis, f"set_{which}_formatter")(_Localized(formatter))


class _Localized(ticker.Formatter):
    """Another formatter's labels, with the decimal mark of the edition that was in use when the figure was drawn."""

    def __init__(self, formatter: ticker.Formatter):
        self.formatter = formatter
        self.decimal = decimal()

    def _localize(self, text: str) -> str:
        # In mathematics a comma is followed by a space and {,} is not; a point between digits, but not {.}, is left alone.
        return text.replace(".", "{,}" if "$" in text and self.decimal == "," else self.decimal)

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self._localize(self.formatter(x, pos))

    def set_axis(self, axis) -> None:
        super().set_axis(axis)
        self.formatter.set_axis(axis)

    def set_locs(self, locs) -> None:
        self.formatter.set_locs(locs)

    def get_offset(self) -> str:
        return self._localize(self.formatter.get_offset())

    def format_data_short(self, value: float) -> str:
        return self.formatter.format_data_short(value)


def scale(axes: Axes, log: str | None) -> None:
    """Make the axes named in `log` logarithmic."""
    if log and "x" in log:
        axes.set_xscale("log")
    if log and "y" in log:
        axes.set_yscale("log")


def check_log(log: str | None) -> None:
    """Raise a ValueError unless `log` names axes."""
    if log not in (None, "x", "y", "xy"):
        raise ValueError(f'log must be "x", "y", "xy" or None, got {log!r}')
