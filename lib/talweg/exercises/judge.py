"""Run a reader's function on hidden cases and say, in the reader's language, what the first failing one shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from talweg.exercises.kinds import Code
from talweg.exercises.schema import Texts
from talweg.i18n import gettext as _
from talweg.i18n import number

__all__ = ["judge", "tensors"]


def judge(entry: Code, texts: Texts, solution: Callable) -> dict[str, str]:
    """Run the reader's function on the hidden cases, up to the first that fails.

    Parameters
    ----------
    entry
        The exercise.
    texts
        What the edition says about it.
    solution
        The reader's function. One that returns None or `...` on the first case has not been written yet.

    Returns
    -------
    dict
        `state`, which is "untried", "wrong" or "right", and `text`, the feedback in the language in use.

    Examples
    --------
    >>> from talweg.exercises.judge import judge
    >>> from talweg.exercises import loader
    >>> entry, texts = loader.entry("gd-code"), loader.texts("es")["gd-code"]
    >>> judge(entry, texts, lambda *arguments: ...)
    {'state': 'untried', 'text': ''}
    """
    cases = entry.cases
    for i, case in enumerate(cases):
        try:
            got = solution(*tensors(case["args"]))
        except Exception as error:
            message = _("Your function raised {error}.").format(error=f"{type(error).__name__}: {error}")
            return _wrong(message, i, len(cases))
        if got is None or got is Ellipsis:
            if i == 0:
                return {"state": "untried", "text": ""}
            return _wrong(_("Your function returned nothing."), i, len(cases))
        problem = _compare(entry, texts, case, got)
        if problem:
            return _wrong(problem, i, len(cases))
    passed = _("All {n} hidden cases agree.").format(n=len(cases))
    return {"state": "right", "text": " ".join(filter(None, [passed, texts.feedback.get("right", "")]))}


def tensors(values: list) -> list:
    """JSON values as arguments: lists become fresh float64 tensors, numbers stay numbers.

    Examples
    --------
    >>> from talweg.exercises.judge import tensors
    >>> tensors([[1.0, 2.0], 0.1])
    [tensor([1., 2.], dtype=torch.float64), 0.1]
    """
    return [torch.tensor(value, dtype=torch.float64) if isinstance(value, list) else value for value in values]


def _compare(entry: Code, texts: Texts, case: dict, got: Any) -> str:
    expected = tensors(case["expected"])
    if len(expected) == 1 and not isinstance(got, tuple):
        got = (got,)  # a single value need not be wrapped
    if not isinstance(got, (tuple, list)) or len(got) != len(expected):
        return _("It should return {n} values, separated by a comma.").format(n=len(expected))
    try:
        got = [torch.as_tensor(value, dtype=torch.float64).detach() for value in got]
    except (TypeError, ValueError, RuntimeError):
        return _("It should return tensors or numbers.")
    for wanted, given in zip(expected, got, strict=True):
        if given.shape != torch.as_tensor(wanted).shape:
            shapes = {"got": tuple(given.shape), "expected": tuple(wanted.shape)}
            return _("A returned value has shape {got} instead of {expected}.").format(**shapes)
    if _agree(entry, got, expected):
        return ""
    for slip in case.get("wrong", []):
        if _agree(entry, got, tensors(slip["value"])):
            return texts.feedback[slip["feedback"]]
    call = ", ".join(
        f"{name} = {_written(value)}" for name, value in zip(entry.arguments, tensors(case["args"]), strict=True)
    )
    shown = _("With {call} it returns {got}; expected: {expected}.").format(
        call=call, got=", ".join(map(_written, got)), expected=", ".join(map(_written, expected))
    )
    return f"{texts.feedback[case['feedback']]} {shown}"


def _agree(entry: Code, got: list, expected: list) -> bool:
    pairs = [(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(got, expected, strict=True)]
    return all(torch.allclose(a, b, rtol=entry.relative, atol=entry.absolute) for a, b in pairs)


def _wrong(message: str, i: int, n: int) -> dict[str, str]:
    return {"state": "wrong", "text": _("Case {i} of {n}:").format(i=i + 1, n=n) + " " + message}


def _written(value: Any) -> str:
    if isinstance(value, torch.Tensor) and value.dim():
        return "(" + "; ".join(number(x, 4) for x in value.flatten().tolist()) + ")"
    return number(value, 4)
