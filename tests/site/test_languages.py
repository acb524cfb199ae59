"""The four editions: attributes, switcher, localized chrome."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from selenium.webdriver.common.by import By

from .conftest import parsed

CODES = ("es", "de", "zh", "ru")
HTML_LANG = {"es": "es", "de": "de", "zh": "zh-CN", "ru": "ru"}
# Latin words that may stand in the chrome of a Russian or Chinese page: names, licences, file types.
NAMES = {"Talweg", "Español", "Deutsch", "Colab", "Binder", "PDF", "GitHub", "CC", "BY", "MIT", "Esc", "SVG", "PNG"}


def pages(folder: Path, code: str) -> dict[str, BeautifulSoup]:
    """The pages of an edition by their file names."""
    found = sorted((folder / code).glob("*.html"))
    return {path.name: parsed(path) for path in found}


def test_editions_have_the_same_pages(site_folder: Path) -> None:
    names = {code: [path.name for path in sorted((site_folder / code).glob("*.html"))] for code in CODES}
    assert len(names["es"]) >= 6
    assert all(names[code] == names["es"] for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_page_names_its_language_and_its_siblings(site_folder: Path, code: str) -> None:
    for name, page in pages(site_folder, code).items():
        assert page.html["lang"] == HTML_LANG[code]
        links = {link["hreflang"]: link["href"] for link in page.head.find_all("link", rel="alternate")}
        assert set(links) == set(HTML_LANG.values())
        assert all(links[HTML_LANG[other]].endswith(f"/talweg/{other}/{name}") for other in CODES)


def test_switcher_stays_on_the_page(site_folder: Path, edition_page: str) -> None:
    page = parsed(site_folder / edition_page)
    links = {a["hreflang"]: a["href"].removeprefix("./") for a in page.select("details.languages a[hreflang]")}
    code, name = edition_page.split("/")
    others = {HTML_LANG[other]: f"../{other}/{name}" for other in CODES if other != code}
    assert others.items() <= links.items()


@pytest.mark.browser
@pytest.mark.parametrize("code", CODES)
def test_switcher_works_in_a_browser(wide: Any, code: str) -> None:
    name = "notation.html"
    other = CODES[(CODES.index(code) + 1) % len(CODES)]
    wide.open(f"{code}/{name}")
    wide.driver.find_element(By.CSS_SELECTOR, "details.languages > summary").click()
    wide.driver.find_element(By.CSS_SELECTOR, f'details.languages a[hreflang="{HTML_LANG[other]}"]').click()
    assert wide.driver.current_url == f"{wide.site}{other}/{name}"
    assert wide.run("return document.documentElement.lang") == HTML_LANG[other]


def chrome_words(page: BeautifulSoup) -> set[str]:
    """Words of the page around the chapter: visible ones, labels, titles, placeholders, and those of the scripts."""
    texts = list(json.loads(page.find(id="talweg-words").get_text()).values())
    labelled = page.find_all(attrs={"aria-label": True}) + page.find_all(attrs={"title": True})
    for tag in labelled:
        if "reference" in tag.get("class", []) or tag.find_parent(class_=["talweg-widget", "static-figure-box"]):
            continue  # a citation shows the entry of the bibliography; figures are the chapter's own
        texts += [tag.get("aria-label", ""), tag.get("title", "")]
    texts += [tag["placeholder"] for tag in page.find_all(attrs={"placeholder": True})]
    for part in (page.header, page.footer, page.find(class_="launch"), page.find(class_="prev-next")):
        texts += [part.get_text(" ")] if part else []
    texts += [page.find(class_="skip-link").get_text(), page.find(class_="search-dialog").get_text(" ")]
    return {word for text in texts for word in re.findall(r"[A-Za-zÀ-ÿ]{2,}", text)}


@pytest.mark.parametrize("code", ["zh", "ru"])
def test_no_latin_words_are_left_around_the_chapters(site_folder: Path, code: str) -> None:
    left = {name: chrome_words(page) - NAMES for name, page in pages(site_folder, code).items()}
    assert not {name: words for name, words in left.items() if words}


def test_every_word_of_the_chrome_is_translated_in_spanish_and_german(site_folder: Path) -> None:
    english = {"Search", "Close", "Next", "Previous", "Contents", "Link", "this", "page", "Copy", "Skip", "the", "of"}
    for code, kept in (("es", set()), ("de", {"Link"})):
        for name, page in pages(site_folder, code).items():
            assert not chrome_words(page) & (english - kept), name


# Width of a text on the page's tables, in pixels.
PRINTED = """
const line = document.createElement("span");
line.textContent = arguments[0];
document.querySelector(".cell_output pre").append(line);
line.getBoundingClientRect(); // asks for the fonts
return document.fonts.ready.then(() => line.getBoundingClientRect().width);
"""


def test_a_chinese_sign_is_as_wide_as_two_latin_ones_in_printed_tables(wide: Any) -> None:
    wide.open("zh/curvature.html")
    chinese, latin = (wide.run(PRINTED, text) for text in ("最小值", "median"))
    assert latin > 0 and abs(chinese / latin - 1) < 0.01
