"""CONTRIBUTING's recipe for a chapter, followed to the letter with a made-up chapter in a copy of the project.

What the recipe adds lies in `recipe/`, where it would lie in the project; `recipe/catalogs.toml` is the translators' part.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from talweg.i18n import EDITIONS
from talweg_site.check import parity

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RECIPE = Path(__file__).parent / "recipe"
CHAPTER, FOLDER, FIGURE = "difference-quotient", "difference_quotient", "secant"
AFTER = "gradient-descent"  # its place in the book
Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What git knows of the project, as a repository of its own; the third-party files of the site are shared."""
    folder = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    if (ROOT / "node_modules").is_dir():
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
    who = ["-c", "user.name=reader", "-c", "user.email=reader@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "before the recipe"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def run(copy: Path) -> Run:
    """Run a Python module in the copy, with the copy's own library."""
    variables = {
        "PYTHONPATH": f"{copy / 'lib'}{os.pathsep}{copy / '_ext'}",
        "TALWEG_BATCH": "1",
        "OMP_NUM_THREADS": "1",
    }

    def call(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=copy, env=os.environ | variables, capture_output=True, text=True
        )

    return call


@pytest.fixture(scope="module")
def followed(copy: Path, run: Run) -> Path:
    """The copy after all steps of the recipe."""
    for path in (path for path in RECIPE.rglob("*") if path.is_file() and path.parent != RECIPE):
        target = copy / path.relative_to(RECIPE)
        if "__pycache__" not in path.parts:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    _insert(copy / "lib/talweg/book/chapters.toml", f'  "{AFTER}",\n', f'  "{CHAPTER}",\n')
    _insert(copy / "_toc.yml", f"      - file: {AFTER}\n", f"      - file: {CHAPTER}\n")
    _translate(copy, run)
    done = run("talweg_site.author.notebooks", CHAPTER)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("talweg_site.author.readme")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def _insert(path: Path, behind: str, line: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(behind) == 1
    path.write_text(text.replace(behind, behind + line), encoding="utf-8")


def _translate(copy: Path, run: Run) -> None:
    """`make catalogs`, the translators' lines, `make catalogs` again."""
    words = tomllib.loads((RECIPE / "catalogs.toml").read_text(encoding="utf-8"))
    template = copy / "_build" / "talweg.pot"
    template.parent.mkdir(exist_ok=True)
    locale = "lib/talweg/locale"
    extract = ["extract", "--keywords", "_ N_ gettext ngettext:1,2", "--no-location", "--sort-output", "--omit-header"]
    update = ["update", "--no-fuzzy-matching", "--ignore-obsolete", "--ignore-pot-creation-date", "--width", "120"]
    update += ["--domain", "talweg", "--input-file", str(template), "--output-dir", locale]
    for command in ([*extract, "--output-file", str(template), "lib/talweg"], update):
        done = run("babel.messages.frontend", "--quiet", *command)
        assert done.returncode == 0, done.stderr
    for code in EDITIONS:
        path = copy / locale / code / "LC_MESSAGES" / "talweg.po"
        with path.open("rb") as file:
            catalog = read_po(file, locale=code)
        missing = {message.id for message in catalog if message.id and not message.string}
        assert missing == set(words), "the chapter's own words, and no others, wait for a translation"
        for message in missing:
            catalog[message].string = words[message][code]
        with path.open("wb") as file:
            write_po(file, catalog, width=120, no_location=True, sort_output=True)
    done = run("babel.messages.frontend", "--quiet", "compile", "--domain", "talweg", "--directory", locale)
    assert done.returncode == 0, done.stderr


def recipe() -> str:
    """The section "Add a chapter" of CONTRIBUTING."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.split("### Add a chapter\n")[1].split("\n### ")[0]


def named() -> list[str]:
    """The files that the recipe names, as patterns."""
    found = re.findall(r"`([\w<>./{},*-]+\.[a-z]+)`", recipe())
    kinds = {"<chapter>": f"({CHAPTER}|{FOLDER})", "<lang>": f"({'|'.join(EDITIONS)})", "<figure>": FIGURE}
    patterns = []
    for path in found:
        pattern = re.escape(path)
        for kind, names in kinds.items():
            pattern = pattern.replace(re.escape(kind), names)
        patterns.append(pattern)
    return patterns


def changed(copy: Path) -> list[str]:
    """The files that differ from the project before the recipe."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    listed = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True).stdout
    return sorted(line[3:] for line in listed.splitlines() if line[3:] != "node_modules")


def test_the_recipe_names_every_file_that_a_chapter_touches(followed: Path) -> None:
    unnamed = [path for path in changed(followed) if not any(re.fullmatch(pattern, path) for pattern in named())]
    assert unnamed == []


def test_the_recipe_counts_files_and_folders_right(followed: Path) -> None:
    own = [path for path in changed(followed) if CHAPTER in path or FOLDER in path]
    shared = [path for path in changed(followed) if path not in own]
    folders = {str(Path(path).parent) for path in own}
    count = re.search(r"(\d+) files of its own in (\d+) folders.*?(\d+) shared", recipe(), re.S)
    assert count and [int(n) for n in count.groups()] == [len(own), len(folders), len(shared)]


def test_the_notebooks_print_what_they_store_and_the_claim_fails_when_broken(followed: Path, run: Run) -> None:
    done = run("talweg_site.check.nbcheck", "--mistakes", CHAPTER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_every_chapter_and_of_the_book_pass(followed: Path, run: Run) -> None:
    """The claims' test finds the stamp of the check before."""
    tests = ["tests/book/test_every_chapter.py", "tests/book/test_every_figure.py", "tests/kit/test_exercises.py"]
    tests += ["tests/chapters/test_claims_can_fail.py", "tests/chapters/test_book.py"]
    of_the_book = ["editions_hold_the_same_cells", "styles_and_terms", "stand_in_one_order"]
    chosen = " or ".join([CHAPTER, FIGURE, "dq-slope", *of_the_book])
    done = run("pytest", "-q", *tests, "-p", "no:cacheprovider", "-k", chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 14


def test_the_page_is_built_with_its_figure_its_exercise_and_its_claim(followed: Path, run: Run) -> None:
    code = "zh"
    command = ["build", f"chapters/{code}", "--config", "_config.yml", "--toc", "_toc.yml", "-W", "--keep-going"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("jupyter-book")), *command],
        cwd=followed,
        env=os.environ | {"PYTHONPATH": f"{followed / 'lib'}{os.pathsep}{followed / '_ext'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = followed / "_build" / "editions" / code / "html"
    page = (folder / f"{CHAPTER}.html").read_text(encoding="utf-8")
    assert 'id="fig-secant"' in page and "习题1：割线的斜率" in page
    assert "抛物线的一条割线" in page, "the figure's words, in the stored state of the widget"
    ledger = (folder / "claims.html").read_text(encoding="utf-8")
    assert 'id="claim-difference-quotient-errs-by-the-step"' in ledger


def test_an_edition_that_is_missing_is_told(followed: Path) -> None:
    page = followed / "chapters" / "ru" / f"{CHAPTER}.md"
    text = page.read_text(encoding="utf-8")
    page.unlink()
    try:
        told = parity.check(followed)
        assert [problem for problem in told if problem.startswith(f"chapters/ru/{CHAPTER}.md: missing")]
    finally:
        page.write_text(text, encoding="utf-8")
