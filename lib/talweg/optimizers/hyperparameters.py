"""How a rule declares its hyperparameters: a default and a range, beside the formula that uses them.

    lr: float = number(1e-4, low=0)                       a number in [0, ∞)
    betas: tuple[float, float] = pair(0.9, 0.99, low=0, below=1)    two of them in [0, 1)
    iterations: int = whole(5, low=1)
    nesterov: bool = flag(False)
    scale: str = choice("original", ("original", "rms"))

`low` and `high` belong to the range, `above` and `below` do not. A range cannot be forgotten: a lower end must be
given.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from talweg.arguments import one_of


class Hyperparameter:
    """What a class declares; `SGD.lr` is this declaration, `optimizer.lr` the value in the first group."""

    def __init__(self, default: Any, check: Callable[[str, Any], object]):
        self.default, self.check = default, check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type) -> Any:
        return self if optimizer is None else optimizer.param_groups[0][self.name]


# The functions below return Any, so that `lr: float = number(…)` is a float to type checkers and editors.


def number(
    default: float | None, *, low: float | None = None, above: float | None = None, high: float | None = None,
    below: float | None = None, optional: bool = False,
) -> Any:  # fmt: skip
    """A number in a range: `low` and `high` belong to it, `above` and `below` do not.

    Parameters
    ----------
    default : float or None
        The value if none is given.
    low, above : float
        The lower end; exactly one of both.
    high, below : float, optional
        The upper end; at most one of both.
    optional : bool
        Whether None is allowed too.

    Raises
    ------
    TypeError
        If there is no lower end, or there are two of one kind.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import Rule, number
    >>> class GradientDescent(Rule):
    ...     lr: float = number(0.1, low=0)
    ...
    ...     def update(self, theta, g, *, lr, **_):
    ...         theta.add_(g, alpha=-lr)
    >>> GradientDescent([torch.zeros(2, requires_grad=True)], lr=-1)
    Traceback (most recent call last):
        ...
    ValueError: GradientDescent: lr must lie in [0, inf); got -1.
    """
    check_range = _range(low, above, high, below)

    def check(argument: str, value: Any) -> None:
        if not (optional and value is None):
            check_range(argument, value, value)

    return Hyperparameter(default, check)


def pair(
    first: float, second: float, *, low: float | None = None, above: float | None = None, high: float | None = None,
    below: float | None = None,
) -> Any:  # fmt: skip
    """Two numbers in one range, whose ends are given as in `number`.

    Examples
    --------
    >>> from talweg.optimizers import pair
    >>> pair(0.9, 0.999, low=0, below=1).check("betas", (0.9, 1.0))
    Traceback (most recent call last):
        ...
    ValueError: betas must lie in [0, 1); got (0.9, 1.0).
    """
    check_range = _range(low, above, high, below)

    def check(argument: str, value: Any) -> None:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ValueError(f"{argument} must be 2 numbers; got {value!r}.")
        for one in value:
            check_range(argument, one, value)

    return Hyperparameter((first, second), check)


def whole(default: int, *, low: int) -> Any:
    """An integer of at least `low`.

    Examples
    --------
    >>> from talweg.optimizers import whole
    >>> whole(5, low=1).check("iterations", 0)
    Traceback (most recent call last):
        ...
    ValueError: iterations must be at least 1; got 0.
    """

    def check(argument: str, value: Any) -> None:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{argument} must be an integer of at least {low}; got {value!r}.")
        if operator.index(value) < low:
            raise ValueError(f"{argument} must be at least {low}; got {value!r}.")

    return Hyperparameter(default, check)


def flag(default: bool) -> Any:
    """True or False.

    Examples
    --------
    >>> from talweg.optimizers import flag
    >>> flag(False).check("nesterov", "yes")
    Traceback (most recent call last):
        ...
    ValueError: nesterov must be True or False; got 'yes'.
    """

    def check(argument: str, value: Any) -> None:
        if value not in (True, False):
            raise ValueError(f"{argument} must be True or False; got {value!r}.")

    return Hyperparameter(default, check)


def choice(default: str, allowed: Sequence[str]) -> Any:
    """One of some names.

    Examples
    --------
    >>> from talweg.optimizers import choice
    >>> choice("original", ("original", "rms")).check("scale", "RMS")
    Traceback (most recent call last):
        ...
    ValueError: scale must be one of 'original', 'rms'; got 'RMS'. Did you mean 'rms'?
    """
    return Hyperparameter(default, lambda argument, value: one_of(argument, value, allowed))


def _range(
    low: float | None, above: float | None, high: float | None, below: float | None
) -> Callable[[str, Any, Any], None]:
    if (low is None) == (above is None) or None not in (high, below):
        raise TypeError("a range needs one lower end, low=… or above=…, and at most one upper end, high=… or below=….")
    bottom = low if above is None else above
    top = high if high is not None else math.inf if below is None else below
    interval = f"{'(' if low is None else '['}{bottom:g}, {top:g}{')' if high is None else ']'}"

    def check(argument: str, value: Any, given: Any) -> None:
        try:
            value = float(value)  # also a tensor of one value, as torch allows for lr
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"{argument} must be a number; got {given!r}.") from None
        inside = (value >= bottom if above is None else value > bottom) and (
            value < top if high is None else value <= top
        )
        if not inside:  # also NaN
            raise ValueError(f"{argument} must lie in {interval}; got {given!r}.")

    return check
