"""README's table of chapters is the one that `_toc.yml` and the address give."""

from __future__ import annotations

import re
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
            path = f"notebooks/{code}/{name}.ipynb" if is_chapter else f"chapters/{code}/{name}.md"
            assert (ROOT / path).is_file()


def test_the_example_runs_and_ends_in_a_picture(monkeypatch, capsys):
    from matplotlib import pyplot

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(len(pyplot.gcf().axes)))
    exec(compile(example.replace("steps=2000", "steps=40"), "README.md", "exec"), {})
    pyplot.close()
    assert shown == [1] and capsys.readouterr().out == "None\n"


def test_each_edition_links_its_pdf_and_every_chapter_its_readable_notebook():
    table = readme.table(ROOT)
    site = readme.read_address(ROOT).site
    assert all(f"[PDF]({site}{code}/talweg-{code}.pdf)" in table for code in readme.EDITIONS)
    assert "chapters/es/gradient-descent" not in table


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
    assert rows[0].count("notebooks/zh/noise-scale.ipynb") == 2


def test_a_readme_without_its_marks_is_left_alone(copy, capsys):
    (copy / "README.md").write_text("# No table\n")
    assert readme.main(["--root", str(copy)]) == 1
    assert "once" in capsys.readouterr().err
    assert (copy / "README.md").read_text() == "# No table\n"
