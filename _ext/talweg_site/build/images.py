"""Width and height of each picture of a page, so that its place is kept while it loads; those below load when they are near."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx

IMAGE = re.compile(
    r'<img (?P<attributes>[^>]*?src="[^"]*_images/(?P<name>[^"/]+\.(?:png|jpe?g|gif|webp))"[^>]*?)\s*/?>'
)


@cache
def size(path: Path) -> tuple[int, int]:
    """Width and height in pixels."""
    with Image.open(path) as image:
        return image.size


def with_sizes(body: str, sources: dict[str, Path]) -> str:
    """The body with a size in each `<img>` that has none. sources: where the file of each name comes from."""
    first = True

    def sized(match: re.Match) -> str:
        nonlocal first
        later, first = "" if first else ' loading="lazy"', False
        if match["name"] not in sources or " width=" in match[0]:
            return match[0]
        width, height = size(sources[match["name"]])
        return f'<img {match["attributes"]} width="{width}" height="{height}"{later}>'

    return IMAGE.sub(sized, body)


def size_images(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the page's pictures their sizes."""
    if "body" in context:
        sources = {name: Path(app.srcdir) / path for path, name in app.builder.images.items()}
        context["body"] = with_sizes(context["body"], sources)


def setup(app: Sphinx) -> None:
    """Size what is about to be written."""
    app.connect("html-page-context", size_images, priority=610)
