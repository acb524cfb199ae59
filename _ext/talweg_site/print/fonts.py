"""Fonts of the printed book: the site's own (Source Serif, Sans, Code), cut from the web fonts that npm installed.

A web font comes as variable WOFF2 files, one per script. TeX wants one static file per weight, so the pieces are fixed
at a weight and merged. What these fonts lack (✓, arrows …) is taken from FreeFont, Chinese from Fandol.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from fontTools.merge import Merger
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

from talweg.atomic import whole_file

SCRIPTS = ("latin", "latin-ext", "cyrillic", "greek")
VERSION = "1"  # raise it when the way of cutting changes: the stored files are then made again


@dataclass(frozen=True)
class Cut:
    """One static font: `name` of the file, npm `package`, its `axes` file, slope, and a place on each axis."""

    name: str
    package: str
    axes: str
    slope: str
    weight: int
    size: int | None = None

    @property
    def place(self) -> dict[str, int]:
        """Where on the axes."""
        return {"wght": self.weight} | ({"opsz": self.size} if self.size else {})


CUTS = (
    Cut("Serif-Regular", "source-serif-4", "opsz", "normal", 400, 10),
    Cut("Serif-Italic", "source-serif-4", "opsz", "italic", 400, 10),
    Cut("Serif-Bold", "source-serif-4", "opsz", "normal", 650, 10),
    Cut("Serif-BoldItalic", "source-serif-4", "opsz", "italic", 650, 10),
    Cut("Display-Regular", "source-serif-4", "opsz", "normal", 400, 36),
    Cut("Sans-Regular", "source-sans-3", "wght", "normal", 400),
    Cut("Sans-Italic", "source-sans-3", "wght", "italic", 400),
    Cut("Sans-Bold", "source-sans-3", "wght", "normal", 620),
    Cut("Mono-Regular", "source-code-pro", "wght", "normal", 400),
    Cut("Mono-Bold", "source-code-pro", "wght", "normal", 600),
)

# Where a missing character is looked for, per family, in this order. TeX finds these files itself.
FALLBACKS = {
    "serif": ("FreeSerif.otf", "FandolSong-Regular.otf", "FreeSans.otf"),
    "sans": ("FreeSans.otf", "FandolHei-Regular.otf", "FreeSerif.otf"),
    "mono": ("FreeMono.otf", "FandolFang-Regular.otf", "FreeSerif.otf"),
}


# Spaces and marks without ink that fonts often lack, as TeX makes them.
INVISIBLE = {"\u00ad": r"\-", "\u2009": r"\thinspace{}", "\u200a": r"\hspace{.1em}", "\u200b": r"\hspace{0pt}"}
INVISIBLE |= {"\u202f": r"\,", "\u2060": r"\nobreak\hspace{0pt}"} | dict.fromkeys("\u2062\u200c\u200d\ufe0f\ufeff", "")


class FontError(RuntimeError):
    """A font that the book needs is not there."""


def make_fonts(node_modules: Path, target: Path) -> None:
    """Cut the fonts into `target`; nothing to do where they are there already."""
    folder = node_modules / "@fontsource-variable"
    sources = [path for cut in CUTS for path in _sources(folder, cut)]
    if missing := [path for path in sources if not path.exists()]:
        raise FontError(f"{missing[0]} is missing: build the site first (make html), which installs the web fonts")
    stamp = target / "stamp"
    digest = _digest(sources)
    if stamp.exists() and stamp.read_text() == digest:
        return
    target.mkdir(parents=True, exist_ok=True)
    # new processes, no copies of this one: it may have threads, which wait for browsers
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        list(pool.map(_make, [folder] * len(CUTS), CUTS, [target] * len(CUTS)))
    stamp.write_text(digest)


def _sources(folder: Path, cut: Cut) -> list[Path]:
    files = folder / cut.package / "files"
    return [files / f"{cut.package}-{script}-{cut.axes}-{cut.slope}.woff2" for script in SCRIPTS]


def _digest(sources: list[Path]) -> str:
    digest = hashlib.sha256(f"{VERSION}{CUTS}".encode())
    for path in dict.fromkeys(sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _make(folder: Path, cut: Cut, target: Path) -> None:
    pieces = []
    for script, source in zip(SCRIPTS, _sources(folder, cut), strict=True):
        font = instantiateVariableFont(TTFont(source, recalcTimestamp=False), cut.place, inplace=True)
        font.flavor = None
        piece = target / f"{cut.name}-{script}.ttf"
        font.save(piece)
        pieces.append(piece)
    merged = Merger().merge([str(piece) for piece in pieces])
    _rename(merged, cut.name)
    with whole_file(target / f"{cut.name}.ttf") as file:
        merged.save(file)
    for piece in pieces:
        piece.unlink()


def _rename(font: TTFont, name: str) -> None:
    """Give each cut a name of its own: a PDF lists fonts by it."""
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = f"Talweg {name.replace('-', ' ')}".encode(record.getEncoding())
        elif record.nameID in (3, 6):
            record.string = f"Talweg{name}".encode(record.getEncoding())
    font["name"].names = [record for record in font["name"].names if record.nameID != 25]


@cache
def characters(path: Path) -> frozenset[int]:
    """The code points that a font file draws."""
    return frozenset(TTFont(path, lazy=True).getBestCmap() or ())


@cache
def find_font(name: str) -> Path:
    """Where TeX finds a font file. Raises FontError with the Debian package that has it."""
    found = subprocess.run(["kpsewhich", name], capture_output=True, text=True).stdout.strip()
    if not found:
        asked = subprocess.run(["fc-list", "--format=%{file}\n"], capture_output=True, text=True).stdout.splitlines()
        found = next((line for line in asked if line.endswith(f"/{name}")), "")
    if not found:
        package = "texlive-lang-chinese" if name.startswith("Fandol") else "fonts-freefont-otf"
        raise FontError(f"font {name} is missing: install the Debian package {package}")
    return Path(found)


def fallback_package(text: str, fonts: Path, chinese: bool) -> str:
    """TeX definitions for the characters of `text` that the cut fonts lack.

    chinese: leave those that xeCJK sets. Raises FontError for a character that no font has.
    """
    own = {"serif": "Serif-Regular", "sans": "Sans-Regular", "mono": "Mono-Regular"}
    covered = {family: characters(fonts / f"{name}.ttf") for family, name in own.items()}
    lines = [r"\ProvidesPackage{talwegfallback}", r"\RequirePackage{newunicodechar}"]
    used: dict[str, str] = {}
    for char in sorted({char for char in text if ord(char) > 0x7F}):
        code = ord(char)
        if char in INVISIBLE:
            lines.append(rf"\newunicodechar{{{char}}}{{{INVISIBLE[char]}}}")
            continue
        if all(code in known for known in covered.values()) or (chinese and _is_chinese(char)):
            continue
        choice = [_choose(family, char, covered[family], used) for family in own]
        lines.append(rf"\newunicodechar{{{char}}}{{\talwegglyph{{{code:X}}}{''.join(f'{{{c}}}' for c in choice)}}}")
    families = [rf"\newfontfamily{macro}{{{name}}}[Path={find_font(name).parent}/]" for name, macro in used.items()]
    return "\n".join([*lines[:2], *families, *lines[2:]]) + "\n"


def _choose(family: str, char: str, covered: frozenset[int], used: dict[str, str]) -> str:
    if ord(char) in covered:
        return ""
    for name in FALLBACKS[family]:
        if ord(char) in characters(find_font(name)):
            letters = "".join(part for part in name if part.isalpha())
            return used.setdefault(name, rf"\talweg{letters}")
    raise FontError(f"no font has the character {char!r} (U+{ord(char):04X})")


def _is_chinese(char: str) -> bool:
    code = ord(char)
    return 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0xFE30 <= code <= 0xFE4F or 0xFF00 <= code <= 0xFFEF
