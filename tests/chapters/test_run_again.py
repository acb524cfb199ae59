"""One edition run again is the same to the byte; it stands for all: their code is the same, which parity checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
EDITION = "de"


def test_one_edition_run_again_is_byte_identical(root, tmp_path):
    shutil.copytree(root / "chapters" / EDITION, tmp_path / "chapters" / EDITION)
    before = {path.name: path.read_bytes() for path in (tmp_path / "chapters" / EDITION).glob("*.ipynb")}
    command = [sys.executable, "-m", "talweg_site.author.notebooks", "--all", "-j", "2", "--root", str(tmp_path)]
    subprocess.run(command, check=True, cwd=tmp_path, env=os.environ)
    after = {path.name: path.read_bytes() for path in (tmp_path / "chapters" / EDITION).glob("*.ipynb")}
    assert [name for name in before if before[name] != after[name]] == []
    assert before, "there is no notebook in this edition"
