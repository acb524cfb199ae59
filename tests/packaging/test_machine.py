"""What a machine needs is said the same way wherever it is said; make's targets exist and refuse clearly."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TARGETS = "site html serve pdf notebooks copy-code bench check test lock catalogs clean".split()
PACKAGE = r"(?:texlive|fonts|chromium|poppler|latexmk)[\w-]*"


def packages(text: str) -> set[str]:
    return set(re.findall(rf"(?<![\w/.-]){PACKAGE}", text))


def test_system_packages_are_the_same_in_readme_ci_and_publishing():
    ci = packages(re.search(r"packages=\((.*?)\)", (ROOT / ".ci/run").read_text(), re.DOTALL)[1])
    table = "\n".join(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|"))
    assert len(ci) >= 10
    assert packages(table) == ci
    assert packages((ROOT / ".github/workflows/publish.yml").read_text().split("run: >")[1].split("- uses")[0]) == ci


def test_ci_script_is_sound():
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("exec make test")


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_workflows_and_templates_can_be_read(path):
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def make() -> str:
    program = shutil.which("make")
    if program is None:
        pytest.skip("make is not installed")
    return program


def dry(make: str, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([make, "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_exists_and_is_explained(make, target):
    assert dry(make, target).returncode == 0
    assert re.search(rf"make {target}\b|`{target}`", (ROOT / "README.md").read_text() + dry(make, "help").stdout)


def test_copy_code_asks_for_the_edition(make):
    command = [make, "copy-code", "PYTHON=python3", "-o", ".venv/.installed"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "make copy-code FROM=es" in result.stdout


def test_an_old_python_is_refused_with_its_version(make, tmp_path):
    """A stand-in for Python 3.9 that answers as it would."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "_ext/pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexec python3 -c \"import sys; sys.version_info = (3, 9); sys.version = '3.9.2'; $2\"\n")
    old.chmod(0o755)
    command = [make, "site", f"PYTHON={old}"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "Python >= 3.11 is needed" in result.stderr and "3.9.2" in result.stderr
    assert not (tmp_path / ".venv").exists()
