"""Each claim of the book fails when its method is broken (`talweg_site.check.mistakes`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from talweg_site.chapter import chapters
from talweg_site.check import mistakes, nbcheck

ROOT = Path(__file__).parents[2]
EDITION = "es"  # one stands for all: their code is the same, which parity checks
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters" / EDITION).glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_there_is_a_way_to_break_each_claim_and_no_other(chapter: str) -> None:
    assert mistakes.problems(ROOT / "chapters" / EDITION / f"{chapter}.md", ROOT) == []


@pytest.mark.slow
@pytest.mark.skipif(not nbcheck.CAN_COPY, reason="a process can be copied on Linux only")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_claim_fails_when_its_method_is_broken(chapter: str) -> None:
    """Skipped by its stamp where `make test` has made the mistakes while it checked the notebooks."""
    assert nbcheck.check(chapters(ROOT, [EDITION], [chapter]), ROOT, jobs=1, broken=True) == 0
