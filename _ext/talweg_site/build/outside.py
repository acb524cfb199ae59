"""What the site says to those who come from outside: a page for addresses that do not exist, and a map for search engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from sphinx.application import Sphinx

from talweg_site.address import read_address
from talweg_site.build.page import build_date
from talweg_site.editions import EDITIONS, build_of, names


def not_found_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """`404.html` at the top of the site, in the four languages."""
    if build_of(app).edition is not None:
        return
    context = {
        "base": urlsplit(read_address(build_of(app).root).site).path,
        "vendor": "_static/vendor/",
        "editions": [(edition, names(code)["not_found"]) for code, edition in EDITIONS.items()],
    }
    yield "404", context, "not-found.html"


def write_sitemap(site: Path, root: Path) -> None:
    """`sitemap.xml` with every page and its siblings in the other languages, and a `robots.txt` that names it."""
    address = read_address(root).site
    pages = sorted(path.name for path in (site / next(iter(EDITIONS))).glob("*.html"))
    entries = [_entry(f"{address}index.html", "")]
    for page in pages:
        urls = {edition.html_lang: f"{address}{code}/{page}" for code, edition in EDITIONS.items()}
        links = "".join(
            f'<xhtml:link rel="alternate" hreflang={quoteattr(language)} href={quoteattr(url)}/>'
            for language, url in urls.items()
        )
        entries += [_entry(url, links) for url in urls.values()]
    spaces = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml"'
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {spaces}>\n{"".join(entries)}</urlset>\n'
    (site / "sitemap.xml").write_text(text, encoding="utf-8")
    (site / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {address}sitemap.xml\n", encoding="utf-8")


def _entry(url: str, links: str) -> str:
    return f"<url><loc>{url}</loc><lastmod>{build_date().isoformat()}</lastmod>{links}</url>\n"


def setup(app: Sphinx) -> None:
    """Register the page."""
    app.connect("html-collect-pages", not_found_page)
