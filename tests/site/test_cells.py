"""Cells on the pages: names and anchors, claims as sentences that lead to the ledger and back, how much code is shown."""

import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import Tag

from .conftest import CODES, in_turn, parsed

CHAPTERS = ("curvature", "gradient-descent", "initialization", "landscapes", "normalization", "optimizers")
SLUG = re.compile(r"\b[a-z]+(-[a-z]+){2,}\b")
DECIMAL_COMMA = ("es", "de", "ru")
ROLE = re.compile(r"\{cell\}`([^`]+)`")

every_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
every_edition = pytest.mark.parametrize("code", CODES)


def cell_of(node: Tag) -> Tag:
    """The code cell around a node."""
    found = node.find_parent("div", class_="cell")
    assert found is not None
    return found


@every_edition
@every_chapter
def test_every_cell_whose_code_is_folded_has_its_name_and_an_anchor(site_folder: Path, code: str, chapter: str) -> None:
    folds = parsed(site_folder / code / f"{chapter}.html").select("details.code-fold")
    assert len(folds) > 15
    for fold in folds:
        name = fold.select_one("summary .cell-name").get_text()
        assert cell_of(fold)["id"] == f"cell-{name}" and fold.select_one("div.highlight pre").get_text()


@every_edition
@every_chapter
def test_a_claim_says_its_sentence_and_leads_to_its_row_which_leads_back(
    site_folder: Path, code: str, chapter: str
) -> None:
    ledger = parsed(site_folder / code / "claims.html")
    lines = parsed(site_folder / code / f"{chapter}.html").select("p.claim")
    assert len(lines) > 20
    for line in lines:
        page, _, anchor = line.select_one("a:has(.seal)")["href"].partition("#")
        row = ledger.find("tr", id=anchor)
        assert page == "claims.html" and row is not None
        back = row.select_one(".claim-cell a")["href"]
        assert back == f"{chapter}.html#{cell_of(line)['id']}"
        said = line.get_text()
        assert anchor.removeprefix("claim-") not in said and not SLUG.search(said), said
        assert "True" not in said and "False" not in said and len(said) > 15


@every_edition
def test_the_ledger_has_a_section_for_each_chapter_and_a_row_for_each_claim(site_folder: Path, code: str) -> None:
    ledger = parsed(site_folder / code / "claims.html")
    pages = [parsed(site_folder / code / f"{name}.html") for name in ("index", *CHAPTERS)]
    anchors = [
        line.select_one("a:has(.seal)")["href"].partition("#")[2] for page in pages for line in page.select("p.claim")
    ]
    assert sorted(anchors) == sorted(row["id"] for row in ledger.select("table.talweg-claims tbody tr"))
    for name, page in zip(("index", *CHAPTERS), pages, strict=True):
        heading = page.h1.find(string=lambda text: text.strip(), recursive=False)
        assert heading.strip() in ledger.find(id=f"claims-{name}").h2.get_text()


@every_edition
@every_chapter
def test_cells_that_the_prose_names_are_linked(root: Path, site_folder: Path, code: str, chapter: str) -> None:
    text = (root / "chapters" / code / f"{chapter}.md").read_text(encoding="utf-8")
    page = parsed(site_folder / code / f"{chapter}.html")
    links = [link for link in page.select("a.reference[href^='#cell-']") if link.code]
    assert sorted(link.get_text() for link in links) == sorted(ROLE.findall(text))
    assert all(page.find(id=link["href"][1:]) for link in links)


@every_edition
@every_chapter
def test_no_call_of_an_exercise_stands_in_the_text(site_folder: Path, code: str, chapter: str) -> None:
    sources = [source.get_text() for source in parsed(site_folder / code / f"{chapter}.html").select(".cell_input")]
    assert [source for source in sources if "talweg.exercise(" in source and "def " not in source] == []


@every_edition
@every_chapter
def test_tables_of_results_are_in_the_language_of_the_page(site_folder: Path, code: str, chapter: str) -> None:
    page = parsed(site_folder / code / f"{chapter}.html")
    tables = page.select(".cell_output table.talweg-table")
    assert tables
    texts = [cell.get_text() for table in tables for cell in table.select("td")]
    wrong = r"\d\.\d" if code in DECIMAL_COMMA else r"\d,\d"
    assert [text for text in texts if re.search(wrong, text)] == []
    heads = [head.get_text() for table in tables for head in table.select("th")]
    assert heads and not any("_" in head for head in heads)
    assert not page.select("details.provenance[open]")


@pytest.mark.browser
@pytest.mark.parametrize(("code", "chapter"), in_turn(["gradient-descent"]))
def test_the_reader_chooses_how_much_code_is_shown_and_the_choice_stays(wide: Any, code: str, chapter: str) -> None:
    counted = (
        "const seen = (selector) => [...document.querySelectorAll(selector)]"
        ".filter((node) => node.checkVisibility({contentVisibilityAuto: true}) && node.offsetHeight > 0).length;"
        "return [seen('.code-fold .highlight'), seen('p.claim'), seen('div.cell figure .static-figure-box')]"
    )
    try:
        wide.open(f"{code}/{chapter}.html")
        none, claims, pictures = wide.run(counted)
        assert none == 0 and claims > 20 and pictures > 2
        wide.run("document.querySelector('.code-view input[value=code]').click()")
        assert wide.run(counted) == [
            wide.run("return document.querySelectorAll('.code-fold').length"),
            claims,
            pictures,
        ]
        wide.run("document.querySelector('.code-view input[value=text]').click()")
        assert wide.run(counted) == [0, 0, pictures]
        wide.open(f"{code}/optimizers.html#cell-momentum-rate")  # text stays chosen; the address opens its cell
        assert wide.run("return document.querySelector('.code-view input:checked').value") == "text"
        assert wide.run(counted)[0] == 1 and wide.run(
            "return document.querySelector('#cell-momentum-rate details').open"
        )
        top = wide.run("return document.querySelector('#cell-momentum-rate').getBoundingClientRect().top")
        assert 0 < top < 300
        wide.run("document.querySelector('.code-view input[value=code]').click()")
        wide.open(f"{code}/{chapter}.html")
        assert wide.run("return document.querySelectorAll('.code-fold:not([open])').length") == 0
    finally:
        wide.run("localStorage.removeItem('talweg-code')")


@pytest.mark.browser
@pytest.mark.parametrize(("code", "chapter"), in_turn(["curvature"]))
def test_a_click_on_a_claim_opens_its_code_and_no_click_is_needed_with_the_keyboard(
    wide: Any, code: str, chapter: str
) -> None:
    wide.open(f"{code}/{chapter}.html")
    state = "return document.querySelector('.cell:has(.claim) > .code-fold').open"
    assert not wide.run(state)
    wide.run("document.querySelector('.claim').click()")
    assert wide.run(state)
    wide.run("document.querySelector('.cell:has(.claim) > .code-fold > summary').focus()")
    wide.driver.switch_to.active_element.send_keys("\ue007")  # Enter
    assert not wide.run(state)


@pytest.mark.browser
@pytest.mark.parametrize(("code", "page"), in_turn(["claims"]))
def test_the_ledger_is_filtered_by_words_and_by_its_address(wide: Any, code: str, page: str) -> None:
    shown = (
        "return [...document.querySelectorAll('table.talweg-claims tbody tr')].filter(row => row.offsetHeight).length"
    )
    wide.open(f"{code}/{page}.html")
    everything = wide.run(shown)
    wide.open(f"{code}/{page}.html?filter=momentum-border")
    assert wide.run(shown) == 1
    assert str(everything) in wide.run("return document.querySelector('.claims-filter output').textContent")
    assert wide.run("return document.querySelector('.claims-filter input').value") == "momentum-border"
    wide.run("location.hash = 'claim-best-rate'")  # hidden by the filter: a link to it shows it
    wide.driver.implicitly_wait(0)
    assert wide.run("return new Promise(done => setTimeout(() => done(location.search), 200))") == ""
    assert wide.run(shown) == everything
