"""The names that cells and docs use stay where they are, whatever moves inside the library."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from talweg_site.chapter import chapters, read_chapter

ROOT = Path(__file__).parents[2]
PUBLIC = tomllib.loads((Path(__file__).parent / "public.toml").read_text(encoding="utf-8"))
DOTTED = re.compile(r"\btalweg(?:\.[A-Za-z_]\w*)+")
IMPORTED = re.compile(r"^from (talweg[\w.]*) import (.+)$", re.M)


def reachable(name: str) -> bool:
    """Whether `talweg.a.b` can be had by attributes and imports, as a cell would write it."""
    found = importlib.import_module("talweg")
    for i, part in enumerate(name.split(".")[1:], start=1):
        if not hasattr(found, part):
            try:
                found = importlib.import_module(".".join(name.split(".")[: i + 1]))
            except ModuleNotFoundError:
                return False
        else:
            found = getattr(found, part)
    return True


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_stay(module):
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []
    assert set(PUBLIC[module]) <= set(found.__all__)


@pytest.mark.parametrize("path", chapters(ROOT, ["es"]), ids=lambda path: path.stem)
def test_names_in_cells_are_there(path):
    """One edition stands for all: their code is the same, which parity checks."""
    code = "\n".join(cell.source for cell in read_chapter(path).cells if cell.cell_type == "code")
    used = set(DOTTED.findall(code))
    used |= {
        f"{module}.{name.strip().split(' as ')[0]}"
        for module, names in IMPORTED.findall(code)
        for name in names.split(",")
    }
    assert used and [name for name in sorted(used) if not reachable(name)] == []


def test_a_name_that_went_is_noticed():
    assert reachable("talweg.figures.ravine") and reachable("talweg.Objective")
    assert not reachable("talweg.figures.no_such_figure") and not reachable("talweg.nowhere.ravine")
