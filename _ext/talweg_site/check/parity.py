"""The editions hold the same cells, code, labels, citations and exercises.

python -m talweg_site.check.parity                       say what differs where
python -m talweg_site.check.parity copy-code --from es   copy the code cells of one edition to the others
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import re
import sys
import tokenize
from pathlib import Path

import nbformat

from talweg.i18n import EDITIONS
from talweg_site.author.copying import copy_code
from talweg_site.chapter import SETUP, USE, ChapterError, cell_lines, is_notebook, read_chapter, without_own_words
from talweg_site.check.claims import claim_problems
from talweg_site.check.sections import section_problems

LABELS = (
    re.compile(r"^ {0,3}\(([^)\s]+)\)=\s*$", re.MULTILINE),
    re.compile(r"^\s*:(?:label|name):\s*(\S+)", re.MULTILINE),
    re.compile(r"^\$\$\s*\(([^)\s]+)\)\s*$", re.MULTILINE),
    re.compile(r"\\label\{([^}]+)\}"),
)
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
EXERCISE = re.compile(r"""talweg\.exercise\(\s*["']([^"']+)["']""")


def check(root: Path, languages: list[str] | None = None) -> list[str]:
    """What differs between the editions under `root`, one line each; [] when nothing does."""
    languages = languages or list(EDITIONS)
    problems = missing_pages(root, languages)
    first = languages[0]
    for page in sorted((root / "chapters" / first).glob("*.md")):
        paths = {lang: root / "chapters" / lang / page.name for lang in languages}
        present = {lang: path for lang, path in paths.items() if path.exists()}
        try:
            problems += _check_page(present, root)
        except ChapterError as error:
            problems.append(str(error).replace(f"{root}/", ""))
    return problems


def missing_pages(root: Path, languages: list[str]) -> list[str]:
    """Pages that some editions have and others lack."""
    pages = {lang: {path.name for path in (root / "chapters" / lang).glob("*.md")} for lang in languages}
    everywhere = sorted(set().union(*pages.values()))
    return [
        f"chapters/{lang}/{name}: missing; there is a chapters/{next(o for o in languages if name in pages[o])}/{name}"
        for name in everywhere
        for lang in languages
        if name not in pages[lang]
    ]


def _check_page(paths: dict[str, Path], root: Path) -> list[str]:
    """Compare each edition of one page with the first."""
    texts = {lang: path.read_text(encoding="utf-8") for lang, path in paths.items()}
    labels = {lang: str(path.relative_to(root)) for lang, path in paths.items()}
    (first, *others), problems = list(paths), []
    problems += [problem for lang in paths for problem in section_problems(texts[lang], labels[lang])]
    notebooks = {lang: read_chapter(paths[lang]) for lang in paths if is_notebook(texts[lang])}
    problems += [
        f"{labels[lang]}: {'not a' if first in notebooks else 'a'} notebook, unlike {labels[first]}"
        for lang in others
        if (lang in notebooks) != (first in notebooks)
    ]
    for lang, notebook in notebooks.items():
        problems += _own_problems(notebook, lang, labels[lang], cell_lines(paths[lang]))
    for lang in others:
        if first in notebooks and lang in notebooks:
            lines = cell_lines(paths[lang])
            problems += _compare_cells(notebooks[first], notebooks[lang], labels[first], labels[lang], lines)
        problems += _compare_marks(texts[first], texts[lang], labels[first], labels[lang])
    return problems


def _own_problems(notebook: nbformat.NotebookNode, lang: str, label: str, lines: dict[str, int]) -> list[str]:
    """What is wrong with one edition's code by itself: the language it asks for, comments, captions, the sentences of claims."""
    problems = []
    used = [(cell.id, match[3]) for cell in notebook.cells for match in USE.finditer(cell.source)]
    if used != [(SETUP, lang)]:
        problems.append(f'{label}: the cell {SETUP!r}, and no other, must say talweg.use("{lang}"); found {used}')
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        where = f"{label}:{lines[cell.id]}: cell {cell.id!r}"
        problems += claim_problems(cell, lang, where)
        problems += [f"{where}: comment {text!r}: words in code are read in four languages" for text in comments(cell)]
        if cell.source.rstrip().endswith(";"):
            problems.append(f"{where}: ends in ';': nbval does not know that this hides the value")
        shown = cell.metadata.get("mystnb", {})
        if "figure" in shown and not shown["figure"].get("caption"):
            problems.append(f"{where}: figure without a caption")
        if "figure" in shown and not shown.get("image", {}).get("alt"):
            problems.append(f"{where}: figure without alternative text (mystnb.image.alt)")
    return problems


def comments(cell: nbformat.NotebookNode) -> list[str]:
    """Comments of a code cell that hold a word (a formula or a number may stand)."""
    code = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.MULTILINE)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, IndentationError):
        return []
    texts = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return [text for text in texts if re.search(r"[^\W\d_]{3,}", text) and not re.match(r"#\s*(noqa|type:)", text)]


def _compare_cells(one: nbformat.NotebookNode, other: nbformat.NotebookNode, *where) -> list[str]:
    one_label, label, lines = where
    names, theirs = [[(cell.id, cell.cell_type) for cell in notebook.cells] for notebook in (one, other)]
    if names != theirs:
        return [f"{label}: its cells are not those of {one_label}: {_first_difference(names, theirs)}"]
    problems = []
    for a, b in zip(one.cells, other.cells, strict=True):
        line = f"{label}:{lines[b.id]}: cell {b.id!r}"
        if a.cell_type != "code":
            (left, right), what = (dict(a.metadata), dict(b.metadata)), "metadata"
        else:
            (source, left), (their_source, right) = without_own_words(a), without_own_words(b)
            what = "metadata (beside caption, alt and claims)"
            if source != their_source:
                change = _first_changed_line(source, their_source)
                problems.append(f"{line}: its code is not that of {one_label}: {change}")
        if left != right:
            change = f"{json.dumps(right, ensure_ascii=False)} instead of {json.dumps(left, ensure_ascii=False)}"
            problems.append(f"{line}: its {what} is not that of {one_label}: {change}")
    return problems


def _first_difference(mine: list, theirs: list) -> str:
    for i in range(max(len(mine), len(theirs))):
        a, b = (mine[i] if i < len(mine) else None), (theirs[i] if i < len(theirs) else None)
        if a != b:
            said = [f"{x[1]} cell {x[0]!r}" if x else "no cell" for x in (b, a)]
            return f"number {i + 1} is {said[0]} instead of {said[1]}"
    return ""


def _first_changed_line(mine: str, theirs: str) -> str:
    changes = [line for line in difflib.ndiff(mine.splitlines(), theirs.splitlines()) if line[0] in "+-"]
    told = {"-": "lacks", "+": "has"}
    return f"it {told[changes[0][0]]} {changes[0][2:].strip()!r}"


def marks(text: str) -> dict[str, list[str]]:
    """Labels, citation keys and exercise ids of a page, each sorted.

    How often a source is cited is a matter of style, and so is where a page points back to: each author decides.
    """
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("name:"))
    keys = {key.strip() for keys in CITATION.findall(text) for key in keys.split(",")}
    return {
        "labels": sorted(label for pattern in LABELS for label in pattern.findall(prose)),
        "citations": sorted(keys),
        "exercises": sorted(EXERCISE.findall(text)),
    }


def _compare_marks(one: str, other: str, one_label: str, label: str) -> list[str]:
    mine, theirs = marks(one), marks(other)
    problems = []
    for kind in sorted(mine.keys() | theirs.keys()):
        a, b = mine.get(kind, []), theirs.get(kind, [])
        if a != b:
            lacks = ", ".join(x for x in dict.fromkeys(a) if a.count(x) > b.count(x))
            extra = ", ".join(x for x in dict.fromkeys(b) if b.count(x) > a.count(x))
            told = [f"lacks {lacks}"] if lacks else []
            told += [f"has {extra} too many"] if extra else []
            problems.append(f"{label}: its {kind} are not those of {one_label}: {'; '.join(told)}")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 if the editions agree, or the code was copied."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.check.parity", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    commands = parser.add_subparsers(dest="command")
    copying = commands.add_parser("copy-code", help="copy code cells of one edition to the others")
    copying.add_argument("--from", dest="source", required=True, help="the edition that has the right code, e.g. es")
    copying.add_argument("chapters", nargs="*", help="only these chapters")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        if options.command == "copy-code":
            for path in copy_code(root, options.source, pages=options.chapters):
                print(f"{path.relative_to(root)}: code copied from {options.source}")
            return 0
        problems = check(root)
    except ChapterError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
