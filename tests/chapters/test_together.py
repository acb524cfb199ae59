"""One run of a chapter's code shows what each edition must store; a slip in any of them is seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from talweg_site.author import notebooks, widgets
from talweg_site.chapter import chapters
from talweg_site.check import mistakes, nbcheck
from talweg_site.check.copies import in_a_copy
from talweg_site.check.together import Unfolder, difference

from .conftest import write_settings

SPEAKING = """
```{code-cell} ipython3
:name: setup

import random

import talweg

talweg.use("LANG")
number = random.random()
```

```{code-cell} ipython3
:name: word

print("first")
number = number + 1
talweg.table({"steps": [1], "x": [0.5]})
talweg.claim("one", ours=1, expected=1)
```

```{code-cell} ipython3
:name: after

print(number > 1, number < 2)
talweg.claim("two", ours=2, expected=2)
talweg.claim("three", ours=3, expected=3)
```

```{code-cell} ipython3
:name: widget

talweg.exercise("gd-by-hand")
```

```{code-cell} ipython3
:name: drawn

talweg.plots.curves({"loss": [3.0, 2.5, 1.5]}, log=None)
```
"""


BROKEN = """
[one]
cell = "word"
old = "ours=1"
new = "ours=2"

[two]
cell = "setup"
old = "random.random()"
new = "1 / 0"

[three]
cell = "word"
old = "number + 1"
new = "number + 1; print('never seen')"
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Two executed editions of a page that speaks, made once, beside a library that says nothing."""
    top = tmp_path_factory.mktemp("speaking")
    write_settings(top)
    front = "---\njupytext: {text_representation: {extension: .md, format_name: myst, format_version: 0.13}}\n"
    front += "kernelspec: {display_name: Python 3, language: python, name: python3}\n---\n"
    for code in ("es", "de"):
        (top / "chapters" / code).mkdir(parents=True)
        (top / "chapters" / code / "page.md").write_text(front + SPEAKING.replace("LANG", code), encoding="utf-8")
    (top / "lib").mkdir()
    (top / "tests/book/page").mkdir(parents=True)
    (top / "tests/book/page/broken.toml").write_text(BROKEN, encoding="utf-8")
    assert notebooks.main(["--root", str(top)]) == 0
    return top


@pytest.fixture(scope="module")
def told(stored, tmp_path_factory):
    """What the kernel of one edition tells of both, and nbval's status: run once."""
    folder = tmp_path_factory.mktemp("told")
    mistakes.write_plans(folder, stored / "chapters/es/page.md", stored)
    status = nbcheck.run_nbval([stored / "chapters/es/page.ipynb"], stored, jobs=1, told=folder, codes="de es")
    return folder, status


@pytest.fixture
def book(stored, told, tmp_path, monkeypatch):
    """A copy of the book; checking it takes what was told before, so that it runs nothing."""

    def tell(paths, root, *, jobs, told: Path, codes: str) -> int:
        assert len(paths) == 1 and codes == "de es"
        shutil.copytree(folder, told, dirs_exist_ok=True)
        return status

    folder, status = told
    monkeypatch.setattr(nbcheck, "run_nbval", tell)
    return shutil.copytree(stored, tmp_path / "book")


@pytest.mark.slow
def test_editions_that_are_right_pass(book):
    assert nbcheck.check(chapters(book), book) == 0
    assert len(nbcheck.read_stamps(book)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "old", "new"),
    [
        ("word", "Schritte", "Stufen"),
        ("word", "first", "second"),
        ("word", "0.5", "0.6"),
        ("after", "True True", "True False"),
        ("widget", "Antwort", "Antworten"),
        ("drawn", "iVBORw0KGgoAAAANSUhEUgAA", "iVBORw0KGgoAAAANSUhEUgAB"),
    ],
)
def test_a_slip_in_the_other_edition_is_seen_and_leaves_no_stamp(book, capfd, cell, old, new):
    path = book / "chapters/de/page.ipynb"
    text = path.read_text(encoding="utf-8")
    at = text.index(old, 0 if cell == "widget" else text.index('"outputs"', text.index(f'"id": "{cell}"')))
    path.write_text(text[:at] + new + text[at + len(old) :], encoding="utf-8")
    assert nbcheck.check(chapters(book), book) == 1
    assert f"de/page.ipynb: cell '{cell}'" in capfd.readouterr().err
    assert nbcheck.read_stamps(book) == {}


@pytest.mark.slow
def test_claims_that_hold_when_broken_and_mistakes_that_break_more_are_told(book, capfd):
    """One claim fails as it should, one mistake stops its cell, and one breaks nothing."""
    assert nbcheck.check(chapters(book), book, broken=True) == 1
    said = capfd.readouterr().err
    assert "broken.toml: two: ZeroDivisionError" in said and "never seen" not in said
    assert "broken.toml: three: holds even when it is broken" in said and "broken.toml: one" not in said
    assert nbcheck.read_stamps(book) == {}


@pytest.mark.slow
def test_what_passes_with_its_mistakes_has_passed(book, monkeypatch):
    monkeypatch.setattr(mistakes, "survivors", lambda *_: [])
    assert nbcheck.check(chapters(book), book, broken=True) == 0
    monkeypatch.setattr(nbcheck, "run_nbval", lambda *_, **__: pytest.fail("must not run again"))
    assert nbcheck.check(chapters(book), book) == nbcheck.check(chapters(book), book, broken=True) == 0
    with (book / "tests/book/page/broken.toml").open("a") as file:
        file.write("# another mistake\n")
    assert nbcheck.check(chapters(book), book) == 0
    with pytest.raises(pytest.fail.Exception, match="must not run again"):
        nbcheck.check(chapters(book), book, broken=True)


@pytest.mark.slow
def test_code_that_was_not_run_is_seen(book, capfd, edit):
    edit(book / "chapters/es/page.ipynb", "number > 1, number", "number > 0, number")
    assert nbcheck.check(chapters(book), book) == 1
    assert "es/page.ipynb: cell 'after' was not run" in capfd.readouterr().err


def test_what_a_copy_changes_is_changed_there_only():
    state = {"x": [1]}
    assert in_a_copy(lambda: state["x"].append(2) or state["x"]) == [1, 2]
    assert state == {"x": [1]}
    with pytest.raises(ChildProcessError, match="ZeroDivisionError"):
        in_a_copy(lambda: 1 / 0)


def test_a_widget_is_its_state_where_it_is_first_met_and_a_number_later():
    view = "application/vnd.jupyter.widget-view+json"

    def shown(first, second):
        states = {first: {"state": {"layout": f"IPY_MODEL_{second}", "words": "x"}}, second: {"state": {}}}
        outputs = [{"output_type": "execute_result", "execution_count": 3, "data": {view: {"model_id": first}}}]
        unfolder = Unfolder()
        return unfolder.unfold(outputs, states) + unfolder.unfold(outputs, states)

    assert shown("a" * 32, "b" * 32) == shown("c" * 32, "d" * 32)
    first, again = shown("a" * 32, "b" * 32)
    assert first["data"][view] == {"state": {"layout": {"state": {}}, "words": "x"}}
    assert again["data"][view] == "widget 0"


def test_what_differs_is_told_with_its_place():
    stored, shown = {"data": {"text/plain": "a", "image/png": "x"}}, {"data": {"text/plain": "b", "image/png": "x"}}
    assert difference([stored], [stored]) == ""
    assert difference([stored], [shown]) == "data.text/plain: stored 'a', shown 'b'"
    assert difference([stored], []) == "1 outputs are stored, 0 shown"


def test_a_notebook_depends_on_its_own_chapter_and_language(tmp_path):
    for folder in ("chapters/es", "chapters/ru", "lib/talweg/book/one_way", "lib/talweg/book/other"):
        (tmp_path / folder).mkdir(parents=True)

    def needs(notebook):
        paths = [
            "run.py",
            "locale/es/LC_MESSAGES/talweg.mo",
            "locale/ru/LC_MESSAGES/talweg.mo",
            "book/chapters.toml",
            "book/one_way/exercises.toml",
            "book/one_way/exercises.es.toml",
            "book/one_way/exercises.ru.toml",
            "book/one_way/recorded/a.json",
            "book/other/figures.py",
            "book/other/exercises.ru.toml",
        ]
        library = tmp_path / "lib" / "talweg"
        return [path for path in paths if nbcheck.concerns(library / path, tmp_path / "chapters" / notebook, tmp_path)]

    both = ["run.py", "locale/ru/LC_MESSAGES/talweg.mo", "book/chapters.toml"]
    own = ["book/one_way/exercises.toml", "book/one_way/exercises.ru.toml", "book/one_way/recorded/a.json"]
    assert needs("ru/one-way.ipynb") == both + own
    assert needs("ru/index.ipynb") == both + own + ["book/other/figures.py", "book/other/exercises.ru.toml"]
    assert "book/one_way/exercises.ru.toml" not in needs("es/one-way.ipynb")


def test_a_borrowed_script_is_compared_as_what_was_made():
    draws = "const render = () => 0;\nexport default { render };\n"
    made = {name * 32: {"state": {"_esm": draws, "_css": ".a{}", "value": name}} for name in "ab"}
    other = {"c" * 32: {"state": {"_esm": "something else", "_css": ""}}}
    stored = json.loads(json.dumps(made | other))
    widgets._hold_scripts_once(stored)
    assert stored["b" * 32]["state"]["_esm"] != draws and stored["b" * 32]["state"]["_css"] == ""
    assert widgets.with_scripts(stored) == made | other


def test_an_svg_is_as_good_as_the_png_beside_it():
    """Its coordinates differ in their last digits from one processor to the next."""
    one, other = (
        {"output_type": "display_data", "data": {"image/png": "x", "image/svg+xml": svg}} for svg in ("a", "b")
    )
    assert difference(Unfolder().unfold([one], {}), Unfolder().unfold([other], {})) == ""
    other["data"]["image/png"] = "y"
    assert "data.image/png" in difference(Unfolder().unfold([one], {}), Unfolder().unfold([other], {}))
