"""The parity check sees each kind of difference; copying code mends those that are code."""

from __future__ import annotations

import pytest

from talweg_site.author.copying import copy_code
from talweg_site.chapter import ChapterError, read_chapter
from talweg_site.check import parity


def test_equal_editions_pass(make_book):
    assert parity.check(make_book()) == []


def test_a_missing_chapter_is_named(make_book):
    book = make_book()
    (book / "chapters/zh/page.md").unlink()
    assert parity.check(book) == ["chapters/zh/page.md: missing; there is a chapters/es/page.md"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("x = 2", "x = 3", "cell 'picture': its code is not that of chapters/es/page.md"),
        ("    name: fig-a", "    name: fig-b", "cell 'picture': its metadata (beside caption, alt and claims)"),
        ('"question"', '"answer"', "number 3 is markdown cell 'answer' instead of markdown cell 'question'"),
        ("(a-label)=", "(another)=", "its labels are not those of chapters/es/page.md: lacks a-label; has another"),
        ("(a-label)=\n", "", "the heading 'Words of de' has no label; put (sec-…)= in the line above it"),
        ('use("de")', 'use("es")', 'must say talweg.use("de")'),
        ("x = 2", "x = 2  # two of them", "comment '# two of them'"),
        ("print(x)", "print(x);", "ends in ';'"),
        ("## Words of de", "## Words of de {cite:p}`robbins1951`", "its citations are not those"),
        ("x = 2", 'talweg.exercise("gd-by-hand")', "its exercises are not those"),
    ],
)
def test_each_difference_is_told_with_its_place(make_book, edit, old, new, message):
    book = make_book()
    edit(book / "chapters/de/page.md", old, new)
    problems = parity.check(book)
    assert any(message in problem and problem.startswith("chapters/de/page.md") for problem in problems), problems


@pytest.mark.parametrize("words", ["caption: Words of de", "alt: A longer text for those who do not see de"])
def test_words_of_a_figure_may_differ(make_book, edit, words):
    book = make_book()
    edit(book / "chapters/de/page.md", words, words + ", anders gesagt")
    assert parity.check(book) == []


def test_copy_code_mends_code_and_leaves_the_editions_words(make_book, edit):
    book = make_book()
    source = book / "chapters/es/page.md"
    edit(source, "x = 2\nprint(x)", "x = 5\nprint(x, x)")
    edit(source, "use=len", "use=str")
    source.write_text(source.read_text() + "\n```{code-cell} ipython3\n:name: added\n\ny = x\n```\n")
    edit(book / "chapters/de/page.md", "caption: Words of de", "caption: Ein Bild")
    prose = {c.id: c.source for c in read_chapter(book / "chapters/de/page.md").cells if c.cell_type == "markdown"}
    assert len(copy_code(book, "es")) == 3
    assert parity.check(book) == []
    german = read_chapter(book / "chapters/de/page.md")
    assert {cell.id: cell.source for cell in german.cells if cell.cell_type == "markdown"} == prose
    cells = {cell.id: cell for cell in german.cells}
    assert 'talweg.use("de")' in cells["setup"].source
    assert cells["picture"].metadata["mystnb"]["figure"]["caption"] == "Ein Bild"
    assert cells["added"].source == "y = x"
    assert copy_code(book, "es") == [], "copying twice must change nothing"


def test_copy_code_writes_nothing_when_prose_cells_differ(make_book, edit):
    book = make_book()
    edit(book / "chapters/es/page.md", "x = 2", "x = 3")
    edit(book / "chapters/ru/page.md", '"question"', '"answer"')
    before = (book / "chapters/de/page.md").read_text()
    with pytest.raises(ChapterError, match=r"ru/page.md: mend the Markdown cells first: missing \['question'\]"):
        copy_code(book, "es")
    assert (book / "chapters/de/page.md").read_text() == before


def test_copy_code_from_an_unknown_edition(make_book):
    with pytest.raises(ChapterError, match="--from 'fr': unknown edition; there are es, de, zh, ru"):
        copy_code(make_book(), "fr")


def test_where_a_page_points_back_to_is_its_authors_choice(make_book, edit):
    book = make_book()
    edit(book / "chapters/de/page.md", "## Words of de", "## Words of de\n\nSee {eq}`gd` and {ref}`above`.")
    assert parity.check(book) == []


CLAIMING = """
```{code-cell} ipython3
---
name: claiming
talweg:
  claims:
    x-is-two: 'Sentence of LANG.'
---
%time x
talweg.claim("x-is-two", x, 2)
```
"""


@pytest.fixture
def make_claiming_book(make_book):
    """Editions whose last cell makes one claim."""

    def make():
        book = make_book()
        for path in book.glob("chapters/*/page.md"):
            path.write_text(path.read_text() + CLAIMING.replace("LANG", path.parent.name))
        return book

    return make


def test_sentences_of_claims_may_differ(make_claiming_book):
    assert parity.check(make_claiming_book()) == []


def test_a_claim_without_its_sentence_is_named(make_claiming_book, edit):
    book = make_claiming_book()
    edit(book / "chapters/zh/page.md", "talweg:\n  claims:\n    x-is-two: 'Sentence of zh.'\n", "")
    (problem,) = parity.check(book)
    assert (
        problem.startswith("chapters/zh/page.md:") and "'claiming': claim 'x-is-two' has no sentence in 'zh'" in problem
    )


def test_a_sentence_without_its_claim_is_named(make_claiming_book, edit):
    book = make_claiming_book()
    edit(book / "chapters/ru/page.md", "x-is-two: '", "x-is-too: 'Two.'\n    x-is-two: '")
    (problem,) = parity.check(book)
    assert problem.startswith("chapters/ru/page.md:") and "sentence 'x-is-too' in 'ru' belongs to no claim" in problem


def test_an_empty_sentence_is_refused_where_it_stands(make_claiming_book, edit):
    book = make_claiming_book()
    edit(book / "chapters/de/page.md", "'Sentence of de.'", "''")
    (problem,) = parity.check(book)
    assert "chapters/de/page.md" in problem and "the sentence of claim 'x-is-two' must be text, got ''" in problem


def test_copied_code_keeps_the_editions_sentences_and_lends_none(make_claiming_book, edit):
    book = make_claiming_book()
    source = book / "chapters/es/page.md"
    edit(source, "%time x\n", "y = 3\n")
    edit(source, "x-is-two: '", "y-is-three: 'Tres.'\n    x-is-two: '")
    source.write_text(
        source.read_text().replace(
            'claim("x-is-two", x, 2)', 'claim("x-is-two", x, 2)\ntalweg.claim("y-is-three", y, 3)'
        )
    )
    assert len(copy_code(book, "es")) == 3
    german = {cell.id: cell for cell in read_chapter(book / "chapters/de/page.md").cells}
    assert german["claiming"].metadata["talweg"]["claims"] == {"x-is-two": "Sentence of de."}
    problems = parity.check(book)
    assert len(problems) == 3 and all("claim 'y-is-three' has no sentence" in problem for problem in problems)
