"""Imports run down: library, kit, book (the contracts are in pyproject.toml)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on a copy of the library, whatever is installed."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    command += ["--config", str(folder / "pyproject.toml"), "--no-cache"]
    environment = {"PYTHONPATH": str(folder / "lib"), "PATH": "", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The library and its contracts in a folder of their own."""
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("*.json", "*.otf", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_run_down(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "told"),
    [
        ("objective/function.py", "from talweg.training import train", "talweg.objective -> talweg.training"),
        ("widgets/__init__.py", "from talweg.book.curvature import figures", "talweg.widgets -> talweg.book"),
        ("book/curvature/figures.py", "from talweg.book.landscapes import figures", "talweg.book.landscapes"),
    ],
    ids=["library to library", "kit to book", "chapter to chapter"],
)
def test_an_import_that_runs_up_is_found(copy: Path, module: str, line: str, told: str) -> None:
    path = copy / "lib" / "talweg" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}  # noqa\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0 and told.split(" -> ")[-1] in done.stdout, done.stdout + done.stderr


def test_a_new_room_must_be_given_a_storey(copy: Path) -> None:
    (copy / "lib" / "talweg" / "attic.py").write_text('"""Nowhere in the layers."""\n', encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0 and "attic" in done.stdout, done.stdout + done.stderr
