"""Learning-rate schedules: functions of t = 1, 2, … (the number of the update) that return the factor of lr.

`training.train(…, schedule=cosine(1000))` takes one as it is, `scheduler(optimizer, cosine(1000))` makes it a torch
scheduler. They are pure: the same t gives the same factor, whatever was asked before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from talweg.arguments import one_of, positive_int

__all__ = [
    "constant",
    "cosine",
    "inverse_sqrt",
    "linear_warmup",
    "one_cycle",
    "scheduler",
    "step",
    "warmup_stable_decay",
]

Schedule = Callable[[int], float]


def constant() -> Schedule:
    """The factor 1 at every update.

    Examples
    --------
    >>> from talweg import schedules
    >>> [schedules.constant()(t) for t in (1, 100)]
    [1.0, 1.0]
    """
    return lambda t: 1.0


def step(every: int, factor: float = 0.1) -> Schedule:
    """factor^⌊(t - 1) / every⌋: lr is multiplied by `factor` after each `every` updates.

    Parameters
    ----------
    every : int
        Updates from one drop to the next.
    factor : float
        In [0, 1].

    Returns
    -------
    callable
        t = 1, 2, … → factor of lr.

    Examples
    --------
    >>> from talweg import schedules
    >>> [schedules.step(2, factor=0.5)(t) for t in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    positive_int("every", every)
    _fraction("factor", factor)
    return lambda t: factor ** ((t - 1) // every)


def cosine(steps: int, floor: float = 0.0) -> Schedule:
    """Half a cosine from 1 at t = 1 towards `floor` (Loshchilov & Hutter 2017, arXiv:1608.03983, one period).

    floor + (1 - floor) (1 + cos(π (t - 1) / steps)) / 2, and `floor` after `steps` updates.

    Parameters
    ----------
    steps : int
        Updates of the whole training.
    floor : float
        In [0, 1].

    Returns
    -------
    callable
        t = 1, 2, … → factor of lr.

    References
    ----------
    Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, arXiv:1608.03983.

    Examples
    --------
    >>> from talweg import schedules
    >>> [round(schedules.cosine(4)(t), 3) for t in (1, 2, 3, 4, 5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    positive_int("steps", steps)
    _fraction("floor", floor)
    return lambda t: _cosine(1.0, floor, (t - 1) / steps)


def linear_warmup(steps: int, then: Schedule | None = None) -> Schedule:
    """t / steps for t ≤ steps; after that the schedule `then`, whose own t starts at 1.

    Parameters
    ----------
    steps : int
        Updates of the warmup.
    then : callable, optional
        A schedule; default: `constant()`.

    Returns
    -------
    callable
        t = 1, 2, … → factor of lr.

    Examples
    --------
    >>> from talweg import schedules
    >>> schedule = schedules.linear_warmup(4, then=schedules.step(1, factor=0.5))
    >>> [schedule(t) for t in (1, 2, 3, 4, 5, 6, 7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]
    """
    positive_int("steps", steps)
    then = then or constant()
    return lambda t: t / steps if t <= steps else then(t - steps)


def one_cycle(steps: int, rise: float = 0.3, first: float = 1 / 25, last: float = 1 / 250_000) -> Schedule:
    """Up from `first` to 1, then down to `last`, both on half a cosine (Smith & Topin 2018, arXiv:1708.07120).

    The defaults are those of torch's OneCycleLR, whose max_lr is this optimizer's lr. Momentum is left alone. After
    `steps` updates the factor stays at `last`.

    Parameters
    ----------
    steps : int
        Updates of the whole training, at least 2.
    rise : float
        The share of them that goes up.
    first, last : float
        The factors of the first and of the last update.

    Returns
    -------
    callable
        t = 1, 2, … → factor of lr.

    References
    ----------
    Smith & Topin, "Super-convergence", 2018, arXiv:1708.07120.

    Examples
    --------
    >>> from talweg import schedules
    >>> schedule = schedules.one_cycle(10, rise=0.3)
    >>> [round(schedule(t), 2) for t in (1, 2, 3, 5, 7, 10)]
    [0.04, 0.52, 1.0, 0.81, 0.39, 0.0]
    """
    if positive_int("steps", steps) < 2:
        raise ValueError(f"steps must be at least 2; got {steps}.")
    for name, value in (("rise", rise), ("first", first), ("last", last)):
        _fraction(name, value)
    peak = rise * steps - 1  # counted from 0, as torch does

    def factor(t: int) -> float:
        n = t - 1
        if n <= peak:
            return _cosine(first, 1.0, n / peak if peak else 1.0)
        return _cosine(1.0, last, (n - peak) / (steps - 1 - peak))

    return factor


def inverse_sqrt(warmup: int) -> Schedule:
    """min(t / warmup, √(warmup / t)): linear to 1, then as 1 / √t (Vaswani et al. 2017, arXiv:1706.03762).

    Parameters
    ----------
    warmup : int
        Updates until the factor is 1.

    Returns
    -------
    callable
        t = 1, 2, … → factor of lr.

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762.

    Examples
    --------
    >>> from talweg import schedules
    >>> [schedules.inverse_sqrt(4)(t) for t in (1, 2, 4, 16, 64)]
    [0.25, 0.5, 1.0, 0.5, 0.25]
    """
    positive_int("warmup", warmup)
    return lambda t: min(t / warmup, math.sqrt(warmup / t))


def warmup_stable_decay(
    steps: int, warmup: int, decay: int, shape: str = "linear", floor: float = 0.0
) -> Schedule:  # fmt: skip
    """Linear warmup, a plateau at 1, then `decay` updates down to `floor` (Hu et al. 2024, arXiv:2404.06395).

    The last of the `steps` updates has the factor `floor`.

    Parameters
    ----------
    steps, warmup, decay : int
        Updates of the whole training, of the warmup and of the decay.
    shape : str
        Of the decay, with s from 0 to 1: "linear", 1 - s; "sqrt", 1 - √s; "cosine".
    floor : float
        In [0, 1].

    Returns
    -------
    callable
        t = 1, 2, … → factor of lr.

    Raises
    ------
    ValueError
        If warmup + decay > steps.

    References
    ----------
    Hu et al., "MiniCPM", 2024, arXiv:2404.06395. Hägele et al., "Scaling laws and compute-optimal training beyond fixed
    training durations", NeurIPS 2024, arXiv:2405.18392 (the shape "sqrt").

    Examples
    --------
    >>> from talweg import schedules
    >>> schedule = schedules.warmup_stable_decay(10, warmup=2, decay=4)
    >>> [schedule(t) for t in range(1, 11)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    positive_int("steps", steps)
    one_of("shape", shape, SHAPES)
    _fraction("floor", floor)
    if warmup < 0 or decay < 0 or warmup + decay > steps:
        raise ValueError(f"warmup and decay must not be negative nor exceed steps = {steps}; got {warmup}, {decay}.")

    def factor(t: int) -> float:
        if t <= warmup:
            return t / warmup
        if t <= steps - decay:
            return 1.0
        s = min(1.0, (t - (steps - decay)) / decay) if decay else 1.0
        return floor + (1 - floor) * SHAPES[shape](s)

    return factor


def scheduler(optimizer: torch.optim.Optimizer, schedule: Schedule) -> torch.optim.lr_scheduler.LambdaLR:
    """A torch scheduler: call its `step()` after each `optimizer.step()`; update t then has lr · schedule(t).

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its lr is what the factors multiply.
    schedule : callable
        t = 1, 2, … → factor.

    Returns
    -------
    torch.optim.lr_scheduler.LambdaLR

    Examples
    --------
    >>> import torch
    >>> from talweg import schedules
    >>> from talweg.optimizers import SGD
    >>> optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    >>> scheduler = schedules.scheduler(optimizer, schedules.step(1, factor=0.5))
    >>> optimizer.step()
    >>> scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.05
    """
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda updates: schedule(updates + 1))


@contextmanager
def scheduled(optimizer: Any, schedule: Schedule | None) -> Iterator[Callable[[int], None]]:
    """Gives a function that sets every group's lr to lr · schedule(t); at the end, also by an error, lr is as before.

    optimizer: anything with `param_groups`. None: nothing is changed.
    """
    rates = [group.get("lr") for group in optimizer.param_groups]

    def set_rates(t: int) -> None:
        if schedule is not None:
            factor = schedule(t)
            for group, lr in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = lr * factor

    try:
        yield set_rates
    finally:
        if schedule is not None:
            for group, lr in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = lr


SHAPES: dict[str, Callable[[float], float]] = {
    "linear": lambda s: 1 - s,
    "sqrt": lambda s: 1 - math.sqrt(s),
    "cosine": lambda s: (1 + math.cos(math.pi * s)) / 2,
}


def _cosine(start: float, end: float, s: float) -> float:
    """From `start` to `end` on half a cosine as s goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, max(0.0, s)))) / 2


def _fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1]; got {value!r}.")
