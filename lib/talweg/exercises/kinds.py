"""The four kinds of exercise: what the neutral half of each holds, when it is right, what the browser gets of it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from talweg.exercises.schema import ExerciseDataError, Texts, same_keys

__all__ = ["KINDS", "Choice", "Code", "Entry", "Number", "Ordering", "read"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An exercise as it is in every language; fields without a default must stand in the data file.

    Parameters
    ----------
    id
        Its id, unique in the book.
    chapter
        The chapter that it belongs to.

    Examples
    --------
    >>> from talweg.exercises.kinds import Entry
    >>> Entry(id="gd-by-hand", chapter="gradient-descent").feedback_keys()
    []
    """

    kind: ClassVar[str]
    options: ClassVar[Sequence[str]] = ()  # what each edition must put into words

    id: str
    chapter: str

    def check(self, where: str) -> None:
        """Raise ExerciseDataError, naming the key after `where`, if a value is not what the kind needs."""

    def feedback_keys(self) -> list[str]:
        """The feedback that every edition must give, apart from `right`."""
        return []

    def spec(self, texts: Texts) -> dict[str, Any]:
        """What the browser needs, in the reader's language."""
        common = {"title": texts.title, "prompt": texts.prompt, "hints": texts.hints, "feedback": texts.feedback}
        return {"kind": self.kind} | common


@dataclass(frozen=True, kw_only=True)
class Number(Entry):
    """A number, right within the larger of two tolerances.

    Parameters
    ----------
    answer
        The number.
    oracle
        "module:function", which computes the answer.
    relative, absolute
        The two tolerances; one at least is above 0.
    wrong
        Other values, each with a tolerance of its own, and the feedback for the slip that it shows.

    Examples
    --------
    >>> from talweg.exercises.kinds import Number
    >>> slip = {"value": 40.5, "relative": 1e-3, "feedback": "one-step"}
    >>> entry = Number(id="n", chapter="c", answer=32.8, oracle="m:f", relative=1e-3, wrong=[slip])
    >>> entry.check("exercises.toml: n")
    >>> entry.feedback_keys()
    ['one-step']
    """

    kind = "number"

    answer: float
    oracle: str
    relative: float = 0.0
    absolute: float = 0.0
    wrong: list[dict[str, Any]] = field(default_factory=list)

    def check(self, where: str) -> None:
        _check_target({"value": self.answer} | self._tolerance(), where)
        for i, slip in enumerate(self.wrong):
            place = f"{where}.wrong[{i}]"
            _check_target(slip, place)
            if "feedback" not in slip:
                raise ExerciseDataError(f"{place}.feedback: is missing")
            if abs(slip["value"] - self.answer) <= max(self.absolute, self.relative * abs(self.answer)):
                raise ExerciseDataError(f"{place}.value: {slip['value']} counts as right")

    def feedback_keys(self) -> list[str]:
        return _distinct(slip["feedback"] for slip in self.wrong)

    def spec(self, texts: Texts) -> dict[str, Any]:
        answer = {"value": self.answer} | self._tolerance()
        own = {"answer": answer, "wrong": self.wrong, "unit": texts.unit, "precision": self.precision()}
        return super().spec(texts) | own

    def precision(self) -> dict[str, int]:
        """How many significant `digits` or `decimals` an answer needs; no decimals where a whole number is counted.

        Examples
        --------
        >>> from talweg.exercises.kinds import Number
        >>> Number(id="n", chapter="c", answer=32.805, oracle="m:f", relative=1e-3).precision()
        {'digits': 3}
        >>> Number(id="n", chapter="c", answer=132, oracle="m:f", absolute=0.01).precision()
        {'decimals': 0}
        """
        if self.relative:
            return {"digits": max(2, round(-math.log10(self.relative)))}
        return {"decimals": 0 if self.answer == round(self.answer) else math.floor(-math.log10(self.absolute))}

    def _tolerance(self) -> dict[str, float]:
        return {name: value for name in ("relative", "absolute") if (value := getattr(self, name))}


class _Arranged(Entry):
    """A kind whose options the reader sees in an order of their own."""

    answer: str | list[str]

    def shuffled(self) -> list[str]:
        """The options as the reader first sees them: an order that depends on the id only and is not the answer."""
        options = sorted(self.options, key=lambda option: hashlib.sha256(f"{self.id}/{option}".encode()).digest())
        solved = self.answer in (options, options[0])
        return options[1:] + options[:1] if solved else options

    def spec(self, texts: Texts) -> dict[str, Any]:
        options = [[option, texts.options[option]] for option in self.shuffled()]
        return super().spec(texts) | {"answer": self.answer, "options": options}


@dataclass(frozen=True, kw_only=True)
class Choice(_Arranged):
    """One of several options; each wrong one has its own feedback.

    Parameters
    ----------
    answer
        The right option.
    options
        All options, three or more.

    Examples
    --------
    >>> from talweg.exercises.kinds import Choice
    >>> Choice(id="n", chapter="c", answer="a", options=["a", "b", "c"]).feedback_keys()
    ['b', 'c']
    """

    kind = "choice"

    answer: str
    options: list[str]

    def check(self, where: str) -> None:
        _check_distinct(self.options, f"{where}.options: must be at least 3 different options")
        if self.answer not in self.options:
            raise ExerciseDataError(f"{where}.answer: must be one of {', '.join(self.options)}, got {self.answer!r}")

    def feedback_keys(self) -> list[str]:
        return [option for option in self.options if option != self.answer]


@dataclass(frozen=True, kw_only=True)
class Ordering(_Arranged):
    """Several items to bring into the order of `answer`.

    Parameters
    ----------
    answer
        The items in the right order, three or more.
    oracle
        "module:function", which computes the order.

    Examples
    --------
    >>> from talweg.exercises.kinds import Ordering
    >>> sorted(Ordering(id="n", chapter="c", answer=["a", "b", "c"], oracle="m:f").shuffled())
    ['a', 'b', 'c']
    """

    kind = "ordering"

    answer: list[str]
    oracle: str

    @property
    def options(self) -> list[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The items, in the right order."""
        return self.answer

    def check(self, where: str) -> None:
        _check_distinct(self.answer, f"{where}.answer: must be a list of at least 3 different items")


@dataclass(frozen=True, kw_only=True)
class Code(Entry):
    """A function that the reader writes, judged in Python on hidden cases (see `judge`).

    Parameters
    ----------
    function
        The name of the function in the chapter.
    arguments
        The names of its arguments, for messages.
    cases
        Two or more, each with `args`, `expected`, `feedback`, and values that show a known slip (`wrong`).
    oracle
        "module:function", the reference solution.
    relative, absolute
        Tolerances of `torch.allclose`.

    Examples
    --------
    >>> from talweg.exercises.kinds import Code
    >>> cases = [{"args": [x], "expected": [2 * x], "feedback": "plain"} for x in (1.0, 3.0)]
    >>> entry = Code(id="n", chapter="c", function="double", arguments=["x"], cases=cases, oracle="m:f")
    >>> entry.feedback_keys()
    ['plain']
    """

    kind = "code"

    function: str
    arguments: list[str]
    cases: list[dict[str, Any]]
    oracle: str
    relative: float = 1e-6
    absolute: float = 1e-9

    def check(self, where: str) -> None:
        if not isinstance(self.cases, list) or len(self.cases) < 2:
            raise ExerciseDataError(f"{where}.cases: must be a list of at least 2 cases")
        for i, case in enumerate(self.cases):
            place, n = f"{where}.cases[{i}]", len(self.arguments)
            same_keys([key for key in case if key != "wrong"], ["args", "expected", "feedback"], place)
            if len(case["args"]) != n:
                raise ExerciseDataError(
                    f"{place}.args: must have {n} entries, as arguments has, got {len(case['args'])}"
                )
            for j, slip in enumerate(case.get("wrong", [])):
                same_keys(slip, ["value", "feedback"], f"{place}.wrong[{j}]")

    def spec(self, texts: Texts) -> dict[str, Any]:
        starter = f"def {self.function}({', '.join(self.arguments)}):\n    ...\n"
        return super().spec(texts) | {"starter": starter}

    def feedback_keys(self) -> list[str]:
        slips = [slip["feedback"] for case in self.cases for slip in case.get("wrong", [])]
        return _distinct(slips + [case["feedback"] for case in self.cases])


KINDS: dict[str, type[Entry]] = {kind.kind: kind for kind in (Number, Choice, Ordering, Code)}


def read(id: str, chapter: str, table: dict[str, Any], where: str) -> Entry:
    """One table of `exercises.toml`, checked.

    Raises
    ------
    ExerciseDataError
        A value is missing, unknown or not what the kind needs; the message names file and key after `where`.

    Examples
    --------
    >>> from talweg.exercises.kinds import read
    >>> table = {"kind": "choice", "answer": "a", "options": ["a", "b", "c"]}
    >>> read("gd-which", "gradient-descent", table, "exercises.toml: gd-which").answer
    'a'
    """
    given = dict(table)
    name = given.pop("kind", None)
    if name not in KINDS:
        raise ExerciseDataError(f"{where}.kind: must be one of {', '.join(KINDS)}, got {name!r}")
    own = [one for one in fields(KINDS[name]) if one.name not in ("id", "chapter")]
    needed = [one.name for one in own if one.default is MISSING and one.default_factory is MISSING]
    optional = {one.name for one in own} - set(needed)
    same_keys([key for key in given if key not in optional], sorted(needed), where)
    entry = KINDS[name](id=id, chapter=chapter, **given)
    entry.check(where)
    if "oracle" in given and not re.fullmatch(r"[\w.]+:\w+", str(given["oracle"])):
        raise ExerciseDataError(f"{where}.oracle: must read 'module:function', got {given['oracle']!r}")
    return entry


def _check_target(target: dict[str, Any], where: str) -> None:
    """A value and its tolerance."""
    if not _finite(target.get("value")):
        raise ExerciseDataError(f"{where}.value: must be a finite number, got {target.get('value')!r}")
    tolerance = target.get("relative", 0) or target.get("absolute", 0)
    if not _finite(tolerance) or tolerance <= 0:
        raise ExerciseDataError(f"{where}: needs a tolerance, relative or absolute, above 0")


def _check_distinct(given: Any, must: str) -> None:
    if not isinstance(given, list) or len(set(given)) != len(given) or len(given) < 3:
        raise ExerciseDataError(f"{must}, got {given!r}")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _distinct(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
