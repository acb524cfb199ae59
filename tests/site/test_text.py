"""What the pages say, read from their HTML in every edition, without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talweg_site.author.widgets import STATE
from talweg_site.build.widgets import public

from .conftest import parsed

VIEW = "application/vnd.jupyter.widget-view+json"


def test_widgets_say_on_the_page_what_the_notebook_stores(root: Path, site_folder: Path, edition_page: str) -> None:
    """nbcheck compares what is stored with the library's words; a browser tests the script in one edition of each chapter."""
    notebook = root / "chapters" / edition_page.replace(".html", ".ipynb")
    if not notebook.exists():
        pytest.skip("a page without code")
    content = json.loads(notebook.read_text(encoding="utf-8"))
    models = content["metadata"]["widgets"][STATE]["state"]
    outputs = [output.get("data", {}) for cell in content["cells"] for output in cell.get("outputs", [])]
    stored = [public(models[data[VIEW]["model_id"]]["state"]) for data in outputs if VIEW in data]
    scripts = parsed(site_folder / edition_page).select(".talweg-widget > script")
    shown = [json.loads(script.string) for script in scripts]
    assert shown == stored and shown


def test_pictures_and_controls_have_words(site_folder: Path, page_path: str) -> None:
    page = parsed(site_folder / page_path)
    assert [str(image)[:80] for image in page.find_all("img") if "alt" not in image.attrs] == []
    for button in page.find_all(["button", "a", "summary"]):
        named = (
            button.get_text(strip=True)
            or button.get("aria-label")
            or button.get("title")
            or button.find("img", alt=True)
        )
        assert named or "aria-hidden" in button.attrs or not button.get("href", "x"), str(button)[:120]
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(page.find_all("h1")) == 1 and page.title and page.html["lang"]
    assert sorted(ids) == sorted(set(ids))
