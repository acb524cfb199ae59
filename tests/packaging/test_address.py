"""The book's address stands in one place; every file that must say it literally says the same; one command moves it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from babel.messages.mofile import read_mo

from talweg_site import address
from talweg_site.address import Address, AddressError, new_address, replaced
from talweg_site.author.notebooks import out_of_step

ROOT = Path(__file__).parents[2]
REPOSITORY = (  # wherever a file names a repository as its own
    re.compile(r"pip install (?:-q )?git\+https://github\.com/([\w.-]+/[\w-]+)"),
    re.compile(r"git clone https://github\.com/([\w.-]+/[\w-]+)"),
    re.compile(r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/"),
    re.compile(r"mybinder\.org/v2/gh/([\w.-]+/[\w.-]+)/"),
    re.compile(r"github\.com/([\w.-]+/[\w.-]+)/issues"),
)
OWN = {"tests/packaging/test_address.py", "_ext/talweg_site/address.py"}  # the examples there are made up


def tracked() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [Path(name) for name in names if name and (ROOT / name).is_file()]


def published() -> tuple[str, str]:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"].removeprefix("https://github.com/"), config["html"]["baseurl"]


def test_every_place_names_the_repository_of_the_configuration():
    repository, _ = published()
    found = {}
    for path in tracked():
        text = (ROOT / path).read_bytes().decode("utf-8", errors="ignore")
        for name in [name for pattern in REPOSITORY for name in pattern.findall(text)]:
            if path.as_posix() not in OWN:
                found.setdefault(name, set()).add(path.as_posix())
    assert set(found) == {repository}, {name: sorted(paths)[:3] for name, paths in found.items() if name != repository}
    chapters = {path.as_posix() for path in tracked() if path.match("*/*/*.ipynb")}
    assert chapters <= found[repository], "a chapter's set-up cell installs the library from nowhere"
    assert {"README.md", "chapters/es/index.md", "lib/talweg/locale/de/LC_MESSAGES/talweg.po"} <= found[repository]


def test_metadata_names_repository_and_site_of_the_configuration():
    repository, site = published()
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    url = f"https://github.com/{repository}"
    assert urls == {"Homepage": site, "Repository": url, "Issues": f"{url}/issues"}
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["repository-code"], citation["url"]) == (url, site)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = set(re.findall(r"\((https?://[^)\s]+?/)(?:es|de|zh|ru)/(?:[\w-]+\.html)?\)", readme))
    assert pages == {site}
    for template in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("error-*.yml")) + [
        ROOT / ".github/ISSUE_TEMPLATE/config.yml"
    ]:
        assert site in template.read_text(encoding="utf-8"), template.name


@pytest.mark.parametrize(
    "given",
    ["", "talweg", "a/b/c", "/talweg", "a/", "https://github.com/a/b", "a b/c", "-a/b", "a/..", "a/b.git", "ñ/b"],
)
def test_what_is_no_repository_is_refused(given):
    with pytest.raises(AddressError, match="OWNER/REPO must name a repository of GitHub"):
        new_address(given)


@pytest.mark.parametrize(
    "site", ["example.org", "ftp://example.org/", "https://", "https://a.org/?x", "https://a b.org/"]
)
def test_what_is_no_site_is_refused(site):
    with pytest.raises(AddressError, match=f"--site must be an address.*got {re.escape(repr(site))}"):
        new_address("maria/talweg", site)


def test_the_site_of_a_repository_is_that_of_github_pages():
    assert new_address("Maria/talweg") == Address("Maria/talweg", "https://maria.github.io/talweg/")
    assert new_address("Maria/maria.github.io").site == "https://maria.github.io/"
    assert new_address("maria/x", "https://book.example.org").site == "https://book.example.org/"


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("https://github.com/old/book", "https://github.com/new/name"),
        ("git+https://github.com/old/book.git\\n", "git+https://github.com/new/name.git\\n"),
        ("See https://github.com/old/book.", "See https://github.com/new/name."),
        ("https://mybinder.org/v2/gh/old/book/main", "https://mybinder.org/v2/gh/new/name/main"),
        ("https://old.org/book/es/", "https://here.org/es/"),
        ("(https://old.org/book)", "(https://here.org)"),
        ("old/book of https://github.com/old/bookshop", None),
        ("https://github.com/old/book.js and https://old.org/booking/", None),
    ],
)
def test_addresses_are_replaced_as_a_whole(text, moved):
    old, new = Address("old/book", "https://old.org/book/"), Address("new/name", "https://here.org/")
    assert replaced(text, old, new) == (text if moved is None else moved)


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Path:
    """A copy of the files that git knows, moved to another repository by the command."""
    copy = tmp_path_factory.mktemp("moved")
    for path in tracked():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    for step in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *step], cwd=copy, check=True)
    run(copy, "maria-l/wegtal", "--site", "https://book.example.org/talweg/")
    return copy


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "talweg_site.address", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.slow
def test_the_command_leaves_no_trace_of_the_old_address(moved):
    repository, site = published()
    old = [text.encode() for text in (repository, site, site.split("/")[2])]
    left = [path for path in tracked() if any(text in (moved / path).read_bytes() for text in old)]
    assert left == []
    config = yaml.safe_load((moved / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["url"] == "https://github.com/maria-l/wegtal"
    assert config["html"]["baseurl"] == "https://book.example.org/talweg/"


@pytest.mark.slow
def test_moved_notebooks_are_in_step_and_keep_their_outputs(moved):
    assert out_of_step(moved) == []
    for path in sorted((ROOT / "chapters").glob("*/*.ipynb")):
        one, other = (json.loads((top / path.relative_to(ROOT)).read_text(encoding="utf-8")) for top in (ROOT, moved))
        outputs = [[cell.get("outputs") for cell in notebook["cells"]] for notebook in (one, other)]
        assert outputs[0] == outputs[1], path
        setup = next("".join(cell["source"]) for cell in other["cells"] if cell["id"] == "setup")
        assert "git+https://github.com/maria-l/wegtal\n" in setup


@pytest.mark.slow
def test_moved_catalogs_are_compiled_and_nothing_else_changed(moved):
    for path in sorted((moved / "lib").rglob("*.mo")):
        with path.open("rb") as file, (ROOT / path.relative_to(moved)).open("rb") as before:
            assert {m.id: m.string for m in read_mo(file)}.items() >= {
                m.id: m.string for m in read_mo(before) if m.id
            }.items()
    changed = [path for path in tracked() if (moved / path).read_bytes() != (ROOT / path).read_bytes()]
    assert not [path for path in changed if path.suffix in (".py", ".js", ".css", ".png", ".bib")]


@pytest.mark.slow
def test_the_command_twice_is_the_command_once(moved):
    before = {path: (moved / path).read_bytes() for path in tracked()}
    assert run(moved, "maria-l/wegtal", "--site", "https://book.example.org/talweg/").stdout == ""
    assert {path: (moved / path).read_bytes() for path in tracked()} == before


def test_a_refused_address_changes_nothing(capsys):
    before = (ROOT / "_config.yml").read_bytes()
    assert address.main(["https://github.com/a/b", "--root", str(ROOT)]) == 1
    assert "OWNER/REPO must name a repository of GitHub, such as maria/talweg" in capsys.readouterr().err
    assert (ROOT / "_config.yml").read_bytes() == before


def test_outside_of_a_clone_the_command_says_so(tmp_path, capsys):
    shutil.copy(ROOT / "_config.yml", tmp_path)
    assert address.main(["maria/talweg", "--root", str(tmp_path)]) == 1
    assert "git knows no files here" in capsys.readouterr().err
