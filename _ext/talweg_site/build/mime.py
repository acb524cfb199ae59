"""myst-nb renderers for plotly figures and for the records of claims.

A notebook stores a plotly figure as JSON only; the page draws it with the site's own plotly.js, in the colours of
the page's theme. The record of a claim is data for the ledger and is not shown: its stream line is.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes

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
    """Nothing: the ledger reads the record from the notebook."""

    mime_priority_overrides = [("*", CLAIM, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """No nodes for a claim's record, None for any other type."""
        return [] if data.mime_type == CLAIM else None
