"""Which characters an edition's pages show: its fonts hold these and no others."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from talweg_site.editions import Edition

CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]")
CYRILLIC = re.compile("[\u0400-\u04ff]")
# What Chinese sets in the width of a character of its own, and other languages do not.
CHINESE_MARKS = "‘’“”—…"
# What a reader or a figure may write on any page: figures count in superscripts and Greek letters.
ALWAYS = (
    "".join(map(chr, range(0x20, 0x7F)))
    + "\u00a0\u202f…–—−·×÷±≤≥≠≈→←↑↓√‖∞∈⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ₀₁₂₃₄₅₆₇₈₉αβγδεζηθκλμνξπρστφχψωΔΣ✓"
)
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Characters:
    """Characters that belong to every page, and letters of a foreign script that a single page shows (the glossary)."""

    common: frozenset[str]
    seldom: frozenset[str]


def used_in(pages: list[Path], words: list[Path], code: str | None) -> Characters:
    """The characters of the pages, and of files with words that a script may put on any of them.

    code: the edition, whose own script is never seldom; None: a page of all languages.
    """
    counts = Counter(char for page in pages for char in set(_text(page)))
    always = set(ALWAYS).union(*(_text(path) for path in words))
    foreign = [script for name, script in {"zh": CHINESE, "ru": CYRILLIC}.items() if code and name != code]
    seldom = {char for char, n in counts.items() if n == 1 and any(s.match(char) for s in foreign)} - always
    shown = {char for char in always | set(counts) if char.isprintable() or char in "\u00a0\u00ad\u202f\u2009"}
    return Characters(frozenset(shown - seldom), frozenset(seldom))


def _text(path: Path) -> str:
    text = unescape(path.read_text(encoding="utf-8"))
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def word_files(root: Path, edition: Edition | None) -> list[Path]:
    """Files of the library whose words stand on the page only once a script has run."""
    if edition is None:
        return []
    catalog = root / "lib" / "talweg" / "locale" / edition.code / "LC_MESSAGES" / "talweg.po"
    exercises = sorted((root / "lib" / "talweg").rglob(f"*.{edition.code}.toml"))
    return [*([catalog] if catalog.exists() else []), *exercises, *sorted((root / "lib" / "talweg").rglob("*.js"))]
