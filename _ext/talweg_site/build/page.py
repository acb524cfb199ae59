"""What the page template needs to know: language, other editions, launch links, scripts, footer."""

from __future__ import annotations

import datetime
import json
import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlencode

from babel.dates import format_date
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _

from talweg_site.address import read_address
from talweg_site.build.assets import vendor_prefix
from talweg_site.build.cells import code_fold
from talweg_site.build.pyodide import has_python
from talweg_site.build.widgets import OUTPUT
from talweg_site.editions import EDITIONS, build_of, names, pdf_name

# Messages of the scripts that run and frame figures (widgets.js, figure-frame.js, embed.js).
WORDS_OF_FIGURES = (
    "This could not be started. The rest of the page works; reloading may help.",
    "Tools of the figure",
    "Reset",
    "As it was at first",
    "Copy link",
    "Link copied",
    "The link is in the address bar",
    "SVG",
    "PNG",
    "Show alone",
    "The picture could not be made",
    "The address asks for something that this figure does not have (%s); it shows its default",
    "This page has no figure “%s”. It has these:",
)
# Messages used by the scripts of the page, as JSON in #talweg-words.
WORDS = (
    "Copy",
    "Copied",
    "Nothing found",
    "The search could not be loaded",
    "%s results",
    "Remove the marks",
    "Cite this section",
    "As text",
    "Close",
    *WORDS_OF_FIGURES,
    "Solved exercises: %s",
    "You have not tried this exercise yet.",
    "Show the solution anyway",
)
AUTHORS = "The Talweg authors"
# `{id}`, `{section}` and `{url}` are those of the section on screen: cite.js knows them.
BIBTEX = """@incollection{{talweg:{{id}},
  author    = {{{{{authors}}}}},
  title     = {{{{{{section}}}}}},
  booktitle = {{{{{book}}}}},
  year      = {{{year}}},
  note      = {{{version}}},
  url       = {{{{url}}}},
  langid    = {{{language}}}
}}"""
BABEL_LANGUAGE = {"es": "spanish", "de": "german", "zh": "chinese", "ru": "russian"}


def build_date() -> datetime.date:
    """Date of the build; SOURCE_DATE_EPOCH sets it for reproducible builds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date() if epoch else datetime.date.today()


def book_version() -> str:
    """Version of the installed `talweg`."""
    try:
        return version("talweg")
    except PackageNotFoundError:
        return "0"


def launch_links(app: Sphinx, pagename: str) -> dict[str, str]:
    """Addresses of the page's notebook for readers in Colab and Binder; empty for a page without one."""
    code = build_of(app).code
    path = f"notebooks/{code}/{pagename}.ipynb"
    if not (build_of(app).root / path).exists():
        return {}
    options = app.config.html_theme_options
    branch = options.get("repository_branch") or "main"
    services = options.get("launch_buttons") or {}
    repository = read_address(build_of(app).root).repository
    return {
        "colab": f"{services['colab_url']}/github/{repository}/blob/{branch}/{path}",
        "binder": f"{services['binderhub_url']}/v2/gh/{repository}/{branch}?urlpath=lab/tree/{path}",
        "download": f"notebooks/{pagename}.ipynb",
    }


def page_address(app: Sphinx, pagename: str) -> str:
    """Where the page is published."""
    return f"{read_address(build_of(app).root).site}{build_of(app).code}/{pagename}.html"


def report_link(app: Sphinx, pagename: str) -> str:
    """Address of a new issue: the form in the edition's language, in which the page already stands."""
    fields = {
        "template": f"error-{build_of(app).code}.yml",
        "title": _("Error on %s") % f"{build_of(app).code}/{pagename}.html",
        "page": page_address(app, pagename),  # place.js adds the section on screen
    }
    return f"{read_address(build_of(app).root).url}/issues/new?{urlencode(fields)}"


def citation(app: Sphinx) -> dict[str, str]:
    """A line and a BibTeX entry for any section of the edition, which leave out what only the open page knows."""
    code = build_of(app).code
    facts = {
        "authors": AUTHORS,
        "book": f"Talweg: {names(code)['subtitle']}",
        "year": str(build_date().year),
        "language": BABEL_LANGUAGE[code],
    }
    line = _("{authors}, “{section}”, in {book}, version {version}, {year}, {url}")
    known = {**facts, "version": book_version(), "section": "{section}", "url": "{url}"}
    return {
        "citation": line.format(**known),
        "bibtex": BIBTEX.format(**facts, version=_("Version %s") % book_version()),
    }


def alternates(app: Sphinx, pagename: str, content_root: str) -> list[dict[str, Any]]:
    """The same page in every edition; only this one when the edition is built alone."""
    base = (app.config.html_baseurl or "").removesuffix(f"{build_of(app).code}/")
    return [
        {
            "code": edition.code,
            "name": edition.name,
            "html_lang": edition.html_lang,
            "href": f"{content_root}../{edition.code}/{pagename}.html",
            "url": f"{base}{edition.code}/{pagename}.html",
            "current": edition.code == build_of(app).code,
        }
        for edition in EDITIONS.values()
        if build_of(app).in_site or edition.code == build_of(app).code
    ]


def uses_plotly(doctree: nodes.document | None) -> bool:
    """Whether a plotly figure was rendered into the page (see mime.py)."""
    return doctree is not None and any("plotly-output" in node["classes"] for node in doctree.findall(nodes.raw))


def uses_widgets(doctree: nodes.document | None) -> bool:
    """Whether a widget has its place on the page (see widgets.py)."""
    return doctree is not None and any(OUTPUT in node["classes"] for node in doctree.findall(nodes.raw))


def extend_context(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Fill the context of an edition's page."""
    edition = build_of(app).edition
    if edition is None:
        return
    today, address = build_date(), read_address(build_of(app).root)
    content_root = context["content_root"]
    context.update(
        language=edition.html_lang,
        edition=edition,
        book_subtitle=names(edition.code)["subtitle"],
        alternates=alternates(app, pagename, content_root),
        site_build=build_of(app).in_site,
        launch=launch_links(app, pagename),
        pdf_url=f"{address.site}{edition.code}/{pdf_name(edition.code)}",
        report_url=report_link(app, pagename),
        **citation(app),
        book_version=book_version(),
        build_date=format_date(today, format="long", locale=edition.sphinx_language),
        build_date_iso=today.isoformat(),
        vendor=f"{content_root}_static/{vendor_prefix(app)}",
        pagefind=f"{content_root}{'../' if build_of(app).in_site else ''}pagefind/",
        needs_plotly=uses_plotly(doctree),
        needs_widgets=uses_widgets(doctree),
        has_python=has_python(build_of(app).root / "node_modules"),
        shows_code=doctree is not None and any(doctree.findall(code_fold)),
        shows_ledger=doctree is not None
        and any("talweg-claims" in table["classes"] for table in doctree.findall(nodes.table)),
        words=json.dumps({word: _(word) for word in WORDS}, ensure_ascii=False),
        description=app.env.metadata[pagename].get("description", ""),
        og_image=f"{address.site}_static/title.png",
        repository_url=address.url,
    )


def setup(app: Sphinx) -> None:
    """Fill the context before other handlers use it."""
    app.connect("html-page-context", extend_context, priority=400)
