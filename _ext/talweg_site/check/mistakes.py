"""Each claim of the book fails when its method is broken: `tests/book/<chapter>/broken.toml` says how to break it.

[largest-curvature-limits-the-step]     the claim's id
cell = "border"                         the cell that is changed: that of the claim, or one before it
old = "2 / curvatures[-1]"              what stands there
new = "2 / curvatures[0]"               the mistake

The unbroken cells run once, in the kernel that `nbcheck` checks. Before such a cell each of its mistakes is made in a copy of
the kernel, which goes on from there to the claim and changes nothing here.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import talweg
from talweg_site.chapter import ChapterError, read_chapter
from talweg_site.check.together import NOTHING_RUN, key_after

CLAIM = re.compile(r"talweg\.claim\(\s*\"([a-z0-9-]+)\"")


def path_of(root: Path, chapter: str) -> Path:
    """Where the mistakes of a chapter stand."""
    return root / "tests" / "book" / chapter.replace("-", "_") / "broken.toml"


def read(root: Path, chapter: str) -> dict[str, dict[str, str]]:
    """Claim → how to break it; {} for a chapter that has no such file."""
    path = path_of(root, chapter)
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def code_cells(md: Path) -> dict[str, str]:
    """Name → source of the code cells of a chapter."""
    return {cell.id: cell.source for cell in read_chapter(md).cells if cell.cell_type == "code"}


def problems(md: Path, root: Path) -> list[str]:
    """Claims without a mistake, mistakes without a claim, and mistakes that cannot be made where they should."""
    cells, wrong, label = code_cells(md), read(root, md.stem), path_of(root, md.stem).relative_to(root)
    places = _places(cells)
    found = [f"{label}: no way to break the claim {claim!r}" for claim in places if claim not in wrong]
    found += [f"{label}: there is no claim {claim!r}" for claim in wrong if claim not in places]
    for claim in wrong.keys() & places.keys():
        cell, old = wrong[claim]["cell"], wrong[claim]["old"]
        if old not in cells.get(cell, ""):
            found.append(f"{label}: {claim}: {old!r} is not in the cell {cell!r}")
        elif [*cells].index(cell) > [*cells].index(places[claim]):
            found.append(f"{label}: {claim}: the cell {cell!r} comes after that of the claim")
    return found


def _places(cells: dict[str, str]) -> dict[str, str]:
    """Claim → the cell that makes it."""
    return {claim: name for name, source in cells.items() for claim in CLAIM.findall(source)}


def plans(md: Path, root: Path) -> dict[str, list[tuple[str, list[str]]]]:
    """Key of a cell (see `together`) → the claims that break in it, each with the sources to run in its stead."""
    if found := problems(md, root):
        raise ChapterError("\n".join(found))
    cells, wrong, plan, key = code_cells(md), read(root, md.stem), {}, NOTHING_RUN
    names, places = [*cells], _places(cells)
    for number, (name, source) in enumerate(cells.items()):
        if not source.strip():
            continue
        key = key_after(key, source)
        for claim in [claim for claim, mistake in wrong.items() if mistake["cell"] == name]:
            broken = source.replace(wrong[claim]["old"], wrong[claim]["new"])
            rest = [cells[later] for later in names[number + 1 : names.index(places[claim]) + 1]]
            plan.setdefault(key, []).append((claim, [_plain(text) for text in (broken, *rest)]))
    return plan


def _plain(source: str) -> str:
    """Without lines that only a notebook understands."""
    return re.sub(r"^( *)%.*$", r"\1pass", source, flags=re.M)


def plan_of(folder: Path, key: str) -> Path:
    """Where the mistakes to be made in a cell are written for its kernel."""
    return folder / f"{key}.mistakes.json"


def survived_of(folder: Path, key: str) -> Path:
    """Where the kernel writes what is wrong with the mistakes made in a cell."""
    return folder / f"{key}.survived.json"


def write_plans(folder: Path, md: Path, root: Path) -> None:
    """Tell the kernels that are about to start which mistakes to make."""
    for key, plan in plans(md, root).items():
        plan_of(folder, key).write_text(json.dumps(plan), encoding="utf-8")


def survivors(folder: Path, md: Path, root: Path) -> list[str]:
    """After the kernels have run: the claims of a chapter that hold even when broken, and mistakes that broke more."""
    found, label = [], path_of(root, md.stem).relative_to(root)
    for key, plan in plans(md, root).items():
        path = survived_of(folder, key)
        if path.exists():
            found += [f"{label}: {problem}" for problem in json.loads(path.read_text(encoding="utf-8"))]
        else:
            found += [f"{label}: {claim}: its mistake was not made" for claim, _ in plan]
    return found


class _Failed(BaseException):
    """Ends a copy as soon as its claim has failed: no `except Exception` of a cell stops it."""


def fails(claim: str, sources: list[str], space: dict[str, Any]) -> str:
    """Run cells that hold a mistake, until the claim fails; "" if it does. Other claims that fail do not stop their cells."""
    original = talweg.claim

    def collecting(id: str, *args: Any, **kwargs: Any) -> None:
        try:
            original(id, *args, **kwargs)
        except AssertionError:
            if id == claim:
                raise _Failed from None

    talweg.claim = collecting
    try:
        for source in sources:
            exec(compile(source, "cell", "exec"), space)
    except _Failed:
        return ""
    finally:
        talweg.claim = original
    return f"{claim}: holds even when it is broken"
