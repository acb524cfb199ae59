"""Surfaces to turn and zoom, with plotly: small JSON that the page draws in the reader's theme."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from talweg.i18n import decimal, gettext, number
from talweg.labels import label
from talweg.landscape import Surface

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["surface"]

FONT = "#767676"  # 4.5 : 1 on white, 4.1 : 1 on the dark page, which sets its own colour
GRID = "rgba(128, 128, 128, 0.35)"
CLEAR = "rgba(0, 0, 0, 0)"


def surface(
    surface: Surface,
    path: Tensor | None = None,
    *,
    log: bool = False,
    labels: tuple[str, str] = ("x", "y"),
    z: str = "loss",
    alt: str | None = None,
) -> Figure:
    """A surface that readers turn, as a plotly figure of 4 significant digits, without a template.

    Values that are not finite are holes.

    Parameters
    ----------
    surface : Surface
    path : (T, 2) or (T, 3), optional
        Points on the surface; their height is interpolated where it is not given.
    log : bool
        A logarithmic z axis; values that are not positive are left out.
    labels : two of str
    z : str
        Keys or words for the axes.
    alt : str, optional
        The text alternative, kept in `layout.meta`; by default the extent and the lowest and highest point.

    Raises
    ------
    ValueError
        For a path of another shape.

    Examples
    --------
    >>> import torch
    >>> from talweg import plots
    >>> from talweg.landscape import Surface
    >>> figure = plots.surface(Surface(torch.arange(3.0), torch.arange(2.0), torch.ones(2, 3)), alt="A flat surface.")
    >>> figure.layout.meta["alt"]
    'A flat surface.'
    """
    from plotly import graph_objects as go

    _store_json_only()
    words = label(labels[0]), label(labels[1]), label(z)
    figure = go.Figure(layout=go.Layout(template=go.layout.Template(), **_layout(surface, words, log, alt)))
    hover = (
        "".join(f"{word}: %{{{axis}:.4~g}}<br>" for word, axis in zip(words, "xyz", strict=True)) + "<extra></extra>"
    )
    heights = surface.z.log10() if log else surface.z
    figure.add_surface(
        x=_rounded(surface.x),
        y=_rounded(surface.y),
        z=_rounded(surface.z.where(surface.z > 0, torch.nan) if log else surface.z),
        surfacecolor=_rounded(heights) if log else None,
        colorscale="Cividis",
        showscale=False,
        hovertemplate=hover,
    )
    if path is not None:
        x, y, height = _lifted(surface, path).unbind(1)
        figure.add_scatter3d(
            x=_rounded(x),
            y=_rounded(y),
            z=_rounded(height),
            mode="lines+markers",
            line={"color": "#D55E00", "width": 5},
            marker={"color": "#D55E00", "size": 2.5},
            hovertemplate=hover,
            showlegend=False,
        )
    return figure


def _layout(surface: Surface, words: tuple[str, str, str], log: bool, alt: str | None) -> dict[str, Any]:
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "showbackground": False}
    scene = {f"{name}axis": {**axis, "title": {"text": word}} for name, word in zip("xyz", words, strict=True)}
    if log:
        scene["zaxis"]["type"] = "log"
    return {
        "scene": {**scene, "aspectmode": "manual", "aspectratio": {"x": 1, "y": 1, "z": 0.7}},
        "autosize": True,
        "height": 460,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": FONT},
        "separators": f"{decimal()} ",
        "meta": {"alt": alt or _alt(surface, words)},
    }


def _alt(surface: Surface, words: tuple[str, str, str]) -> str:
    message = gettext(
        "Surface of {z} over {x} and {y}. Lowest value {low} at ({x_low}; {y_low}), highest value {high} at "
        "({x_high}; {y_high})."
    )
    (x_low, y_low, low), (x_high, y_high, high) = surface.lowest(), surface.highest()
    values = {"low": low, "x_low": x_low, "y_low": y_low, "high": high, "x_high": x_high, "y_high": y_high}
    names = dict(zip("xyz", words, strict=True))
    return message.format(**names, **{key: number(value) for key, value in values.items()})


def _lifted(surface: Surface, path: Tensor) -> Tensor:
    """The path with heights (T, 3): given ones are kept, missing ones interpolated between grid points."""
    path = torch.as_tensor(path).detach().double().cpu()
    if path.ndim != 2 or path.shape[1] not in (2, 3) or not len(path):
        raise ValueError(f"path must have shape (T, 2) or (T, 3), got {tuple(path.shape)}")
    if path.shape[1] == 3:
        return path
    from scipy.interpolate import RegularGridInterpolator

    grid = RegularGridInterpolator((surface.y.numpy(), surface.x.numpy()), surface.z.numpy(), bounds_error=False)
    return torch.cat([path, torch.from_numpy(grid(path.flip(1).numpy())).unsqueeze(1)], dim=1)


def _rounded(values: Tensor) -> list:
    """Nested lists of 4 significant digits; None (a hole) for what is not finite. Arrays would be stored as base64."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{v:.4g}") + 0.0 if -float("inf") < v < float("inf") else None for v in values.tolist()]


def _store_json_only() -> None:
    """When notebooks are executed for the book, keep plotly's JSON and nothing else: its HTML would be megabytes."""
    if os.environ.get("TALWEG_BATCH") == "1":
        import plotly.io

        plotly.io.renderers.default = "plotly_mimetype"
