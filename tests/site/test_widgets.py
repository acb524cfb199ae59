"""Exercises and driven figures on the published page, without a kernel: solved, failed, driven, remembered.

What is expected comes from the library's data files and catalogs, in the reader's language, never from this file.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import talweg
from talweg import exercises
from talweg.exercises import loader
from talweg.i18n import EDITIONS, localize

from .conftest import in_turn

pytestmark = pytest.mark.browser

CODES = tuple(EDITIONS)
CHAPTERS = list(dict.fromkeys(entry.chapter for entry in loader.load().values()))
# Each chapter in one edition, each edition with some chapter: the script is the same in all, and what it is given to say in
# each of them is compared with the library's words by nbcheck, and with the page by test_text.
PLACES = in_turn(CHAPTERS)

# Answers one exercise as a reader would, without the keystrokes; returns what it then shows.
ANSWER = """
const root = document.querySelector(`.tw-exercise[data-exercise="${arguments[0]}"]`), form = root.querySelector("form");
return arguments[1].map((value) => {
  const text = root.querySelector("input[type=text]");
  if (text) text.value = value;
  else root.querySelector(`input[value="${value}"]`).checked = true;
  form.requestSubmit();
  const [said, ...rest] = root.querySelectorAll(".tw-feedback > p");
  return [root.dataset.state, said.textContent.replace(/\\s+/g, " ").trim(), rest.length];
});
"""
# What the reader has done is forgotten, as by the button of the progress list.
FORGET = """
localStorage.clear();
window.dispatchEvent(new CustomEvent("talweg:progress", { detail: { key: "*" } }));
"""


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """The library speaks that language, as it did when the notebooks were made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALWEG_BATCH", "1")
        talweg.use(code)
        yield


@pytest.fixture(scope="module", params=CODES)
def code(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each edition in turn."""
    with speaking(request.param):
        yield request.param


@pytest.fixture(scope="module", params=PLACES, ids="-".join)
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """An edition and one of its chapters."""
    with speaking(request.param[0]):
        yield request.param


@pytest.fixture(scope="module")
def chapter(place: tuple[str, str]) -> str:
    return place[1]


@pytest.fixture
def page(wide: Any, place: tuple[str, str]) -> Any:
    """The browser on that chapter's page, its widgets drawn, with nothing remembered."""
    code, chapter = place
    show(wide, f"{code}/{chapter}.html", len(loader.known(chapter)))
    wide.run(FORGET)
    return wide


def show(browser: Any, path: str, count: int) -> None:
    """Open a page, or stay on it, and wait for `count` exercises."""
    if not browser.driver.current_url.endswith("/" + path):
        browser.open(path)
    until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".tw-exercise")) >= count)


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true value of `condition`. An element that was drawn anew meanwhile is not yet an answer."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if value := condition():
                return value
        except StaleElementReferenceException:
            pass
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true in that time."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def texts(name: str) -> loader.Texts:
    """What the edition in use says about an exercise."""
    return loader.texts(talweg.i18n.language())[name]


def of_kind(chapter: str, kind: str) -> list[str]:
    """The exercises of a chapter of one kind."""
    return [name for name in loader.known(chapter) if loader.entry(name).kind == kind]


def one(browser: Any, name: str, inside: str = "") -> Any:
    """An exercise, or the first element that `inside` selects in it."""
    return browser.driver.find_element(By.CSS_SELECTOR, f'.tw-exercise[data-exercise="{name}"] {inside}')


def state(browser: Any, name: str) -> str:
    return one(browser, name).get_attribute("data-state")


def words() -> dict[str, Any]:
    """The words of an exercise in the language in use."""
    return exercises.exercise(loader.known()[0]).words


def plain(text: str) -> str:
    """A text of the data files as it is read on the page: without the marks of MathML and code."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>|`", "", text)).strip()


def written(value: float) -> str:
    """A number with a decimal point, exact, without an exponent."""
    return f"{value:.15f}".rstrip("0").rstrip(".")


def reply(browser: Any, name: str, *values: str) -> list[tuple[str, str]]:
    """State and feedback after each of the answers."""
    found = browser.run(ANSWER, name, list(values))
    assert all(rest == 0 for *_, rest in found)
    return [(state, said) for state, said, _ in found]


# Exercises


def test_every_exercise_of_the_chapter_is_drawn_and_untried(page: Any, chapter: str) -> None:
    drawn = page.driver.find_elements(By.CSS_SELECTOR, ".tw-exercise")
    assert [box.get_attribute("data-exercise") for box in drawn] == loader.known(chapter)
    for box, name in zip(drawn, loader.known(chapter), strict=True):
        assert box.get_attribute("data-state") == "untried"
        assert box.get_attribute("aria-label") == texts(name).title
        assert box.find_element(By.CSS_SELECTOR, ".tw-state").text == words()["states"]["untried"]
        assert box.find_element(By.CSS_SELECTOR, ".tw-feedback").text == "" or loader.entry(name).kind == "code"
        assert not box.find_elements(By.CSS_SELECTOR, ".tw-hints li")
    assert not page.take().errors


def test_number_typed_wrongly_then_rightly(page: Any, chapter: str) -> None:
    """With keys and the button, as a reader does."""
    name = next(name for name in of_kind(chapter, "number") if loader.entry(name).wrong)
    entry, feedback = loader.entry(name), texts(name).feedback
    box = one(page, name, "input")
    box.send_keys(localize(written(entry.wrong[0]["value"])), Keys.ENTER)
    assert state(page, name) == "wrong"
    assert one(page, name, ".tw-state").text == words()["states"]["wrong"]
    assert plain(feedback[entry.wrong[0]["feedback"]]) in one(page, name, ".tw-feedback").text
    box.clear()
    box.send_keys(localize(written(entry.answer)))
    one(page, name, ".tw-check").click()
    assert state(page, name) == "right"
    assert one(page, name, ".tw-state").text == words()["states"]["right"]
    assert "2" in one(page, name, ".tw-count").text


def test_each_known_slip_gets_its_own_feedback(page: Any, chapter: str) -> None:
    for name in of_kind(chapter, "number"):
        entry, feedback = loader.entry(name), texts(name).feedback
        slips = entry.wrong
        found = reply(page, name, *(localize(written(slip["value"])) for slip in slips))
        for slip, (shown, said) in zip(slips, found, strict=True):
            assert shown == "wrong"
            assert said == f"{words()['states']['wrong']} {plain(feedback[slip['feedback']])}", name


def test_right_number_with_either_decimal_mark(page: Any, chapter: str) -> None:
    for name in of_kind(chapter, "number"):
        answer = written(loader.entry(name).answer)
        praise = plain(texts(name).feedback.get("right", ""))
        for shown, said in reply(page, name, answer, answer.replace(".", ","), localize(answer)):
            assert (shown, said) == ("right", f"{words()['states']['right']} {praise}".strip()), name


def test_other_numbers_and_words_are_answered(page: Any, chapter: str) -> None:
    for name in of_kind(chapter, "number"):
        far = written(7 * loader.entry(name).answer + 1000)
        [word, number] = reply(page, name, "abc", far)
        assert word == ("untried", words()["not_a_number"]), name
        assert number == ("wrong", f"{words()['states']['wrong']} {words()['not_yet']}"), name


def test_each_wrong_option_has_its_own_feedback(page: Any, chapter: str) -> None:
    for name in of_kind(chapter, "choice"):
        entry, feedback = loader.entry(name), texts(name).feedback
        one(page, name, ".tw-check").click()
        assert (state(page, name), one(page, name, ".tw-feedback").text) == ("untried", words()["choose"])
        wrong = [option for option in entry.options if option != entry.answer]
        said = [f"{words()['states']['wrong']} {plain(feedback[option])}" for option in wrong]
        assert reply(page, name, *wrong) == [("wrong", text) for text in said]
        assert len(set(said)) == len(wrong)
        # The label is part of the button: a click on the words chooses.
        label = page.driver.find_element(By.XPATH, f'//input[@value="{entry.answer}"]/following-sibling::span')
        label.click()
        one(page, name, ".tw-check").click()
        assert state(page, name) == "right"


def test_ordering_by_keyboard(page: Any, chapter: str) -> None:
    def order() -> list[str]:
        buttons = page.driver.find_elements(By.CSS_SELECTOR, f'[data-exercise="{name}"] [data-by="1"]')
        return [button.get_attribute("data-item") for button in buttons]

    for name in of_kind(chapter, "ordering"):
        answer, shown = loader.entry(name).answer, loader.entry(name).shuffled()
        assert order() == shown
        one(page, name, ".tw-check").send_keys(Keys.ENTER)
        placed = sum(a == b for a, b in zip(shown, answer, strict=True))
        assert state(page, name) == "wrong"
        assert words()["in_place"].format(k=placed, n=len(answer)) in one(page, name, ".tw-feedback").text
        for goal, item in enumerate(answer):
            one(page, name, f'[data-item="{item}"][data-by="-1"]').send_keys("")
            while (place := order().index(item)) > goal:
                # The list is drawn anew, the focus stays on the item's button.
                ActionChains(page.driver).send_keys(Keys.ENTER).perform()
                said = words()["moved"].format(item=texts(name).options[item], k=place, n=len(answer))
                assert one(page, name, ".tw-feedback").text == plain(said)
        one(page, name, ".tw-check").send_keys(Keys.ENTER)
        assert state(page, name) == "right"


def test_code_says_what_to_write_and_where_to_run_it(page: Any, chapter: str) -> None:
    for name in of_kind(chapter, "code"):
        made = exercises.exercise(name)
        assert one(page, name, ".tw-prompt").text == plain(texts(name).prompt)
        assert one(page, name, ".tw-feedback").text == plain(made.outcome["text"]) != ""
        assert not page.driver.find_elements(By.CSS_SELECTOR, f'[data-exercise="{name}"] .tw-check')
        links = [link.get_attribute("href") for link in page.driver.find_elements(By.CSS_SELECTOR, ".launch a")]
        assert any("colab.research.google.com" in link for link in links)
        assert any("mybinder.org" in link for link in links) and any(link.endswith(".ipynb") for link in links)


def test_hints_come_one_by_one(page: Any, chapter: str) -> None:
    for name in loader.known(chapter):
        hints = texts(name).hints
        button = one(page, name, ".tw-hint")
        for i in range(len(hints)):
            assert button.text == words()["hint"].format(i=i + 1, n=len(hints))
            button.send_keys(Keys.ENTER)
            shown = page.driver.find_elements(By.CSS_SELECTOR, f'[data-exercise="{name}"] .tw-hints li')
            read = [re.sub(r"\s+", "", item.get_attribute("textContent")) for item in shown]
            assert read == [re.sub(r"\s+", "", plain(hint)) for hint in hints[: i + 1]], name
        assert not button.is_displayed()
        assert state(page, name) == "untried"


def test_solution_is_folded_until_asked(page: Any, chapter: str) -> None:
    for name in loader.known(chapter):
        fold = page.driver.find_element(By.CSS_SELECTOR, f"section:has(> #exercise-{name}) details.solution")
        inner = fold.find_element(By.CSS_SELECTOR, ":scope > p")
        assert not fold.get_attribute("open") and not inner.is_displayed()
        fold.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
        assert fold.get_attribute("open") and inner.is_displayed()
        fold.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)


def test_what_was_done_is_remembered_listed_saved_and_forgotten(wide: Any, code: str, tmp_path: Path) -> None:
    """Solved in one chapter, reloaded, listed on the page with the progress, downloaded, forgotten there."""
    chapter, page = CHAPTERS[-1], wide
    name, other = of_kind(chapter, "number")[:2]
    show(page, f"{code}/{chapter}.html", len(loader.known(chapter)))
    page.run(FORGET)
    answer = localize(written(loader.entry(name).answer))
    reply(page, name, answer)
    reply(page, other, "12345,5", "12345,6")
    page.driver.refresh()
    show(page, f"{code}/{chapter}.html", len(loader.known(chapter)))
    assert state(page, name) == "right" and state(page, other) == "wrong"
    assert one(page, name, "input").get_attribute("value") == answer
    assert words()["attempts"].format(n=2) == one(page, other, ".tw-count").text

    page.open(f"{code}/index.html")
    box = until(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".tw-progress"))[0]
    listed = exercises.progress()
    rows = box.find_elements(By.CSS_SELECTOR, "li")
    assert [row.find_element(By.CSS_SELECTOR, "a").text for row in rows] == [item["title"] for item in listed.items]
    states = {item["id"]: row.get_attribute("data-state") for item, row in zip(listed.items, rows, strict=True)}
    assert {key for key, value in states.items() if value != "untried"} == {name, other}
    summary = box.find_element(By.CSS_SELECTOR, ".tw-summary")
    assert summary.text == listed.words["done"].format(k=1, n=len(rows))

    download, forget, yes, _ = box.find_elements(By.CSS_SELECTOR, ".tw-buttons button")
    page.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    download.click()
    [saved] = until(lambda: list(tmp_path.glob("*.json")))
    kept = json.loads(saved.read_text(encoding="utf-8"))["exercises"]
    assert kept[name] == {"state": "right", "attempts": 1, "hints": 0, "answer": answer}
    assert kept[other]["attempts"] == 2

    forget.click()
    assert summary.text == listed.words["done"].format(k=1, n=len(rows)), "asks first"
    yes.click()
    assert summary.text == listed.words["done"].format(k=0, n=len(rows))
    box.find_element(By.CSS_SELECTOR, f"li a[href$='#exercise-{name}']").send_keys(Keys.ENTER)
    show(page, f"{code}/{chapter}.html#exercise-{name}", len(loader.known(chapter)))
    assert state(page, name) == state(page, other) == "untried"
    assert not page.take().errors


# Figures


def said(box: Any) -> str:
    return box.find_element(By.CSS_SELECTOR, ".tw-said").text


def panel(box: Any) -> str:
    """What the first panel of a figure shows."""
    return box.find_element(By.CSS_SELECTOR, ".tw-panel").get_attribute("innerHTML")


def changed(handle: Any, name: str) -> str:
    """The name of a handle, which says where it is, once it differs from `name`."""
    return "" if (now := handle.get_attribute("aria-label")) == name else now


# Sliders that a sentence need not speak of: what a surface says does not depend on the side from which one looks at it, and a
# norm in equilibrium stands where it stands "wherever it starts". The picture shows them.
UNSAID = "[name=turn], [name=tilt], .tw-equilibrium [name=start]"


# A sentence that comes late and is longer moves what stands below it: the mouse may miss, and tries again.


def pressed(page: Any, slider: Any) -> str:
    """What a slider says after a click to the right of its middle."""
    ActionChains(page.driver).move_to_element_with_offset(slider, 110, 0).click().perform()
    return slider.get_attribute("aria-valuetext")


def calm(shown: Callable[[], str]) -> str:
    """What is shown once it stays the same."""
    now = shown()
    return calm(shown) if within(0.6, lambda: shown() != now) else now


def moves(page: Any, slider: Any, shown: Callable[[], str]) -> bool:
    """Whether what is shown goes with a slider that keys and the mouse move.

    The sentence comes a quarter of a second after the last movement, and later after a long sum. So it is waited for after
    each movement: two movements in a row may end where the first one began. What is still to come of an earlier movement,
    of another slider, is waited for too: it is no answer to this one.
    """
    before, sight = slider.get_attribute("aria-valuetext"), calm(shown)
    slider.send_keys(*[Keys.ARROW_LEFT] * 40)
    keyed = slider.get_attribute("aria-valuetext")
    followed = keyed != before and within(5, lambda: shown() != sight)
    until(lambda: len({before, keyed, pressed(page, slider)}) > 1, 5)
    if not followed:
        followed = within(5, lambda: shown() != sight)
    if not followed:
        slider.send_keys(*[Keys.ARROW_RIGHT] * 40)
        followed = within(20, lambda: shown() != sight)
    return followed


def dragged(page: Any, handle: Any) -> bool:
    """A handle pulled to the left and down."""
    ActionChains(page.driver).drag_and_drop_by_offset(handle, -60, 25).perform()
    return True


class TestFigures:
    """A class, so that pytest-xdist may give it a worker of its own: it takes as long as all that stands before it."""

    def test_every_one_is_driven_by_keyboard_and_by_mouse(self, page: Any, place: tuple[str, str]) -> None:
        """Each control of each figure changes what it says, in numbers as the language writes them; of a view, what it shows."""
        decimal = EDITIONS[place[0]].decimal
        foreign = re.compile(r"\d\.\d" if decimal == "," else r"\d,\d")
        # The playground, whose sliders belong to methods, has tests of its own (tests/kit/test_browser.py).
        boxes = page.driver.find_elements(By.CSS_SELECTOR, ".tw-figure:not(.tw-playground)")
        assert len(boxes) >= 2
        for box in boxes:
            page.run("arguments[0].scrollIntoView({block: 'center'})", box)
            heard = [until(lambda box=box: said(box))]
            for slider in box.find_elements(By.CSS_SELECTOR, "input[type=range]"):
                if not slider.is_enabled() or not slider.is_displayed():
                    continue
                shown = panel if page.run("return arguments[0].matches(arguments[1])", slider, UNSAID) else said
                assert moves(page, slider, lambda: shown(box)), slider.get_attribute("name")  # noqa: B023
                heard.append(said(box))
                assert slider.get_attribute("aria-valuetext") == slider.find_element(By.XPATH, "../output").text
            for handle in box.find_elements(By.CSS_SELECTOR, ".tw-handle"):
                name = handle.get_attribute("aria-label")
                handle.send_keys(Keys.ARROW_LEFT)
                keyed = until(lambda handle=handle, name=name: changed(handle, name))
                until(lambda handle=handle, name=keyed: dragged(page, handle) and changed(handle, name))
                heard.append(said(box))
            for button in box.find_elements(By.CSS_SELECTOR, ".tw-controls > button"):
                picture = panel(box)
                button.click()
                until(lambda: panel(box) != picture, 3)  # noqa: B023
            assert len(set(heard)) > 1
            assert any(decimal in text for text in heard)
            assert not [text for text in heard if foreign.search(text)]
        assert not page.take().errors


def colors(shot: bytes) -> int:
    """How many shades of red a picture of part of the page has."""
    from PIL import Image

    return len(set(Image.open(io.BytesIO(shot)).convert("RGB").tobytes()[::3]))


def test_surface_is_drawn_and_turned(wide: Any, code: str) -> None:
    wide.open(f"{code}/index.html")
    box = until(lambda: wide.driver.find_elements(By.CSS_SELECTOR, ".talweg-plotly"))[0]
    assert len(box.get_attribute("aria-label")) >= (15 if code == "zh" else 40)
    if not wide.run("return Boolean(document.createElement('canvas').getContext('webgl'))"):
        return  # no WebGL on this machine: plotly says so in the box
    wide.run("arguments[0].scrollIntoView({block: 'center'})", box)
    until(lambda: colors(box.screenshot_as_png) > 60)
    eye = (
        "return JSON.stringify(arguments[0].querySelector('.js-plotly-plot')._fullLayout.scene._scene.getCamera().eye)"
    )
    before = wide.run(eye, box)
    ActionChains(wide.driver).move_to_element(box).click_and_hold().move_by_offset(80, 30).release().perform()
    until(lambda: wide.run(eye, box) != before, 5)
    # plotly's own bar may offer to upload the figure to its maker
    buttons = wide.run(
        "return [...arguments[0].querySelectorAll('.modebar-btn')].map((b) => b.getAttribute('data-title'))", box
    )
    assert buttons and not any("Share" in title or "Cloud" in title for title in buttons)
    assert wide.run("return arguments[0].querySelector('.js-plotly-plot')._context.plotlyServerURL", box) == ""
    assert not wide.take().errors


# Accessibility of what is not there when a page opens: states, feedback, hints


def test_widgets_are_accessible_after_use(page: Any, chapter: str, axe: str) -> None:
    page.run(axe)
    for name in loader.known(chapter):
        one(page, name, ".tw-hint").send_keys(Keys.ENTER)
    number, *more = of_kind(chapter, "number")
    reply(page, number, written(loader.entry(number).answer))
    for name in more:
        reply(page, name, "12345")
    # axe-core looks at what is behind each word: without the rest of the page that takes a tenth of the time.
    page.run("document.querySelector('article.page').replaceChildren(...document.querySelectorAll('.tw'))")
    findings = {}
    for width in (1280, 390):
        page.size(width)
        for theme in ("light", "dark"):
            page.theme(theme)
            # To the top: a button half under the bar that stays in sight would pass for one that is too small.
            page.run("window.scrollTo(0, 0)")
            # Theme and width change colours and places only: one run with all rules is enough.
            rules = None if (width, theme) == (1280, "light") else ["color-contrast", "target-size"]
            if found := page.findings(rules, [[".tw"]]):
                findings[f"{width} px, {theme}"] = found
        assert page.run("return document.documentElement.scrollWidth") <= width
    page.theme("light")
    page.driver.get("about:blank")
    assert not findings
