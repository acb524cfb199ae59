"""Static figures on the page: SVG with words, sizes and the page's colours, none of them taken from a photograph."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from talweg.plots.colors import COLORS
from talweg.plots.style import FRAME, GRID, INK, PAPER
from talweg_site.build.figures import PAGE, inline_svg

from .conftest import Browser, parsed

HEX = re.compile(r"#[0-9a-fA-F]{6}\b")
SVG = f"""<svg width="72pt" height="36pt" viewBox="0 0 72 36" xmlns="http://www.w3.org/2000/svg"><defs><style type="text/css">*{{x: y}}</style></defs>
<defs><path id="m1" d="M0 0"/></defs><g clip-path="url(#p1)" style="stroke:{COLORS[1]};fill:#123456"><use href="#m1"/></g></svg>
"""


def stored(root: Path, edition_page: str) -> list[str]:
    """The SVGs that the notebook of a page stores."""
    notebook = root / "chapters" / edition_page.replace(".html", ".ipynb")
    if not notebook.exists():
        return []
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    assert [kinds for kinds in data if "image/png" in kinds and "image/svg+xml" not in kinds] == []
    return ["".join(kinds["image/svg+xml"]) for kinds in data if "image/svg+xml" in kinds]


def test_a_figure_for_the_page_has_the_pages_colours_and_ids_of_its_own() -> None:
    svg = inline_svg(SVG, "p7", 'What "it" says')
    assert 'aria-label="What &quot;it&quot; says"' in svg and 'role="img"' in svg
    assert 'width="108" height="54"' in svg and 'viewBox="0 0 72 36"' in svg
    assert "stroke:var(--c1);fill:#123456" in svg
    assert 'id="p7-m1"' in svg and 'href="#p7-m1"' in svg and "url(#p7-p1)" in svg
    assert "<style" not in svg  # it would be one for the whole page
    with pytest.raises(ValueError, match="p7"):
        inline_svg("<svg/>", "p7", "")


def test_the_page_knows_every_colour_of_the_figures(root: Path) -> None:
    css = (root / "_assets" / "talweg.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"\.static-figure \{ (--c0:[^}]*?--c6: #\w+;)", css)
    named = [dict(re.findall(r"--(c\d): (#\w+);", rules)) for rules in (light, dark)]
    assert tuple(named[0].values()) == COLORS and named[1].keys() == named[0].keys()
    assert not set(named[1].values()) & set(COLORS)
    playground = (root / "lib/talweg/playground/playground.css").read_text(encoding="utf-8")
    own = re.search(r"\.tw-playground \{ (--c0[^}]*?--c3: #\w+;)", playground)
    assert own and dict(re.findall(r"--(c\d): (#\w+);", own[1])).items() <= named[0].items()
    assert set(PAGE) == {*COLORS, INK, FRAME, GRID, PAPER}


def test_every_figure_takes_its_colours_from_the_table(root: Path, edition_page: str) -> None:
    from matplotlib import colormaps, colors

    scale = {colors.to_hex(color) for color in colormaps["cividis"](range(256))}
    for svg in stored(root, edition_page):
        assert set(HEX.findall(svg)) <= {*PAGE, *scale}
        assert "<dc:date>" not in svg


def test_static_figures_stand_in_the_page(root: Path, site_folder: Path, edition_page: str) -> None:
    page = parsed(site_folder / edition_page)
    figures = page.select("svg.static-figure")
    assert len(figures) == len(stored(root, edition_page))
    for figure in figures:
        assert figure["role"] == "img" and len(figure["aria-label"]) >= 15
        assert int(figure["width"]) > 300 and int(figure["height"]) > 100
        assert not set(HEX.findall(str(figure))) & set(PAGE)
    assert [image["src"] for image in page.select(".cell_output img")] == []


def test_figures_follow_the_theme_and_the_width_of_the_page(browser: Browser) -> None:
    color = "return getComputedStyle(document.querySelector('.static-figure [style*=\"--c0\"]')).stroke"
    browser.open("es/landscapes.html")
    seen = []
    for theme in ("light", "dark"):
        browser.theme(theme)
        seen.append(browser.run(color))
    assert seen == ["rgb(0, 114, 178)", "rgb(108, 192, 242)"]
    browser.size(390)
    assert browser.run("return document.querySelector('.static-figure').getBoundingClientRect().right <= innerWidth")
