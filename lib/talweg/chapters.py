"""Where a chapter's own material lies: `book/<chapter>/`, with `_` for `-`, in the order of `book/chapters.toml`.

A folder may hold `figures.py`, `exercises.toml` with `exercises.<language>.toml`, `oracles.py`, `experiment.py` (or a
package of that name) and `recorded/`. This is the one place that knows so; the kit finds chapters by it, and imports
none of them by name.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

__all__ = ["BOOK", "chapters", "folder", "module"]

BOOK = Path(__file__).parent / "book"


@cache
def chapters(book: Path = BOOK) -> tuple[str, ...]:
    """The names of the chapters, in the order of the book.

    Parameters
    ----------
    book
        The folder that holds `chapters.toml` and a folder for each chapter.

    Raises
    ------
    ValueError
        The list and the folders differ.

    Examples
    --------
    >>> from talweg.chapters import chapters
    >>> chapters()[:2]
    ('gradient-descent', 'initialization')
    """
    listed = tuple(tomllib.loads((book / "chapters.toml").read_text(encoding="utf-8"))["chapters"])
    folders = {path.name.replace("_", "-") for path in book.iterdir() if path.is_dir() and path.name != "__pycache__"}
    if set(listed) != folders:
        wrong = ", ".join(sorted(set(listed) ^ folders))
        raise ValueError(f"{book.name}/chapters.toml and the folders beside it must name the same chapters: {wrong}")
    return listed


def folder(chapter: str, book: Path = BOOK) -> Path:
    """The folder of a chapter: its name with `_` for `-`.

    Examples
    --------
    >>> from talweg.chapters import folder
    >>> folder("gradient-descent").name
    'gradient_descent'
    """
    return book / chapter.replace("-", "_")


def module(chapter: str, name: str) -> ModuleType | None:
    """The module `name` ("figures", "experiment" …) of a chapter, or None where the chapter has none.

    Examples
    --------
    >>> from talweg.chapters import module
    >>> module("gradient-descent", "figures").__name__
    'talweg.book.gradient_descent.figures'
    >>> module("gradient-descent", "photographs") is None
    True
    """
    full = f"talweg.book.{chapter.replace('-', '_')}.{name}"
    return import_module(full) if find_spec(full) else None
