"""Pages in a real browser: no errors, no foreign requests, accessible in both themes.

Each kind of page in each edition, each page in one edition, in turn: pages differ between editions in their words only, and
those are tested on the text (test_languages, test_links, test_text).
"""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_page_loads_without_errors_and_without_other_hosts(wide: Any, shown_page: str) -> None:
    wide.open(shown_page)
    wide.run("return new Promise(done => setTimeout(() => done(true), 150))")  # figures come after the load event
    wide.wake()
    log = wide.take()
    assert not log.errors
    assert not log.foreign(wide.site)
    assert any(url.endswith(shown_page) for url in log.requests)


# Width and theme: which rules of axe-core. Themes change colours only, widths change places; contrast is the slow one.
RULES = {
    (1280, "light"): None,
    (390, "light"): ["target-size", "scrollable-region-focusable"],
    (390, "dark"): ["color-contrast"],
}


# axe-core looks at each word and sign: from the fourth on, code loses its colours and formulas their
# signs, since both are those of the first three.
SHORTER = """
[...document.querySelectorAll("div.highlight pre")].slice(3).forEach((code) => { code.textContent = code.textContent; });
[...document.querySelectorAll("math")].slice(3).forEach((formula) => formula.replaceChildren());
"""


def test_page_is_accessible_wide_and_narrow_light_and_dark(browser: Any, axe: str, shown_page: str) -> None:
    findings = {}
    browser.size(1280)
    browser.open(shown_page)
    browser.wake()
    browser.run(SHORTER)
    browser.run(axe)
    for (width, theme), rules in RULES.items():
        browser.size(width)
        browser.theme(theme)
        if found := browser.findings(rules):
            findings[f"{width} px, {theme}"] = found
    browser.theme("light")
    assert not findings


def test_page_needs_no_sideways_scrolling_on_a_phone(browser: Any, shown_page: str) -> None:
    browser.size(390)
    browser.open(shown_page)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
