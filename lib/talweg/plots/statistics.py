"""Means with their intervals, and spectra."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from talweg.i18n import gettext, number
from talweg.labels import SHARES, label
from talweg.plots.colors import COLORS, colors_of
from talweg.plots.names import name_ends
from talweg.plots.style import FRAME, INK, PAPER, check_log, drawing, percent, scale
from talweg.uncertainty import t_interval

__all__ = ["differences", "intervals", "spectrum"]

MARKERS = "osD^vPX"
LONG_NAME = 24  # characters


def intervals(
    x: Tensor | Sequence[float],
    samples: Any,
    theory: Callable[[Tensor], Tensor] | Tensor | None = None,
    log: str | None = None,
    *,
    xlabel: str = "step",
    ylabel: str = "loss",
) -> None:
    """Draw mean ± 95 % t-interval of the samples at each x, and the theory's curve if there is one.

    Parameters
    ----------
    x : (m,)
    samples : (m, n) or dict
        With n ≥ 2 repetitions, or a dict of at most seven names → (m, n).
    theory : function or (m,), optional
        A function of x, or its values.
    log : {"x", "y", "xy"}, optional
        The logarithmic axes.
    xlabel, ylabel : str
        Keys or words.

    Raises
    ------
    ValueError
        For shapes that do not fit, and for samples that are not finite (a mean without them would mislead).

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg import plots
    >>> plots.intervals([1.0, 2.0], [[0.9, 1.1], [3.8, 4.2]], theory=lambda x: x**2)
    >>> sorted(text.get_text() for text in pyplot.gca().texts)
    ['Measured', 'Theory']
    >>> pyplot.close()
    """
    check_log(log)
    x = torch.as_tensor(x).detach().double().cpu()
    groups = samples if isinstance(samples, Mapping) else {"measured": samples}
    summaries = {key: _summary(x, values) for key, values in groups.items()}
    with drawing() as (_, axes):
        ends = []
        for color, marker, (key, (mean, half)) in zip(colors_of(groups), MARKERS, summaries.items(), strict=False):
            drawn = axes.errorbar(x, mean, half, fmt=marker, color=color, markersize=4.5, capsize=3)
            ends.append((label(key), drawn.lines[0]))
        scale(axes, log)
        if len(x) <= 10:
            axes.set_xticks(x.tolist(), [number(value) for value in x.tolist()])
            axes.set_xticks([], minor=True)
        if theory is not None:
            ends += [(label("theory"), axes.plot(*_theory(x, theory, log), color=INK, linewidth=1.2, zorder=1)[0])]
        axes.set_xlabel(label(xlabel))
        axes.set_ylabel(label(ylabel))
        if ylabel in SHARES:
            percent(axes.yaxis)
        if theory is not None or isinstance(samples, Mapping):
            name_ends(axes, ends)


def _summary(x: Tensor, samples: Any) -> tuple[Tensor, Tensor]:
    samples = torch.as_tensor(samples)
    if x.ndim != 1 or samples.ndim != 2 or len(samples) != len(x):
        raise ValueError(f"x must be (m,) and samples (m, n), got {tuple(x.shape)} and {tuple(samples.shape)}")
    if not samples.isfinite().all():
        raise ValueError(f"samples must be finite, got {int((~samples.isfinite()).sum())} NaN or infinite values")
    return t_interval(samples)


def _theory(x: Tensor, theory: Callable[[Tensor], Tensor] | Tensor, log: str | None) -> tuple[Tensor, Tensor]:
    """The theory's curve: smooth if it is a function, through the points if it is given at these."""
    if not callable(theory):
        return x, torch.as_tensor(theory).detach().cpu()
    if log and "x" in log:
        smooth = torch.logspace(float(x.min().log10()), float(x.max().log10()), 200, dtype=x.dtype)
    else:
        smooth = torch.linspace(float(x.min()), float(x.max()), 200, dtype=x.dtype)
    return smooth, torch.as_tensor(theory(smooth))


def differences(
    found: Mapping[str, Mapping[str, float]], *, xlabel: str = "difference", limit: float | None = None
) -> None:
    """Draw the interval of each difference as a line beside zero: open where it holds zero, filled where not.

    Differences of errors are drawn in percentage points, and it is said on which side which of the two is better.

    Parameters
    ----------
    found : dict
        Name, "A − B", → "mean", "low", "high", from top to bottom.
    xlabel : str
        Key or words.
    limit : float, optional
        The axis goes from −limit to limit; figures that are compared need one scale.

    Raises
    ------
    ValueError
        For nothing to draw, or an interval that does not hold its mean.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg import plots
    >>> plots.differences({"Adam - SGD": {"mean": 0.2, "low": 0.1, "high": 0.3}})
    >>> [tick.get_text() for tick in pyplot.gca().get_yticklabels()]
    ['Adam - SGD']
    >>> pyplot.close()
    """
    rows = {name: [row[key] for key in ("low", "mean", "high")] for name, row in found.items()}
    for name, row in rows.items():
        if None in row or not row[0] <= row[1] <= row[2]:
            raise ValueError(f"found must hold low ≤ mean ≤ high, got {row} for {name!r}")
    if not rows:
        raise ValueError("found must hold at least one interval, got none")
    unit = 100 if xlabel in SHARES else 1
    names = [_in_two_lines(label(name)) for name in rows]
    with drawing(height=1.1 + (0.34 if any("\n" in name for name in names) else 0.22) * len(rows)) as (_, axes):
        for at, row in enumerate(rows.values()):
            _draw_interval(axes, at, [unit * value for value in row])
        axes.axvline(0, color=FRAME, linewidth=0.8, zorder=0)
        axes.grid(False, axis="y")
        axes.set_yticks(range(len(rows)), names)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        if limit is not None:
            axes.set_xlim(-unit * limit, unit * limit)
        axes.set_xlabel(label(xlabel))
        if xlabel in SHARES:
            axes.set_xlabel(gettext("{name} (percentage points)").format(name=label(xlabel)))
            _name_sides(axes)


def _in_two_lines(name: str) -> str:
    """A name that would take half of a phone's width, broken at its minus."""
    return name.replace(" − ", " −\n") if len(name) > LONG_NAME else name


def _draw_interval(axes: Axes, at: int, row: list[float]) -> None:
    low, mean, high = row
    clear = low > 0 or high < 0
    color = COLORS[1] if clear else COLORS[0]
    axes.errorbar(
        [mean], [at], xerr=[[mean - low], [high - mean]], fmt="o", color=color, capsize=3,
        markerfacecolor=color if clear else PAPER,
    )  # fmt: skip


def _name_sides(axes: Axes) -> None:
    """Which of two methods A − B has the smaller error on which side of zero."""
    at: dict[str, Any] = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "fontsize": "small"}
    axes.annotate(gettext("← A better"), (0, 1), (-8, 4), ha="right", va="bottom", color=INK, **at)
    axes.annotate(gettext("B better →"), (0, 1), (8, 4), ha="left", va="bottom", color=INK, **at)
    at |= {"xycoords": axes.transAxes}
    axes.annotate("A − B", (0, 1), (-6, 4), ha="right", va="bottom", color=FRAME, **at)


def spectrum(values: Any, log: str | None = None, *, ylabel: str = "eigenvalue") -> None:
    """Draw eigenvalues (or singular values) in falling order against their index 1, 2, …

    Parameters
    ----------
    values : (P,) or dict
        A vector, or a dict of at most seven names → vector.
    log : {"x", "y", "xy"}, optional
        The logarithmic axes; a logarithmic y axis leaves out values that are not positive.
    ylabel : str
        Key or words.

    Raises
    ------
    ValueError
        For values that are not a vector of finite numbers.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from talweg import plots
    >>> plots.spectrum([1.0, 3.0, 2.0])
    >>> pyplot.gca().lines[0].get_ydata().tolist()
    [3.0, 2.0, 1.0]
    >>> pyplot.close()
    """
    check_log(log)
    groups = values if isinstance(values, Mapping) else {None: values}
    with drawing() as (_, axes):
        ends = []
        for color, marker, (key, group) in zip(colors_of(groups), MARKERS, groups.items(), strict=False):
            group = torch.as_tensor(group).detach().double().cpu()
            if group.ndim != 1 or not len(group) or not group.isfinite().all():
                raise ValueError(f"values must be a vector of finite numbers, got shape {tuple(group.shape)}")
            falling = group.sort(descending=True).values
            ends += [
                (
                    label(key),
                    axes.plot(torch.arange(1, len(falling) + 1), falling, marker, markersize=4, color=color)[0],
                )
            ]
        scale(axes, log)
        if not log or "y" not in log:
            axes.axhline(0, color=FRAME, linewidth=0.8, zorder=0)
        if not log or "x" not in log:
            axes.xaxis.get_major_locator().set_params(integer=True)  # pyright: ignore[reportCallIssue]  # a MaxNLocator
        axes.set_xlabel(label("index"))
        axes.set_ylabel(label(ylabel))
        if None not in groups:
            name_ends(axes, ends)
