"""What `pip install`, conda, Binder and Colab get."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[2]
CONDA_TO_PYPI = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}
CONDA_ONLY = {"python", "pip", "jupyterlab"}  # what Binder needs and the lock has not
DATA = ("editions.toml", "locale/zh/LC_MESSAGES/talweg.mo", "locale/ru/LC_MESSAGES/talweg.po")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, Version]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonical(pin.name): Version(next(iter(pin.specifier)).version) for pin in pins}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def dependencies(path: str) -> list[str | dict[str, list[str]]]:
    return yaml.safe_load((ROOT / path).read_text())["dependencies"]


def conda() -> dict[str, SpecifierSet]:
    listed = [line for line in dependencies("environment.yml") if isinstance(line, str)]
    return {line.split()[0]: SpecifierSet("".join(line.split()[1:])) for line in listed}


def test_lock_holds_exact_public_versions_of_all_that_is_asked_for():
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line)] == []
    asked = [*project()["dependencies"], *project()["optional-dependencies"]["site"]]
    asked += project()["optional-dependencies"]["test"]
    for requirement in map(Requirement, asked):
        version = locked().get(canonical(requirement.name))
        assert version and version in requirement.specifier, f"{requirement}: the lock has {version}"


def test_lock_is_what_is_installed():
    command = [sys.executable, "-m", "talweg_site.author.lock", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_environment_agrees_with_the_lock():
    for name, specifier in conda().items():
        if name not in CONDA_ONLY:
            version = locked().get(CONDA_TO_PYPI.get(name, name))
            assert version and version in specifier, f"environment.yml: {name} {specifier}; the lock has {version}"


def test_environment_has_all_the_library_needs_with_its_lower_bounds():
    listed = {CONDA_TO_PYPI.get(name, name): specifier for name, specifier in conda().items()}
    for requirement in map(Requirement, project()["dependencies"]):
        assert canonical(requirement.name) in listed, f"environment.yml lacks {requirement}"
        wanted = next(s.version for s in requirement.specifier if s.operator == ">=")
        given = next(s.version for s in listed[canonical(requirement.name)] if s.operator == ">=")
        assert Version(given) == Version(wanted), requirement


def test_environment_installs_the_library_itself():
    assert dependencies("environment.yml")[-1] == {"pip": ["-e ."]}


def test_binder_has_the_same_environment_and_installs_the_library_at_the_end():
    assert dependencies(".binder/environment.yml") == dependencies("environment.yml")[:-1]
    assert "pip install --no-deps" in (ROOT / ".binder/postBuild").read_text()
    assert os.access(ROOT / ".binder/postBuild", os.X_OK)


def test_versions_agree():
    version = project()["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    site = tomllib.loads((ROOT / "_ext/pyproject.toml").read_text())["project"]
    assert site["version"] == version


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel that pip builds from a copy of what git tracks or would track."""
    top = tmp_path_factory.mktemp("wheel")
    files = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "lib",
            "pyproject.toml",
            "README.md",
            "LICENSE*",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (top / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, top / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(top)]
    subprocess.run([*command, str(top / "source")], check=True)
    return next(top.glob("talweg-*.whl"))


def test_wheel_is_talweg_alone_with_all_its_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "talweg",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
    ours = {p.relative_to(ROOT / "lib").as_posix() for p in (ROOT / "lib/talweg").rglob("*") if p.is_file()}
    ours = {name for name in ours if "__pycache__" not in name and not name.endswith(".pot")}
    assert sorted(ours - set(names)) == [], "files of the library that the wheel lacks"
    assert [name for name in DATA if f"talweg/{name}" not in names] == []
    assert any(name.endswith((".otf", ".ttf")) for name in names), "the Chinese font is missing"


@pytest.mark.slow
@pytest.mark.parametrize("code", ["es", "zh"])
def test_the_first_cells_run_in_an_empty_environment_elsewhere(wheel, tmp_path, code):
    """Colab: another folder, `google.colab` in sys.modules, talweg from a clone by `%pip install git+…`."""
    clone = tmp_path / "clone"
    shutil.copytree(wheel.parent / "source", clone)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(clone)]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "clone"]):
        subprocess.run([*git, *step], check=True)
    python = empty_environment(tmp_path)
    notebook = nbformat.read(ROOT / "chapters" / code / "gradient-descent.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"][:4]
    assert "google.colab" in cells[0] and f'talweg.use("{code}")' in cells[0]
    address = re.search(r"git\+https://\S+", cells[0])[0]
    cells[0] = cells[0].replace(address, f"--no-deps --no-build-isolation git+file://{clone}")
    script = tmp_path / "elsewhere/run.ipy"
    script.parent.mkdir()
    stub = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    after = "\nimport talweg, pathlib\nprint('FROM', pathlib.Path(talweg.__file__))\n"
    script.write_text(stub + "\n".join(cells) + after, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"TALWEG_BATCH": "1", "MPLBACKEND": "agg", "HOME": str(tmp_path)}
    result = subprocess.run(
        [python, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)],
        cwd=script.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"FROM {tmp_path / 'empty'}" in result.stdout, result.stdout + result.stderr


def empty_environment(folder: Path) -> Path:
    """Python of a new environment that sees what is installed here, all but talweg (which a path file names)."""
    venv.create(folder / "empty", with_pip=True, symlinks=os.name != "nt")
    site = next((folder / "empty/lib").glob("python*/site-packages"))
    here = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    for old in [*site.glob("setuptools*"), *site.glob("pkg_resources*"), *site.glob("*distutils*")]:
        shutil.rmtree(old) if old.is_dir() else old.unlink()  # ensurepip's is too old for our pyproject.toml
    # as a plain path: the .pth files there, and with them the editable talweg, are not read
    (site / "here.pth").write_text(f"{here}\n")
    return folder / "empty/bin/python"
