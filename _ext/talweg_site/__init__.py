"""The book's own Sphinx extension. It must be the FIRST in the extension list.

Catalogs are loaded in each extension's `setup`, so the language has to be set before any other extension runs.
"""

from __future__ import annotations

from importlib.metadata import version

from sphinx.application import Sphinx

from talweg_site import editions
from talweg_site.build import assets, bibliography, claims, glossary, landing, page, repairs, search, site, theme, toc
from talweg_site.print import pdf

__version__ = version("talweg-site")

# In this order: `editions` sets the language that all others translate into.
PARTS = (
    editions, assets, page, toc, theme, repairs, bibliography, glossary, claims, landing, search, site, pdf,
)  # fmt: skip


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Set up every part of the extension."""
    for part in PARTS:
        part.setup(app)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
