"""How the Matplotlib figures look: colours, font, numbers in the edition's notation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy
from matplotlib import font_manager, pyplot, rc_context, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import open_file_cm
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image

from talweg.i18n import decimal, gettext, number
from talweg.plots.colors import COLORS
from talweg.plots.svg import svg_of

__all__ = ["drawing", "format_axis"]

INK, FRAME, GRID, PAPER = "#22292f", "#5a6570", "#d9dcd8", "#ffffff"  # the page's; see _assets/static-figures.css
WIDTH, HEIGHT = 5.6, 3.6  # inches; on a phone, shrunk to its width, letters are 9 pixels high
PALETTE = 64  # colours of a PNG: a dozen lines with the shades of their edges

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
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": FRAME,
    "ytick.color": FRAME,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": FRAME,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "lines.linewidth": 1.7,
    "legend.frameon": False,
    "figure.dpi": 120,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "talweg",
}


@cache
def _register_font() -> None:
    font_manager.fontManager.addfont(_FONT)


@contextmanager
def drawing(*, height: float = HEIGHT, columns: int | None = None) -> Iterator[tuple[Figure, Any]]:
    """A new figure in the book's style; finished, and left to the notebook to show, at the end of the block.

    If the block fails, no half-drawn figure stays behind.

    Parameters
    ----------
    height : float
        In inches, for a width of 5.6.
    columns : int, optional
        Gives a list of so many axes, side by side, that share their y axis.

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
    _store_svg_too()
    with rc_context(STYLE):
        figure, axes = pyplot.subplots(1, columns or 1, figsize=(WIDTH, height), sharey=True, squeeze=False)
        if isinstance(figure.canvas, FigureCanvasAgg):
            _Canvas(figure, figure.canvas.manager)
        try:
            yield figure, list(axes[0]) if columns else axes[0, 0]
            for one in figure.axes:
                format_axis(one)
        except BaseException:
            pyplot.close(figure)
            raise


def _store_svg_too() -> None:
    """When notebooks are executed for the book: SVG for the page and PDF, PNG for those who show no SVG."""
    ipython = sys.modules.get("IPython")  # not imported, hence not running, outside notebooks
    shell = ipython.get_ipython() if ipython and os.environ.get("TALWEG_BATCH") == "1" else None
    if shell is not None:
        from matplotlib_inline.config import InlineBackend

        InlineBackend.instance(parent=shell).figure_formats = {"png", "svg"}


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
        palette = image.quantize(PALETTE, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        dpi = self.figure.dpi
        palette.save(filename_or_obj, format="png", optimize=True, dpi=(dpi, dpi))

    def print_svg(self, filename_or_obj, *, bbox_inches_restore=None, **_) -> None:
        with open_file_cm(filename_or_obj, "wb") as file:
            file.write(svg_of(self.figure, bbox_inches_restore=bbox_inches_restore).encode())


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


def share(value: float) -> str:
    """A share as per cent in the reader's notation.

    Examples
    --------
    >>> from talweg.plots.style import share
    >>> share(0.072)
    '7.2 %'
    """
    return gettext("{number} %").format(number=number(100 * value))


class _Percent(ticker.Formatter):
    """Shares as per cent."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return share(x)


def percent(axis: Axis) -> None:
    """Write the ticks of an axis of shares as per cent; a logarithmic one gets 1, 2 and 5 of each decade.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from talweg.plots.style import percent
    >>> axes = Figure().subplots()
    >>> percent(axes.yaxis)
    >>> axes.yaxis.get_major_formatter()(0.025)
    '2.5 %'
    """
    if axis.get_scale() == "log":
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(ticker.NullFormatter())
    axis.set_major_formatter(_Percent())


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
