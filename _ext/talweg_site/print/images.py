"""Figures and other SVG pictures of the text as PDF, which TeX can include: Chromium, which the photographs need anyway, prints them."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.transforms.post_transforms.images import ImageConverter

from talweg_site.print import photographs


@cache
def _browser() -> Any:
    """One browser for all pictures of an edition, closed at the end of this program."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(photographs.browser())


class PrintSvg(ImageConverter):
    """Used by Sphinx for each SVG of an edition."""

    conversion_rules = [("image/svg+xml", "application/pdf")]

    def is_available(self) -> bool:
        """Whether to try; a missing Chromium has its own message."""
        return True

    def convert(self, _from: str, _to: str) -> bool:
        """Write the PDF `_to`."""
        photographs.picture_to_pdf(_browser(), Path(_from).resolve(), Path(_to))
        return True
