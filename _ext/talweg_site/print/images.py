"""SVG pictures of the text as PDF, which TeX can include: Chromium, which the photographs need anyway, prints them."""

from __future__ import annotations

from pathlib import Path

from sphinx.transforms.post_transforms.images import ImageConverter

from talweg_site.print import photographs


class PrintSvg(ImageConverter):
    """Used by Sphinx for each SVG of an edition."""

    conversion_rules = [("image/svg+xml", "application/pdf")]

    def is_available(self) -> bool:
        """Whether to try; a missing Chromium has its own message."""
        return True

    def convert(self, _from: str, _to: str) -> bool:
        """Write the PDF `_to`."""
        with photographs.browser() as driver:
            photographs.picture_to_pdf(driver, Path(_from).resolve(), Path(_to))
        return True
