"""Each edition uses the terms of glossary.yml: no `avoid` form of a term, and its own term where another edition has its."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import snowballstemmer
import yaml

from talweg_site.check.prose import paragraphs

STEMMERS = {"es": "spanish", "de": "german", "ru": "russian"}
OFTEN = 4  # an edition that uses its term so often on a page speaks about it
WITNESSES = 2  # when so many editions do, the others must name it there too (one alone may prefer a noun to a verb)


def load_terms(root: Path) -> list[dict]:
    """The entries of glossary.yml, [] where there is none."""
    path = root / "glossary.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []


@cache
def stems(code: str, text: str) -> str:
    """`text` as stems between single spaces; Chinese, which does not inflect, as it is without spaces."""
    if code == "zh":
        return re.sub(r"\s+", "", text)
    words = re.findall(r"[^\W_]+", text.lower().replace("ё", "е"))
    return " " + " ".join(_stem(code, word) for word in words) + " "


@cache
def _stem(code: str, word: str) -> str:
    """The same words come again on every page, and stemming one takes a tenth of a millisecond."""
    return snowballstemmer.stemmer(STEMMERS[code]).stemWord(word)


def count(code: str, term: str, text: str) -> int:
    """How often `text` has `term`, in whatever case or number; in German also within compounds."""
    needle = stems(code, re.sub(r"[(（].*?[)）]", "", term))
    if not needle.strip():
        return 0
    if code == "de":
        return stems(code, text).count(needle.rstrip()) if len(needle) > 6 else stems(code, text).count(needle)
    return stems(code, text).count(needle)


def forms(entry: dict, code: str) -> list[str]:
    """The term of an edition and other forms that the glossary lets stand (`also`)."""
    return [entry[code]["term"], *entry[code].get("also", [])]


def term_problems(root: Path, languages: list[str]) -> list[str]:
    """Terms that the glossary forbids, and terms that an edition speaks about without naming them."""
    problems, entries = [], load_terms(root)
    names = sorted({path.name for path in (root / "chapters").glob("*/*.md")} - {"glossary.md"})
    for name in names:
        pages = {code: root / "chapters" / code / name for code in languages}
        found = {code: paragraphs(path) for code, path in pages.items() if path.exists()}
        for code, paras in found.items():
            problems += _avoided(entries, code, paras, pages[code].relative_to(root))
        texts = {code: "\n".join(paragraph.text for paragraph in paras) for code, paras in found.items()}
        problems += _unnamed(entries, texts, name)
    return problems


def _avoided(entries: list[dict], code: str, paras: list, label: Path) -> list[str]:
    return [
        f"{label}:{paragraph.line}: {wrong!r}: the glossary says {entry[code]['term']!r}"
        for entry in entries
        for wrong in entry[code].get("avoid", [])
        for paragraph in paras
        if _has(code, wrong, paragraph.text)
    ]


def _has(code: str, wrong: str, text: str) -> bool:
    """Whether a forbidden form stands in `text` outside brackets (where English may be named once)."""
    outside = re.sub(r"\([^()]*\)|（[^（）]*）", " ", text)
    return count(code, wrong, outside) > 0


def _unnamed(entries: list[dict], texts: dict[str, str], name: str) -> list[str]:
    problems = []
    for entry in entries:
        uses = {code: max(count(code, form, text) for form in forms(entry, code)) for code, text in texts.items()}
        often = [
            code for code, number in uses.items() if number >= OFTEN and code != "zh"
        ]  # Chinese verbs are nouns too
        if len(often) >= max(1, min(WITNESSES, len(uses) - 1)):
            said = ", ".join(f"{code} says {entry[code]['term']!r} {uses[code]} times" for code in often)
            problems += [
                f"chapters/{code}/{name}: never says {entry[code]['term']!r}, though {said}"
                for code, number in uses.items()
                if number == 0
            ]
    return problems
