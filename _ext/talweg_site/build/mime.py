"""myst-nb renderers for plotly figures and for the records of claims.

A notebook stores a plotly figure as JSON only; the page draws it with the site's own plotly.js, in the colours of
the page's theme. A claim shows the sentence that its cell has for it, in place of the id that the kernel prints.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import _

from talweg_site.build.statement import lead, statement
from talweg_site.chapter import sentences
from talweg_site.editions import EDITIONS

if TYPE_CHECKING:
    from myst_nb.core.render import MimeData, NbElementRenderer

PLOTLY = "application/vnd.plotly.v1+json"
CLAIM = "application/vnd.talweg.claim+json"


def parsed(content: Any) -> dict[str, Any]:
    """JSON content of an output, which nbformat gives parsed or as a string."""
    return json.loads(content) if isinstance(content, str) else content


def alternative_text(metadata: dict[str, Any]) -> str:
    """The alt text of a cell's figure: `mystnb: {image: {alt: …}}`."""
    return str(((metadata.get("mystnb") or {}).get("image") or {}).get("alt", ""))


class PlotlyRenderer:
    """Plotly JSON as a container that `plotly-figure.js` draws into.

    Its role is "group", not "img": it holds plotly's buttons (axe-core: nested-interactive).
    """

    mime_priority_overrides = [("html", PLOTLY, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """A raw HTML node, or None for any other type."""
        if inline or data.mime_type != PLOTLY:
            return None
        figure = parsed(data.content)
        height = (figure.get("layout") or {}).get("height") or 450
        body = json.dumps({"data": figure.get("data", []), "layout": figure.get("layout", {})}, ensure_ascii=False)
        label = escape(alternative_text(data.cell_metadata))
        script = body.replace("<", "\\u003c")  # no figure may close the script element
        html = (
            f'<div class="talweg-plotly" role="group" aria-label="{label}" style="min-height:{int(height)}px">'
            f'<script type="application/json">{script}</script></div>'
        )
        return [nodes.raw("", html, format="html", classes=["plotly-output"])]


class ClaimRenderer:
    """A claim as a line: ✓, which leads to its row in the ledger, its sentence, and its numbers."""

    mime_priority_overrides = [("*", CLAIM, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """The line, None for any other type; nothing without a sentence, of which the ledger warns."""
        if data.mime_type != CLAIM:
            return None
        record, env = parsed(data.content), renderer.renderer.document.settings.env
        code = env.config.talweg_edition_code
        sentence = sentences(data.cell_metadata, env.docname).get(record["id"], "")
        if not code or not sentence:
            return []
        said = statement(record, EDITIONS[code].decimal)
        line = nodes.paragraph("", "", _seal(record["id"], env.docname), nodes.Text(" "), classes=["claim"])
        with renderer.renderer.current_node_context(line):
            text = lead(sentence, "：" if code == "zh" else ":") if said else sentence
            renderer.renderer.nested_render_text(text, data.line or 0, inline=True)
        if said:
            space = "" if code == "zh" else " "  # the Chinese colon brings its own
            line += [nodes.Text(space), nodes.inline("", said, classes=["claim-numbers"])]
        return [line]


def _seal(name: str, docname: str) -> addnodes.pending_xref:
    """✓, a link to the row of the claim `name`; the words are for those who do not see the sign."""
    words = nodes.inline("", _("in the ledger of claims"), classes=["visually-hidden"])
    seal = nodes.inline("", "", nodes.Text("✓ "), words, classes=["seal"])
    return addnodes.pending_xref(
        "", seal, refdomain="std", reftype="claim", reftarget=name, refdoc=docname, refexplicit=True, refwarn=True
    )
