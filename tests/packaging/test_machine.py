"""What a machine needs is said the same way wherever it is said; make's targets exist and refuse clearly."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TARGETS = "site html serve lab pdf notebooks pictures copy-code bench check test lock catalogs clean".split()
LIST = "apt-packages.txt"
PACKAGE = re.compile(r"(?<![\w/.-])(?:texlive-|fonts-freefont|chromium-driver|poppler-utils)")


def packages() -> list[str]:
    lines = (ROOT / LIST).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_system_packages_stand_in_one_list():
    assert {"texlive-xetex", "latexmk", "chromium", "chromium-driver", "poppler-utils"} <= set(packages())
    assert len(packages()) == len(set(packages())) >= 10
    assert [name for name in packages() if not re.fullmatch(r"[a-z0-9.+-]+", name)] == []
    for name in ("README.md", ".ci/run", ".github/workflows/publish.yml", "_ext/talweg_site/print/run.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f"grep -v '^#' {LIST}" in text, f"{name} does not refer to {LIST}"
        assert not PACKAGE.search(text), f"{name} names packages of its own: they belong in {LIST}"


def test_the_list_is_read_as_ci_reads_it():
    line = next(line for line in (ROOT / ".ci/run").read_text().splitlines() if LIST in line)
    script = f'{line}; printf "%s\\n" "${{packages[@]}}"'
    read = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert read.split("\n")[:-1] == packages()


def test_programs_are_not_imported_before_they_run():
    """What `import talweg_site` brings with it, `python -m` would run a second time, with a warning."""
    files = [path for path in (ROOT / "_ext").rglob("*.py") if "__main__" in path.read_text(encoding="utf-8")]
    programs = {".".join(path.relative_to(ROOT / "_ext").with_suffix("").parts) for path in files}
    assert {"talweg_site.address", "talweg_site.print.pdf"} <= programs
    script = "import sys, talweg_site; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert programs & set(loaded.split()) == set()


def test_ci_script_is_sound():
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)
    assert (ROOT / ".ci/run").read_text().rstrip().endswith('exec make "${@:-test}"')


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


def test_compiled_modules_are_kept_whatever_the_environment_says(make):
    """Without them each process compiles torch anew: a fifth of the time of all tests."""
    command = [make, "--eval", "environment: ; @env", "environment"]
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    assert "TALWEG_BATCH=1" in result.stdout and "PYTHONDONTWRITEBYTECODE=1" not in result.stdout


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
