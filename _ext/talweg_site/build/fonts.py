"""The fonts of an edition: one file for each face, cut to the characters that the edition's pages show.

A cut is kept in `_build/fonts` under the digest of all that it is made from: a build that shows no new character cuts nothing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

from talweg.atomic import whole_file
from talweg_site.build import characters, cutting, math_font
from talweg_site.build.characters import CHINESE, CHINESE_MARKS, Characters
from talweg_site.editions import Edition, build_of

VERSION = "1"  # raise it when the way of cutting changes
SCRIPTS = ("latin", "latin-ext", "cyrillic", "greek")
SUPERSCRIPTS = (
    "¹²³"  # the others are in the font of formulas alone, and two kinds of figures would stand in one exponent
)


@dataclass(frozen=True)
class Face:
    """A file of a family, from an npm package of fonts."""

    file: str
    family: str
    package: str
    weight: int = 400
    slope: str = "normal"
    display: bool = False  # drawn for large sizes: only the variable font has that

    @property
    def chinese(self) -> bool:
        """Whether the face holds Chinese alone."""
        return self.package.startswith("noto")

    def sources(self, node_modules: Path) -> list[Path]:
        """The files that it is cut from; as .woff where there is one, since .woff2 takes ten times as long to read."""
        if self is MATH:
            return [node_modules / math_font.FILE]
        if self.display:
            files = node_modules / "@fontsource-variable" / self.package / "files"
            return [files / f"{self.package}-latin-opsz-{self.slope}.woff2"]
        files = node_modules / "@fontsource" / self.package / "files"
        scripts = ("chinese-simplified",) if self.chinese else SCRIPTS
        return [files / f"{self.package}-{script}-{self.weight}-{self.slope}.woff" for script in scripts]

    def cut(self, node_modules: Path, chars: str) -> TTFont:
        """The face with these characters alone."""
        if self is MATH:
            return math_font.cut(node_modules, chars)
        place: dict[str, float] | None = {"wght": self.weight, "opsz": 60} if self.display else None
        return cutting.cut(self.sources(node_modules), chars, place)


SERIF = Face("serif", "Talweg Serif", "source-serif-4")
SERIF_ITALIC = Face("serif-italic", "Talweg Serif", "source-serif-4", slope="italic")
SERIF_BOLD = Face("serif-bold", "Talweg Serif", "source-serif-4", weight=600)
DISPLAY = Face("display", "Talweg Display", "source-serif-4", weight=480, display=True)
SANS = Face("sans", "Talweg Sans", "source-sans-3")
SANS_ITALIC = Face("sans-italic", "Talweg Sans", "source-sans-3", slope="italic")
SANS_BOLD = Face("sans-bold", "Talweg Sans", "source-sans-3", weight=600)
MONO = Face("mono", "Talweg Mono", "source-code-pro")
MATH = Face("math", "Talweg Math", "stix-two-math")
SONG = Face("song", "Talweg Song", "noto-serif-sc")
HEI = Face("hei", "Talweg Hei", "noto-sans-sc")
HEI_BOLD = Face("hei-bold", "Talweg Hei", "noto-sans-sc", weight=600)

LATIN = (SERIF, SERIF_ITALIC, SERIF_BOLD, SANS, SANS_ITALIC, SANS_BOLD, MONO, MATH)
REFERENCE = (SERIF, SERIF_ITALIC, SERIF_BOLD, SANS, SANS_ITALIC, SANS_BOLD, MONO, MATH, HEI)
LANDING = (SERIF, SERIF_BOLD, DISPLAY, SANS, SANS_BOLD, SONG, HEI, HEI_BOLD)
SELDOM = (SANS, HEI)  # the glossary has its terms in other languages in these
CHINESE_BLOCKS = "U+2E80-9FFF, U+F900-FAFF, U+FE30-FE4F, U+FF00-FFEF"


def faces_of(edition: Edition | None) -> tuple[Face, ...]:
    """What an edition's pages use; Chinese in the others is a name in the menu and a line of the glossary."""
    if edition is None:
        return LANDING
    return (*LATIN, SONG, HEI, HEI_BOLD) if edition.code == "zh" else (*LATIN, HEI)


def chosen(face: Face, shown: Iterable[str]) -> str:
    """Those of the characters that the face is to hold."""
    if face.chinese:
        return "".join(sorted(char for char in shown if CHINESE.match(char) or char in CHINESE_MARKS))
    if face.display:
        return "".join(sorted(set("Talweg") & set(shown)))
    left_out = SUPERSCRIPTS if face is not MATH else ""
    return "".join(sorted(char for char in shown if not CHINESE.match(char) and char not in left_out))


def write_fonts(root: Path, target: Path, faces: Iterable[Face], shown: Characters) -> None:
    """Write the faces and `fonts.css` into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    rules = [FALLBACKS]
    written = {"fonts.css"}
    for face in faces:
        for suffix, chars in (("", shown.common), ("-seldom", shown.seldom)):
            if suffix and face not in SELDOM:
                continue
            if file := _cut(root, face, chosen(face, chars)):
                name = f"{face.file}{suffix}.woff2"
                shutil.copyfile(file, target / name)
                written.add(name)
                rules += _rules(face, name, ranges(cutting.drawn(TTFont(file))) if suffix else "")
    (target / "fonts.css").write_text("\n".join(rules) + "\n", encoding="utf-8")
    for path in target.iterdir():
        if path.name not in written:
            path.unlink()  # of a face that is no more


def _cut(root: Path, face: Face, chars: str) -> Path | None:
    """The file of a face with these characters; None where the face has none of them."""
    modules = root / "node_modules"
    sources = face.sources(modules)
    has = set().union(*(cutting.drawn(TTFont(source, lazy=True)) for source in sources))
    chars = "".join(char for char in chars if ord(char) in has)
    if not chars:
        return None
    digest = hashlib.sha256(f"{VERSION}{face}{chars}".encode())
    for source in (*sources, Path(cutting.__file__), Path(math_font.__file__)):
        digest.update(source.read_bytes())
    kept = root / "_build" / "fonts" / f"{face.file}-{digest.hexdigest()[:16]}.woff2"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        font = face.cut(modules, chars)
        font.flavor = "woff2"
        with whole_file(kept) as part:
            font.save(part)
    return kept


def ranges(codes: Iterable[int]) -> str:
    """Code points as CSS writes them: U+41-5A,U+61."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ",".join(f"U+{first:X}" + (f"-{last:X}" if last > first else "") for first, last in runs)


def _rules(face: Face, file: str, only: str) -> Iterator[str]:
    """The rules of a file; Chinese also as two families of their own, for its marks and for columns beside code."""
    if not face.chinese:
        yield _rule(face, face.family, file, only)
        return
    yield _rule(face, face.family, file, only or CHINESE_BLOCKS)
    if not only:
        # the marks “”—… as Chinese writes them: in any other family they would come in Latin widths
        yield _rule(face, f"{face.family} Marks", file, ranges(map(ord, CHINESE_MARKS)))
        if face.family == HEI.family:
            # as wide as two signs of Source Code Pro, 2 × 0.6 em: so printed tables stand in columns
            yield _rule(face, f"{face.family} Columns", file, CHINESE_BLOCKS, "size-adjust: 120%; ")


def _rule(face: Face, family: str, file: str, only: str, more: str = "") -> str:
    weight = "400" if face.weight < 500 else "600 700"
    limit = f"unicode-range: {only}; " if only else ""
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {face.slope}; font-display: swap; '
        f'{limit}{more}src: url("{file}") format("woff2"); }}'
    )


# Until the fonts are there: faces that most systems have, set as wide as ours, so that no line moves when ours come.
FALLBACKS = """\
@font-face { font-family: "Talweg Serif Until"; size-adjust: 113%; src: local("Times New Roman"), local("Liberation Serif"); }
@font-face { font-family: "Talweg Sans Until"; size-adjust: 93%; src: local("Arial"), local("Liberation Sans"); }"""


def provide(app: Sphinx, exception: Exception | None) -> None:
    """Cut the fonts of what has been built."""
    if exception or app.builder.format != "html":
        return
    root, edition = build_of(app).root, build_of(app).edition
    pages = sorted(Path(app.outdir).glob("*.html" if edition else "index.html"))
    words = [*characters.word_files(root, edition), *sorted((root / "_assets").glob("*.js"))]
    shown = characters.used_in(pages, words, edition and edition.code)
    write_fonts(root, Path(app.outdir) / "_static" / "fonts", faces_of(edition), shown)


def setup(app: Sphinx) -> None:
    """Cut when the pages are written."""
    app.connect("build-finished", provide, priority=200)
