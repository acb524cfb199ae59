"""`make notebooks` on small books: what is carried over, what is run, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from talweg_site.author import execute, notebooks, widgets
from talweg_site.chapter import ChapterError, read_chapter

RANDOM_WIDGETS = """\
```{code-cell} ipython3
:name: widgets

import ipywidgets

ipywidgets.VBox([ipywidgets.IntSlider(), ipywidgets.Text("a")])
```
"""


def run(root: Path, *options: str) -> int:
    return notebooks.main(["--root", str(root), "-j", "1", *options])


def outputs(path: Path) -> dict[str, str]:
    cells = nbformat.read(path, as_version=4).cells
    return {c.id: "".join(o.get("text", "") for o in c.outputs) for c in cells if c.cell_type == "code"}


def test_names_become_ids_and_code_is_run(make_book):
    book = make_book(("es",))
    assert run(book) == 0
    path = book / "chapters/es/page.ipynb"
    assert [cell.id for cell in nbformat.read(path, as_version=4).cells] == ["intro", "setup", "question", "picture"]
    assert outputs(path)["picture"] == "2\n"


@pytest.mark.slow
def test_running_again_and_making_anew_give_the_same_bytes(make_book, edit):
    book = make_book(("es",))
    md, path = book / "chapters/es/page.md", book / "chapters/es/page.ipynb"
    md.write_text(md.read_text() + "\n" + RANDOM_WIDGETS)
    assert run(book) == 0
    first = path.read_bytes()
    assert b"IPY_MODEL_0000" in first, "the widgets' models were not stored"
    assert run(book, "--all") == 0
    assert path.read_bytes() == first
    path.unlink()
    assert run(book) == 0
    assert path.read_bytes() == first


def stored(*models: dict) -> nbformat.NotebookNode:
    """A notebook with these widget models, all shown."""
    names = [f"{100 + i:032x}" for i in range(len(models))]
    state = {name: {"model_name": "AnyModel", "state": model} for name, model in zip(names, models, strict=True)}
    outputs = [nbformat.v4.new_output("display_data", data={"text/plain": name}) for name in names]
    metadata = {"widgets": {widgets.STATE: {"state": state}}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)], metadata=metadata)


def test_a_script_that_two_models_share_is_stored_once():
    script = "const render = () => 1;\nexport default { render };\n"
    one, other = {"_esm": script, "_css": "a{}"}, {"_esm": script, "_css": "b{}"}
    notebook = stored(one, {"_esm": "x" + script, "_css": "a{}"}, dict(one), other, {"_esm": "export default {};"})
    notebook.metadata.widgets[widgets.STATE].state[f"{104:032x}"].state["value"] = 1
    widgets.tidy(notebook)
    found = [entry.state for entry in notebook.metadata.widgets[widgets.STATE].state.values()]
    assert [state["_esm"] == script for state in found] == [True, False, False, False, False]
    assert found[1]["_esm"] == "x" + script and found[4]["_esm"] == "export default {};"
    assert found[2]["_esm"] == found[3]["_esm"] == widgets.BORROWED.replace("MODEL", f"{1:032x}")
    assert [state.get("_css") for state in found] == ["a{}", "a{}", "", "b{}", None]


def test_a_script_that_does_more_than_render_is_not_borrowed():
    script = "export default { initialize, render };\n"
    notebook = stored({"_esm": script}, {"_esm": script})
    widgets.tidy(notebook)
    assert all(entry.state["_esm"] == script for entry in notebook.metadata.widgets[widgets.STATE].state.values())


def test_new_prose_goes_over_without_running(make_book, edit, monkeypatch):
    book = make_book(("es",))
    assert run(book) == 0
    edit(book / "chapters/es/page.md", "\n## Words of es", "\n## Otras palabras")
    monkeypatch.setattr(notebooks, "execute", lambda *_: pytest.fail("prose must not run code"))
    before, after, result = notebooks.build(book / "chapters/es/page.md", root=book)
    assert result.action == "prose updated"
    assert "Otras palabras" in after and "Otras palabras" not in before
    assert [c["outputs"] for c in json.loads(after)["cells"] if c["cell_type"] == "code"][1][0]["text"] == ["2\n"]


def test_changed_code_never_keeps_the_old_output(make_book, edit):
    book = make_book(("es",))
    assert run(book) == 0
    edit(book / "chapters/es/page.md", "x = 2", "x = 3")
    assert run(book) == 0
    assert outputs(book / "chapters/es/page.ipynb")["picture"] == "3\n"


def test_prose_only_refuses_changed_code(make_book, edit, capsys):
    book = make_book(("es",))
    assert run(book) == 0
    before = (book / "chapters/es/page.ipynb").read_bytes()
    edit(book / "chapters/es/page.md", "x = 2", "x = 3")
    assert run(book, "--prose-only") == 1
    assert "chapters/es/page.md: its code changed; run `make notebooks` first" in capsys.readouterr().err
    assert (book / "chapters/es/page.ipynb").read_bytes() == before


def test_an_ipynb_edited_by_hand_is_refused_and_kept(make_book, edit, capsys):
    book = make_book(("es",))
    assert run(book) == 0
    path = book / "chapters/es/page.ipynb"
    edit(path, "## Words of es", "## Edited in Jupyter")
    edited = path.read_bytes()
    assert run(book) == 1
    message = capsys.readouterr().err
    assert "chapters/es/page.ipynb: edited by hand" in message and "question" in message
    assert path.read_bytes() == edited


@pytest.mark.slow
def test_a_newer_ipynb_never_overwrites_the_md(make_book):
    """What `jupytext --sync` was seen to do."""
    book = make_book(("es",))
    assert run(book) == 0
    md = book / "chapters/es/page.md"
    text = md.read_bytes()
    (book / "chapters/es/page.ipynb").touch()
    assert run(book) == 0
    assert md.read_bytes() == text


def test_no_tool_calls_jupytext_sync(root):
    files = [root / "Makefile", root / ".ci/run", *(root / "_ext").rglob("*.py"), *(root / ".github").rglob("*.yml")]
    calls = [path for path in files if re.search(r"jupytext[^`\n]*['\" ]--sync['\" ]", path.read_text())]
    assert [path for path in calls if path.name != "notebooks.py"] == []


@pytest.mark.slow
def test_cleared_outputs_are_made_again(make_book):
    book = make_book(("es",))
    assert run(book) == 0
    path = book / "chapters/es/page.ipynb"
    full = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)
    assert run(book) == 0
    assert path.read_bytes() == full


def test_a_failing_cell_names_file_cell_and_line_and_writes_nothing(make_book, edit, capsys):
    book = make_book(("es", "de"))
    edit(book / "chapters/es/page.md", "x = 2", "x = 1 / 0")
    assert run(book) == 1
    message = capsys.readouterr().err
    assert "chapters/es/page.md: cell 'picture' failed" in message and "ZeroDivisionError" in message
    assert [path.name for path in (book / "chapters/es").iterdir()] == ["page.md"]
    assert (book / "chapters/de/page.ipynb").exists(), "one edition's failure must not stop the others"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":name: setup", ":tags: [hide-input]", r"page\.md:1[0-9]: this code cell has no name"),
        ('+++ {"name": "question"}\n', "", r"page\.md:\d+: this markdown cell has no name"),
        ('"question"', '"What_is_it"', r"page\.md:2\d: cell name 'What_is_it': use a-z, 0-9 and -"),
        ('"question"', '"intro"', r"page\.md:2\d: cell name 'intro' is taken by the cell in line 9"),
        ('+++ {"name": "question"}', "+++ question", r"page\.md:\d+: '\+\+\+ question': after \+\+\+ only"),
        ('{"name": "question"}', '{"name": }', r"page\.md: .*could not be read"),
        ("    name: fig-a", "   name: fig-a", r"page\.md: .*"),
    ],
)
def test_badly_named_cells_are_told_with_their_line(make_book, edit, old, new, message):
    path = make_book(("es",)) / "chapters/es/page.md"
    edit(path, old, new)
    with pytest.raises(ChapterError, match=message):
        read_chapter(path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("object()", "cell 'picture' shows a memory address"),
        ("import warnings; warnings.warn_explicit('w', UserWarning, '/x/site-packages/y.py', 1)", "installed package"),
    ],
)
def test_output_that_no_other_run_repeats_is_refused(make_book, edit, capsys, code, message):
    book = make_book(("es",))
    edit(book / "chapters/es/page.md", "x = 2\nprint(x)", code)
    assert run(book) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_too_large_a_notebook_is_refused(make_book, edit, capsys):
    book = make_book(("es",))
    edit(book / "chapters/es/page.md", "print(x)", "print(('x' * 99 + '\\n') * 8000)")
    assert run(book) == 1
    assert "KB; the limit is 700 KB" in capsys.readouterr().err


def test_pictures_are_counted_and_weighed():
    png = nbformat.v4.new_output("display_data", data={"image/png": "A" * 60_000, "image/svg+xml": "<svg/>" * 11_000})
    cells = [nbformat.v4.new_code_cell(id=f"c{i}", outputs=[png]) for i in range(7)]
    _, errors = execute.size_problems(nbformat.v4.new_notebook(cells=cells), "", "page.md")
    assert "7 pictures of type image/png; the limit is 6" in errors[0]
    assert "cell 'c0': a picture (image/png) of 45 KB; the limit is 40 KB" in errors[1]
    assert any("cell 'c6': a picture (image/svg+xml) of 66 KB; the limit is 60 KB" in error for error in errors)


@pytest.mark.parametrize(("options", "message"), [(["--lang", "fr"], "language 'fr'"), (["nope"], "chapter 'nope'")])
def test_unknown_names_are_told_with_those_that_exist(make_book, capsys, options, message):
    assert run(make_book(("es",)), *options) == 1
    assert message in capsys.readouterr().err


def test_a_broken_ipynb_is_named(make_book, capsys):
    book = make_book(("es",))
    (book / "chapters/es/page.ipynb").write_text("{")
    assert run(book) == 1
    assert "chapters/es/page.ipynb: not a valid notebook" in capsys.readouterr().err
