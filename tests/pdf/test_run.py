"""TeX is run as often as it needs; what it cannot do is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from talweg_site.print import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("latexmk") and shutil.which("xelatex")), reason="TeX is not installed"),
]
EPOCH = 1_700_000_000
TEXT = r"\documentclass{article}\begin{document}\tableofcontents\section{One}\label{one}See \pageref{%s}.\end{document}"


def written(folder: Path, label: str) -> Path:
    tex = folder / "talweg.tex"
    tex.write_text(TEXT % label, encoding="utf-8")
    return tex


def test_references_stand_after_one_call_and_the_bytes_repeat(tmp_path):
    pdfs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tex = written(tmp_path / name, "one")
        log = run.run_xelatex(tex, EPOCH)
        assert run.undefined_references(log) == [] and "Rerun to get" not in log
        assert r"\contentsline" in tex.with_suffix(".toc").read_text()
        pdfs.append(tex.with_suffix(".pdf").read_bytes())
    assert pdfs[0] == pdfs[1]


def test_a_label_that_nothing_defines_is_in_the_log(tmp_path):
    assert run.undefined_references(run.run_xelatex(written(tmp_path, "two"), EPOCH)) == ["two"]


def test_a_broken_text_names_file_and_line(tmp_path):
    tex = tmp_path / "talweg.tex"
    tex.write_text("\\documentclass{article}\n\\begin{document}\n\\nosuchmacro\n\\end{document}\n")
    with pytest.raises(run.LatexError, match=r"talweg\.tex:3: Undefined control sequence"):
        run.run_xelatex(tex, EPOCH)


def test_settings_that_sphinx_leaves_beside_the_text_do_not_count(tmp_path):
    (tmp_path / "latexmkrc").write_text("die 'read';")
    run.run_xelatex(written(tmp_path, "one"), EPOCH)
