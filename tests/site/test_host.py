"""The host of widgets on static pages, and the frame of a driven figure: its still picture, its address, its files, itself alone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from talweg.chapters import chapters

from .conftest import CODES, ROOT, in_turn, parsed, turn
from .test_widgets import until

FIGURE = "fig-ravine"  # with numbers, pairs of numbers, and none
CHAPTER = "gradient-descent"
EDITION = CODES[turn() % len(CODES)]
PAGE = f"{EDITION}/{CHAPTER}.html"
HOST = ("widgets.js", "widget-model.js", "figure-frame.js", "figure-address.js")  # what each page with a figure loads
PARAMETERS = {
    "step": {"kind": "number", "low": 0.02, "high": 1.2},
    "steps": {"kind": "number", "low": 1, "high": 400, "whole": True},
    "momentum": {"kind": "number", "low": 0, "high": 1, "none": True},
    "start": {"kind": "numbers", "low": -11.5, "high": 11.5, "least": 2, "most": 2},
    "corrected": {"kind": "switch"},
    "method": {"kind": "choice", "allowed": ["kaiming", "θ₀−θ"]},
}
DEFAULTS = {"step": 0.9, "steps": 60, "momentum": None, "start": [-10, 4], "corrected": True, "method": "kaiming"}


# What stands in the page's text, in every edition


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("chapter", ["index", *chapters()])
def test_each_figure_has_a_still_picture_and_its_alternative_text(site_folder: Path, code: str, chapter: str) -> None:
    page = parsed(site_folder / code / f"{chapter}.html")
    places = page.select(".talweg-widget")
    figures = [place for place in places if place.find_parent("figure")]
    assert figures and all(place.select_one(".talweg-still .tw") for place in places)
    for place in figures:
        label = place.find_parent("figure")["id"]
        still = place.select_one(".talweg-still .tw")
        assert still.select("li" if "tw-prediction" in still["class"] else "svg path[d]"), label
        assert all("disabled" in control.attrs for control in still.select("button, input, select")), label
        alt = page.find(id=still["aria-describedby"])
        assert alt["id"] == f"{label}-alt" and len(alt.get_text()) >= (15 if code == "zh" else 40), label
        assert place.find_parent("figure").select(".figure-tools"), label
        assert json.loads(place["data-parameters"]), label
    assert all(place.noscript.get_text(strip=True) for place in places)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("chapter", ["index", *chapters()])
def test_scripts_and_styles_are_files_that_pages_share(site_folder: Path, code: str, chapter: str) -> None:
    path = site_folder / code / f"{chapter}.html"
    page, text = parsed(path), path.read_text(encoding="utf-8")
    for absent in ("widget-state+json", "widget-view+json", "require.js", "embed-amd", "export default"):
        assert absent not in text
    sheets = [link["href"] for link in page.select("article link[rel=stylesheet]")]
    modules = [place["data-module"] for place in page.select(".talweg-widget")]
    assert len(sheets) == len(set(sheets))
    for name in [*sheets, *modules]:
        assert (path.parent / name).resolve().parent == site_folder / "_static" / "widgets"
        assert (path.parent / name).is_file(), name


def test_the_host_is_small() -> None:
    host = sum(len(gzip.compress((ROOT / "_assets" / name).read_bytes())) for name in HOST)
    assert host < 6000
    for module in (ROOT / "_build" / "html" / "_static" / "widgets").glob("*.js"):
        assert len(gzip.compress(module.read_bytes())) < 16_000, module.name


# The address


def test_an_address_says_what_differs_and_is_read_again(javascript: Any) -> None:
    values = {"step": 1.05, "steps": 60, "momentum": 0.5, "start": [-5, 4.25], "corrected": False, "method": "θ₀−θ"}
    [hash_] = javascript(ROOT / "_assets/figure-address.js", ("encode", [FIGURE, PARAMETERS, DEFAULTS, values]))
    assert hash_.startswith("#fig-ravine?step=1.05&momentum=0.5&start=-5,4.25&corrected=false&method=%CE%B8")
    [read, same, other] = javascript(
        ROOT / "_assets/figure-address.js",
        ("decode", [hash_, FIGURE, PARAMETERS]),
        ("decode", ["#fig-ravine", FIGURE, PARAMETERS]),
        ("decode", ["#fig-noise?step=1", FIGURE, PARAMETERS]),
    )
    assert read == {"values": {name: value for name, value in values.items() if name != "steps"}}
    assert same is other is None
    assert javascript(ROOT / "_assets/figure-address.js", ("encode", [FIGURE, PARAMETERS, DEFAULTS, DEFAULTS])) == [
        "#fig-ravine"
    ]


@pytest.mark.parametrize(
    "query",
    [
        "step=99", "step=", "step", "step=0x10", "step=Infinity", "steps=2.5", "start=1", "start=1,2,3", "start=1,99", "corrected=1",
        "method=other", "nothing=1", "__proto__=1", "constructor=1", "step=0.9&step=%", "momentum=none", "&", "step=1" + "0" * 10_000,
    ],
)  # fmt: skip
def test_what_a_figure_does_not_have_is_refused(javascript: Any, query: str) -> None:
    [found] = javascript(ROOT / "_assets/figure-address.js", ("decode", [f"#fig-ravine?{query}", FIGURE, PARAMETERS]))
    assert list(found) == ["refused"]


# In the browser, one edition in turn


@pytest.fixture
def page(wide: Any) -> Iterator[Any]:
    yield wide
    wide.driver.get("about:blank")


def word(code: str, message: str) -> str:
    """A message of the page in an edition's words."""
    page = parsed(ROOT / "_build" / "html" / code / "index.html")
    return json.loads(page.find(id="talweg-words").string)[message]


def figure(page: Any, inside: str = "") -> Any:
    return until(lambda: page.driver.find_elements(By.CSS_SELECTOR, f"#{FIGURE} {inside}"))[0]


def said(page: Any) -> str:
    return figure(page, ".figure-said").get_attribute("textContent")


@pytest.mark.browser
def test_model_tells_of_changes_and_of_nothing_else(page: Any) -> None:
    page.open(PAGE)
    heard = page.run("""
        return import("./_static/widget-model.js").then(({ Model }) => {
          const heard = [], model = new Model({ eta: 1, start: [1, 2] });
          const one = (_, value) => heard.push(value), two = () => heard.push("any");
          model.on("change:eta change:start", one);
          model.on("change", two);
          model.set("eta", 1);
          model.set("start", [1, 2]);
          model.set("eta", 2);
          model.set({ eta: 3, start: [0, 0] });
          model.off("change:eta", one);
          model.set("eta", 4);
          model.off("change");
          model.set("start", [5, 5]);
          model.off();
          model.set("start", [6, 6]);
          return [heard, model.get("eta"), model.get("nothing") ?? null];
        });
    """)
    assert heard == [[2, "any", 3, [0, 0], "any", "any", [5, 5]], 4, None]


@pytest.mark.browser
def test_a_figure_lives_when_it_comes_near_and_takes_no_more_room(page: Any) -> None:
    page.open(PAGE)
    states = "return [...document.querySelectorAll('.talweg-widget')].map((place) => place.dataset.state ?? '')"
    until(lambda: page.run(states)[0] == "live")
    assert page.run(states)[-1] == "", "the last exercise is far below"
    height = "return document.documentElement.scrollHeight"
    before = page.run(height)
    page.wake()
    page.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    count = len(page.run(states))
    assert abs(page.run(height) - before) < 12 * count
    assert not page.take().errors


@pytest.mark.browser
def test_what_fails_is_said_there_and_the_rest_lives(page: Any) -> None:
    page.open(PAGE)
    page.run("""
        const [, place] = document.querySelectorAll(".talweg-widget");
        place.dataset.module = "data:text/javascript,export default { render() { throw new Error('broken') } }";
    """)
    page.wake()
    sentence = until(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".widget-failed"))
    assert [one.text for one in sentence] == [
        word(EDITION, "This could not be started. The rest of the page works; reloading may help.")
    ]
    states = "return [...document.querySelectorAll('.talweg-widget')].map((place) => place.dataset.state)"
    assert [state for state in page.run(states) if state != "live"] == ["failed"]
    assert page.run("return Boolean(document.querySelectorAll('.talweg-widget')[1].querySelector('.talweg-still svg'))")
    page.take()


@pytest.mark.browser
def test_the_address_sets_a_figure_and_reset_forgets_it(page: Any) -> None:
    page.open(f"{PAGE}#{FIGURE}?step=1.1&start=-5,4")
    before = until(lambda: figure(page, ".tw-said").text)
    assert "1,1" in before.replace(".", ",")
    assert page.run(f"return document.getElementById('{FIGURE}').getBoundingClientRect().top") < 200
    figure(page, "[data-tool='Copy link']").click()
    assert until(lambda: said(page))
    assert page.driver.current_url.endswith(f"#{FIGURE}?start=-5,4&step=1.1")
    alone = figure(page, "[data-tool='Show alone']").get_attribute("href")
    assert alone.endswith(f"{PAGE}?embed={FIGURE}#{FIGURE}?start=-5,4&step=1.1")
    figure(page, "[data-tool='Reset']").click()
    until(lambda: figure(page, ".tw-said").text not in ("", before))
    assert page.driver.current_url.endswith(PAGE)
    page.run(f"location.hash = '#{FIGURE}?step=99'")
    until(lambda: "step=99" in said(page))
    message = "The address asks for something that this figure does not have (%s); it shows its default"
    assert said(page) == word(EDITION, message).replace("%s", "step=99")
    assert not page.take().errors


@pytest.mark.browser
def test_a_figure_is_shown_alone(page: Any, axe: str) -> None:
    page.open(f"{PAGE}?embed={FIGURE}#{FIGURE}?step=1.1")
    until(lambda: figure(page, ".figure-tools button"))
    shown = "return [...document.body.querySelectorAll('figure, header, nav, h1')].filter((node) => node.offsetHeight).map((node) => node.id)"
    assert page.run(shown) == [FIGURE]
    page.size(390)
    assert page.run("return document.documentElement.scrollWidth") <= 390
    page.run(axe)
    assert page.findings() == []
    page.open(f"{PAGE}?embed=fig-<b>none")
    text = until(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".embedded"))[0].text
    assert text.startswith(word(EDITION, "This page has no figure “%s”. It has these:").replace("%s", "fig-<b>none"))
    labels = [node["id"] for node in parsed(ROOT / "_build" / "html" / PAGE).select("article figure[id^=fig-]")]
    assert all(label in text for label in labels)
    assert not page.take().errors


@pytest.mark.browser
@pytest.mark.parametrize(("code", "place"), in_turn([(CHAPTER, FIGURE), ("optimizers", "fig-optimizers")]))
def test_a_picture_holds_what_is_seen_and_its_fonts(page: Any, code: str, place: tuple[str, str]) -> None:
    chapter, label = place
    page.open(f"{code}/{chapter}.html#{label}")
    until(lambda: page.run(f"return document.querySelector('#{label} .talweg-widget').dataset.state === 'live'"))
    until(lambda: page.run(f"return document.querySelectorAll('#{label} .tw-panel path').length"))
    made = page.run(
        """
        const el = document.querySelector(arguments[0]).lastElementChild;
        return import("./_static/figure-picture.js").then(async ({ compose }) => {
          const svg = await compose(el), text = new XMLSerializer().serializeToString(svg);
          const image = new Image();
          image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
          await image.decode();
          const names = [...el.querySelectorAll(".tw-title, .tw-legend")].map((one) => one.textContent.trim().slice(0, 6));
          const panels = [svg.querySelectorAll("svg").length, el.querySelectorAll(".tw-panels svg").length];
          return { text, names, panels, width: image.width, words: svg.textContent };
        });
        """,
        f"#{label} .talweg-widget",
    )
    drawn, shown = made["panels"]
    assert drawn == shown >= 2, "every panel once, and the legend's signs"
    assert made["width"] > 500 and all(name in made["words"] for name in made["names"])
    assert "var(" not in made["text"] and "color(srgb" not in made["text"] and 'class="' not in made["text"]
    assert "@font-face" in made["text"] and "url(data:" in made["text"]
    assert ("<image" in made["text"]) == (label == "fig-optimizers"), "the ground under the paths is a canvas"
    assert not page.take().errors


@pytest.mark.browser
def test_without_scripts_figures_are_seen_and_it_is_said_that_they_stand_still(page: Any) -> None:
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.driver.get(page.site + PAGE)
        seen = page.run(f"""
            const place = document.querySelector("#{FIGURE} .talweg-widget"), tall = (node) => node.getBoundingClientRect().height;
            return [tall(place.querySelector("svg")), tall(place.querySelector("noscript")), tall(place.querySelector(".tw-controls")),
              tall(document.querySelector("#{FIGURE} .figure-tools"))];
        """)
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    picture, sentence, controls, tools = seen
    assert picture > 150 and sentence > 10 and controls == tools == 0
