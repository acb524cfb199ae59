"""The font of formulas: STIX Two Math, cut to the signs that are used, and mended for the way Chromium sets MathML."""

from __future__ import annotations

from pathlib import Path

from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from talweg_site.build.cutting import drawn, subset

FILE = (
    Path("@fontsource") / "stix-two-math" / "files" / "stix-two-math-latin-400-normal.woff"
)  # .woff2 takes ten times as long to read
STRETCHED = "√()[]{}|‖/⟨⟩"
WIDEST = 1.25  # how wide a tall bracket may be, in widths of the plain one
PRIME = "′"


def italic(char: str) -> str:
    """What the browser shows for a letter that stands alone in `<mi>`."""
    if char == "h":
        return "ℎ"
    for first, last, target in (("a", "z", 0x1D44E), ("A", "Z", 0x1D434), ("α", "ω", 0x1D6FC), ("Α", "Ω", 0x1D6E2)):
        if first <= char <= last:
            return chr(target + ord(char) - ord(first))
    return {"∂": "𝜕", "ϵ": "𝜖", "ϑ": "𝜗", "ϕ": "𝜙", "ϱ": "𝜚", "ϖ": "𝜛", "∇": "𝛻"}.get(char, char)


def cut(node_modules: Path, characters: str) -> TTFont:
    """The font with these characters, letters in italics too, and all forms of the brackets among them."""
    font = TTFont(node_modules / FILE, recalcTimestamp=False, lazy=True)
    subset(font, {*characters, *map(italic, characters), *STRETCHED, PRIME})
    _narrow_tall_forms(font)
    _let_primes_hang(font)
    return font


def _narrow_tall_forms(font: TTFont) -> None:
    """Chromium gives each bracket and root the room of its widest form, and a small one then has a gap behind it."""
    variants = font["MATH"].table.MathVariants
    cmap, widths = drawn(font), font["hmtx"]
    done: set[str] = set()
    for char in STRETCHED:
        base = cmap[ord(char)]
        if base not in variants.VertGlyphCoverage.glyphs:
            continue
        forms = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(base)]
        names = [record.VariantGlyph for record in forms.MathGlyphVariantRecord]
        names += [part.glyph for part in forms.GlyphAssembly.PartRecords] if forms.GlyphAssembly else []
        widest = widths[base][0] * (1 if char == "√" else WIDEST)
        for name in names:
            if name not in done and widths[name][0] > widest:
                _transform(font, name, widest / widths[name][0])
            done.add(name)


def _let_primes_hang(font: TTFont) -> None:
    """The prime of this font is drawn raised and small; MathML raises and shrinks it once more."""
    _transform(font, drawn(font)[ord(PRIME)], 1.5, 1.75, -640)


def _transform(font: TTFont, name: str, across: float, up: float = 1, shift: float = 0) -> None:
    glyphs, widths = font["glyf"], font["hmtx"]
    pen = TTGlyphPen(None)
    glyphs[name].draw(TransformPen(pen, (across, 0, 0, up, 0, shift)), glyphs)
    glyphs[name] = pen.glyph()
    glyphs[name].recalcBounds(glyphs)
    widths[name] = (round(widths[name][0] * across), glyphs[name].xMin if glyphs[name].numberOfContours else 0)
