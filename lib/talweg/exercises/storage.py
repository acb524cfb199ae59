"""What the reader has done, in one JSON file of the user's data folder.

It has the form of the file that the list of progress saves and loads, on the page and in Jupyter (`file.js`). A file that cannot be read is left alone: nothing is remembered then, and the widget says so. `reset` sets it aside.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from platformdirs import user_data_path

from talweg.atomic import whole_file

__all__ = ["UnreadableProgress", "path", "read", "reset", "update", "write"]

_BOOK, _VERSION = "talweg", 1
_STATES = ("untried", "wrong", "right")


class UnreadableProgress(ValueError):
    """The progress file is not what this module writes.

    Examples
    --------
    >>> from talweg.exercises.storage import UnreadableProgress
    >>> issubclass(UnreadableProgress, ValueError)
    True
    """


def path() -> Path:
    """Where progress is kept: the platform's folder for a user's data.

    Examples
    --------
    >>> from talweg.exercises.storage import path
    >>> path().name
    'progress.json'
    """
    here = user_data_path("talweg", appauthor=False) / "progress.json"
    # Before platformdirs, which follows XDG_DATA_HOME on macOS too, macOS had one place: a file there is used on.
    before = Path.home() / "Library" / "Application Support" / "talweg" / "progress.json"
    return before if before.exists() and not here.exists() else here


def read() -> dict[str, dict]:
    """Records by exercise id; empty where there is no file.

    Raises
    ------
    UnreadableProgress
        The file is not what this module writes.

    Examples
    --------
    >>> from talweg.exercises.storage import read
    >>> read()  # doctest: +SKIP
    {'gd-by-hand': {'state': 'right', 'attempts': 2, 'hints': 1, 'answer': '32.805'}}
    """
    try:
        stored = json.loads(path().read_text(encoding="utf-8"))
        # The first files had no book's name.
        book, version, records = stored.get("book", _BOOK), stored.get("version", _VERSION), stored["exercises"]
        good = _are_good(records)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableProgress(f"{path()}: {type(error).__name__}: {error}") from error
    if book != _BOOK:
        raise UnreadableProgress(f"{path()}: belongs to another book, {book!r}")
    if version > _VERSION:
        raise UnreadableProgress(f"{path()}: was written by a newer version of talweg")
    if not good:
        raise UnreadableProgress(f"{path()}: a record has an unknown state or a negative count")
    return records


def write(name: str, record: dict) -> None:
    """Remember `record` for the exercise `name`; an empty record forgets it.

    Raises
    ------
    UnreadableProgress
        The file that is there is not what this module writes; it is left as it is.

    Examples
    --------
    >>> from talweg.exercises.storage import write
    >>> write("gd-by-hand", {"state": "right", "attempts": 2, "hints": 1, "answer": "32.805"})  # doctest: +SKIP
    """
    records = read()
    if record:
        records[name] = record
    else:
        records.pop(name, None)
    _replace(records)


def update(records: dict[str, dict]) -> dict[str, dict]:
    """Remember these records, by exercise id, beside those that are there; returns all.

    Raises
    ------
    UnreadableProgress
        The file that is there is not what this module writes; it is left as it is.
    ValueError
        One of the records is not what an exercise remembers; nothing is written.

    Examples
    --------
    >>> from talweg.exercises.storage import update
    >>> update({"gd-by-hand": {"state": "done"}})
    Traceback (most recent call last):
    ...
    ValueError: a record has an unknown state or a negative count
    """
    try:
        good = _are_good(records)
    except (KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise ValueError("a record has an unknown state or a negative count")
    merged = read() | records
    _replace(merged)
    return merged


def reset() -> None:
    """Forget everything; an unreadable file is kept beside as `progress.json.unreadable`.

    Examples
    --------
    >>> from talweg.exercises.storage import read, reset
    >>> reset()  # doctest: +SKIP
    >>> read()  # doctest: +SKIP
    {}
    """
    try:
        read()
    except UnreadableProgress:
        os.replace(path(), path().with_suffix(".json.unreadable"))
    _replace({})


def _are_good(records: dict[str, dict]) -> bool:
    return all(record["state"] in _STATES and record["attempts"] >= 0 <= record["hints"] for record in records.values())


def _replace(records: dict) -> None:
    path().parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path()) as file:
        file.write(
            json.dumps(
                {"book": _BOOK, "version": _VERSION, "exercises": records}, ensure_ascii=False, indent=1
            ).encode()
        )
