"""The parts of the printing program, each alone: what print changes, and that faults are told."""

from __future__ import annotations

import io
import time

import pytest
from docutils import nodes
from PIL import Image

from talweg_site.editions import names
from talweg_site.print import cells as latex_cells
from talweg_site.print import fonts as latex_fonts
from talweg_site.print import mathml as latex_mathml
from talweg_site.print import pdf, photographs
from talweg_site.print import run as latex_run
from talweg_site.print import structure as latex_structure
from talweg_site.print.writer import LONGEST_TABLE, braced, lines_of


def test_mathml_becomes_tex():
    fraction = "<math><mfrac><mn>1</mn><msup><mi>x</mi><mn>2</mn></msup></mfrac></math>"
    assert latex_mathml.to_tex(fraction) == r"\frac{1}{{x }^{2}}"
    matrix = "<math><mtable><mtr><mtd><mn>6</mn></mtd><mtd><mn>3</mn></mtd></mtr></mtable></math>"
    assert latex_mathml.to_tex(matrix) == r"\begin{matrix}6 & 3\end{matrix}"
    assert latex_mathml.to_tex("<math><mn>0,5</mn><mo>·</mo><mi>η</mi></math>") == r"0{,}5\cdot η"


def test_mathml_keeps_the_text_around_it():
    parts = latex_mathml.to_nodes("vor <math><mi>x</mi></math> nach")
    assert [type(part) for part in parts] == [nodes.Text, nodes.math, nodes.Text]
    assert [part.astext() for part in parts] == ["vor ", "x", " nach"]


def test_backticks_mark_code():
    parts = latex_mathml.to_nodes("Write `f(x)`, please.")
    assert [type(part) for part in parts] == [nodes.Text, nodes.literal, nodes.Text]
    assert [part.astext() for part in parts] == ["Write ", "f(x)", ", please."]


def test_a_table_taller_than_a_page_breaks():
    def rows(words: int) -> list[list[nodes.Element]]:
        return [[nodes.entry("", nodes.paragraph("", "word " * words)) for _ in range(3)] for _ in range(13)]

    assert lines_of(rows(3)) == 13
    assert lines_of(rows(12)) > LONGEST_TABLE


BROKEN = ["<math><mi>x</math>", "<math><maction/></math>", "<math><mfrac><mn>1</mn></mfrac></math>"]


@pytest.mark.parametrize("markup", BROKEN)
def test_unknown_mathml_is_an_error(markup):
    with pytest.raises(ValueError, match="MathML"):
        latex_mathml.to_tex(markup)


def test_operator_in_an_index_gets_braces():
    assert braced(r"2/\lambda_\max + x^\min") == r"2/\lambda_{\max} + x^{\min}"
    assert braced(r"\lambda_\maximal \theta_{\max}") == r"\lambda_\maximal \theta_{\max}"


SPEC = {"kind": "choice", "prompt": "Which?", "options": [["a", "First"], ["b", "Second"]], "hints": ["a hint"]}


def test_printed_exercise_has_options_and_no_hint():
    task = latex_cells.exercise_nodes({**SPEC, "feedback": {"a": "feedback"}, "answer": "b"})
    assert task.astext().split() == ["Which?", "First", "Second"]
    assert not latex_cells.exercise_nodes(SPEC).next_node(latex_cells.latex_nodes.options)["ordered"]
    ordering = latex_cells.exercise_nodes({**SPEC, "kind": "ordering"})
    assert ordering.next_node(latex_cells.latex_nodes.options)["ordered"]


def test_number_has_a_line_and_its_unit():
    task = latex_cells.exercise_nodes({"kind": "number", "prompt": "Steps:", "unit": "steps", "hints": []})
    assert len(list(task.findall(latex_cells.latex_nodes.answer_line))) == 1
    assert task.astext().endswith("steps")


def cell(output: dict, name: str) -> dict:
    metadata = {"mystnb": {"figure": {"name": name}}} if name else {}
    return {"cell_type": "code", "metadata": metadata, "outputs": [{"output_type": "display_data", "data": output}]}


def test_only_what_a_browser_draws_is_photographed():
    view = {latex_cells.VIEW: {"model_id": "1"}, "text/plain": "Ravine()"}
    exercise = {latex_cells.VIEW: {"model_id": "2"}, "text/plain": "Exercise()"}
    cells = [cell(view, "fig-Ravine"), cell({latex_cells.PLOTLY: {}}, "fig-surface")]
    cells += [cell({"image/png": ""}, "fig-png"), cell(exercise, "fig-exercise"), cell(view, "")]
    states = {"1": {"state": {}}, "2": {"state": {"exercise_id": "gd"}}}
    notebook = {"cells": cells, "metadata": {"widgets": {latex_cells.STATE: {"state": states}}}}
    assert latex_cells.driven_figures(notebook) == ["fig-ravine", "fig-surface"]


def html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def test_folded_text_is_found_with_its_kind_and_summary():
    parent = nodes.section("", nodes.paragraph(), html('<details class="solution"><summary><b>So</b>l</summary>'))
    parent += [nodes.paragraph("", "x"), html("</details>")]
    parent += [html("<details><summary>More</summary>"), html("</details>")]
    assert list(latex_structure.folded(parent)) == [(1, 3, ' class="solution"', "Sol"), (4, 5, "", "More")]


def test_missing_glyphs_are_read_from_the_log():
    log = "Missing character: There is no ✓ in font [/fonts/Serif.ttf]/OT:script=latn;!\n" * 2
    assert latex_run.missing_characters(log) == ["✓ in [/fonts/Serif.ttf]/OT:script=latn;"]
    unseen = "Missing character: There is no \u202f (U+202F) in font [/fonts/Serif.ttf]/OT;!\n"
    assert latex_run.missing_characters(unseen) == ["(U+202F) in [/fonts/Serif.ttf]/OT;"]
    assert latex_run.missing_characters("Missing data\n") == []


def test_first_error_of_a_log_is_told():
    log = "(./talweg.sty\n./talweg.tex:261: Missing { inserted.\nl.261 x\nHere is how much memory"
    assert latex_run.first_error(log).startswith("./talweg.tex:261: Missing { inserted.")


def test_missing_xelatex_names_the_list_of_packages(monkeypatch):
    monkeypatch.setattr(latex_run.shutil, "which", lambda name: None)
    with pytest.raises(latex_run.LatexError, match="apt-packages.txt"):
        latex_run.check_installed()


def test_command_line_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(latex_run.shutil, "which", lambda name: None)
    assert pdf.main(["--lang", "es"]) == 1
    assert "xelatex is missing" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        pdf.main(["--lang", "fr"])
    assert "'fr'" in capsys.readouterr().err


@pytest.fixture
def press(monkeypatch, tmp_path):
    """All of `pdf.make` but the browser, the fonts and TeX; returns what was done, in order."""
    done = []
    (tmp_path / "_build/html").mkdir(parents=True)
    (tmp_path / "_build/html/index.html").touch()
    monkeypatch.setattr(latex_run, "check_installed", lambda: None)
    monkeypatch.setattr(pdf, "photograph_edition", lambda root, code, work: done.append(f"photographs {code}"))
    monkeypatch.setattr(pdf, "prepare", lambda root, work: done.append("fonts"))

    def write_latex(root, code, work):
        done.append(f"LaTeX {code}")
        raise pdf.PdfError(f"{code}: no TeX here")

    monkeypatch.setattr(pdf, "write_latex", write_latex)
    return done


def test_no_edition_is_written_before_the_fonts_are_there_and_each_failure_is_told(press, monkeypatch, tmp_path):
    def slow(root, work):
        time.sleep(0.2)
        press.append("fonts")

    monkeypatch.setattr(pdf, "prepare", slow)
    with pytest.raises(pdf.PdfError, match="es: no TeX here\nzh: no TeX here"):
        pdf.make(tmp_path, ["es", "zh"])
    at = press.index("fonts")
    assert sorted(press[:at]) == ["photographs es", "photographs zh"], "photographs need not wait"
    assert sorted(press[at + 1 :]) == ["LaTeX es", "LaTeX zh"]


def test_fonts_that_cannot_be_cut_are_told_once_and_nothing_is_written(press, monkeypatch, tmp_path):
    def missing(root, work):
        raise latex_fonts.FontError("a font is missing")

    monkeypatch.setattr(pdf, "prepare", missing)
    with pytest.raises(pdf.PdfError, match="^a font is missing$"):
        pdf.make(tmp_path, ["es", "de", "zh", "ru"])
    assert sorted(press) == [f"photographs {code}" for code in ("de", "es", "ru", "zh")]


def test_missing_web_fonts_are_told(tmp_path):
    with pytest.raises(latex_fonts.FontError, match="build the site first"):
        latex_fonts.make_fonts(tmp_path, tmp_path / "fonts")


def test_every_edition_has_the_same_words():
    expected = names("es")
    for code in ("de", "zh", "ru"):
        words = names(code)
        assert words.keys() == expected.keys() and words["proof"].keys() == expected["proof"].keys()
        assert all("{page}" in words[key] for key in ("to_solution", "to_exercise"))


def png(*boxes: tuple[int, int, int, int]) -> bytes:
    image = Image.new("RGB", (100, 80), "white")
    for box in boxes:
        image.paste("black", box)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_photograph_loses_white_rows_but_not_its_width():
    cut = Image.open(io.BytesIO(photographs.without_margins(png((40, 30, 60, 50)))))
    assert cut.size == (100, 20 + 8 * photographs.SCALE)


def test_empty_photograph_is_an_error():
    with pytest.raises(photographs.PhotographError, match="empty"):
        photographs.without_margins(png())
