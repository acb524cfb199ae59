"""The two widgets: one exercise, and the list of what has been done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import traitlets

from talweg.exercises import loader, storage
from talweg.exercises.judge import judge
from talweg.exercises.kinds import Code, Entry
from talweg.exercises.schema import Texts
from talweg.i18n import EDITIONS, language, localize
from talweg.i18n import gettext as _
from talweg.widgets import Widget, batch, script, style

__all__ = ["Exercise", "Progress", "exercise", "progress"]

_HERE = Path(__file__).parent
_STYLE = style(_HERE.parent / "widgets" / "base.css", _HERE / "exercises.css")


def exercise(name: str, solution: Callable | None = None) -> Exercise:
    """The exercise called `name`, as a widget.

    Parameters
    ----------
    name
        The id of the exercise.
    solution
        The reader's function, for exercises of kind code; it is judged at once.

    Raises
    ------
    ValueError
        There is no such exercise (the message names the nearest), or it takes no function.
    TypeError
        `solution` cannot be called.
    RuntimeError
        No language has been chosen with `talweg.use`.

    Examples
    --------
    >>> from talweg import exercise
    >>> import talweg
    >>> talweg.use("es")
    >>> exercise("gd-by-hand")
    Exercise('gd-by-hand')
    """
    return Exercise(name, solution)


def progress(chapter: str | None = None) -> Progress:
    """The list of the exercises of the book, or of one chapter, with what the reader has done.

    Raises
    ------
    ValueError
        The chapter has no exercises.
    RuntimeError
        No language has been chosen with `talweg.use`.

    Examples
    --------
    >>> from talweg import progress
    >>> import talweg
    >>> talweg.use("es")
    >>> progress("curvature")
    Progress('curvature')
    """
    return Progress(chapter)


class _Remembering(Widget):
    """A widget that knows where progress is kept.

    "browser" in the notebooks that are made for the page (`TALWEG_BATCH=1`), so that no reader's progress enters them;
    "kernel" in a live notebook, where a local file outlives the browser and serves the four editions alike.
    """

    remember = traitlets.Enum(["browser", "kernel"]).tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)

    def _recall(self) -> dict[str, dict]:
        if self.remember == "browser":
            return {}
        try:
            return storage.read()
        except storage.UnreadableProgress as error:
            self.notice = _(
                "The progress file cannot be read and is left as it is; nothing is remembered. {error}"
            ).format(error=error)
            return {}


class Exercise(_Remembering):
    """One exercise: its form, hints and feedback. Make it with `talweg.exercise`.

    Parameters
    ----------
    name, solution
        As in `exercise`.

    Examples
    --------
    >>> from talweg.exercises import Exercise
    >>> import talweg
    >>> talweg.use("es")
    >>> Exercise("gd-by-hand").spec["kind"]
    'number'
    """

    _esm = script(_HERE / "exercise.js")
    _css = _STYLE
    exercise_id = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    record = traitlets.Dict().tag(sync=True)
    outcome = traitlets.Dict().tag(sync=True)

    def __init__(self, name: str, solution: Callable | None = None):
        entry = loader.entry(name)
        texts = _texts(entry)
        if solution is not None and not isinstance(entry, Code):
            raise ValueError(f"solution is for exercises of kind 'code'; {name!r} is of kind {entry.kind!r}")
        if solution is not None and not callable(solution):
            raise TypeError(f"solution must be a function, got {type(solution).__name__}")
        super().__init__(
            exercise_id=name,
            spec=entry.spec(texts),
            words=_words() | (_practice_words() if isinstance(entry, Code) else {}),
            remember="browser" if batch() else "kernel",
        )
        self.record = self._recall().get(name, {})
        if isinstance(entry, Code):
            self._judge(entry, texts, solution)
        self.observe(self._remember, names="record")

    def _judge(self, entry: Code, texts: Texts, solution: Callable | None) -> None:
        result = judge(entry, texts, solution) if solution else {"state": "untried", "text": ""}
        if result["state"] == "untried":
            call = f'talweg.exercise("{entry.id}", {entry.function})'
            write = _("Write the function, run its cell, then run: {call}").format(call=call)
            self.outcome = {"state": "untried", "text": _needs_kernel() if batch() else write}
            return
        self.outcome = result
        if not batch():
            if self.record.get("state") == "right":  # what was solved stays solved
                return
            attempts = self.record.get("attempts", 0) + 1
            fresh = {"hints": 0, "answer": None}
            self.record = {**fresh, **self.record, "state": result["state"], "attempts": attempts}
            self._remember()

    def _remember(self, change: object = None) -> None:
        if self.remember == "browser" or self.notice:
            return
        done = self.record.get("attempts", 0) or self.record.get("hints", 0)
        try:
            storage.write(self.exercise_id, dict(self.record) if done else {})
        except (OSError, storage.UnreadableProgress) as error:
            self.notice = _("Progress could not be saved. {error}").format(error=error)

    def __repr__(self) -> str:
        return f"Exercise({self.exercise_id!r})"


class Progress(_Remembering):
    """What the reader has done, to download as JSON or to forget. Make it with `talweg.exercises.progress`.

    Parameters
    ----------
    chapter
        The chapter whose exercises are listed; None lists those of the whole book.

    Examples
    --------
    >>> from talweg.exercises import Progress
    >>> import talweg
    >>> talweg.use("es")
    >>> Progress("curvature").items[0]["id"]
    'curv-certificate'
    """

    _esm = script(_HERE / "progress.js")
    _css = _STYLE + style(_HERE / "progress.css")
    items = traitlets.List().tag(sync=True)
    records = traitlets.Dict().tag(sync=True)

    def __init__(self, chapter: str | None = None):
        entries = [entry for entry in loader.load().values() if chapter in (None, entry.chapter)]
        if not entries:
            chapters = ", ".join(dict.fromkeys(entry.chapter for entry in loader.load().values()))
            raise ValueError(f"no exercises in chapter {chapter!r}; chapters with exercises: {chapters}")
        super().__init__(
            items=[_item(entry) for entry in entries],
            words=_words() | _progress_words(),
            remember="browser" if batch() else "kernel",
        )
        self._chapter = chapter
        self.records = self._recall()
        self.on_msg(self._receive)

    def _receive(self, widget: object, content: dict, buffers: object) -> None:
        if self.remember == "browser":
            return
        try:
            if content.get("type") == "reset":
                storage.reset()
                self.records, self.notice = {}, ""
            if content.get("type") == "load":
                self.records = storage.update(content["records"])
        except (OSError, ValueError) as error:
            self.notice = _("Progress could not be saved. {error}").format(error=error)

    def __repr__(self) -> str:
        return f"Progress({self._chapter!r})" if self._chapter else "Progress()"


def _texts(entry: Entry) -> Texts:
    """What the edition in use says about the exercise."""
    code = language()
    if code is None:
        editions = ", ".join(f'talweg.use("{code}")' for code in EDITIONS)
        raise RuntimeError(f"exercises speak the language of the edition; choose one first: {editions}")
    return loader.texts_of(entry.chapter, code)[entry.id]


def _item(entry: Entry) -> dict[str, str]:
    """What the list of progress shows of an exercise before it is tried."""
    return {
        "id": entry.id,
        "chapter": entry.chapter,
        "chapter_title": loader.title(entry.chapter, language() or ""),
        "title": _texts(entry).title,
    }


def _needs_kernel() -> str:
    return _(
        "This exercise runs your code, so it needs a kernel: open this page in Colab or Binder with the launch button "
        "at the top, or download the notebook and run it on your computer."
    )


def _words() -> dict:
    return {
        "states": {"untried": _("Not tried"), "wrong": _("Try again"), "right": _("Right")},
        "not_yet": _("Not this value yet. A hint may help."),
        "check": _("Check"),
        "hint": _("Hint {i} of {n}"),
        "attempts": _("Attempts: {n}"),
        "last": _("Solved before. This try:"),
        "precision": {
            "digits": _("to {n} significant digits"),
            "decimals": _("to {n} decimal places"),
            "whole": _("a whole number"),
        },
        "not_a_number": _("Enter a number or a calculation, for example {example}.").format(example=_number_examples()),
        "unknown": _("“{name}” has no value here: enter the number alone, or a calculation with numbers."),
        "by_zero": _("Here something is divided by zero."),
        "no_value": _("This calculation gives no real number, or one that is too large."),
        "brackets": _("It is not clear what is divided by what: set brackets."),
        "too_long": _("That is too long to be read: {n} characters at most."),
        "choose": _("Choose an option first."),
        "close": _("Very close: calculate with more digits."),
        "sign": _("The size is right, the sign is not."),
        "in_place": _("In place: {k} of {n}."),
        "moved": _("{item}: now in place {k} of {n}."),
        "up": _("Move up"),
        "down": _("Move down"),
    }


def _practice_words() -> dict:
    return {
        "practice": {
            "here": _(
                "Solve it here, with NumPy and a small part of PyTorch, or with all of PyTorch in Colab, in Binder or on "
                "your computer (buttons at the top)."
            ),
            "open": _("Solve it on this page"),
            "editor": _("Your code"),
            "run": _("Run and check"),
            "stop": _("Stop"),
            "loading": _("Python is being loaded, once: about 9 MB …"),
            "running": _("Your code is running …"),
            "nothing": _("The function returns nothing yet."),
            "printed": _("Printed:"),
            "stopped": _("Stopped. Your code is still here."),
            "timeout": _("Stopped after {n} seconds: does a loop never end? Your code is still here."),
            "failed": _("Python could not be loaded. Try again, or use Colab, Binder or your computer."),
        }
    }


def _number_examples() -> str:
    return "; ".join([localize("0.5"), "1/3", "√2/100", "(2/3)^2", "72 %", "2·10^-3"])


def _progress_words() -> dict[str, str]:
    return {
        "title": _("Your progress"),
        "done": _("Solved: {k} of {n}"),
        "hints": _("Hints: {n}"),
        "download": _("Download as JSON"),
        "load": _("Load …"),
        "loaded": _("Taken over from the file: {n} exercises."),
        "damaged": _("This file holds no progress that can be read. Nothing was changed."),
        "another_book": _("This file belongs to another book. Nothing was changed."),
        "newer": _("This file was written by a newer version of the book. Nothing was changed."),
        "reset": _("Forget everything"),
        "reset_yes": _("Yes, forget everything"),
        "cancel": _("Cancel"),
    }
