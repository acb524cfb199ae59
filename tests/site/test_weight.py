"""What a page weighs and what it is made of: bytes and requests of a first visit, formulas, fonts, sizes of pictures."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from talweg_site.build import images, mathematics
from talweg_site.build.characters import CHINESE
from talweg_site.build.fonts import ranges

from .conftest import CODES, ROOT, SITE, in_turn, parsed

CHAPTERS = sorted(path.stem for path in (ROOT / "chapters" / "es").glob("*.ipynb") if path.stem != "index")
BYTES = {"es": 500_000, "de": 500_000, "ru": 550_000, "zh": 1_200_000}
REQUESTS = 60
PACKED = (".woff2", ".png", ".jpg", ".webp")  # as small as they get
ASKED_FOR = re.compile(r"[\w./-]*_static/[\w./-]+\.(?:m?js|css|woff2|json)")
FACE = re.compile(r'font-family: "([^"]+)".*?(?:unicode-range: ([^;]+);)?[^;]*src: url\("([^"]+)"\)')


@cache
def size(path: Path) -> int:
    """Bytes on the line, as GitHub Pages sends them."""
    data = path.read_bytes()
    return len(data) if path.suffix in PACKED else len(gzip.compress(data, 6))


def in_range(char: str, only: str) -> bool:
    parts = [part.strip()[2:].split("-") for part in only.split(",")]
    return any(int(part[0], 16) <= ord(char) <= int(part[-1], 16) for part in parts)


def fonts_of(path: Path) -> Iterator[Path]:
    """The font files that the page can ask for: of those limited to some characters, the ones whose characters it shows."""
    folder = path.parent / "_static" / "fonts"
    shown = set(parsed(path).get_text())
    for _family, only, file in FACE.findall((folder / "fonts.css").read_text(encoding="utf-8")):
        if not only or any(in_range(char, only) for char in shown):
            yield folder / file


def first_visit(path: Path) -> set[Path]:
    """The files of a first visit: the page, and what it names. plotly is loaded only when its figure comes near."""
    page = parsed(path)
    named = [tag["src"] for tag in page.find_all(["img", "script"], src=True)]
    named += [tag["href"] for tag in page.find_all("link", rel=["stylesheet", "preload", "icon"])]
    named += ASKED_FOR.findall(path.read_text(encoding="utf-8"))
    addresses = {urldefrag(url.split("?")[0])[0] for url in named if not url.startswith("data:")}
    files = {(path.parent / address).resolve() for address in addresses if "plotly" not in address}
    return {path, *(file.resolve() for file in fonts_of(path)), *(file for file in files if file.is_file())}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_keeps_to_its_budget(code: str, chapter: str) -> None:
    files = first_visit(SITE / code / f"{chapter}.html")
    weights = sorted(((size(file), file.name) for file in files), reverse=True)
    assert sum(weight for weight, _ in weights) <= BYTES[code], weights[:12]
    assert len(files) <= REQUESTS, weights


def test_the_landing_page_keeps_to_its_budget() -> None:
    files = first_visit(SITE / "index.html")
    assert sum(map(size, files)) <= 130_000, sorted((size(file), file.name) for file in files)
    assert len(files) <= 16


def test_nothing_stands_between_a_page_and_its_first_sight(page_path: str) -> None:
    """A script in the head is short and inside, or waits; style sheets are the book's own."""
    head = parsed(SITE / page_path).head
    scripts = [
        tag for tag in head.find_all("script", src=True) if not tag.has_attr("defer") and tag.get("type") != "module"
    ]
    assert not scripts
    sheets = {Path(tag["href"].split("?")[0]).name for tag in head.find_all("link", rel="stylesheet")}
    assert not sheets - {"fonts.css", "pygments.css", "talweg.css", "landing.css"}


def test_pictures_keep_their_place_while_they_load(edition_page: str) -> None:
    pictures = [tag for tag in parsed(SITE / edition_page).find_all("img") if not tag["src"].endswith(".svg")]
    assert [str(tag)[:150] for tag in pictures if not (tag.get("width") and tag.get("height"))] == []


def test_a_size_that_is_given_stays_and_the_first_picture_is_not_put_off(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (30, 20)).save(tmp_path / "a.png")
    one = '<img alt="" src="_images/a.png" />'
    body = images.with_sizes(one + one + '<img width="5" src="_images/a.png">', {"a.png": tmp_path / "a.png"})
    first, second, third = BeautifulSoup(body, "html.parser").find_all("img")
    assert (first["width"], first["height"], first.get("loading")) == ("30", "20", None)
    assert second["loading"] == "lazy" and third["width"] == "5"


# formulas


def test_formulas_are_mathml_and_no_tex_is_left(edition_page: str) -> None:
    page = BeautifulSoup((SITE / edition_page).read_text(encoding="utf-8"), "html.parser").find("article")
    for formula in page.find_all("math"):
        assert formula.get_text(strip=True), str(formula)
        formula.replace_with("x")
    assert not page.find_all(["merror"]) and not page.find_all(class_=["temml-error", "math notranslate"])
    assert all("x" in box.get_text() for box in page.find_all("div", class_="math"))
    for code in page.find_all(["code", "pre", "script", "style", "template"]):
        code.decompose()
    assert re.findall(r"\\[a-zA-Z(\[]\w*|\$[^$]+\$", page.get_text()) == []


def test_formulas_of_all_kinds_are_set_and_a_broken_one_is_named() -> None:
    converter = mathematics.Converter(ROOT / "node_modules")
    try:
        aligned = converter.mathml(r"\begin{aligned}a&=b\\&=c\end{aligned}", display=True)
        assert 'display="block"' in aligned and "<mtable" in aligned
        assert "<mn>0,05</mn>" in converter.mathml("0{,}05")
        assert "⏟" in converter.mathml(r"\underbrace{a+b}_{G}") and "⊤" in converter.mathml(r"H^\top")
        with pytest.raises(mathematics.FormulaError, match=r"\\fraq.*: \\fraq12$"):
            converter.mathml(r"\fraq12")
        assert "<mi>x</mi>" in converter.mathml("x")  # and the next one is set
    finally:
        converter.close()


# fonts


@cache
def drawn_by(code: str) -> frozenset[int]:
    """The characters that an edition's fonts draw together."""
    return frozenset().union(
        *(TTFont(file).getBestCmap() for file in (SITE / code / "_static" / "fonts").glob("*.woff2"))
    )


# Signs that no font of the book has: the reader's system draws them.
LEFT_TO_THE_SYSTEM = set("⟲✗ᵀᵢₜᵏᵗⱼ⭐▶⏸📋…\ufe0f\ufeff\u200b\u2060\u2061\u2062\u2009\u200a\u00ad\u202f\u00a0\n\t")


def test_fonts_draw_what_the_pages_show(edition_page: str) -> None:
    page = BeautifulSoup((SITE / edition_page).read_text(encoding="utf-8"), "html.parser").body
    for hidden in page.find_all(["script", "style"]):
        hidden.decompose()
    missing = {char for char in page.get_text() if ord(char) not in drawn_by(edition_page[:2])} - LEFT_TO_THE_SYSTEM
    assert not missing


@pytest.mark.parametrize("code", CODES)
def test_chinese_fonts_are_for_the_chinese_edition(code: str) -> None:
    folder = SITE / code / "_static" / "fonts"
    chinese = {
        path.name: path.stat().st_size for path in folder.glob("*.woff2") if path.stem.startswith(("hei", "song"))
    }
    if code == "zh":
        assert set(chinese) == {"hei.woff2", "hei-bold.woff2", "song.woff2"} and sum(chinese.values()) < 750_000
    else:
        assert chinese["hei.woff2"] < 5_000 and sum(chinese.values()) < 40_000
    assert (folder / "fonts.css").stat().st_size < 6_000


@pytest.mark.parametrize("code", CODES)
def test_an_exponent_is_of_one_font(code: str) -> None:
    folder = SITE / code / "_static" / "fonts"
    for face in ("serif", "sans", "mono", "math"):
        known = {chr(point) for point in TTFont(folder / f"{face}.woff2").getBestCmap()}
        superscripts = known & set("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ")
        assert len(superscripts) == (12 if face == "math" else 0), face
    assert "MATH" in TTFont(folder / "math.woff2")


def test_ranges_are_written_as_css_has_them() -> None:
    assert ranges([0x61, 0x41, 0x42, 0x43]) == "U+41-43,U+61"
    assert CHINESE.match("简") and not CHINESE.match("—")


# without scripts


@pytest.mark.browser
@pytest.mark.parametrize(("code", "chapter"), in_turn(CHAPTERS[:1]))
def test_a_page_reads_without_scripts(browser: Any, code: str, chapter: str) -> None:
    browser.size(390)
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(f"{browser.site}{code}/{chapter}.html")
        formulas = browser.driver.find_elements("css selector", "article math")
        assert len(formulas) > 100 and all(formula.size["height"] > 4 for formula in formulas[:5])
        assert len(browser.driver.find_element("css selector", "article").text) > 5000
        browser.driver.find_element("css selector", ".prev-next .next").click()
        assert chapter not in browser.driver.current_url and browser.driver.find_element("css selector", "h1").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
