"""Links of the built site: inside they resolve, launch buttons point to files that exist."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup

from .conftest import parsed

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "_config.yml").read_text(encoding="utf-8"))
REPOSITORY = CONFIG["repository"]["url"].removeprefix("https://github.com/")
COLAB = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/"
BINDER = f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/"


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(tag["id"] for tag in parsed(path).find_all(id=True))


def addresses(page: BeautifulSoup) -> list[str]:
    """Every address the page links to or loads from its own site."""
    found = [tag[name] for name in ("href", "src") for tag in page.find_all(attrs={name: True})]
    return [url for url in found if not urlsplit(url).scheme and not url.startswith("//")]


def test_internal_links_resolve(site_folder: Path, page_path: str) -> None:
    path = site_folder / page_path
    broken = []
    for url in addresses(parsed(path)):
        parts = urlsplit(url)
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file():
            broken.append(url)
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target):
            broken.append(url)
    assert not broken


def test_launch_buttons_point_to_existing_files(root: Path, site_folder: Path, edition_page: str) -> None:
    code, page = edition_page.removesuffix(".html").split("/")
    launch = parsed(site_folder / edition_page).find(class_="launch")
    notebook = root / "chapters" / code / f"{page}.ipynb"
    if not notebook.exists():
        assert launch is None, "launch buttons on a page without a notebook"
        return
    colab, binder, download = (link["href"] for link in launch.find_all("a"))
    assert colab == f"{COLAB}chapters/{code}/{page}.ipynb"
    assert binder == f"{BINDER}chapters/{code}/{page}.ipynb"
    assert (site_folder / code / download).resolve().read_bytes() == notebook.read_bytes()
