"""Static figures stand in the page as SVG, in the colours of its theme, light and dark, on the screen and in print."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from talweg.plots.colors import COLORS
from talweg.plots.style import FRAME, GRID, INK, PAPER

PIXELS = 1.5  # of the page for a point of the figure: letters as large as those of a caption
LEGIBLE = 21  # rem; a figure is not shrunk below this width, but scrolled

# The names of the colours in _assets/talweg.css. Others, those of a colour scale, are the same in each theme.
PAGE = {color: f"var(--c{place})" for place, color in enumerate(COLORS)} | {
    INK: "var(--talweg-fg)",
    FRAME: "var(--talweg-muted)",
    GRID: "var(--talweg-grid)",
    PAPER: "var(--talweg-bg)",
}

HEAD = re.compile(r"<svg\b[^>]*>(<defs><style.*?</style></defs>)?")  # a style in the page would be one for all pictures
VIEW = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
HEX = re.compile(r"#[0-9a-f]{6}\b")
ID = re.compile(r'(?<=\bid=")|(?<=href="#)|(?<=url\(#)')


def inline_svg(text: str, name: str, alt: str) -> str:
    """A figure's SVG for a page: a picture with its text alternative, its size, and the page's colours.

    name: what makes its ids different from those of the page's other figures.
    """
    view = VIEW.search(text)
    if view is None:
        raise ValueError(f"the figure {name!r} has no viewBox")
    width, height = (round(PIXELS * float(side)) for side in view.groups())
    head = (
        f'<svg class="static-figure" role="img" aria-label="{escape(alt)}" {view[0]} width="{width}" height="{height}" '
        f'style="min-width:min({LEGIBLE}rem,{width}px)" stroke-linejoin="round">'
    )
    body = HEX.sub(lambda match: PAGE.get(match[0], match[0]), ID.sub(f"{name}-", text))
    return f'<div class="static-figure-box">{HEAD.sub(head, body, count=1).strip()}</div>'


class InlineFigures(SphinxPostTransform):
    """After myst-nb has chosen SVG among the types of an output, and has written it as a file."""

    default_priority = 50
    builders = ("html",)

    def run(self, **kwargs: object) -> None:
        """Put the pictures that cells have drawn into the page."""
        for number, image in enumerate(list(self.document.findall(nodes.image))):
            file = Path(self.env.srcdir) / image["uri"]
            if file.suffix == ".svg" and "jupyter_execute" in file.parts:
                svg = inline_svg(file.read_text(encoding="utf-8"), f"p{number}", image.get("alt", ""))
                image.replace_self(nodes.raw("", svg, format="html"))


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(InlineFigures)
