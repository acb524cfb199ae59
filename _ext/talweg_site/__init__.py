"""The book's own Sphinx extension. It must be the FIRST in the extension list.

Catalogs are loaded in each extension's `setup`, so the language has to be set before any other extension runs.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

from sphinx.application import Sphinx

__version__ = version("talweg-site")

# In this order: `editions` sets the language that all others translate into. They are imported when Sphinx asks for them:
# a part that is also a program (`python -m talweg_site.address`) must not be imported before it is run.
PARTS = (
    "editions", "build.assets", "build.mathematics", "build.fonts", "build.widgets", "build.page", "build.toc",
    "build.theme", "build.repairs", "build.images", "build.headings", "build.bibliography", "build.glossary",
    "build.cells", "build.claims", "build.figures", "build.landing", "build.outside", "build.search", "build.site",
    "print.latex",
)  # fmt: skip


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Set up every part of the extension."""
    for part in PARTS:
        import_module(f"{__name__}.{part}").setup(app)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
