"""One edition prints the same on another processor; it stands for all: their code is the same, which parity checks.

`make test` has run the notebooks before, side by side; where they passed, their stamps say so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from talweg_site.chapter import chapters
from talweg_site.check import nbcheck

pytestmark = pytest.mark.slow
EDITION = "es"
CHAPTERS = sorted(path.stem for path in (Path(__file__).parents[2] / "chapters" / EDITION).glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_edition_prints_the_same_on_another_cpu(root, chapter):
    assert nbcheck.check(chapters(root, [EDITION], [chapter]), root, jobs=1, other_cpu=True) == 0
