"""Open the notebooks in JupyterLab, as copies in `lab`: what a reader writes there is theirs, and git does not see it.

    python -m talweg_site.author.lab

A copy in which nothing was written is renewed when its chapter changed; any other stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat

from talweg_site.author.published import FOLDER as PUBLISHED
from talweg_site.author.sources import digest, sources

FOLDER = "lab"


def made_from(path: Path) -> tuple[str, bool]:
    """The digest that a notebook got when it was made, and whether its cells are still those; ("", False) if unreadable."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError, json.JSONDecodeError):
        return "", False
    made = notebook.metadata.get("talweg", {}).get("sources", "")
    return made, made == digest(sources(notebook))


def copy_notebooks(root: Path) -> list[Path]:
    """Bring the copies up to date; returns those that a reader has changed though their chapter is another by now."""
    kept = []
    for path in sorted((root / PUBLISHED).glob("*/*.ipynb")):
        copy = root / FOLDER / path.relative_to(root / PUBLISHED)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copyfile(path, copy)
            continue
        (now, _), (then, untouched) = made_from(path), made_from(copy)
        if now != then and untouched:
            shutil.copyfile(path, copy)
        elif now != then:
            kept.append(copy)
    return kept


def main() -> int:
    """The command line."""
    root = Path.cwd()
    if not (root / PUBLISHED).is_dir():
        print(f"error: there is no folder {PUBLISHED!r} here; run from the top of the repository", file=sys.stderr)
        return 1
    if find_spec("jupyterlab") is None:
        print("error: JupyterLab is not installed: make lab, or pip install -e '.[lab]'", file=sys.stderr)
        return 1
    for copy in copy_notebooks(root):
        print(f"{copy.relative_to(root)}: stays as you left it; rename it to get the chapter as it is now")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root / FOLDER}"])


if __name__ == "__main__":
    sys.exit(main())
