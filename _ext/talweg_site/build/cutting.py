"""Cut a font to the characters that are used: web fonts come as one file for each script, which are joined."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

logging.getLogger("fontTools").setLevel(logging.WARNING)  # else each table that is cut is a line of the build


def drawn(font: TTFont) -> dict[int, str]:
    """The code points that the font draws, each with the name of its glyph."""
    return font.getBestCmap() or {}


def subset(font: TTFont, characters: Iterable[str]) -> TTFont:
    """The font with these characters alone; those that it lacks are passed over."""
    options = Options(layout_features=["*"], hinting=False, notdef_outline=True)
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(characters))
    subsetter.subset(font)
    return font


def cut(sources: list[Path], characters: str, place: dict[str, float] | None = None) -> TTFont:
    """These characters from the sources as one font; a variable one is fixed at `place` on its axes."""
    pieces = []
    for source in sources:
        font = TTFont(source, recalcTimestamp=False, lazy=True)
        if set(drawn(font)) & set(map(ord, characters)):
            pieces.append(subset(font, characters))
    if place:
        pieces = [instantiateVariableFont(font, place) for font in pieces]
    return pieces[0] if len(pieces) == 1 else _join(pieces)


def _join(fonts: list[TTFont]) -> TTFont:
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{number}.ttf") for number in range(len(fonts))]
        for font, path in zip(fonts, paths, strict=True):
            font.flavor = None
            font.save(path)
        return Merger().merge(paths)
