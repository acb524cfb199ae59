"""What a reader reads of a page: its text without code, formulas, addresses and markup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from talweg_site.chapter import cell_lines, is_notebook, read_chapter, sentences

GAP = "◇"  # where a formula, a name in code or a reference stood
PROSE_DIRECTIVES = re.compile(
    r"(admonition|attention|caution|danger|error|hint|important|note|seealso|tip|warning|dropdown|margin|sidebar|topic|"
    r"epigraph|figure|list-table|table|card|grid|grid-item|grid-item-card|tab-item|tab-set|exercise|solution|prf:\w+)$"
)
OPENING = re.compile(r"\s*(`{3,}|~{3,}|:{3,})\s*(\{[\w:-]+\})?(.*)$")
BLOCK_MATH = re.compile(r"\$\$.*?\$\$(?:\s*\([^)\n]*\))?|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
INLINE = (  # in this order
    (re.compile(r"\{term\}`([^`<]+?)\s*(?:<[^>]*>)?`"), r"\1"),
    (re.compile(r"\{[\w:-]+\}`[^`]*`"), GAP),
    (re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)"), GAP),
    (re.compile(r"(?<![\\$])\$(?!\s)[^$]+?(?<!\s)\$(?!\$)"), GAP),
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]*)\]\{[^}]*\}"), r"\1"),
    (re.compile(r"<https?://[^>]*>|https?://\S+"), GAP),
    (re.compile(r"</?[a-zA-Z][^>]*>"), " "),
    (re.compile(r"\*+|(?<!\w)_+|_+(?!\w)"), ""),
)


@dataclass(frozen=True)
class Paragraph:
    """A run of lines of prose: the line it begins in, the cell it belongs to ("" in a plain page), its text."""

    line: int
    cell: str
    text: str


def paragraphs(path: Path) -> list[Paragraph]:
    """The prose of a page in order, the words of code cells last."""
    return list(_paragraphs(path, path.read_text(encoding="utf-8")))


@cache  # several rules read the same page
def _paragraphs(path: Path, text: str) -> tuple[Paragraph, ...]:
    lines = _blank(BLOCK_MATH, re.sub(r"\A---\n.*?^---$", _same_lines, text, count=1, flags=re.DOTALL | re.MULTILINE))
    cells = sorted((line, name) for name, line in cell_lines(path).items()) if is_notebook(text) else []
    found, run, begin = [], [], 0
    for number, line in enumerate([*_prose_lines(lines.split("\n")), ""], start=1):
        heading = re.match(r"\s*(#+ |[-*] |\d+\. |\||:::)", line)
        if run and (not line.strip() or heading):
            cell = next((name for start, name in reversed(cells) if start <= begin), "")
            found.append(Paragraph(begin, cell, _plain(" ".join(run))))
            run = []
        if line.strip():
            begin = begin if run else number
            run.append(line.strip())
    found += cell_words(path) if cells else []
    return tuple(paragraph for paragraph in found if paragraph.text)


def cell_words(path: Path) -> list[Paragraph]:
    """What code cells say in the edition's language: captions, alternative texts, the sentences of claims."""
    lines, found = cell_lines(path), []
    for cell in read_chapter(path).cells:
        shown = cell.metadata.get("mystnb", {}) if cell.cell_type == "code" else {}
        said = sentences(cell.metadata, f"{path}: cell {cell.id!r}").values()
        for text in (shown.get("figure", {}).get("caption"), shown.get("image", {}).get("alt"), *said):
            if text:
                found.append(Paragraph(lines[cell.id], cell.id, _plain(" ".join(str(text).split()))))
    return found


def _same_lines(match: re.Match) -> str:
    return "\n" * match[0].count("\n")


def _blank(pattern: re.Pattern, text: str) -> str:
    return pattern.sub(lambda match: f" {GAP} " + _same_lines(match), text)


def _prose_lines(lines: list[str]) -> list[str]:
    """The same number of lines, those that are not prose made empty."""
    kept, stack, options = [], [], False
    for line in lines:
        match = OPENING.match(line)
        if match and stack and match[1].startswith(stack[-1][0]) and not (match[2] or match[3].strip()):
            stack.pop()
            kept.append("")
            continue
        silent = any(not is_prose for _, is_prose in stack)
        if match and not silent:
            is_prose = bool(match[2] and PROSE_DIRECTIVES.match(match[2][1:-1]))
            stack.append((match[1], is_prose))
            options = True
            titled = is_prose and not match[2].startswith("{figure")
            kept.append(match[3].strip() if titled else "")
            continue
        options = options and bool(re.match(r"\s*:[\w-]+:", line))
        skip = silent or options or re.match(r"(\+\+\+|%|\([^)\s]+\)=\s*$|\{[^}]*\}\s*$|\s*\|?[\s:|-]+\|?\s*$)", line)
        kept.append("" if skip else line)
    return kept


def _plain(text: str) -> str:
    for pattern, replacement in INLINE:
        text = pattern.sub(replacement, text)
    text = re.sub(r"^(#+|[-*]|\d+\.|>)\s+", "", text.strip())
    return re.sub(r"\s+", " ", text.replace("|", " ").replace("\\", "")).strip()
