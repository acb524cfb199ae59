"""The notebook check fails on a stored output that is not printed, and skips only what has passed as it is."""

from __future__ import annotations

import pytest

from talweg_site.author import notebooks
from talweg_site.chapter import ChapterError, chapters
from talweg_site.check import nbcheck


@pytest.fixture
def book(make_book):
    """One small executed edition beside a library of one file."""
    top = make_book(("es",))
    assert notebooks.main(["--root", str(top), "-j", "1"]) == 0
    (top / "lib").mkdir()
    (top / "lib/module.py").write_text("a = 1\n")
    return top


@pytest.mark.slow
def test_a_changed_output_fails_and_leaves_no_stamp(book, edit):
    edit(book / "chapters/es/page.ipynb", '"2\\n"', '"3\\n"')
    assert nbcheck.check(chapters(book), book) == 1
    assert nbcheck.read_stamps(book) == {}


def test_what_passed_is_skipped_until_something_changes(book, edit, monkeypatch):
    ran = []
    monkeypatch.setattr(nbcheck, "run_nbval", lambda paths, *_, **__: ran.extend(paths) or 0)
    monkeypatch.setattr(nbcheck.together, "problems", lambda *_: [])

    def runs(**options) -> int:
        ran.clear()
        assert nbcheck.check(chapters(book), book, **options) == 0
        return len(ran)

    assert (runs(), runs()) == (1, 0)
    assert (runs(other_cpu=True), runs(other_cpu=True)) == (1, 0)
    (book / "lib/module.py").write_text("a = 2\n")
    assert (runs(), runs()) == (1, 0)
    (book / "requirements.lock").write_text("torch==2.13.0\n")
    assert (runs(), runs()) == (1, 0)
    edit(book / "chapters/es/page.ipynb", '"2\\n"', '"3\\n"')
    assert runs() == 1


def test_a_missing_notebook_is_named(book):
    (book / "chapters/es/page.ipynb").unlink()
    with pytest.raises(ChapterError, match="chapters/es/page.ipynb: missing"):
        nbcheck.check(chapters(book), book)
