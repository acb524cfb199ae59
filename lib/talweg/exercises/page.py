"""What a reader wrote on the page for a code exercise, run and judged: in the browser's Python, as in a kernel."""

from __future__ import annotations

import contextlib
import io
import json
import math
import traceback
from collections.abc import Callable

import numpy
import torch

from talweg import i18n
from talweg.exercises import loader
from talweg.exercises.judge import judge
from talweg.exercises.kinds import Code
from talweg.i18n import gettext as _

__all__ = ["run"]

_FILE = "exercise"  # what the reader's code is called in tracebacks
_LONGEST = 4000  # characters that are kept of what it printed


def run(language: str, name: str, code: str) -> str:
    """Judge the function that `code` defines for the exercise `name`.

    Returns
    -------
    str
        JSON with `state` and `text`, as `judge` gives them, and what the code has `printed`.

    Raises
    ------
    ValueError
        The exercise is not of the kind 'code'.

    Examples
    --------
    >>> from talweg.exercises.page import run
    >>> run("es", "gd-code", "print(1)\\ndef step_with_momentum(*arguments): ...")
    '{"state": "untried", "text": "", "printed": "1\\\\n"}'
    """
    i18n.use(language)
    entry = loader.entry(name)
    if not isinstance(entry, Code):
        raise ValueError(f"only exercises of kind 'code' are run; {name!r} is of kind {entry.kind!r}")
    texts = loader.texts_of(entry.chapter, language)[name]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        function, problem = _function(code, entry.function)
        outcome = judge(entry, texts, function) if function else {"state": "wrong", "text": problem}
    return json.dumps({**outcome, "printed": printed.getvalue()[:_LONGEST]})


def _function(code: str, name: str) -> tuple[Callable | None, str]:
    """The function of that name which the code defines; else what is wrong."""
    names = {"torch": torch, "np": numpy, "math": math, "__name__": _FILE}
    try:
        exec(compile(code, _FILE, "exec"), names)
    except Exception as error:
        return None, _("Line {line}: {error}.").format(line=_line(error), error=f"{type(error).__name__}: {error}")
    if callable(names.get(name)):
        return names[name], ""
    return None, _("There is no function called {name}.").format(name=f"`{name}`")


def _line(error: Exception) -> int | None:
    """Where the reader's code went wrong."""
    if isinstance(error, SyntaxError):
        return error.lineno
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _FILE]
    return frames[-1] if frames else None
