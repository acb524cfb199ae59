"""Chapters run again are the same to the byte: the opening page, and in turn one other, in an edition that is in turn too.

What cells show is compared with what is stored for every chapter and edition by `nbcheck` (texts, pictures, widgets). Left
for here is what else stands in the file: its order, counts and names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from talweg_site.check.nbcheck import digest_files

pytestmark = pytest.mark.slow
EDITIONS = ("es", "de", "zh", "ru")


def test_chapters_run_again_are_byte_identical(root, tmp_path):
    turn = int(digest_files((root / "chapters").glob("*/*.md"), root)[:8], 16)
    edition = EDITIONS[turn % len(EDITIONS)]
    names = sorted(path.stem for path in (root / "chapters" / edition).glob("*.ipynb") if path.stem != "index")
    chosen = ["index", names[turn // len(EDITIONS) % len(names)]]
    shutil.copytree(root / "chapters" / edition, tmp_path / "chapters" / edition)
    for name in ("_config.yml", "_toc.yml", "references.bib", "glossary.yml", "locale", "notebooks"):
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, tmp_path / name)
    command = [
        sys.executable,
        "-m",
        "talweg_site.author.notebooks",
        *chosen,
        "--all",
        "-j",
        "1",
        "--root",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, cwd=tmp_path)
    for name in chosen:
        file = f"chapters/{edition}/{name}.ipynb"
        assert (tmp_path / file).read_bytes() == (root / file).read_bytes(), file
