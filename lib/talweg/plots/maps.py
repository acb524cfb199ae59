"""Maps of functions of two variables: contour lines, and the paths that optimizers take across them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from torch import Tensor

from talweg.labels import label
from talweg.landscape import Surface, plane
from talweg.objective import Objective
from talweg.plots.colors import COLORS, GREY, colors_of
from talweg.plots.style import PAPER, drawing

__all__ = ["contour", "paths"]

RESOLUTION = 121
HIGH = "#fee838"  # the upper end of the colour scale: seen best at its lower end, in the dark theme too
MAP, WIDE_MAP = 4.4, 3.6  # inches: height of one map, of several side by side
LONGEST = 4  # a side of a map with one scale on both axes, in lengths of the other
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

    Both axes have one scale, so that right angles are right, unless one side would be over four times the other. Points that are not finite end a path.

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
    with drawing(height=MAP) as (_, axes):
        _lines(axes, _grid(f, window), levels)
        for (key, trajectory), color in zip(trajectories.items(), colors_of(trajectories), strict=True):
            _draw_path(axes, trajectory, color, None if key is None else label(key))
        axes.set(xlim=window[0], ylim=window[1], xlabel=label(labels[0]), ylabel=label(labels[1]))
        _true_angles(axes)
        axes.grid(False)
        if None not in groups:  # paths end in one place: their names stand above the map
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3, ncols=3)


def contour(
    surface: Surface | Mapping[str, Surface],
    path: Any = None,
    *,
    levels: int = 14,
    log: bool = False,
    labels: tuple[str, str] = ("$x$", "$y$"),
    z: str = "loss",
) -> None:
    """Draw a surface as filled contours with a colour scale and + at its lowest point; what is not finite is a hole.

    Several are drawn side by side with one colour scale.

    Parameters
    ----------
    surface : Surface or dict
        A surface, or a dict key or words → surface.
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
    surfaces = surface if isinstance(surface, Mapping) else {None: surface}
    for one in surfaces.values():
        finite = one.z.isfinite()
        if not finite.any() or (log and not one.z[finite].min() > 0):
            raise ValueError("surface must have finite values to draw, and positive ones for log=True")
    kind = _color_scale(torch.cat([one.z.flatten() for one in surfaces.values()]).double().cpu(), levels, log)
    with drawing(height=MAP if len(surfaces) == 1 else WIDE_MAP, columns=len(surfaces)) as (figure, several):
        drawn = []
        for axes, (name, one) in zip(several, surfaces.items(), strict=True):
            drawn.append(axes.contourf(one.x.cpu(), one.y.cpu(), one.z.double().cpu(), cmap="cividis", **kind))
            x, y, _ = one.lowest()
            axes.plot(x, y, "+", color=HIGH, markersize=9, markeredgewidth=1.5)
            if path is not None:
                _draw_path(axes, _trajectory(path), COLORS[1], None)
                axes.set(xlim=one.x[[0, -1]].tolist(), ylim=one.y[[0, -1]].tolist())
            axes.set(xlabel=label(labels[0]), title="" if name is None else label(name))
            _true_angles(axes)
            axes.grid(False)
        several[0].set_ylabel(label(labels[1]))
        place: dict[str, Any] = {} if len(surfaces) == 1 else {"orientation": "horizontal", "aspect": 40}
        bar = figure.colorbar(drawn[-1], ax=several, label=label(z), **place)
        if log:
            _decades(bar)


def _log_levels(finite: Tensor, levels: int) -> list[float]:
    """Powers of one ratio that enclose all values (the outermost a little, for the sake of rounding)."""
    low, high = float(finite.min().log10()), float(finite.max().log10())
    return torch.logspace(low - 1e-6, high + 1e-6, levels + 1, dtype=torch.float64).tolist()


def _color_scale(values: Tensor, levels: int, log: bool) -> dict[str, Any]:
    """What contourf needs to draw several surfaces in the same colours."""
    from matplotlib import colors, ticker

    finite = values[values.isfinite()]
    if log:
        return {"norm": colors.LogNorm(), "levels": _log_levels(finite, levels)}
    return {
        "levels": ticker.MaxNLocator(levels + 1, min_n_ticks=1).tick_values(float(finite.min()), float(finite.max()))
    }


def _decades(bar: Colorbar) -> None:
    """Ticks at powers of ten."""
    from matplotlib import ticker

    bar.locator, bar.formatter = ticker.LogLocator(numticks=8), ticker.LogFormatterSciNotation()
    bar.minorticks_off()
    bar.update_ticks()


def _true_angles(axes: Axes) -> None:
    """One scale for both axes, unless the map would be too narrow to read."""
    width, height = (abs(high - low) for low, high in (axes.get_xlim(), axes.get_ylim()))
    if max(width, height) <= LONGEST * min(width, height):
        axes.set_aspect("equal")


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
        axes.plot(*one[0], "o", color=color, markerfacecolor=PAPER, markersize=6)
        axes.plot(*one[-1], "x", color=color, markersize=7, markeredgewidth=2)
        name = None
