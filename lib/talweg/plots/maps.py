"""Maps of functions of two variables: contour lines, and the paths that optimizers take across them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from talweg.labels import label
from talweg.landscape import Surface, plane
from talweg.objective import Objective
from talweg.plots.style import COLORS, GREY, drawing

__all__ = ["contour", "paths"]

RESOLUTION = 121
Window = tuple[tuple[float, float], tuple[float, float]]


def paths(
    f: Objective,
    runs: Any,
    window: Window | None = None,
    *,
    levels: int = 10,
    labels: tuple[str, str] = ("$\\theta_1$", "$\\theta_2$"),
) -> None:
    """Draw contour lines of an objective of two variables with trajectories on them, from ○ to ×.

    Points that are not finite end a path.

    Parameters
    ----------
    f : Objective
        Of two variables.
    runs : run, (T, 2), (T, K, 2) or dict
        A run, a trajectory or several at once, or a dict legend label → any of these.
    window : ((x0, x1), (y0, y1)), optional
        By default what the trajectories cover, with a margin.
    levels : int
        The number of contour lines, at equal shares of the area.
    labels : two of str
        Keys or words for the axes.

    Raises
    ------
    ValueError
        For an objective of another number of variables, a run without a trajectory, or a window without area.

    Examples
    --------
    >>> import torch
    >>> from matplotlib import pyplot
    >>> from talweg import plots, surfaces
    >>> f = surfaces.Quadratic(torch.diag(torch.tensor([1.0, 4.0])))
    >>> plots.paths(f, torch.tensor([[2.0, 1.0], [1.0, 0.5], [0.5, 0.2]]), window=((-3, 3), (-2, 2)))
    >>> pyplot.gca().get_xlim() == (-3, 3)
    True
    >>> pyplot.close()
    """
    if f.dim != 2:
        raise ValueError(f"paths draws objectives of 2 variables, f has {f.dim}")
    groups = runs if isinstance(runs, Mapping) else {None: runs}
    trajectories = {key: _trajectory(group) for key, group in groups.items()}
    window = _window(trajectories) if window is None else window
    with drawing(square=True) as (_, axes):
        _lines(axes, _grid(f, window), levels)
        for i, (key, trajectory) in enumerate(trajectories.items()):
            _draw_path(axes, trajectory, COLORS[i % len(COLORS)], None if key is None else label(key))
        axes.set(xlim=window[0], ylim=window[1], xlabel=label(labels[0]), ylabel=label(labels[1]))
        axes.grid(False)
        if None not in groups:
            axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")


def contour(
    surface: Surface,
    path: Any = None,
    *,
    levels: int = 14,
    log: bool = False,
    labels: tuple[str, str] = ("$x$", "$y$"),
    z: str = "loss",
) -> None:
    """Draw a surface as filled contours with a colour scale; values that are not finite are holes.

    Parameters
    ----------
    surface : Surface
    path : run or (T, 2), optional
        Positions in the surface's coordinates, drawn from ○ to ×.
    levels : int
    log : bool
        Colours follow the logarithm of z > 0.
    labels : two of str
    z : str
        Keys or words for the axes and the colour scale.

    Raises
    ------
    ValueError
        For a surface without finite values, or with values that are not positive and log=True.

    Examples
    --------
    >>> import torch
    >>> from matplotlib import pyplot
    >>> from talweg import plots
    >>> from talweg.landscape import Surface
    >>> x = torch.linspace(-1, 1, 5)
    >>> plots.contour(Surface(x, x, x**2 + x[:, None] ** 2))
    >>> len(pyplot.gcf().axes)  # the map and its colour scale
    2
    >>> pyplot.close()
    """
    from matplotlib import colors, ticker

    values = torch.where(surface.z.isfinite(), surface.z, torch.nan).double().cpu()
    if surface.nonfinite == values.numel() or (log and not values.nan_to_num(1.0).min() > 0):
        raise ValueError("surface must have finite values to draw, and positive ones for log=True")
    with drawing(square=True) as (figure, axes):
        kind: dict[str, Any] = (
            {"norm": colors.LogNorm(), "levels": _log_levels(values, levels)} if log else {"levels": levels}
        )
        filled = axes.contourf(surface.x.cpu(), surface.y.cpu(), values, cmap="cividis", **kind)
        bar = figure.colorbar(filled, label=label(z))
        if log:
            bar.ax.yaxis.set_major_locator(ticker.LogLocator(numticks=8))
            bar.ax.yaxis.set_major_formatter(ticker.LogFormatterSciNotation())
            bar.ax.minorticks_off()
        if path is not None:
            _draw_path(axes, _trajectory(path), COLORS[3], None)
            axes.set(xlim=surface.x[[0, -1]].tolist(), ylim=surface.y[[0, -1]].tolist())
        axes.set(xlabel=label(labels[0]), ylabel=label(labels[1]))
        axes.grid(False)


def _log_levels(values: Tensor, levels: int) -> list[float]:
    """Powers of one ratio that enclose all values (the outermost a little, for the sake of rounding)."""
    finite = values[values.isfinite()]
    low, high = float(finite.min().log10()), float(finite.max().log10())
    return torch.logspace(low - 1e-6, high + 1e-6, levels + 1, dtype=torch.float64).tolist()


def _trajectory(group: Any) -> Tensor:
    """Positions (T, K, 2) of a run or tensor."""
    trajectory = group.trajectory if hasattr(group, "history") else group
    if trajectory is None:
        raise ValueError("the run has no trajectory: record it while training")
    trajectory = torch.as_tensor(trajectory).detach().double().cpu()
    trajectory = trajectory.unsqueeze(1) if trajectory.ndim == 2 else trajectory
    if trajectory.ndim != 3 or trajectory.shape[-1] != 2 or not trajectory.numel():
        raise ValueError(f"a trajectory must have shape (T, 2) or (T, K, 2), got {tuple(trajectory.shape)}")
    return trajectory


def _window(trajectories: dict[Any, Tensor]) -> Window:
    points = torch.cat([t.reshape(-1, 2) for t in trajectories.values()])
    points = points[points.isfinite().all(1)]
    if not len(points):
        raise ValueError("the trajectories have no finite point")
    low, high = points.min(0).values, points.max(0).values
    margin = torch.maximum(0.15 * (high - low), 0.05 * (high - low).max().clamp(min=1e-3))
    (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
    return (x0, x1), (y0, y1)


def _grid(f: Objective, window: Window) -> Surface:
    (x0, x1), (y0, y1) = window
    center = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2], dtype=torch.float64)
    half = torch.tensor([(x1 - x0) / 2, (y1 - y0) / 2], dtype=torch.float64)
    if not (half > 0).all():
        raise ValueError(f"window must be ((x0, x1), (y0, y1)) with x0 < x1 and y0 < y1, got {window}")
    flat = plane(
        f, center, *torch.eye(2, dtype=torch.float64), span=(float(half[0]), float(half[1])), resolution=RESOLUTION
    )
    return Surface(flat.x + center[0], flat.y + center[1], flat.z)


def _lines(axes: Axes, grid: Surface, levels: int) -> None:
    """Lines at quantiles of the values: a ravine and its walls both get some, whatever their heights."""
    finite = grid.z[grid.z.isfinite()]
    quantiles = torch.quantile(finite, torch.linspace(0.02, 0.98, levels, dtype=finite.dtype)).unique()
    axes.contour(
        grid.x, grid.y, grid.z, levels=quantiles.tolist(), colors=GREY, linewidths=0.6, alpha=0.7, linestyles="-"
    )


def _draw_path(axes: Axes, trajectory: Tensor, color: str, name: str | None) -> None:
    for one in trajectory.unbind(1):
        finite = one.isfinite().all(1)
        one = one[: int(finite.long().cumprod(0).sum())]  # up to the first point that is not
        if not len(one):
            continue
        marker = "." if len(one) <= 200 else None
        axes.plot(*one.T, marker=marker, markersize=3.5, linewidth=1.2, color=color, label=name or "_nolegend_")
        axes.plot(*one[0], "o", color=color, markerfacecolor="white", markersize=6)
        axes.plot(*one[-1], "x", color=color, markersize=7, markeredgewidth=2)
        name = None
