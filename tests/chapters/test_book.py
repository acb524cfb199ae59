"""The book as it is: parity, notebooks in step with their texts, style, terms."""

from __future__ import annotations

from collections import Counter

import nbformat
import pytest
import yaml

from talweg import chapters as book
from talweg.exercises import loader
from talweg_site.author import execute, notebooks, widgets
from talweg_site.chapter import chapters
from talweg_site.check import nbcheck, parity, style


def told(problems: list[str]) -> str:
    return "\n".join(["", *problems])


def test_there_is_a_notebook_to_check(root):
    assert {path.parent.name for path in chapters(root)} >= {"es", "de", "zh", "ru"}


def test_editions_hold_the_same_cells_code_labels_and_exercises(root):
    assert not (problems := parity.check(root)), told(problems)


def test_every_page_is_listed_and_every_listed_page_exists(root):
    from talweg_site.build.site import listed_pages

    listed = Counter(listed_pages(root / "_toc.yml"))
    assert {page: n for page, n in listed.items() if n > 1} == {}
    for code in parity.EDITIONS:
        assert {path.stem for path in (root / "chapters" / code).glob("*.md")} == set(listed)


def test_chapters_stand_in_one_order(root):
    from talweg_site.build.site import listed_pages

    assert list(book.chapters()) == [page for page in listed_pages(root / "_toc.yml") if page in book.chapters()]
    assert list(book.chapters()) == list(dict.fromkeys(entry.chapter for entry in loader.load().values()))


def test_notebooks_are_in_step_with_their_texts(root):
    assert not (problems := notebooks.out_of_step(root)), told(problems)


def test_styles_and_terms_of_each_edition(root):
    assert not (problems := style.check(root)), told(problems)


def test_glossary_has_every_term_in_every_language(root):
    entries = yaml.safe_load((root / "glossary.yml").read_text(encoding="utf-8"))
    ids = Counter(entry["id"] for entry in entries)
    assert [name for name, n in ids.items() if n > 1] == []
    for entry in entries:
        assert entry["en"], entry["id"]
        for code in parity.EDITIONS:
            assert entry[code]["term"] and entry[code]["definition"], (entry["id"], code)
            assert entry[code]["term"] not in entry[code].get("avoid", []), (entry["id"], code)


def test_notebooks_keep_to_their_size(root):
    for md in chapters(root):
        path = md.with_suffix(".ipynb")
        text = path.read_text(encoding="utf-8")
        _, errors = execute.size_problems(nbformat.reads(text, as_version=4), text, str(path.relative_to(root)))
        assert not errors, told(errors)


def test_at_most_one_output_is_ignored_and_a_reason_is_given(root):
    for md in chapters(root):
        cells = nbformat.read(md.with_suffix(".ipynb"), as_version=4).cells
        ignored = [cell for cell in cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
        assert len(ignored) <= 1, md
        assert all(cell.metadata.get("reason") for cell in ignored), f"{md}: say why in the cell's `reason`"
        assert not [cell.id for cell in cells if "nbval-skip" in cell.metadata.get("tags", [])], md


def test_no_notebook_stores_heavy_or_live_only_output(root):
    """FigureWidget brings 5 MB of script, a bare ipywidgets slider has no label a screen reader finds."""
    for md in chapters(root):
        notebook = nbformat.read(md.with_suffix(".ipynb"), as_version=4)
        state = notebook.metadata.get("widgets", {}).get(widgets.STATE, {}).get("state", {})
        names = {entry["model_name"] for entry in state.values()}
        assert not {n for n in names if n == "FigureModel" or "Slider" in n}, md
        types = {
            kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})
        }
        assert "application/javascript" not in types, md


@pytest.mark.slow
def test_notebooks_print_what_they_store(root):
    assert nbcheck.check(chapters(root), root, jobs=1) == 0
