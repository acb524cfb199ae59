"""The style sheet of each edition, as far as a machine can read it (CONTRIBUTING.md has it in words).

python -m talweg_site.check.style [--lang es]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from talweg.i18n import EDITIONS
from talweg_site.chapter import ChapterError, cell_lines, is_notebook, read_chapter
from talweg_site.check.prose import GAP, Paragraph, paragraphs
from talweg_site.check.terms import term_problems

HAN = r"\u4e00-\u9fff"
# Words so frequent in one language and so rare in the others that a paragraph cannot do without its own.
FREQUENT = {
    "es": "el la los las de del que y en un una por con para es se su al lo como más pero no si está".split(),
    "de": "der die das den dem des und ist nicht ein eine einer mit auf für von zu im sich wird auch als wir sie".split(),
    "en": "the of and is with for this that which are be by from not we it as an at on or has have".split(),
}
NOT_DECIMAL = re.compile(  # numbers with a point that are no decimals
    r"(Python|PyTorch|torch|torchvision|numpy|Sphinx|Book|CC BY|MIT|BY|SA|arXiv:|arXiv|v|§|doi:|[Vv]ersi[oó]n|Версия|версии|"
    r"версия|Abschnitt|Kapitel|sección|capítulo|раздел\w*|глав\w*|Fig\.|fig\.)\s*[≥>=]*\s*$"
)
QUOTES = {  # allowed pairs; any other quotation mark is wrong
    "es": ("«»", "“”"),
    "de": ("„“", "‚‘"),
    "zh": ("“”", "‘’", "《》", "「」"),
    "ru": ("«»", "„“"),
}
ALL_QUOTES = '«»„“”‚‘《》「」"'
MIN_ALT = {"zh": 15}
MIN_ALT_ELSEWHERE = 40
LENGTH = {"de": (0.7, 1.5), "ru": (0.65, 1.45), "zh": (0.18, 0.65)}  # letters of a page over those of the Spanish one
CELL_FLOOR = {"de": 0.45, "ru": 0.4, "zh": 0.1}  # the same for a long Markdown cell: something was left out


def decimal_problems(code: str, text: str) -> Iterator[str]:
    """Numbers written in another language's manner."""
    wrong, right = (r"\.", ",") if EDITIONS[code].decimal == "," else (",", ".")
    for match in re.finditer(rf"(?<![A-Za-zА-я\d.,/_])\d+{wrong}\d+(?![A-Za-zА-я\d_]|[.,/]\d)", text):
        if not NOT_DECIMAL.search(text[: match.start()]):
            yield f"{match[0]!r}: decimals have {right!r} here; thousands a narrow space, from five digits on"


def quote_problems(code: str, text: str) -> Iterator[str]:
    """Quotation marks of another language, or one without its partner."""
    allowed = "".join(QUOTES[code])
    wrong = [mark for mark in text if mark in ALL_QUOTES and mark not in allowed]
    if wrong:
        yield f"quotation mark {wrong[0]!r}: use {' '.join(QUOTES[code])}"
    for opening, closing in QUOTES[code][:1]:
        if text.count(opening) != text.count(closing):
            yield f"quotation marks {opening}{closing} do not pair"


def chinese_problems(code: str, text: str) -> Iterator[str]:
    """Half-width punctuation behind a Chinese character; spaces typed between Chinese and Latin."""
    if code != "zh":
        return
    for match in re.finditer(rf"[{HAN}][,;:?!](?!\w)|[{HAN}]\.(?!\w)|[{HAN}]\(|\)[{HAN}]", text):
        yield f"{match[0]!r}: punctuation next to Chinese is full-width"
    for match in re.finditer(rf"[{HAN}] +[A-Za-z0-9]|[A-Za-z0-9] +[{HAN}]", text):
        yield f"{match[0]!r}: no space by hand between Chinese and Latin; the style sheet draws it"


def language_problems(code: str, text: str) -> Iterator[str]:
    """A paragraph that is in another language (names, quotations and what stands in brackets aside)."""
    own = re.sub(r"\([^()]*\)|（[^（）]*）|\[[^\]]*\]|«[^»]*»|“[^”]*”|„[^“]*“|《[^》]*》", " ", text)
    own = re.sub(r"(?<![A-Za-z])[A-Za-z]*[a-z][A-Z][A-Za-z0-9]*", " ", own)  # names such as GroupNorm
    letters = re.findall(r"[^\W\d_]", own)
    scripts = {"zh": rf"[{HAN}]", "ru": r"[Ѐ-ӿ]"}
    if code in scripts:
        share = len(re.findall(scripts[code], own)) / max(len(letters), 1)
        if len(letters) >= 40 and share < {"zh": 0.4, "ru": 0.6}[code]:
            yield f"only {share:.0%} of its letters are of the edition's script: {text[:60]!r}"
        return
    words = re.findall(r"[^\W\d_]+", own.lower())
    counts = {language: sum(word in frequent for word in words) for language, frequent in FREQUENT.items()}
    if len(words) >= 8 and max(counts.values()) >= 2 and counts[code] < max(counts.values()):
        other = max(counts, key=lambda language: counts[language])
        yield f"reads like {other!r}, not {code!r}: {text[:60]!r}"
    elif re.search(r"[Ѐ-ӿ]{3,}|[\u4e00-\u9fff]{2,}", own) and len(words) >= 8:
        yield f"foreign script outside brackets: {text[:60]!r}"


RULES = (decimal_problems, quote_problems, chinese_problems, language_problems)
PLAIN_PAGES = {"glossary", "references"}  # other languages stand there on purpose


def page_problems(path: Path, root: Path) -> list[str]:
    """All that the rules say about one page."""
    code, label = path.parent.name, path.relative_to(root)
    rules = [rule for rule in RULES if rule is not language_problems or path.stem not in PLAIN_PAGES]
    return [
        f"{label}:{paragraph.line}: {problem}"
        for paragraph in paragraphs(path)
        for rule in rules
        for problem in rule(code, paragraph.text)
    ]


def figure_problems(path: Path, root: Path) -> list[str]:
    """Alternative texts that are too short, or only repeat the caption."""
    if not is_notebook(path.read_text(encoding="utf-8")):
        return []
    code, lines, problems = path.parent.name, cell_lines(path), []
    least = MIN_ALT.get(code, MIN_ALT_ELSEWHERE)
    for cell in read_chapter(path).cells:
        shown = cell.metadata.get("mystnb", {})
        alt = str(shown.get("image", {}).get("alt", "")).strip()
        where = f"{path.relative_to(root)}:{lines[cell.id]}: cell {cell.id!r}"
        if "figure" in shown and len(alt) < least:
            problems.append(f"{where}: alternative text of {len(alt)} characters; {least} at least: say the message")
        if alt and alt == str(shown.get("figure", {}).get("caption", "")).strip():
            problems.append(f"{where}: the alternative text repeats the caption; say what one sees and what it means")
    return problems


def length_problems(root: Path, first: str = "es") -> list[str]:
    """Pages, and long Markdown cells, much shorter or longer than in the first edition."""
    problems = []
    for page in sorted((root / "chapters" / first).glob("*.md")):
        mine = _letters(paragraphs(page))
        for code, (low, high) in LENGTH.items():
            path = root / "chapters" / code / page.name
            if not path.exists() or sum(mine.values()) < 1000:
                continue
            theirs = _letters(paragraphs(path))
            ratio = sum(theirs.values()) / sum(mine.values())
            label = path.relative_to(root)
            if not low <= ratio <= high:
                problems.append(f"{label}: {ratio:.2f} times the letters of {first}; {low} to {high} is usual")
            problems += [
                f"{label}: cell {cell!r}: {theirs.get(cell, 0)} letters against {count} in {first}: is something left out?"
                for cell, count in mine.items()
                if cell and count >= 300 and theirs.get(cell, 0) < CELL_FLOOR[code] * count
            ]
    return problems


def _letters(found: list[Paragraph]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for paragraph in found:
        counts[paragraph.cell] = counts.get(paragraph.cell, 0) + len(re.findall(r"\w", paragraph.text.replace(GAP, "")))
    return counts


def check(root: Path, languages: list[str] | None = None) -> list[str]:
    """Everything that the style sheets find, one line each."""
    pages = [p for code in languages or list(EDITIONS) for p in sorted((root / "chapters" / code).glob("*.md"))]
    problems = [problem for page in pages for problem in page_problems(page, root) + figure_problems(page, root)]
    problems += term_problems(root, languages or list(EDITIONS))
    return problems + (length_problems(root) if not languages else [])


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 if nothing was found."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.check.style", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--lang", action="append", choices=list(EDITIONS), help="only this edition (may be repeated)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    options = parser.parse_args(arguments)
    try:
        problems = check(options.root.resolve(), options.lang)
    except ChapterError as error:
        problems = [str(error)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
