"""Histories of training, one curve for each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from torch import Tensor

from talweg.labels import SHARES, label
from talweg.plots.colors import colors_of
from talweg.plots.names import mark_levels, name_ends
from talweg.plots.style import check_log, drawing, percent, scale
from talweg.uncertainty import t_interval

__all__ = ["curves"]

FEW = 25  # points that are marked
MANY = 300  # points of a curve with a band that are drawn: more cannot be told apart, and make a large file
PER_EPOCH = ("val_", "train_")


def curves(
    series: Any,
    y: str = "loss",
    x: Any = None,
    log: str | None = "y",
    *,
    band: bool = False,
    xlabel: str | None = None,
    ylabel: str | None = None,
    hlines: Mapping[float, str] | None = None,
    vlines: Mapping[float, str] | None = None,
    ylim: tuple[float, float] | None = None,
) -> None:
    """Draw histories against the step, the epoch, or `x`; names stand at the ends of the curves.

    Parameters
    ----------
    series : run, list of runs, tensor or dict
        A run, a list of runs (one colour), a tensor (T,) or (T, K) (K thin curves of one colour), or a dict name → any
        of these, or → a pair (abscissae, values).
    y : str
        Which history of a run.
    x : str or (T,), optional
        Another history, or abscissae; by default 0, 1, 2, …
    log : {"x", "y", "xy"}, optional
        The logarithmic axes; on these, values that are not positive are left out.
    band : bool
        Draw each group of K ≥ 2 curves as its mean with the 95 % t-interval of the mean (half-transparent).
    xlabel, ylabel : str, optional
        Keys or words that replace those of x and y.
    hlines, vlines : dict, optional
        Values to be marked by a line → keys or words.
    ylim : (low, high), optional
        What the y axis shows; by default all values.

    Raises
    ------
    ValueError
        For no curve, or shapes that do not fit.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg import plots
    >>> plots.curves({"SGD": [4.0, 2.0, 1.0], "Adam": [4.0, 1.0, 0.5]})
    >>> pyplot.gca().get_yscale(), len(pyplot.gca().lines)
    ('log', 2)
    >>> pyplot.close()
    """
    check_log(log)
    groups = series if isinstance(series, Mapping) else {None: series}
    if not groups:
        raise ValueError("series must hold at least one curve, got an empty dict")
    draw = _draw_band if band else _draw_group
    abscissa = x if isinstance(x, str) else "epoch" if y.startswith(PER_EPOCH) else "step"
    with drawing() as (_, axes):
        scale(axes, log)
        lines = [
            draw(axes, color, _members(group), y, x)
            for color, group in zip(colors_of(groups), groups.values(), strict=True)
        ]
        axes.set_xlabel(label(xlabel or abscissa))
        axes.set_ylabel(label(ylabel or y))
        if (ylabel or y) in SHARES:
            percent(axes.yaxis)
        if ylim is not None:
            axes.set_ylim(ylim)
        mark_levels(axes, hlines, vlines)
        named = [(label(key), line) for key, line in zip(groups, lines, strict=True) if key is not None]
        name_ends(axes, named, hlines)


def _draw_group(axes: Axes, color: str, members: list, y: str, x: Any) -> Line2D:
    lines: list[Line2D] = []
    for member in members:
        abscissae, values = _points(member, y, x)
        several = values.ndim == 2 and values.shape[1] > 1 or len(members) > 1
        look: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.6} if several else {}
        if len(abscissae) <= FEW:
            look |= {"marker": ".", "markersize": 5}
        lines += axes.plot(abscissae, values, color=color, **look)
    return lines[0]


def _draw_band(axes: Axes, color: str, members: list, y: str, x: Any) -> Line2D:
    """The mean of a group and the interval for it, step by step."""
    points = [_points(member, y, x) for member in members]
    abscissae = points[0][0]
    if any(len(other) != len(abscissae) or (other != abscissae).any() for other, _ in points):
        raise ValueError("band needs curves over the same abscissae")
    shown = _spread(abscissae, axes.get_xscale() == "log")
    mean, half = t_interval(torch.cat([values.reshape(len(values), -1)[shown] for _, values in points], 1))
    abscissae = abscissae[shown]
    axes.fill_between(abscissae, mean - half, mean + half, color=color, alpha=0.3, linewidth=0)
    return axes.plot(abscissae, mean, color=color)[0]


def _spread(abscissae: Tensor, log: bool) -> Tensor:
    """The places of at most MANY abscissae, spread evenly over the axis."""
    steps = torch.arange(len(abscissae))
    if len(steps) <= MANY:
        return steps
    at = abscissae.double().clamp(min=abscissae[abscissae > 0].min()).log() if log else abscissae.double()
    return torch.searchsorted(at, torch.linspace(float(at[0]), float(at[-1]), MANY, dtype=at.dtype)).unique()


def _members(group: Any) -> list:
    """A group as a list: a list of runs is several members, a list of numbers or a pair of tensors is one."""
    if isinstance(group, (list, tuple)) and len(group) and hasattr(group[0], "history"):
        return list(group)
    return [group]


def _points(member: Any, y: str, x: Any) -> tuple[Tensor, Tensor]:
    if hasattr(member, "history"):
        values = member[y]
        abscissae = member[x] if isinstance(x, str) else x
    elif isinstance(member, tuple):
        abscissae, values = member
    else:
        abscissae, values = None if isinstance(x, str) else x, member
    values = torch.as_tensor(values).detach().double().cpu()
    if values.ndim not in (1, 2) or not len(values):
        raise ValueError(f"a curve must have shape (T,) or (T, K) with T ≥ 1, got {tuple(values.shape)}")
    if abscissae is None:
        abscissae = torch.arange(len(values))
    abscissae = torch.as_tensor(abscissae).detach().cpu()
    if len(abscissae) != len(values):
        raise ValueError(f"x must have as many numbers as the curve, got {len(abscissae)} for {len(values)}")
    return abscissae, torch.where(values.isfinite(), values, torch.nan)
