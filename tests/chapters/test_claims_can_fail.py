"""Each claim of the book fails when its method is broken (`talweg_site.check.mistakes`), and slips in saying how are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from talweg_site.chapter import ChapterError, chapters
from talweg_site.check import mistakes, nbcheck

ROOT = Path(__file__).parents[2]
EDITION = "es"  # one stands for all: their code is the same, which parity checks
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters" / EDITION).glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_there_is_a_way_to_break_each_claim_and_no_other(chapter: str) -> None:
    assert mistakes.problems(ROOT / "chapters" / EDITION / f"{chapter}.md", ROOT) == []


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_claim_fails_when_its_method_is_broken(chapter: str) -> None:
    """Skipped by its stamp where `make test` has made the mistakes while it checked the notebooks."""
    assert nbcheck.check(chapters(ROOT, [EDITION], [chapter]), ROOT, jobs=1, broken=True) == 0


CLAIMING = """
```{code-cell} ipython3
:name: first

talweg.claim("one", 1, 1)
```

```{code-cell} ipython3
:name: second

talweg.claim("two", x, 2)
```
"""


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ('[one]\ncell = "first"\nold = "1, 1"\nnew = "1, 2"\n', "no way to break the claim 'two'"),
        ('[one]\ncell = "first"\nold = "1, 3"\nnew = "1, 2"\n', "one: '1, 3' is not in the cell 'first'"),
        ('[one]\ncell = "none"\nold = "1, 1"\nnew = "1, 2"\n', "one: '1, 1' is not in the cell 'none'"),
        ('[one]\ncell = "second"\nold = "x"\nnew = "y"\n', "one: the cell 'second' comes after that of the claim"),
        ('[six]\ncell = "first"\nold = "1, 1"\nnew = "1, 2"\n', "there is no claim 'six'"),
    ],
)
def test_mistakes_that_cannot_be_made_are_told(make_book, broken: str, told: str) -> None:
    book = make_book(("es",))
    md, path = book / "chapters/es/page.md", mistakes.path_of(book, "page")
    md.write_text(md.read_text() + CLAIMING)
    path.parent.mkdir(parents=True)
    path.write_text(broken)
    assert f"{path.relative_to(book)}: {told}" in mistakes.problems(md, book)
    with pytest.raises(ChapterError, match="broken.toml"):
        mistakes.plans(md, book)


def test_a_claim_fails_in_the_cells_that_are_run_and_is_whole_again(monkeypatch) -> None:
    import talweg

    monkeypatch.setattr(talweg, "claim", talweg.claim)
    source = "import talweg\ntalweg.claim('one', ours=x, expected=1)\ny = x"
    space = {"x": 2}
    assert mistakes.fails("one", [source, "z = y"], space) == "" and space["z"] == 2
    monkeypatch.undo()
    assert mistakes.fails("one", [source], {"x": 1}) == "one: holds even when it is broken"
