"""Mistakes that cannot be made are told; a claim that fails in a copy does not stop its cell."""

from __future__ import annotations

import pytest

import talweg
from talweg_site.chapter import ChapterError
from talweg_site.check import mistakes, nbcheck

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


def test_only_the_claim_that_is_broken_ends_the_cells() -> None:
    own = talweg.claim
    source = "talweg.claim('one', ours=x, expected=1)\ny = x\ntalweg.claim('two', ours=y, expected=1)\nz = y"
    space = {"x": 2, "talweg": talweg}
    assert mistakes.fails("two", [source], space) == "" and space["y"] == 2 and "z" not in space
    assert mistakes.fails("one", [source], {"x": 1, "talweg": talweg}) == "one: holds even when it is broken"
    assert talweg.claim is own


@pytest.mark.parametrize("options", [["--each"], ["--cpu", "other"]])
def test_mistakes_are_made_in_the_check_of_all_editions_together(options, capsys):
    with pytest.raises(SystemExit):
        nbcheck.main(["--mistakes", *options])
    assert "without --each and --cpu other" in capsys.readouterr().err


def test_where_a_process_cannot_be_copied_notebooks_are_checked_without_mistakes(make_book, monkeypatch, capsys):
    book = make_book(("es",))
    (book / "lib").mkdir()
    (book / "chapters/es/page.ipynb").write_text("{}")
    monkeypatch.setattr(nbcheck, "CAN_COPY", False)
    monkeypatch.setattr(nbcheck, "run_nbval", lambda *_, **__: 0)
    assert nbcheck.main(["--mistakes", "--root", str(book)]) == 0
    assert "no claim is broken here" in capsys.readouterr().out
    assert list(nbcheck.read_stamps(book)) == ["chapters/es/page.ipynb this-cpu"]
