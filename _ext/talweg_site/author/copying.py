"""Copy the code cells of one edition into the text of the others."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import nbformat
from jupytext.myst import dump_yaml_blocks

from talweg.i18n import EDITIONS
from talweg_site.author.notebooks import write_atomically
from talweg_site.chapter import (
    OWN_WORDS,
    SETUP,
    USE,
    ChapterError,
    cell_lines,
    is_notebook,
    read_chapter,
    sentences,
    without_own_words,
)


def copy_code(
    root: Path, source: str, languages: list[str] | None = None, pages: list[str] | None = None
) -> list[Path]:
    """Give the other editions the code cells of `source`, by name, each in its own place; returns what was written.

    The language code in the set-up cell, captions, alternative texts and the sentences of claims stay; a claim that is
    new has no sentence yet, which the parity check then says. A new code cell goes behind the cell it follows in
    `source`. Raises ChapterError, before writing anything, if a Markdown cell to hang it on is missing.
    """
    languages = languages or list(EDITIONS)
    if source not in languages:
        raise ChapterError(f"--from {source!r}: unknown edition; there are {', '.join(languages)}")
    written: dict[Path, str] = {}
    for page in sorted((root / "chapters" / source).glob("*.md")):
        if (pages and page.stem not in pages) or not is_notebook(page.read_text(encoding="utf-8")):
            continue
        original = read_chapter(page)
        for lang in languages:
            path = root / "chapters" / lang / page.name
            if lang != source and path.exists():
                text = path.read_text(encoding="utf-8")
                new = _with_code_of(original, path, text, lang)
                if new != text:
                    written[path] = new
    for path, text in written.items():
        write_atomically(path, text)
    return list(written)


def _with_code_of(original: nbformat.NotebookNode, path: Path, text: str, lang: str) -> str:
    """`text` with each code cell replaced by that of `original`, new ones added and abandoned ones removed."""
    front, blocks = _blocks(path, text)
    own = {cell.id: cell for cell in read_chapter(path).cells}
    bodies = {name: body for name, body in blocks}
    kept, names = [], [cell.id for cell in original.cells]
    prose = [name for name in bodies if own[name].cell_type != "code"]
    strangers = [name for name in prose if name not in names]
    lacking = [cell.id for cell in original.cells if cell.cell_type != "code" and cell.id not in bodies]
    if strangers or lacking:
        raise ChapterError(f"{path}: mend the Markdown cells first: missing {lacking}, not in the original {strangers}")
    for cell in original.cells:
        body = bodies.get(cell.id, "")
        kept.append(body if cell.cell_type != "code" else _fence(cell, own.get(cell.id), body, lang))
    return front + "\n\n".join(body.strip("\n") for body in kept) + "\n"


def _blocks(path: Path, text: str) -> tuple[str, list[tuple[str, str]]]:
    """The front matter, and name and text of each cell of a chapter, fences and `+++` lines included."""
    lines = text.splitlines()
    starts = cell_lines(path)
    begin = []
    for name, line in starts.items():
        n = line - 1
        while n > 0 and not re.match(r"(\+\+\+|`{3,}\{code-cell\}|~{3,}\{code-cell\})", lines[n]):
            n -= 1
        begin.append((n, name))
    ends = [n for n, _ in begin[1:]] + [len(lines)]
    blocks = [(name, "\n".join(lines[n:end])) for (n, name), end in zip(begin, ends, strict=True)]
    return "\n".join(lines[: begin[0][0]]) + "\n", blocks


def _fence(cell: nbformat.NotebookNode, own: nbformat.NotebookNode | None, body: str, lang: str) -> str:
    """A code cell as MyST text, with the words that belong to the edition; what need not change keeps its layout."""
    source = USE.sub(rf"\g<1>\g<2>{lang}\g<2>", cell.source) if cell.id == SETUP else cell.source
    if own is not None and own.source and _same_but_words(own, cell):
        head, _, tail = body.rpartition(own.source)
        return head + source + tail
    metadata = copy.deepcopy(dict(cell.metadata))
    mine = (own.metadata if own is not None else {}).get("mystnb", {})
    for group, word in OWN_WORDS:
        if word in metadata.get("mystnb", {}).get(group, {}) and word in mine.get(group, {}):
            metadata["mystnb"][group][word] = mine[group][word]
    _keep_sentences(metadata, own.metadata if own is not None else {})
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"^`{3,}", source, re.MULTILINE)), default=0))
    return f"{ticks}{{code-cell}} ipython3\n{dump_yaml_blocks(_plain(metadata))}{source}\n{ticks}"


def _same_but_words(own: nbformat.NotebookNode, cell: nbformat.NotebookNode) -> bool:
    """Whether two cells have the same metadata, their words aside, and sentences for the same claims."""
    ids = [set(sentences(one.metadata, one.id)) for one in (own, cell)]
    return ids[0] == ids[1] and without_own_words(own)[1] == without_own_words(cell)[1]


def _keep_sentences(metadata: dict, own: dict) -> None:
    """Put the edition's own sentences in place of those copied; a claim that it knows nothing of gets none."""
    if "claims" in metadata.get("talweg", {}):
        mine = sentences(own, "copied cell")
        kept = {name: mine[name] for name in metadata["talweg"].pop("claims") if name in mine}
        metadata["talweg"] |= {"claims": kept} if kept else {}
        if not metadata["talweg"]:
            del metadata["talweg"]


def _plain(value):
    """Notebook nodes as plain dicts and lists, which YAML can write."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
