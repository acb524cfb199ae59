"""Exercise data: what is neutral, what each edition says, and the checks that keep both honest.

`book/<chapter>/exercises.toml`, the same for every language, one table per exercise, in the order of the chapter:

    [gd-by-hand]                    the id, unique in the book
    kind = "number"                 number | choice | ordering | code
    answer = 32.805                 number: a number; choice: an option; ordering: the options in the right order
    relative = 1e-3                 number: tolerance, relative or `absolute` (the larger one counts)
    oracle = "module:function"      computes the answer (code: is the reference solution); needed except for a choice
    wrong = [{ value = 40.5, relative = 1e-3, feedback = "one-step" }]     number: values that show a known slip
    options = ["a", "b", "c"]       choice: all options; the reader sees them in an order that depends on the id only
    arguments = ["theta", "lr"]     code: the names of the arguments, for messages
    cases = [{ args = [[1.0], 0.1], expected = [[0.9]], feedback = "plain",
               wrong = [{ value = [[1.1]], feedback = "sign" }] }]         code: lists are float64 tensors

`book/<chapter>/exercises.<language>.toml`: first `chapter`, the chapter's title, then one table per exercise, plain text
with optional MathML (`<math>…</math>`) and code between backticks:

    [gd-by-hand]
    title = "…"                     its name in the list of progress
    prompt = "…"                    label of the input: what is to be entered, chosen, ordered or written
    unit = "…"                      number, optional: what follows the input
    hints = ["…", "…"]              two or more, from a nudge to the last step before the answer
    [gd-by-hand.options]            choice, ordering: option = text
    [gd-by-hand.feedback]           `right` (optional); each key of `wrong` or a case; each wrong option of a choice
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from talweg.arguments import one_of
from talweg.chapters import BOOK, chapters, folder
from talweg.exercises import kinds
from talweg.exercises.kinds import Entry
from talweg.exercises.schema import ExerciseDataError, Texts, read_texts, same_keys
from talweg.i18n import EDITIONS

__all__ = ["Entry", "ExerciseDataError", "Texts", "entry", "known", "load", "texts", "texts_of", "title"]


@cache
def load(book: Path = BOOK) -> dict[str, Entry]:
    """Every exercise of the book, checked, by id.

    Raises
    ------
    ExerciseDataError
        A data file is malformed; the message names file and key.

    Examples
    --------
    >>> from talweg.exercises.loader import load
    >>> load()["gd-by-hand"].kind
    'number'
    """
    entries: dict[str, Entry] = {}
    for chapter in chapters(book):
        path = folder(chapter, book) / "exercises.toml"
        if not path.exists():
            _refuse_words_alone(path, book)
            continue
        for name, table in _read(path, book).items():
            where = f"{path.relative_to(book)}: {name}"
            if name in entries:
                raise ExerciseDataError(f"{where}: is already defined by the chapter {entries[name].chapter}")
            entries[name] = kinds.read(name, chapter, table, where)
    return entries


def texts(code: str, book: Path = BOOK) -> dict[str, Texts]:
    """What the edition `code` says about every exercise, by id.

    Examples
    --------
    >>> from talweg.exercises import known
    >>> from talweg.exercises.loader import texts
    >>> list(texts("de")) == known()
    True
    """
    with_exercises = dict.fromkeys(entry.chapter for entry in load(book).values())
    return {name: text for chapter in with_exercises for name, text in texts_of(chapter, code, book).items()}


@cache
def texts_of(chapter: str, code: str, book: Path = BOOK) -> dict[str, Texts]:
    """What the edition `code` says about the exercises of a chapter, by id.

    Raises
    ------
    ExerciseDataError
        The texts do not fit the neutral half; the message names file and key.

    Examples
    --------
    >>> from talweg.exercises.loader import texts_of
    >>> len(texts_of("curvature", "ru")["curv-border"].hints) >= 2
    True
    """
    path = folder(chapter, book) / f"exercises.{code}.toml"
    tables = _read(path, book)
    tables.pop("chapter", None)
    entries = [entry for entry in load(book).values() if entry.chapter == chapter]
    where = str(path.relative_to(book))
    same_keys(tables, [entry.id for entry in entries], where)
    return {
        entry.id: read_texts(tables[entry.id], entry.options, entry.feedback_keys(), f"{where}: {entry.id}")
        for entry in entries
    }


def title(chapter: str, code: str, book: Path = BOOK) -> str:
    """The chapter's title in the edition `code`.

    Raises
    ------
    ExerciseDataError
        The edition's file does not say it.

    Examples
    --------
    >>> from talweg.exercises.loader import title
    >>> title("curvature", "de")
    'Krümmung'
    """
    path = folder(chapter, book) / f"exercises.{code}.toml"
    found = _read(path, book).get("chapter")
    if not isinstance(found, str):
        raise ExerciseDataError(f"{path.relative_to(book)}: chapter: must be the title of the chapter, got {found!r}")
    return found


def known(chapter: str | None = None) -> list[str]:
    """The ids of all exercises, or of those of one chapter, in the order of the chapter.

    Examples
    --------
    >>> from talweg.exercises import known
    >>> known("curvature")[:2]
    ['curv-certificate', 'curv-power']
    """
    return [entry.id for entry in load().values() if chapter in (None, entry.chapter)]


def entry(name: str) -> Entry:
    """The exercise called `name`.

    Raises
    ------
    ValueError
        There is none; the message names the nearest id.

    Examples
    --------
    >>> from talweg.exercises.loader import entry
    >>> entry("curv-border").chapter
    'curvature'
    """
    return load()[one_of("exercise", name, load())]


def _refuse_words_alone(path: Path, book: Path) -> None:
    """A chapter may have no exercises, but then no edition speaks of any."""
    for words in sorted(path.parent.glob("exercises.*.toml")):
        raise ExerciseDataError(f"{path.relative_to(book)}: is missing, but {words.relative_to(book)} is there")


def _read(path: Path, book: Path) -> dict[str, dict]:
    where = path.relative_to(book)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        editions = ", ".join(EDITIONS)
        raise ExerciseDataError(f"{where}: is missing; every chapter's exercises exist in {editions}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExerciseDataError(f"{where}: is not valid TOML: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict) and name != "chapter":
            raise ExerciseDataError(f"{where}: {name}: must be a table, got {table!r}")
    return tables
