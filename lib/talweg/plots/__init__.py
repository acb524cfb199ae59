"""Figures of the chapters: labels in the reader's language, colours for all eyes, the same bytes each time.

With Matplotlib: `curves`, `paths`, `contour`, `spectrum`, `intervals`, `differences`, `diagram`, `barcode` draw a figure,
which a notebook shows, and return None. With plotly: `surface` returns a figure to turn and zoom.
"""

from __future__ import annotations

from talweg.labels import label
from talweg.plots.colors import COLORS
from talweg.plots.curves import curves
from talweg.plots.interactive import surface
from talweg.plots.maps import contour, paths
from talweg.plots.statistics import differences, intervals, spectrum
from talweg.plots.topology import barcode, diagram

__all__ = [
    "COLORS",
    "barcode",
    "contour",
    "curves",
    "diagram",
    "differences",
    "intervals",
    "label",
    "paths",
    "spectrum",
    "surface",
]
