"""The search index: pagefind, which segments Chinese and splits by `<html lang>`; the box is in search.js."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from talweg_site.build.glossary import load_glossary
from talweg_site.build.passages import passages
from talweg_site.editions import EDITIONS


def write_passages(pages: Path, folder: Path, prefix: str, code: str, root: Path) -> None:
    """Cut an edition's `pages` into `folder`, a small page each; `prefix` leads to them from the site's top."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, passage in enumerate(passages(pages, prefix, code, load_glossary(root / "glossary.yml"))):
        text = passage.html(EDITIONS[code].html_lang)
        (folder / f"{number}.html").write_text(text, encoding="utf-8")


def build_index(cut: Path, site: Path) -> None:
    """Index the passages below `cut`, those of each edition in a folder `passages`, into `site/pagefind`."""
    target = site / "pagefind"
    shutil.rmtree(target, ignore_errors=True)  # pagefind leaves the fragments of an older text
    command = [sys.executable, "-m", "pagefind_bin_extended", "--site", str(cut), "--glob", "**/passages/*.html"]
    command += ["--output-path", str(target), "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise ExtensionError(f"the search index could not be made (extra `site` installed?):\n{result.stderr}")
    for unused in (*target.glob("pagefind-*ui.*"), target / "pagefind-highlight.js"):  # the box is our own
        unused.unlink()


def drop_sphinx_search(app: Sphinx) -> None:
    """Leave out Sphinx's own index and search page: it does not segment Chinese queries."""
    vars(app.builder)["search"] = False  # an option of the HTML builders alone


def setup(app: Sphinx) -> None:
    """Switch Sphinx's own search off."""
    app.connect("builder-inited", drop_sphinx_search)
