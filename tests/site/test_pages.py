"""Every page of every edition in a real browser: no errors, no foreign requests, accessible in both themes."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_page_loads_without_errors_and_without_other_hosts(wide: Any, page_path: str) -> None:
    wide.open(page_path)
    # Mathematics and figures come after the load event.
    wide.run(
        "return (window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve())"
        ".then(() => new Promise(done => setTimeout(() => done(true), 150)))"
    )
    log = wide.take()
    assert not log.errors
    assert not log.foreign(wide.site)
    assert any(url.endswith(page_path) for url in log.requests)


def test_page_is_accessible_in_both_themes_at_both_widths(browser: Any, axe: str, page_path: str) -> None:
    findings = {}
    browser.size(1280)
    browser.open(page_path)
    browser.run(axe)
    for width in (1280, 390):
        browser.size(width)
        for theme in ("light", "dark"):
            browser.theme(theme)
            # The theme changes colours only, so that the second run needs the rule about contrast only.
            found = browser.findings(None if theme == "light" else ["color-contrast"])
            if found:
                findings[f"{width} px, {theme}"] = found
    browser.theme("light")
    assert not findings


def test_page_needs_no_sideways_scrolling_on_a_phone(browser: Any, page_path: str) -> None:
    browser.size(390)
    browser.open(page_path)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
