"""The book's own Sphinx extension. It must be the FIRST in the extension list.

Catalogs are loaded in each extension's `setup`, so the language has to be set before any other extension runs.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

from sphinx.application import Sphinx

__version__ = version("talweg-site")

# In this order: `editions` sets the language that all others translate into.
PARTS = (
    "editions",
    "assets",
    "page",
    "toc",
    "theme",
    "repairs",
    "bibliography",
    "glossary",
    "claims",
    "landing",
    "search",
    "site",
    "pdf",
)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Set up every part of the extension."""
    for part in PARTS:
        import_module(f"talweg_site.{part}").setup(app)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
