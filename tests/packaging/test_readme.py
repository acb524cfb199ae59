"""README's table of chapters is the one that `_toc.yml` and the address give."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from talweg_site.author import readme

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in ("README.md", "_toc.yml", "_config.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_table_is_in_step():
    assert readme.main(["--check", "--root", str(ROOT)]) == 0


def test_every_file_that_the_table_links_exists():
    for name, is_chapter in readme.pages(ROOT):
        for code in readme.EDITIONS:
            assert (ROOT / "chapters" / code / f"{name}.{'ipynb' if is_chapter else 'md'}").is_file()


def test_a_new_chapter_without_a_row_is_told_and_gets_one(copy, capsys):
    toc = copy / "_toc.yml"
    toc.write_text(toc.read_text().replace("- file: curvature\n", "- file: curvature\n      - file: noise-scale\n"))
    before = (copy / "README.md").read_text(encoding="utf-8")
    assert readme.main(["--check", "--root", str(copy)]) == 1
    assert "out of step" in capsys.readouterr().err
    assert (copy / "README.md").read_text(encoding="utf-8") == before
    assert readme.main(["--root", str(copy)]) == 0
    after = (copy / "README.md").read_text(encoding="utf-8")
    rows = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(rows) == 1 and rows[0].startswith("| Noise scale | [página](https://")
    assert rows[0].count("chapters/zh/noise-scale.ipynb") == 2


def test_a_readme_without_its_marks_is_left_alone(copy, capsys):
    (copy / "README.md").write_text("# No table\n")
    assert readme.main(["--root", str(copy)]) == 1
    assert "once" in capsys.readouterr().err
    assert (copy / "README.md").read_text() == "# No table\n"
