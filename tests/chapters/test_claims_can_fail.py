"""Each claim of the book fails when its method is broken: `tests/book/<chapter>/broken.toml` says how to break it.

[largest-curvature-limits-the-step]     the claim's id
cell = "border"                         the cell that is changed: that of the claim, or one before it
old = "2 / curvatures[-1]"              what stands there
new = "2 / curvatures[0]"               the mistake

The unbroken cells run once; each mistake is made in a copy of the process, which goes on from there and changes nothing here.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import pytest

import talweg
from talweg_site.chapter import read_chapter
from talweg_site.check.copies import in_a_copy

matplotlib.use("Agg")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EDITION = "es"  # one stands for all: their code is the same, which parity checks
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters" / EDITION).glob("*.ipynb"))
CLAIM = re.compile(r"talweg\.claim\(\s*\"([a-z0-9-]+)\"")


def code_cells(chapter: str) -> dict[str, str]:
    """Name → source of the code cells, without lines that only a notebook understands."""
    cells = [
        cell for cell in read_chapter(ROOT / "chapters" / EDITION / f"{chapter}.md").cells if cell.cell_type == "code"
    ]
    return {cell.id: re.sub(r"^( *)%.*$", r"\1pass", cell.source, flags=re.M) for cell in cells}


def mistakes(chapter: str) -> dict[str, dict[str, str]]:
    path = ROOT / "tests" / "book" / chapter.replace("-", "_") / "broken.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run(source: str, space: dict) -> None:
    exec(compile(ast.parse(source), "cell", "exec"), space)


@pytest.fixture
def failed(monkeypatch) -> list[str]:
    """The ids of the claims that failed; a failing claim does not stop its cell."""
    ids: list[str] = []
    original: Callable = talweg.claim

    def collecting(id: str, *args, **kwargs) -> None:
        try:
            original(id, *args, **kwargs)
        except AssertionError:
            ids.append(id)

    monkeypatch.setattr(talweg, "claim", collecting)
    return ids


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_claim_fails_when_its_method_is_broken(chapter: str, failed: list[str]) -> None:
    cells, wrong = code_cells(chapter), mistakes(chapter)
    places = {claim: name for name, source in cells.items() for claim in CLAIM.findall(source)}
    assert set(wrong) == set(places), "a way to break each claim, no other"
    names = list(cells)
    space: dict = {"__name__": "__main__"}
    survived = []

    def fails(claim: str, sources: list[str]) -> str:
        """What is wrong with this claim's mistake, "" if the claim fails."""
        failed.clear()
        for source in sources:
            run(source, space)
        return "" if claim in failed else claim

    for name in names:
        for claim in [claim for claim, mistake in wrong.items() if mistake["cell"] == name]:
            old, new = wrong[claim]["old"], wrong[claim]["new"]
            assert cells[name].count(old) >= 1, f"{claim}: {old!r} is not in the cell {name!r}"
            until = names.index(places[claim]) + 1
            sources = [cells[name].replace(old, new), *(cells[other] for other in names[names.index(name) + 1 : until])]
            try:
                survived.append(in_a_copy(partial(fails, claim, sources)))
            except ChildProcessError as error:  # the claim should fail, not the code around it
                survived.append(f"{claim}: {str(error).strip().splitlines()[-1]}")
        failed.clear()
        run(cells[name], space)
        assert not failed, f"{name}: {failed}"
    survived = [claim for claim in survived if claim]
    assert not survived, "these claims hold even when broken"
