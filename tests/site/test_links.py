"""Links of the built site: inside they resolve, launch buttons point to files that exist."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

from talweg.i18n import EDITIONS

from .conftest import parsed

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "_config.yml").read_text(encoding="utf-8"))
REPOSITORY = CONFIG["repository"]["url"].removeprefix("https://github.com/")
SITE = CONFIG["html"]["baseurl"]
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(<?([^<>\s]+?)>?\)(?=[^)]|$)")
YEAR = re.compile(r"\d{4}[a-z]?$")
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
    *launch, pdf = (link["href"] for link in parsed(site_folder / edition_page).find(class_="launch").find_all("a"))
    assert pdf == f"{SITE}{code}/talweg-{code}.pdf", "the published address: the PDF is made after the pages"
    notebook = root / "notebooks" / code / f"{page}.ipynb"
    if not notebook.exists():
        assert not launch, "launch buttons on a page without a notebook"
        return
    colab, binder, download = launch
    assert colab == f"{COLAB}notebooks/{code}/{page}.ipynb"
    assert binder == f"{BINDER}notebooks/{code}/{page}.ipynb"
    assert (site_folder / code / download).resolve().read_bytes() == notebook.read_bytes()


def test_the_landing_page_links_the_pdfs(site_folder: Path) -> None:
    links = {tag["href"] for tag in parsed(site_folder / "index.html").select(".edition .pdf a")}
    assert links == {f"{SITE}{code}/talweg-{code}.pdf" for code in EDITIONS}


def test_references_say_in_the_notebook_what_they_say_on_the_page(
    root: Path, site_folder: Path, edition_page: str
) -> None:
    """Numbers of figures and equations, authors and years: Sphinx counts them here, our own tool there."""
    notebook = root / "notebooks" / edition_page.replace(".html", ".ipynb")
    if not notebook.exists():
        return
    article = parsed(site_folder / edition_page).find("article")
    here = [a.get_text() for a in article.select("a.reference.internal") if a.select_one(".std-numref") or names_one(a)]
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = LINK.findall(text)
    there = [said for said, url in links if "#equation-" in url or "#fig-" in url or YEAR.search(said)]
    assert Counter(here) == Counter(said.replace("_", "") for said in there)


def names_one(link: Tag) -> bool:
    """Whether a link leads to an equation or to an entry of the bibliography."""
    return "#equation-" in link["href"] or "references.html#" in link["href"]
