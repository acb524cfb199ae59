"""Code exercises on the page: what a reader's browser needs to run and judge a function with Python.

The browser's Python (Pyodide) gets one archive with the library's own judge and data of the exercises, as they are, and
`part_of_torch`, which it imports as `torch`.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import talweg
from talweg.exercises import loader

__all__ = ["list_exercises", "pack"]

_HERE = Path(__file__).parent
_LIBRARY = Path(talweg.__file__).parent
# Modules of the library that judge; they import each other, the standard library and torch, and nothing else.
_MODULES = (
    "i18n",
    "arguments",
    "chapters",
    "exercises/schema",
    "exercises/kinds",
    "exercises/loader",
    "exercises/judge",
    "exercises/page",
)
_DATA = ("editions.toml", "locale/*/LC_MESSAGES/talweg.mo", "book/chapters.toml", "book/*/exercises*.toml")


def pack(target: Path) -> None:
    """Write the archive; the same bytes from the same files."""
    files = {"torch.py": _HERE / "part_of_torch.py"}
    sources = [_LIBRARY / f"{name}.py" for name in _MODULES]
    sources += [path for pattern in _DATA for path in sorted(_LIBRARY.glob(pattern))]
    files |= {f"talweg/{path.relative_to(_LIBRARY).as_posix()}": path for path in sources}
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        # The library's own would import all of it.
        for package in ("talweg", "talweg/exercises"):
            archive.writestr(_entry(f"{package}/__init__.py"), "")
        for name, path in files.items():
            archive.writestr(_entry(name), path.read_bytes())


def list_exercises(target: Path) -> None:
    """Write the ids of the exercises by chapter: what the table of contents counts."""
    chapters: dict[str, list[str]] = {}
    for entry in loader.load().values():
        chapters.setdefault(entry.chapter, []).append(entry.id)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(chapters), encoding="utf-8")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # with a date that does not change
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
