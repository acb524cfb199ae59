"""The search box: reached and used with the keyboard alone, in each language."""

from __future__ import annotations

import time
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

PHRASES = {"es": "tasa de aprendizaje", "de": "Gradientenabstieg", "zh": "梯度下降", "ru": "скорость обучения"}


def results(browser: Any, query: str) -> list[str]:
    """Type `query` into the focused box; the texts of the results when they have come."""
    ActionChains(browser.driver).send_keys(query).perform()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if status := browser.run("return document.querySelector('.search-status').textContent"):
            items = browser.driver.find_elements(By.CSS_SELECTOR, "#search-results > li")
            return [item.text for item in items] or [status]
        time.sleep(0.05)
    raise AssertionError("no answer from the search within 10 s")


@pytest.mark.parametrize("code", PHRASES)
def test_phrase_is_found_and_the_hit_opened_by_keyboard(wide: Any, code: str) -> None:
    wide.open(f"{code}/index.html")
    ActionChains(wide.driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    assert wide.run("return document.activeElement.id") == "search-input"
    found = results(wide, PHRASES[code])
    assert len(found) >= 2
    assert any(PHRASES[code].casefold() in text.casefold().replace("\n", " ") for text in found)
    ActionChains(wide.driver).send_keys(Keys.ARROW_DOWN).perform()
    chosen = wide.driver.find_element(By.CSS_SELECTOR, "#search-results [aria-selected=true]")
    assert chosen.get_attribute("id") == "search-result-1"
    target = chosen.get_attribute("data-href")
    ActionChains(wide.driver).send_keys(Keys.ENTER).perform()
    assert target.split("#")[0] in wide.driver.current_url
    assert f"/{code}/" in wide.driver.current_url
    assert wide.run("return document.readyState") and not wide.take().errors


def test_slash_opens_and_escape_closes_the_box(wide: Any) -> None:
    wide.open("de/notation.html")
    ActionChains(wide.driver).send_keys("/").perform()
    assert wide.run("return document.querySelector('.search-dialog').open")
    ActionChains(wide.driver).send_keys(Keys.ESCAPE).perform()
    assert not wide.run("return document.querySelector('.search-dialog').open")


def test_nonsense_is_answered_in_words(wide: Any) -> None:
    wide.open("ru/index.html")
    ActionChains(wide.driver).send_keys("/").perform()
    assert results(wide, "ъъъщщщыыы") == ["Ничего не найдено"]
