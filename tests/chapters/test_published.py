"""The notebooks that readers open in Colab, GitHub, Binder and JupyterLab: no MyST in them, and the code that was checked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from talweg_site.author import lab, notebooks, pictures
from talweg_site.author.labels import figure_name, read_edition
from talweg_site.author.markdown import Headings, Notebook, own_references, plain_markdown
from talweg_site.author.outputs import PNG, SVG, Picture, question, stored_pictures
from talweg_site.author.published import CHANGED, publish, published_path
from talweg_site.chapter import ChapterError, chapters
from talweg_site.print.cells import VIEW

ROOT = Path(__file__).parents[2]
MYST = re.compile(r"\{[a-z:-]+\}`|^ *\([^)\s]+\)=\s*$|^ *(:::|```)\{|^\$\$ *\(", re.MULTILINE)
PAGES = [md.relative_to(ROOT) for md in chapters(ROOT)]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=PAGES, ids=str)
def page(request) -> Path:
    return ROOT / request.param


def test_no_reader_sees_myst(page):
    for cell in read(published_path(page, ROOT)).cells:
        texts = [cell.source] if cell.cell_type == "markdown" else []
        texts += ["".join(o.get("data", {}).get("text/markdown", "")) for o in cell.get("outputs", [])]
        assert not [MYST.search(text)[0] for text in texts if MYST.search(text)], cell.id


def test_links_within_a_notebook_have_their_place(page):
    text = "\n".join(cell.source for cell in read(published_path(page, ROOT)).cells if cell.cell_type == "markdown")
    wanted = set(re.findall(r"\]\(#([^)]+)\)", text))
    places = re.findall(r'<a id="([^"]+)"></a>', text)
    assert sorted(places) == sorted(wanted)


def test_code_and_results_are_those_that_are_checked(page):
    published, executed = read(published_path(page, ROOT)), read(page.with_suffix(".ipynb"))
    code = {cell.id: cell for cell in published.cells if cell.cell_type == "code"}
    assert list(code) == [cell.id for cell in executed.cells if cell.cell_type == "code"]
    assert "widgets" not in published.metadata
    for old in (cell for cell in executed.cells if cell.cell_type == "code"):
        new = code[old.id]
        assert (new.source, new.execution_count) == (old.source, old.execution_count)
        for ours, theirs in zip(new.outputs, old.outputs, strict=True):
            data, stored = dict(ours.get("data", {})), dict(theirs.get("data", {}))
            assert ours.get("text") == theirs.get("text")
            assert VIEW not in data and (SVG not in data or PNG not in data)
            if data.keys() != stored.keys():
                assert CHANGED in new.metadata.tags, f"{old.id}: nbval must know that this output is not the kernel's"
            assert {k: v for k, v in data.items() if k in stored} == {k: v for k, v in stored.items() if k in data}


def test_figures_have_number_caption_and_a_picture_of_their_present_state(page):
    cells = read(published_path(page, ROOT)).cells
    following = {cell.id: after for cell, after in zip(cells, cells[1:], strict=False)}
    edition = read_edition(ROOT, page.parent.name)
    for cell in read(page.with_suffix(".ipynb")).cells:
        if name := figure_name(cell.metadata):
            assert edition.figures[name].text in following[cell.id].source.partition(".**")[0]
            pngs = [o for c in cells if c.id == cell.id for o in c.outputs if PNG in o.get("data", {})]
            assert pngs and all(o.metadata[PNG]["alt"] for o in pngs), f"{cell.id}: no picture, or one without a text"
    assert pictures.missing(page, ROOT) == [], "make pictures"


@pytest.fixture
def notebook(make_book) -> Notebook:
    text = "# A\n\n(sec-a)=\n## B\n\n$$\nx\n$$ (eq-x)\n\n(sec-c)=\n## C\n"
    return Notebook(read_edition(make_book(("es",), text), "es"), "page")


def test_labels_numbers_and_references(notebook):
    text = "(sec-a)=\n## B\n\n$$\nx\n$$ (eq-x)\n\n(sec-c)=\n## C\n\nSee {eq}`eq-x`, {ref}`this <sec-c>`, {doc}`page`."
    notebook.wanted = own_references(text, notebook)
    assert plain_markdown(text, notebook, Headings(1)).split("\n") == [
        *("## 1.1. B", "", '<a id="equation-eq-x"></a>', "$$", "x", r"\tag{1.1}", "$$", ""),
        *('<a id="sec-c"></a>', "", "## 1.2. C", ""),
        "See [(1.1)](#equation-eq-x), [this](#sec-c), [A](<https://example.org/book/es/page.html>).",
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{ref}`sec-z`", "sec-z"),
        ("{numref}`fig-z`", "fig-z"),
        ("{doc}`nowhere`", "nowhere"),
        ("{cell}`page:none`", "page:none"),
        ("{sub}`x`", "{sub}"),
        (":::{note}\nx\n:::", ":::{note}"),
    ],
)
def test_what_has_no_form_in_a_notebook_is_an_error_that_names_it(notebook, text, named):
    with pytest.raises(ChapterError, match=re.escape(named)):
        plain_markdown(text, notebook, Headings(1))


def test_a_question_has_its_options_and_formulas():
    spec = {"prompt": "<math><mi>x</mi></math> is", "options": [["a", "1"], ["b", "2"]], "kind": "choice"}
    assert question(spec, {"answer": "Run."}) == "$x$ is\n\n- 1\n- 2\n\n*Run.*"


def test_an_edit_by_hand_is_refused_and_kept(make_book, edit, capsys):
    book = make_book(("es",))
    assert notebooks.main(["--root", str(book), "-j", "1"]) == 0
    path = book / "notebooks/es/page.ipynb"
    assert notebooks.out_of_step(book) == []
    edit(path, "x = 2", "x = 3")
    edited = path.read_bytes()
    assert notebooks.main(["--root", str(book), "--prose-only", "-j", "1"]) == 1
    assert "notebooks/es/page.ipynb: edited by hand" in capsys.readouterr().err
    assert path.read_bytes() == edited


def test_a_picture_stays_when_the_prose_changes(make_book, edit):
    book = make_book(("es",))
    assert notebooks.main(["--root", str(book), "-j", "1"]) == 0
    md, path = book / "chapters/es/page.md", book / "notebooks/es/page.ipynb"
    executed = json.loads(md.with_suffix(".ipynb").read_text())
    driven = {"data": {VIEW: {"model_id": "1"}}, "metadata": {}, "output_type": "display_data"}
    next(cell for cell in executed["cells"] if cell["id"] == "picture")["outputs"] = [driven]
    md.with_suffix(".ipynb").write_text(json.dumps(executed))
    taken = {"picture": Picture("what it shows", "AAAA", 300, 200)}
    path.write_text(publish(md, read_edition(book, "es"), taken))
    edit(md, "\n## Words of es", "\n## Otras palabras")
    assert notebooks.main(["--root", str(book), "--prose-only", "-j", "1"]) == 0
    assert "Otras palabras" in path.read_text()
    assert stored_pictures(read(path)) == taken
    assert pictures.missing(md, book) == ["picture"], "it shows another state"


def test_copies_for_the_lab_are_renewed_unless_a_reader_wrote_in_them(make_book, edit):
    book = make_book(("es", "de"))
    assert notebooks.main(["--root", str(book), "-j", "1"]) == 0
    assert lab.copy_notebooks(book) == []
    mine, other = book / "lab/es/page.ipynb", book / "lab/de/page.ipynb"
    edit(mine, "x = 2", "x = 3")
    for code in ("es", "de"):
        edit(book / f"chapters/{code}/page.md", f"\n## Words of {code}", "\n## New words")
    assert notebooks.main(["--root", str(book), "--prose-only", "-j", "1"]) == 0
    assert lab.copy_notebooks(book) == [mine]
    assert "x = 3" in mine.read_text() and "New words" not in mine.read_text()
    assert "New words" in other.read_text()
