"""Checks of the exercises' data that hold for every kind, and what an edition says; failures name file and key."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

# The same whitelist as in rich.js; a test compares the two.
MATHML = set("math mrow mi mn mo mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover".split())
MATHML |= set("mtable mtr mtd mstyle".split())


class ExerciseDataError(ValueError):
    """An exercise's data file is malformed; the message names the file and the key.

    Examples
    --------
    >>> from talweg.exercises.schema import same_keys
    >>> same_keys(["title", "hint"], ["title", "hints"], "exercises.es.toml: gd-by-hand")
    Traceback (most recent call last):
    ...
    talweg.exercises.schema.ExerciseDataError: exercises.es.toml: gd-by-hand: lacks hints; has the unknown hint
    """


@dataclass(frozen=True)
class Texts:
    """What one edition says about an exercise.

    Parameters
    ----------
    title
        Its name in the list of progress.
    prompt
        Label of the input.
    hints
        Two or more, from a nudge to the last step before the answer.
    unit
        What follows the input of a number.
    options
        Option → text, of a choice or an ordering.
    feedback
        Key → text; `right` is what a solved exercise says.

    Examples
    --------
    >>> from talweg.exercises.schema import Texts
    >>> Texts("By hand", "The loss is", ["Begin with the gradient.", "It is 2."]).feedback
    {}
    """

    title: str
    prompt: str
    hints: list[str]
    unit: str = ""
    options: dict[str, str] = field(default_factory=dict)
    feedback: dict[str, str] = field(default_factory=dict)


def read_texts(table: dict[str, Any], options: Sequence[str], feedback: Sequence[str], where: str) -> Texts:
    """What an edition says about an exercise, which must have words for these options and feedback for these keys."""
    needed = {"title", "prompt", "hints"} | ({"options"} if options else set()) | ({"feedback"} if feedback else set())
    optional = {"unit", "feedback"} - needed
    same_keys([key for key in table if key not in optional], sorted(needed), where)
    hints = table["hints"]
    if not isinstance(hints, list) or len(hints) < 2:
        raise ExerciseDataError(f"{where}.hints: must be a list of at least 2 hints, got {hints!r}")
    same_keys(table.get("options", {}), options, f"{where}.options")
    same_keys([key for key in table.get("feedback", {}) if key != "right"], feedback, f"{where}.feedback")
    for key, text in _flat(table):
        _check_text(text, f"{where}.{key}")
    return Texts(**table)


def same_keys(found: Iterable[str], expected: Iterable[str], where: str) -> None:
    """Raise where `found` and `expected` differ, naming what is missing and what is too much."""
    found, expected = list(found), list(expected)
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    if missing or extra:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has the unknown {', '.join(extra)}"] * bool(extra)
        raise ExerciseDataError(f"{where}: {'; '.join(parts)}")


def _flat(table: dict) -> list[tuple[str, Any]]:
    """Every text of an edition's table, with the key under which it stands."""
    flat = [(key, table[key]) for key in ("title", "prompt", "unit") if key in table]
    flat += [(f"hints[{i}]", text) for i, text in enumerate(table["hints"])]
    return flat + [
        (f"{part}.{key}", text) for part in ("options", "feedback") for key, text in table.get(part, {}).items()
    ]


def _check_text(text: Any, where: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ExerciseDataError(f"{where}: must be a text, got {text!r}")
    for formula in re.findall(r"<math[\s>].*?</math>", text, re.S):
        try:
            tags = {element.tag for element in ElementTree.fromstring(formula).iter()}
        except ElementTree.ParseError as error:
            raise ExerciseDataError(f"{where}: MathML that cannot be parsed: {error}") from error
        if tags - MATHML:
            raise ExerciseDataError(
                f"{where}: MathML elements that are not allowed: {', '.join(sorted(tags - MATHML))}"
            )
    rest = re.sub(r"<math[\s>].*?</math>", "", text, flags=re.S)
    if re.search(r"</?[a-zA-Z]", rest) or "$" in rest:
        raise ExerciseDataError(f"{where}: must be plain text with <math> only; HTML and $…$ would be shown raw")
