"""The search index: pagefind, which segments Chinese and splits by `<html lang>`; the box is in search.js."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def build_index(site: Path, glob: str) -> None:
    """Index the pages of `site` that match `glob`, into `site/pagefind`."""
    command = [sys.executable, "-m", "pagefind_bin_extended", "--site", str(site), "--glob", glob]
    command += ["--root-selector", "article.page", "--exclude-selectors", ".headerlink,.no-search", "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise ExtensionError(f"the search index could not be made (extra `site` installed?):\n{result.stderr}")


def drop_sphinx_search(app: Sphinx) -> None:
    """Leave out Sphinx's own index and search page: it does not segment Chinese queries."""
    vars(app.builder)["search"] = False  # an option of the HTML builders alone


def setup(app: Sphinx) -> None:
    """Switch Sphinx's own search off."""
    app.connect("builder-inited", drop_sphinx_search)
