"""Checks of the exercise data; each failure names the file and the key."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import Any

# The same whitelist as in rich.js; a test compares the two.
MATHML = set("math mrow mi mn mo mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover".split())
MATHML |= set("mtable mtr mtd mstyle".split())
_NEUTRAL = {
    "number": ({"answer", "oracle"}, {"relative", "absolute", "wrong"}),
    "choice": ({"answer", "options"}, set()),
    "ordering": ({"answer", "oracle"}, set()),
    "code": ({"function", "arguments", "cases", "oracle"}, {"relative", "absolute"}),
}


class ExerciseDataError(ValueError):
    """An exercise's data file is malformed; the message names the file and the key."""


def neutral(table: dict, where: str) -> None:
    """Check the neutral half of one exercise."""
    kind = table.get("kind")
    if kind not in _NEUTRAL:
        raise ExerciseDataError(f"{where}.kind: must be one of {', '.join(_NEUTRAL)}, got {kind!r}")
    needed, optional = _NEUTRAL[kind]
    _keys(table, needed | {"kind"}, optional, where)
    {"number": _number, "choice": _choice, "ordering": _ordering, "code": _code}[kind](table, where)
    if "oracle" in table and not re.fullmatch(r"[\w.]+:\w+", str(table["oracle"])):
        raise ExerciseDataError(f"{where}.oracle: must read 'module:function', got {table['oracle']!r}")


def edition(table: dict, kind: str, fields: dict, where: str) -> None:
    """Check what an edition says about an exercise of this kind."""
    needed = {"title", "prompt", "hints"} | ({"options"} if kind in ("choice", "ordering") else set())
    feedback = needed_feedback(kind, fields)
    needed |= {"feedback"} if feedback else set()
    _keys(table, needed, {"unit", "feedback"} - needed, where)
    hints = table["hints"]
    if not isinstance(hints, list) or len(hints) < 2:
        raise ExerciseDataError(f"{where}.hints: must be a list of at least 2 hints, got {hints!r}")
    if kind in ("choice", "ordering"):
        same_keys(table["options"], fields.get("options", fields["answer"]), f"{where}.options")
    given = table.get("feedback", {})
    same_keys({key: value for key, value in given.items() if key != "right"}, feedback, f"{where}.feedback")
    for key, text in _texts(table):
        _check_text(text, f"{where}.{key}")


def needed_feedback(kind: str, fields: dict) -> list[str]:
    """The feedback keys that every edition must fill for an exercise of this kind."""
    if kind == "choice":
        return [option for option in fields["options"] if option != fields["answer"]]
    items = fields.get("wrong", []) + [wrong for case in fields.get("cases", []) for wrong in case.get("wrong", [])]
    keys = [item["feedback"] for item in items] + [case["feedback"] for case in fields.get("cases", [])]
    return list(dict.fromkeys(keys))


def same_keys(found: Iterable[str], expected: Iterable[str], where: str) -> None:
    """Raise where `found` and `expected` differ, naming what is missing and what is too much."""
    found, expected = list(found), list(expected)
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    if missing or extra:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has the unknown {', '.join(extra)}"] * bool(extra)
        raise ExerciseDataError(f"{where}: {'; '.join(parts)}")


def _keys(table: dict, needed: set[str], optional: set[str], where: str) -> None:
    same_keys([key for key in table if key not in optional], sorted(needed), where)


def _number(table: dict, where: str) -> None:
    targets = {where: {**table, "value": table["answer"]}}
    targets |= {f"{where}.wrong[{i}]": wrong for i, wrong in enumerate(table.get("wrong", []))}
    for place, target in targets.items():
        if not _finite(target.get("value")):
            raise ExerciseDataError(f"{place}.value: must be a finite number, got {target.get('value')!r}")
        tolerance = target.get("relative", 0) or target.get("absolute", 0)
        if not _finite(tolerance) or tolerance <= 0:
            raise ExerciseDataError(f"{place}: needs a tolerance, relative or absolute, above 0")
        if target is not targets[where] and "feedback" not in target:
            raise ExerciseDataError(f"{place}.feedback: is missing")
    for i, wrong in enumerate(table.get("wrong", [])):
        slack = max(table.get("absolute", 0), table.get("relative", 0) * abs(table["answer"]))
        if abs(wrong["value"] - table["answer"]) <= slack:
            raise ExerciseDataError(f"{where}.wrong[{i}].value: {wrong['value']} counts as right")


def _choice(table: dict, where: str) -> None:
    options = table["options"]
    if not isinstance(options, list) or len(set(options)) != len(options) or len(options) < 3:
        raise ExerciseDataError(f"{where}.options: must be at least 3 different options, got {options!r}")
    if table["answer"] not in options:
        raise ExerciseDataError(f"{where}.answer: must be one of {', '.join(options)}, got {table['answer']!r}")


def _ordering(table: dict, where: str) -> None:
    answer = table["answer"]
    if not isinstance(answer, list) or len(set(answer)) != len(answer) or len(answer) < 3:
        raise ExerciseDataError(f"{where}.answer: must be a list of at least 3 different items, got {answer!r}")


def _code(table: dict, where: str) -> None:
    if not isinstance(table["cases"], list) or len(table["cases"]) < 2:
        raise ExerciseDataError(f"{where}.cases: must be a list of at least 2 cases")
    for i, case in enumerate(table["cases"]):
        place = f"{where}.cases[{i}]"
        same_keys([key for key in case if key != "wrong"], ["args", "expected", "feedback"], place)
        if len(case["args"]) != len(table["arguments"]):
            n = len(table["arguments"])
            raise ExerciseDataError(f"{place}.args: must have {n} entries, as arguments has, got {len(case['args'])}")
        for j, wrong in enumerate(case.get("wrong", [])):
            same_keys(wrong, ["value", "feedback"], f"{place}.wrong[{j}]")


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _texts(table: dict) -> list[tuple[str, Any]]:
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
