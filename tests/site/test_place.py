"""Finding one's place: stable addresses of sections, the bar that names them, marks of a search, citations, lost readers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .conftest import CODES, PREFIX, ROOT, SITE, in_turn, parsed

ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]
LABEL = re.compile(r"^ {0,3}\((\S+)\)=\s*$\n#{1,3} ", re.MULTILINE)


def until(what: Callable[[], Any], seconds: float = 15) -> Any:
    """The first true value of `what`."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "in vain"
        time.sleep(0.05)
    return found


# On the text, in every edition


def test_sections_go_by_their_labels_everywhere(site_folder: Path, edition_page: str) -> None:
    """The label is the id of the section; ¶ and the list of sections lead to it; the title's slug still works."""
    page = parsed(site_folder / edition_page)
    labels = LABEL.findall((ROOT / "chapters" / edition_page.replace(".html", ".md")).read_text(encoding="utf-8"))
    sections = [
        section["id"] for section in page.select("article.page section[id]") if section.find(["h1", "h2", "h3"])
    ]
    assert labels and set(labels) <= set(sections)
    assert [name for name in sections if not re.fullmatch(r"[a-z0-9-]+", name)] == []
    links = page.select(":is(h1, h2, h3) > a.headerlink")
    assert {link["href"][1:] for link in links} == set(sections)
    assert all(link["tabindex"] == "-1" for link in links)
    listed = {link["href"][1:] for link in page.select(".on-page nav ul ul a")}
    assert listed <= set(sections)


def test_sections_have_the_same_addresses_in_every_edition(site_folder: Path) -> None:
    for path in sorted((site_folder / "es").glob("*.html")):
        names = {}
        for code in CODES:
            page = parsed(site_folder / code / path.name)
            names[code] = [section["id"] for section in page.select("article.page section[id]")]
        assert all(names[code] == names["es"] for code in CODES), path.name


def test_pages_describe_themselves_in_words(site_folder: Path) -> None:
    for code in CODES:
        found = {}
        for path in sorted((site_folder / code).glob("*.html")):
            text = parsed(path).find("meta", attrs={"name": "description"})["content"]
            assert 30 <= len(text) <= 160 or code == "zh" and 20 <= len(text) <= 160, (path, len(text))
            assert not re.search(r"[\\$_{}`]", text), path
            found[path.name] = text
        assert len(set(found.values())) == len(found)


def test_report_link_opens_the_form_of_the_language_with_the_page(site_folder: Path, edition_page: str) -> None:
    code = edition_page.split("/")[0]
    link = urlsplit(parsed(site_folder / edition_page).find("a", class_="report")["href"])
    fields = parse_qs(link.query)
    assert fields["template"] == [f"error-{code}.yml"] and fields["page"] == [ADDRESS + edition_page]
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / fields["template"][0]).read_text(encoding="utf-8"))
    assert "page" in [part.get("id") for part in form["body"]]


def test_map_of_the_site_has_every_page(site_folder: Path) -> None:
    urls = [node.text for node in ElementTree.parse(site_folder / "sitemap.xml").iter() if node.tag.endswith("}loc")]
    pages = [f"{code}/{path.name}" for code in CODES for path in (site_folder / code).glob("*.html")]
    assert sorted(urls) == sorted(ADDRESS + page for page in ["index.html", *pages])
    assert f"Sitemap: {ADDRESS}sitemap.xml" in (site_folder / "robots.txt").read_text(encoding="utf-8")


def test_landing_page_names_the_editions_with_whole_addresses(site_folder: Path) -> None:
    links = parsed(site_folder / "index.html").head.find_all("link", rel="alternate")
    assert {link["href"] for link in links} == {
        ADDRESS + page for page in ("index.html", *(f"{c}/index.html" for c in CODES))
    }


def test_lost_readers_are_answered_in_four_languages(site_folder: Path) -> None:
    page = parsed(site_folder / "404.html")
    assert page.base["href"] == urlsplit(ADDRESS).path
    assert [part["data-edition"] for part in page.select("[data-edition]")] == list(CODES)
    for part in page.select("[data-edition]"):
        assert part["lang"] and part.h2.get_text() and part.form["action"] == part.a["href"]
        assert (site_folder / part.a["href"]).is_file()


def test_opening_page_has_the_map_of_chapters_before_all_else_and_progress_last(site_folder: Path) -> None:
    for code in CODES:
        page = parsed(site_folder / code / "index.html")
        order = [section["id"] for section in page.select("article.page section section[id]")]
        assert order[0] == "sec-index-map" and order[-1] == "sec-index-exercises"
        chapters = page.select("#sec-index-map > .table-scroll a[href], #sec-index-map > table a[href]")
        assert len(chapters) == 6 and page.select_one("#sec-index-map > details.later:not([open]) table")


# In a browser


@pytest.mark.browser
@pytest.mark.parametrize(("code", "name"), in_turn(["optimizers"]))
def test_the_other_language_opens_at_the_section_on_screen(wide: Any, code: str, name: str) -> None:
    other = CODES[(CODES.index(code) + 1) % len(CODES)]
    wide.open(f"{code}/{name}.html")
    wide.run("document.getElementById('sec-opt-rmsprop').scrollIntoView()")
    link = wide.driver.find_element(By.CSS_SELECTOR, f'.languages a[href*="/{other}/"]')
    until(lambda: link.get_attribute("href").endswith(f"/{other}/{name}.html#sec-opt-rmsprop"))
    current = wide.driver.find_elements(By.CSS_SELECTOR, '.on-page [aria-current="location"]')
    assert [item.get_attribute("hash") for item in current] == ["#sec-opt-rmsprop"]
    report = parse_qs(urlsplit(wide.driver.find_element(By.CSS_SELECTOR, "a.report").get_attribute("href")).query)
    assert report["page"] == [f"{ADDRESS}{code}/{name}.html#sec-opt-rmsprop"]
    # A figure that the address names stays the place, as long as it is on screen.
    wide.run("location.hash = 'fig-optimizers'")
    until(lambda: link.get_attribute("href").endswith("#fig-optimizers"))


@pytest.mark.browser
@pytest.mark.parametrize(("code", "name"), in_turn(["curvature"]))
def test_on_a_phone_the_sections_are_at_hand(browser: Any, code: str, name: str) -> None:
    browser.size(390, 800)
    browser.open(f"{code}/{name}.html#sec-curv-trace")
    button = browser.driver.find_element(By.CSS_SELECTOR, ".section-button")
    heading = BeautifulSoup((SITE / code / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    title = heading.select_one('.on-page a[href="#sec-curv-trace"]').get_text()
    until(lambda: browser.driver.find_element(By.CSS_SELECTOR, ".section-now").text == title)
    # The bar hides no heading to which one has come.
    top = browser.run("return document.querySelector('#sec-curv-trace > h2').getBoundingClientRect().top")
    assert top >= browser.run("return arguments[0].getBoundingClientRect().bottom", button)
    listed = browser.driver.find_element(By.CSS_SELECTOR, '.on-page a[href="#sec-curv-edge"]')
    assert not listed.is_displayed()
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true" and listed.is_displayed()
    button.send_keys(Keys.ESCAPE)
    assert not listed.is_displayed()
    button.send_keys(Keys.ENTER)
    listed.send_keys(Keys.ENTER)
    until(lambda: not listed.is_displayed() and browser.driver.current_url.endswith("#sec-curv-edge"))
    browser.driver.find_element(By.CSS_SELECTOR, ".menu-button").click()
    drawer = browser.driver.find_element(By.CSS_SELECTOR, '#contents a[href="#sec-curv-trace"]')
    until(drawer.is_displayed)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not button.is_displayed()
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


MARKED = "return [...(CSS.highlights.get('talweg-found') ?? [])].map((range) => range.toString().toLowerCase())"
QUESTIONS = {"es": "hessiana", "de": "Sattelpunkt", "zh": "鞍点", "ru": "импульс"}


@pytest.mark.browser
@pytest.mark.parametrize(("code", "name"), in_turn(["index"]))
def test_a_hit_opens_its_section_with_the_words_marked(wide: Any, code: str, name: str) -> None:
    wide.open(f"{code}/{name}.html?search={QUESTIONS[code]}")
    until(lambda: wide.driver.find_elements(By.CSS_SELECTOR, "#search-results > li"))
    ActionChains(wide.driver).send_keys(Keys.ENTER).perform()
    until(lambda: "mark=" in wide.driver.current_url)
    note = until(lambda: wide.driver.find_elements(By.CSS_SELECTOR, ".marks"))[0]
    place = urlsplit(wide.driver.current_url).fragment
    assert wide.run(f"return {{top: document.getElementById('{place}').getBoundingClientRect().top}}.top") < 900
    marked = wide.run(MARKED)
    assert marked and all(word[:3] == QUESTIONS[code][:3].lower() for word in marked)
    assert not wide.driver.find_elements(By.CSS_SELECTOR, "article.page mark"), "nothing in the page changes"
    assert note.is_displayed()
    ActionChains(wide.driver).send_keys(Keys.ESCAPE).perform()
    assert wide.run(MARKED) == [] and "mark=" not in wide.driver.current_url
    assert wide.driver.current_url.endswith(f"#{place}") and not wide.driver.find_elements(By.CSS_SELECTOR, ".marks")
    assert not wide.take().errors


@pytest.mark.browser
@pytest.mark.parametrize("marked", ["%00", "x" * 5000, "%5Cd(%5B", "zzzz-none"])
def test_a_mark_that_cannot_be_is_no_error(wide: Any, marked: str) -> None:
    wide.open(f"de/notation.html?mark={marked}")
    until(lambda: wide.run("return document.querySelector('.on-page a') !== null"))
    assert wide.run(MARKED) == [] and not wide.take().errors


@pytest.mark.browser
@pytest.mark.parametrize(("code", "name"), in_turn(["landscapes"]))
def test_a_section_is_cited_with_its_address(wide: Any, axe: str, code: str, name: str) -> None:
    wide.open(f"{code}/{name}.html#sec-ls-filter")
    until(lambda: wide.driver.find_elements(By.CSS_SELECTOR, '.on-page [href="#sec-ls-filter"][aria-current]'))
    wide.run("document.querySelector('.cite').click()")
    dialog = until(lambda: wide.driver.find_elements(By.CSS_SELECTOR, ".cite-dialog[open]"))[0]
    line, bibtex = (part.text for part in dialog.find_elements(By.CSS_SELECTOR, "pre"))
    url = f"{ADDRESS}{code}/{name}.html#sec-ls-filter"
    assert line.startswith("The Talweg authors") and url in line and "{" not in line
    assert bibtex.startswith("@incollection{talweg:sec-ls-filter,") and f"url       = {{{url}}}" in bibtex
    assert bibtex.count("{") == bibtex.count("}")
    wide.run(axe)
    assert not wide.findings(None, [[".cite-dialog"]])
    ActionChains(wide.driver).send_keys(Keys.ESCAPE).perform()
    assert not wide.driver.find_elements(By.CSS_SELECTOR, ".cite-dialog")


@pytest.mark.browser
def test_an_address_that_does_not_exist_is_answered_at_any_depth(browser: Any, axe: str) -> None:
    browser.size(390, 800)
    browser.open("zh/not/here.html")
    first = browser.driver.find_element(By.CSS_SELECTOR, "[data-edition]")
    assert first.get_attribute("data-edition") == "zh"
    assert browser.run("return getComputedStyle(document.querySelector('.lost button')).borderRadius") == "6px"
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.run(axe)
    assert not browser.findings()
    field = first.find_element(By.CSS_SELECTOR, "input")
    field.send_keys("鞍点", Keys.ENTER)
    until(lambda: urlsplit(browser.driver.current_url).path == f"{PREFIX}/zh/index.html")
    until(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#search-results > li"))


FOCUS = """
const node = document.activeElement, style = getComputedStyle(node);
return [node.className?.baseVal ?? node.className, Boolean(node.closest(arguments[0])),
        style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
"""


def tab_to(page: Any, selector: str, most: int) -> None:
    """Press Tab until the focus is in `selector`; on the way it can always be seen."""
    for _ in range(most):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        name, there, seen = page.run(FOCUS, selector)
        assert seen, f"focus on {name!r} cannot be seen"
        if there:
            return
    raise AssertionError(f"{selector} is not among the next {most} stops")


@pytest.mark.browser
@pytest.mark.parametrize(("code", "name"), in_turn(["gradient-descent"]))
def test_a_tour_with_the_keyboard(browser: Any, code: str, name: str) -> None:
    browser.size(1000, 800)
    browser.open(f"{code}/{name}.html")
    tab_to(browser, ".skip-link", 1)
    tab_to(browser, ".brand", 2)
    tab_to(browser, ".code-view", 1)
    chosen = "const now = document.querySelector('.code-view input:focus:checked');"
    chosen += "return [now.value, getComputedStyle(now.nextElementSibling).outlineStyle]"
    for key, value in ((Keys.ARROW_LEFT, "text"), (Keys.ARROW_RIGHT, "results")):
        ActionChains(browser.driver).send_keys(key).perform()
        assert browser.run(chosen) == [value, "solid"]
    tab_to(browser, ".search-open", 1)  # the three choices are one stop
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert browser.run("return document.activeElement.id") == "search-input"
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    tab_to(browser, ".languages summary", 1)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    tab_to(browser, ".languages li a", 1)
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    tab_to(browser, ".theme-button", 1)
    tab_to(browser, ".section-button", 40)  # the contents of the book stand before it
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    tab_to(browser, ".on-page nav a", 1)
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    assert browser.run("return document.activeElement.className") == "section-button"
    until(lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".tw-figure"), 30)
    tab_to(browser, ".tw-figure", 25)
    browser.run("location.hash = 'sec-gd-exercises'")
    until(lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".tw-exercise"), 30)
    tab_to(browser, ".tw-exercise", 8)
