"""What the folder of every chapter must hold, found by `talweg.chapters`; the tests of a chapter keep what is its own."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from talweg import recorded
from talweg.chapters import chapters, folder, module
from talweg.exercises import loader
from talweg.i18n import EDITIONS

ROOT = Path(__file__).parents[2]
MAY_HOLD = [
    r"__init__\.py", r"figures\.py", r"oracles\.py", r"experiment(\.py|/[a-z_]+\.py)", r"[a-z_]+\.(js|css)",
    r"exercises\.toml", rf"exercises\.({'|'.join(EDITIONS)})\.toml", r"recorded/[a-z0-9-]+\.json",
]  # fmt: skip
PROVENANCE = {"command", "commit", "versions", "dataset", "data_sha256", "seeds", "hardware", "date"}


def texts(chapter: str) -> dict[str, str]:
    """The chapter's page of each edition."""
    pages = {code: ROOT / "chapters" / code / f"{chapter}.md" for code in EDITIONS}
    return {code: path.read_text(encoding="utf-8") for code, path in pages.items()}


def headings(text: str) -> dict[str, str]:
    """Exercise id → what its heading says after the number."""
    found = re.findall(r"^\(exercise-([a-z0-9-]+)\)=\n#+ (.*)$", text, re.M)
    return {name: re.sub(r"^\S+ ?\d+ ?[:：.] ?", "", heading).strip() for name, heading in found}


@pytest.mark.parametrize("chapter", chapters())
def test_a_chapter_has_a_page_in_every_edition_and_mistakes_for_its_claims(chapter):
    assert all(texts(chapter).values())
    assert tomllib.loads((ROOT / "tests/book" / folder(chapter).name / "broken.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("chapter", chapters())
def test_a_folder_holds_what_the_kit_knows_and_nothing_else(chapter):
    here = folder(chapter)
    files = [path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()]
    strange = [name for name in files if "__pycache__" not in name and not any(re.fullmatch(p, name) for p in MAY_HOLD)]
    assert strange == []
    said = {name for name in files if name.startswith("exercises.")}
    assert said in (set(), {"exercises.toml", *(f"exercises.{code}.toml" for code in EDITIONS)})


@pytest.mark.parametrize("chapter", chapters())
def test_every_script_and_style_of_a_folder_is_used_by_a_figure(chapter):
    here = folder(chapter)
    sources = [path.read_text(encoding="utf-8") for path in [here / "figures.py", *here.glob("*.js")] if path.exists()]
    unused = [
        path.name
        for path in [*here.glob("*.js"), *here.glob("*.css")]
        if not any(f'"{path.name}"' in source or f'"./{path.name}"' in source for source in sources)
    ]
    assert unused == []


@pytest.mark.parametrize("chapter", chapters())
def test_modules_of_a_chapter_say_what_they_are_and_figures_what_is_public(chapter):
    assert all(
        found is None or found.__doc__ for found in (module(chapter, name) for name in ("experiment", "oracles"))
    )
    found = module(chapter, "figures")
    assert found is None or all(hasattr(found, public) for public in found.__all__)


@pytest.mark.parametrize("path", [path for c in chapters() for path in folder(c).glob("recorded/*.json")], ids=str)
def test_recorded_results_load_with_their_provenance(path):
    found = recorded.load(path.stem)
    assert found.data and set(found.provenance) >= PROVENANCE
    assert (
        path.read_text(encoding="utf-8")
        == json.dumps(json.loads(path.read_text()), indent=1, ensure_ascii=False) + "\n"
    )


@pytest.mark.parametrize("code", EDITIONS)
@pytest.mark.parametrize("chapter", [chapter for chapter in chapters() if loader.known(chapter)])
def test_exercises_of_page_and_data_are_the_same_with_the_same_titles(chapter, code):
    """In the list of progress an exercise must be called what its heading calls it."""
    titles = {name: text.title for name, text in loader.texts_of(chapter, code).items()}
    text = texts(chapter)[code]
    assert list(headings(text).items()) == list(titles.items())
    assert re.findall(r'^talweg\.exercise\("([a-z0-9-]+)"', text, re.M) == list(titles)
