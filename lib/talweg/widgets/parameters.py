"""What a reader may set in a figure: each parameter is declared once, with its default and what is allowed.

A value that is not allowed is a ValueError that names the parameter, what was given and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import traitlets

from talweg.arguments import one_of

__all__ = ["Choice", "Number", "Numbers", "Parameter", "Switch"]


class Parameter(traitlets.TraitType):
    """A trait that is an argument of the figure and, in the page, a value that its controls change.

    A kind of parameter says in `validate` which values it allows, and refuses others with a ValueError that names it.

    Parameters
    ----------
    default
        The value of a figure that is made without this argument.
    **kwargs
        Passed to `traitlets.TraitType`.

    Examples
    --------
    >>> from talweg.widgets import Switch
    >>> from talweg.widgets.parameters import Parameter
    >>> Switch(True).metadata["sync"], issubclass(Switch, Parameter)
    (True, True)
    """

    annotation: Any = Any  # of the argument

    def __init__(self, default: Any, **kwargs: Any):
        super().__init__(default, **kwargs)
        self.tag(sync=True)


class Number(Parameter):
    """A finite number in [low, high].

    Parameters
    ----------
    default
        The default; None means that the number may be left out.
    low, high
        The smallest and the largest value that is allowed.
    whole
        Whether the number must be whole.
    marks
        Values that the text speaks of, at which a slider stops beside its round ones.

    Examples
    --------
    >>> from talweg.widgets import Number
    >>> Number(8, 1, 1000, whole=True).range()
    {'low': 1, 'high': 1000, 'whole': True}
    >>> Number(1.0, 0.2, 5, marks=[2**0.5]).range()
    {'low': 0.2, 'high': 5, 'marks': [1.4142135623730951]}
    """

    def __init__(
        self, default: float | None, low: float, high: float, *, whole: bool = False, marks: Sequence[float] = ()
    ):
        super().__init__(default, allow_none=default is None)
        self.low, self.high, self.whole, self.marks = low, high, whole, tuple(marks)
        kind = int if whole else float
        self.annotation = kind | None if default is None else kind

    def range(self) -> dict[str, Any]:
        """What a slider needs."""
        told = {"low": self.low, "high": self.high} | ({"whole": True} if self.whole else {})
        return told | ({"marks": list(self.marks)} if self.marks else {})

    def validate(self, obj: Any, value: Any) -> float:
        if not _finite(value) or not self.low <= value <= self.high or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise ValueError(f"{self.name} must be {kind} between {self.low:g} and {self.high:g}, got {value!r}")
        return int(value) if self.whole else float(value)


class Numbers(Parameter):
    """From `least` to `most` finite numbers, each in [low, high].

    Parameters
    ----------
    default
        The numbers of a figure that is made without this argument.
    low, high
        The smallest and the largest value that each may have.
    least, most
        How many numbers there may be.

    Examples
    --------
    >>> from talweg.widgets import Numbers
    >>> Numbers((10.0, 1.0), -11.5, 11.5, least=2, most=2).range()
    {'low': -11.5, 'high': 11.5}
    """

    annotation = Sequence[float]

    def __init__(self, default: Sequence[float], low: float, high: float, *, least: int, most: int):
        super().__init__(list(default))
        self.low, self.high, self.least, self.most = low, high, least, most

    def range(self) -> dict[str, Any]:
        """Where each number may lie."""
        return {"low": self.low, "high": self.high}

    def validate(self, obj: Any, value: Any) -> list[float]:
        good = isinstance(value, Sequence) and all(_finite(v) and self.low <= v <= self.high for v in value)
        if not good or not self.least <= len(value) <= self.most:
            count = "two" if self.least == self.most == 2 else f"{self.least} to {self.most}"
            raise ValueError(
                f"{self.name} must be {count} numbers between {self.low:g} and {self.high:g}, got {value!r}"
            )
        return [float(v) for v in value]


class Switch(Parameter):
    """True or False.

    Examples
    --------
    >>> from talweg.widgets import Switch
    >>> Switch(False).default_value
    False
    """

    annotation = bool

    def validate(self, obj: Any, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{self.name} must be True or False, got {value!r}")
        return value


class Choice(Parameter):
    """One of several names.

    Parameters
    ----------
    default
        The name of a figure that is made without this argument.
    allowed
        All names.

    Examples
    --------
    >>> from talweg.widgets import Choice
    >>> Choice("relu", ("relu", "tanh")).allowed
    ('relu', 'tanh')
    """

    annotation = str

    def __init__(self, default: str, allowed: Iterable[str]):
        super().__init__(default)
        self.allowed = tuple(allowed)

    def validate(self, obj: Any, value: Any) -> str:
        return one_of(str(self.name), value, self.allowed)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
