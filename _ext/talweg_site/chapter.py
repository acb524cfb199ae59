"""A chapter's MyST text read as a notebook whose cells all have names."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import nbformat
import yaml
from jupytext.myst import MystMetadataParsingError, myst_to_notebook

SETUP = "setup"  # the only code cell that differs between editions, in the language code it passes to talweg.use
USE = re.compile(r"""(talweg\.use\()(["'])([a-z]{2})\2""")
OWN_WORDS = (("figure", "caption"), ("image", "alt"))  # under `mystnb`: what an edition says in its own language
# The sentences of claims (under `talweg`) are the edition's own too; `check/claims.py` compares their ids with the code.
CELL_NAME = re.compile(r"[a-z0-9-]{1,64}")  # what nbformat allows in an id, less capitals and underscores
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


class ChapterError(Exception):
    """What is wrong with a chapter, where: the message names the file and, if possible, line and cell."""


def is_notebook(text: str) -> bool:
    """Whether a MyST text says in its front matter that it is a notebook (jupytext and kernelspec)."""
    front = front_matter(text)
    return "jupytext" in front and "kernelspec" in front


def front_matter(text: str) -> dict:
    """The YAML between the first two `---` lines, {} where there is none or it cannot be read."""
    match = re.match(r"---\n(.*?)^---\s*$", text, re.DOTALL | re.MULTILINE)
    try:
        front = yaml.safe_load(match[1]) if match else {}
    except yaml.YAMLError:
        return {}
    return front if isinstance(front, dict) else {}


def chapters(root: Path, languages: list[str] | None = None, names: list[str] | None = None) -> list[Path]:
    """Every `chapters/<lang>/<chapter>.md` that is a notebook, in the order of their paths."""
    folder = root / "chapters"
    if not folder.is_dir():
        raise ChapterError(f"{root}: there is no folder 'chapters' here; run from the top of the repository")
    found = [path for path in sorted(folder.glob("*/*.md")) if is_notebook(path.read_text(encoding="utf-8"))]
    known_languages = sorted(path.name for path in folder.iterdir() if path.is_dir())
    _refuse_unknown("language", languages, known_languages)
    _refuse_unknown("chapter", names, sorted({path.stem for path in found}))
    return [p for p in found if (not languages or p.parent.name in languages) and (not names or p.stem in names)]


def _refuse_unknown(what: str, given: list[str] | None, known: list[str]) -> None:
    for name in given or []:
        if name not in known:
            raise ChapterError(f"{what} {name!r}: unknown; there are {', '.join(known)}")


def lines_outside_fences(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines (from 1) that are not inside a fenced block; the fences themselves are left out."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        match = FENCE.match(line)
        if fence:
            closes = match and match[1][0] == fence[0] and len(match[1]) >= len(fence) and not match[2].strip()
            fence = "" if closes else fence
        elif match:
            fence = match[1]
        else:
            yield number, line


def read_chapter(path: Path) -> nbformat.NotebookNode:
    """The notebook that `path` describes, unexecuted; each cell's id is its name. Raises ChapterError."""
    text = path.read_text(encoding="utf-8")
    for number, line in lines_outside_fences(text):
        if line.startswith("+++") and line[3:].strip() and not line[3:].strip().startswith("{"):
            raise ChapterError(f'{path}:{number}: {line!r}: after +++ only {{"name": "…"}} may stand on the line')
    try:
        notebook = copy.deepcopy(_parsed(text))
    except (MystMetadataParsingError, yaml.YAMLError) as error:
        raise ChapterError(f"{path}: {error}") from error
    lines = notebook.metadata.pop("source_map")
    _name_cells(path, notebook, lines, text.splitlines())
    for key in ("jupytext", "jupyter"):  # else Jupyter would pair the two files and sync them by their times
        notebook.metadata.pop(key, None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


@lru_cache(maxsize=128)
def _parsed(text: str) -> nbformat.NotebookNode:
    """jupytext's notebook of a text; the checks read each chapter many times, and a time takes a tenth of a second."""
    return myst_to_notebook(text, add_source_map=True)


def cell_lines(path: Path) -> dict[str, int]:
    """Name of each cell → its first line in the text."""
    text = path.read_text(encoding="utf-8")
    notebook = _parsed(text)
    starts = [_first_line(text.splitlines(), start) for start in notebook.metadata["source_map"]]
    return {cell.metadata.get("name", ""): line for cell, line in zip(notebook.cells, starts, strict=True)}


def _first_line(lines: list[str], start: int) -> int:
    """The number (from 1) of the first line with text at or after the 0-based line `start`."""
    return next((n + 1 for n in range(start, len(lines)) if lines[n].strip()), start + 1)


def _name_cells(path: Path, notebook: nbformat.NotebookNode, starts: list[int], lines: list[str]) -> None:
    seen: dict[str, int] = {}
    for cell, start in zip(notebook.cells, starts, strict=True):
        line = _first_line(lines, start)
        name = cell.metadata.get("name")
        if name is None:
            how = ":name: …" if cell.cell_type == "code" else '+++ {"name": "…"} above it'
            raise ChapterError(f"{path}:{line}: this {cell.cell_type} cell has no name; give it one with {how}")
        if not isinstance(name, str) or not CELL_NAME.fullmatch(name):
            raise ChapterError(f"{path}:{line}: cell name {name!r}: use a-z, 0-9 and -, at most 64 characters")
        if name in seen:
            raise ChapterError(f"{path}:{line}: cell name {name!r} is taken by the cell in line {seen[name]}")
        seen[name] = line
        cell["id"] = name


def sentences(metadata: dict, where: str) -> dict[str, str]:
    """What a code cell's claims say to a reader, `talweg: {claims: {id: sentence}}`; `where` names the cell in errors."""
    found = (metadata.get("talweg") or {}).get("claims") or {}
    if not isinstance(found, dict):
        raise ChapterError(f"{where}: talweg.claims must be a mapping {{id: sentence}}, got {found!r}")
    for name, sentence in found.items():
        if not isinstance(sentence, str) or not sentence.strip():
            raise ChapterError(f"{where}: the sentence of claim {name!r} must be text, got {sentence!r}")
    return dict(found)


def without_own_words(cell: nbformat.NotebookNode) -> tuple[str, dict]:
    """Source and metadata of a code cell with what may differ between editions taken out."""
    metadata = copy.deepcopy(dict(cell.metadata))
    for group, word in OWN_WORDS:
        if word in metadata.get("mystnb", {}).get(group, {}):
            metadata["mystnb"][group][word] = "…"
    if "claims" in metadata.get("talweg", {}):
        del metadata["talweg"]["claims"]
    if metadata.get("talweg") == {}:
        del metadata["talweg"]
    source = USE.sub(r"\1\2…\2", cell.source) if cell.id == SETUP else cell.source
    return source, metadata
