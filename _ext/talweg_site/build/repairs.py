"""Repairs to generated HTML: what axe-core asks for, line breaks beside formulas."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# docutils gives the list of citations the role "list" but its entries another one (aria-required-children).
CITATION_LIST = re.compile(r'<div role="list" class="citation-list">')
CITATION = re.compile(r' role="doc-biblioentry"')

# A browser may break the line on either side of a formula: "(" must not stay behind, "," must not go ahead.
BESIDE_FORMULA = re.compile(
    r'([(\[«„“（【]*)(<math(?![^>]*display="block")[^>]*>.*?</math>)([,.;:!?)\]»“”…、，。；：！？）】]*)',
    re.DOTALL,
)


def mend(body: str) -> str:
    """The body of a page with the roles mended and punctuation tied to its formula."""
    body = CITATION_LIST.sub('<div class="citation-list">', body)
    return BESIDE_FORMULA.sub(_tied, CITATION.sub("", body))


def _tied(match: re.Match) -> str:
    before, formula, after = match.groups()
    return f'<span class="tied">{before}{formula}{after}</span>' if before or after else formula


def mend_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Mend the body of each page."""
    if "body" in context:
        context["body"] = mend(context["body"])


def setup(app: Sphinx) -> None:
    """Mend what is about to be written."""
    app.connect("html-page-context", mend_page, priority=600)
