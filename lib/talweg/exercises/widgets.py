"""The two widgets: one exercise, and the list of what has been done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import traitlets

from talweg.exercises import cases, loader, storage
from talweg.i18n import EDITIONS, language, localize
from talweg.i18n import gettext as _
from talweg.widgets import Widget, batch, script, style

__all__ = ["Exercise", "Progress", "exercise", "progress"]

_HERE = Path(__file__).parent
_STYLE = style(_HERE.parent / "widgets" / "base.css", _HERE / "exercises.css")


_first: Exercise | None = None


def exercise(name: str, solution: Callable | None = None) -> Exercise:
    """The exercise called `name`, as a widget; `solution` is the reader's function for those of kind code.

    Of a notebook that is made for the page (`TALWEG_BATCH=1`) only the first exercise holds the script and the style.
    """
    global _first
    if not (batch() and _in_notebook()):
        return Exercise(name, solution)
    if _first is None:
        _first = Exercise(name, solution)
        return _first
    return Repeated(name, solution, first=f"IPY_MODEL_{_first.model_id}")


def _in_notebook() -> bool:
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def progress(chapter: str | None = None) -> Progress:
    """The list of the exercises of the book, or of one chapter, with what the reader has done."""
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
    """One exercise: its form, hints and feedback. Make it with `talweg.exercise`."""

    _esm = script(_HERE / "exercise.js")
    _css = _STYLE
    exercise_id = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    record = traitlets.Dict().tag(sync=True)
    outcome = traitlets.Dict().tag(sync=True)

    def __init__(self, name: str, solution: Callable | None = None, **traits):
        entry, texts = loader.entry(name), _texts(name)
        if solution is not None and entry.kind != "code":
            raise ValueError(f"solution is for exercises of kind 'code'; {name!r} is of kind {entry.kind!r}")
        if solution is not None and not callable(solution):
            raise TypeError(f"solution must be a function, got {type(solution).__name__}")
        super().__init__(
            exercise_id=name,
            spec=_spec(entry, texts),
            words=_words(),
            remember="browser" if batch() else "kernel",
            **traits,
        )
        self.record = self._recall().get(name, {})
        if entry.kind == "code":
            self._judge(entry, texts, solution)
        self.observe(self._remember, names="record")

    def _judge(self, entry: loader.Entry, texts: loader.Texts, solution: Callable | None) -> None:
        result = cases.judge(entry, texts, solution) if solution else {"state": "untried", "text": ""}
        if result["state"] == "untried":
            call = f'talweg.exercise("{entry.id}", {entry.fields["function"]})'
            write = _("Write the function, run its cell, then run: {call}").format(call=call)
            self.outcome = {"state": "untried", "text": _needs_kernel() if batch() else write}
            return
        self.outcome = result
        if not batch():
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


class Repeated(Exercise):
    """An exercise drawn by the script of the notebook's first one."""

    _esm = script(_HERE / "repeated.js")
    _css = ""
    first = traitlets.Unicode().tag(sync=True)


class Progress(_Remembering):
    """What the reader has done, to download as JSON or to forget. Make it with `talweg.exercises.progress`."""

    _esm = script(_HERE / "progress.js")
    _css = _STYLE + style(_HERE / "progress.css")
    items = traitlets.List().tag(sync=True)
    records = traitlets.Dict().tag(sync=True)

    def __init__(self, chapter: str | None = None):
        names = loader.known(chapter)
        if not names:
            chapters = ", ".join(dict.fromkeys(entry.chapter for entry in loader.load().values()))
            raise ValueError(f"no exercises in chapter {chapter!r}; chapters with exercises: {chapters}")
        super().__init__(
            items=[{"id": name, "chapter": loader.entry(name).chapter, "title": _texts(name).title} for name in names],
            words=_words() | _progress_words(),
            remember="browser" if batch() else "kernel",
        )
        self._chapter = chapter
        self.records = {name: record for name, record in self._recall().items() if name in names}
        self.on_msg(self._receive)

    def _receive(self, widget: object, content: dict, buffers: object) -> None:
        if content.get("type") != "reset" or self.remember == "browser":
            return
        try:
            storage.reset()
            self.records, self.notice = {}, ""
        except OSError as error:
            self.notice = _("Progress could not be saved. {error}").format(error=error)

    def __repr__(self) -> str:
        return f"Progress({self._chapter!r})" if self._chapter else "Progress()"


def _texts(name: str) -> loader.Texts:
    code = language()
    if code is None:
        editions = ", ".join(f'talweg.use("{code}")' for code in EDITIONS)
        raise RuntimeError(f"exercises speak the language of the edition; choose one first: {editions}")
    return loader.texts_of(loader.entry(name).chapter, code)[name]


def _spec(entry: loader.Entry, texts: loader.Texts) -> dict:
    """What the browser needs; hidden cases stay in Python."""
    spec = {"kind": entry.kind, "title": texts.title, "prompt": texts.prompt, "hints": texts.hints}
    spec |= {"feedback": texts.feedback}
    if entry.kind == "number":
        tolerance = {key: entry.fields[key] for key in ("relative", "absolute") if key in entry.fields}
        spec |= {"answer": {"value": entry.fields["answer"]} | tolerance, "wrong": entry.fields.get("wrong", [])}
        spec |= {"unit": texts.unit}
    if entry.kind in ("choice", "ordering"):
        options = [[option, texts.options[option]] for option in entry.shuffled()]
        spec |= {"answer": entry.fields["answer"], "options": options}
    return spec


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
        "not_a_number": _("Enter a number, for example {example}.").format(example=_number_examples()),
        "choose": _("Choose an option first."),
        "close": _("Very close: calculate with more digits."),
        "sign": _("The size is right, the sign is not."),
        "in_place": _("In place: {k} of {n}."),
        "moved": _("{item}: now in place {k} of {n}."),
        "up": _("Move up"),
        "down": _("Move down"),
    }


def _number_examples() -> str:
    return "; ".join([localize("0.5"), "1/3", "1e-3"])


def _progress_words() -> dict[str, str]:
    return {
        "title": _("Your progress"),
        "done": _("Solved: {k} of {n}"),
        "download": _("Download as JSON"),
        "reset": _("Forget everything"),
        "reset_yes": _("Yes, forget everything"),
        "cancel": _("Cancel"),
    }
