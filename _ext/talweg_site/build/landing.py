"""The landing page: `{talweg-edition}` opens one edition, in that edition's language."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from talweg_site.address import read_address
from talweg_site.build.assets import vendor_prefix
from talweg_site.build.page import book_version, build_date
from talweg_site.editions import EDITIONS, build_of, pdf_name


class EditionBlock(SphinxDirective):
    """`{talweg-edition} es`: the edition's own name, a few lines, and the link named by `:start:`."""

    required_arguments = 1
    has_content = True
    option_spec = {"start": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """A section-like container in the edition's language."""
        code = self.arguments[0]
        if code not in EDITIONS:
            raise self.error(f"unknown edition {code!r}: it must be one of {', '.join(EDITIONS)}")
        edition = EDITIONS[code]
        start = escape(self.options.get("start", edition.name))
        href = f"{code}/index.html"
        opening = f'<section class="edition" lang="{edition.html_lang}"><h2>{edition.name}</h2>'
        pdf = f"{read_address(Path(self.config.talweg_root_folder)).site}{code}/{pdf_name(code)}"
        closing = f'<p class="start"><a href="{href}" hreflang="{edition.html_lang}">{start}</a></p>'
        closing += f'<p class="pdf"><a href="{escape(pdf)}" type="application/pdf">PDF</a></p></section>'
        body = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, body)
        return [nodes.raw("", opening, format="html"), *body.children, nodes.raw("", closing, format="html")]


def use_landing_template(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> Any:
    """Choose the landing template at the top level."""
    if build_of(app).edition is not None or pagename != app.config.root_doc:
        return None
    address = read_address(build_of(app).root)
    context.update(
        language="mul",  # ISO 639-2: several languages; each block names its own
        editions=EDITIONS.values(),
        title_svg=(build_of(app).root / "_assets" / "title.svg").read_text(encoding="utf-8"),
        vendor=f"{context['content_root']}_static/{vendor_prefix(app)}",
        og_image=f"{address.site}_static/title.png",
        repository_url=address.url,
        site=address.site,
        book_version=book_version(),
        build_date_iso=build_date().isoformat(),
    )
    return "landing.html"


def setup(app: Sphinx) -> None:
    """Register the directive and the template's choice."""
    app.add_directive("talweg-edition", EditionBlock)
    app.connect("html-page-context", use_landing_template, priority=400)
