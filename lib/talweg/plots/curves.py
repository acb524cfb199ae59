"""Histories of training, one curve for each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from talweg.labels import label
from talweg.plots.style import COLORS, check_log, drawing, scale
from talweg.uncertainty import t_interval

__all__ = ["curves"]

LINESTYLES = ("-", "--", "-.", ":")
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
) -> None:
    """Draw histories against the step, the epoch, or `x`.

    Parameters
    ----------
    series : run, list of runs, tensor or dict
        A run, a list of runs (one colour), a tensor (T,) or (T, K) (K thin curves of one colour), or a dict legend
        label → any of these, or → a pair (abscissae, values).
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
    with drawing() as (_, axes):
        for i, (key, group) in enumerate(groups.items()):
            (_draw_band if band else _draw_group)(axes, i, key, _members(group), y, x)
        scale(axes, log)
        abscissa = x if isinstance(x, str) else "epoch" if y.startswith(PER_EPOCH) else "step"
        axes.set_xlabel(label(xlabel or abscissa))
        axes.set_ylabel(label(ylabel or y))
        if None not in groups:
            axes.legend()


def _draw_group(axes: Axes, i: int, key: Any, members: list, y: str, x: Any) -> None:
    color = COLORS[i % len(COLORS)]
    style = LINESTYLES[(i // len(COLORS)) % len(LINESTYLES)]
    name = None if key is None else label(key)
    for member in members:
        abscissae, values = _points(member, y, x)
        several = values.ndim == 2 and values.shape[1] > 1 or len(members) > 1
        thin: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.6} if several else {}
        lines = axes.plot(abscissae, values, color=color, linestyle=style, **thin)
        lines[0].set_label(name or "_nolegend_")
        name = None  # one entry in the legend for the whole group


def _draw_band(axes: Axes, i: int, key: Any, members: list, y: str, x: Any) -> None:
    """The mean of a group and the interval for it, step by step."""
    points = [_points(member, y, x) for member in members]
    abscissae = points[0][0]
    if any(len(other) != len(abscissae) or (other != abscissae).any() for other, _ in points):
        raise ValueError("band needs curves over the same abscissae")
    mean, half = t_interval(torch.cat([values.reshape(len(values), -1) for _, values in points], 1))
    color = COLORS[i % len(COLORS)]
    style = LINESTYLES[(i // len(COLORS)) % len(LINESTYLES)]
    name = "_nolegend_" if key is None else label(key)
    axes.plot(abscissae, mean, color=color, linestyle=style, label=name)
    axes.fill_between(abscissae, mean - half, mean + half, color=color, alpha=0.3, linewidth=0)


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
