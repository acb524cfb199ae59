"""The four PDFs, opened: pages, words, fonts, pictures, and what must not be printed."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from talweg_site.editions import names
from talweg_site.print.cells import STATE, driven_figures

from .conftest import CODES, ROOT, chapters, notebook, pdf_text

PHRASES = {"es": "Descenso de gradiente", "de": "Gradientenabstieg", "zh": "梯度下降", "ru": "Градиентный спуск"}
LABELS = {"es": "Figura", "de": "Abb.", "zh": "图", "ru": "Рис."}
ENGLISH = r"Contents|Chapter \d|Figure \d|Fig\. \d|Table \d|Exercise \d|Solutions?(?=\s*(?:\d|[:.]|$))|Theorem \d|Bibliography|continued"
FONTS = {"es": {"Serif", "Sans", "Mono"}, "de": {"Serif", "Sans", "Mono"}, "ru": {"Serif", "Sans", "Mono"}}
FONTS["zh"] = {"Serif", "Mono", "FandolSong", "FandolHei"}


def squeezed(text: str) -> str:
    """Text without any space: a PDF breaks lines and sets spaces of its own."""
    return re.sub(r"[\s\u00ad-]+", "", text)


def tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout


def widgets(code: str) -> list[dict]:
    """The saved states of an edition's exercises."""
    states = [
        entry["state"]
        for page in chapters()
        for entry in notebook(code, page)["metadata"].get("widgets", {}).get(STATE, {}).get("state", {}).values()
    ]
    return [state for state in states if "exercise_id" in state]


def test_it_is_a_book(pdf, pages, edition):
    info = tool("pdfinfo", str(pdf))
    assert int(re.search(r"Pages:\s+(\d+)", info)[1]) == len(pages) >= 20
    assert re.search(r"Title:\s+Talweg", info) and re.search(r"Author:\s+The Talweg authors", info)
    assert "481.89 x 680.31" in info  # 170 × 240 mm, in points


def test_it_lies_beside_the_pages_of_the_site(pdf, edition):
    placed = ROOT / "_build" / "html" / edition / pdf.name
    assert placed.read_bytes() == pdf.read_bytes()


def test_bookmarks_have_the_numbers_of_the_headings(edition):
    outline = (ROOT / "_build" / "print" / edition / "sphinx/_build/latex/talweg.out").read_text(encoding="latin-1")
    titles = [
        re.sub(r"\\000|\\040", lambda code: " " if code[0] == "\\040" else "", line) for line in outline.splitlines()
    ]
    assert [line for line in titles if r"{\376\3771.1 " in line]


def test_no_page_but_the_imprint_is_nearly_empty(pages):
    """A table taller than a page would leave the page before it empty."""
    assert [number for number, page in enumerate(pages[2:], start=3) if len(squeezed(page)) < 30] == []


def test_title_page_names_work_author_edition_and_date(pages, edition):
    words = names(edition)
    assert pages[0].split()[0] == "Talweg"
    assert squeezed(words["edition"]) in squeezed(pages[0])
    assert re.search(r"20\d\d", pages[0]) and "CC BY 4.0" in pages[1]


def test_phrase_of_the_language(pages, edition):
    assert squeezed(PHRASES[edition]) in squeezed("".join(pages))


def test_fixed_names_are_the_editions(pages, edition):
    words, text = names(edition), squeezed("".join(pages))
    assert squeezed(pages[2]).startswith(squeezed(words["contents"]))
    chapter = words["chapter"].format(number=1) if "{number}" in words["chapter"] else f"{words['chapter']} 1"
    assert squeezed(chapter) in text
    assert f"{squeezed(LABELS[edition])}1.1:" in text  # of the caption: Sphinx's catalogs have it
    assert squeezed(words["solutions"]) in text


def test_no_english_label(pages):
    lines = [line.strip() for page in pages for line in page.splitlines()]
    assert [line for line in lines if re.match(rf"(?:{ENGLISH})\b", line)] == []


def test_every_font_is_embedded_and_ours(pdf, edition):
    rows = [line.split() for line in tool("pdffonts", str(pdf)).splitlines()[2:]]
    used = {row[0].partition("+")[2] for row in rows}
    assert all(row[-5] == "yes" for row in rows), rows
    assert all(any(family in name for name in used) for family in FONTS[edition]), used


def test_no_glyph_is_missing(pages, edition):
    log = next((ROOT / "_build" / "print" / edition).rglob("talweg.log"), None)
    assert log is None or "Missing character" not in log.read_text(encoding="utf-8", errors="replace")
    assert not any("\ufffd" in page for page in pages)
    assert any("✓" in page for page in pages)  # what a claim prints


def test_each_driven_figure_has_its_picture(pdf, edition):
    driven = [figure for page in chapters() for figure in driven_figures(notebook(edition, page))]
    rows = [line.split() for line in tool("pdfimages", "-list", str(pdf)).splitlines()[2:]]
    large = [row for row in rows if row[2] == "image" and int(row[3]) > 500]
    assert driven and len(large) >= len(driven)


def test_solutions_are_the_last_chapter(pages, edition):
    words, text = names(edition), [squeezed(page) for page in pages]
    first = min(number for number, page in enumerate(text) if page.startswith(squeezed(words["solutions"])))
    back, forth = (squeezed(words[key].split("{")[0]) for key in ("to_exercise", "to_solution"))
    count = len(widgets(edition))
    assert count and sum(page.count(back) for page in text[first:]) == count
    assert sum(page.count(forth) for page in text[:first]) == count
    assert not any(back in page for page in text[:first]) and not any(forth in page for page in text[first:])


def test_exercises_are_printed_without_hints_and_feedback(pages, edition):
    text = squeezed("".join(pages))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chapters" / edition).glob("*.md"))
    prose = squeezed(re.sub(r"[$\\{}]", "", source))
    for state in widgets(edition):
        spec = state["spec"]
        assert squeezed(plain(spec["prompt"])) in text
        for _, option in spec.get("options", []):
            assert squeezed(plain(option)) in text
        secrets = [*spec["hints"], *spec["feedback"].values(), state["outcome"].get("text", "")]
        told = [secret for secret in map(plain, secrets) if len(secret) > 20 and squeezed(secret) in text]
        assert [secret for secret in told if squeezed(secret) not in prose] == []  # a solution may say the same


def plain(text: str) -> str:
    """The longest run without formulas and superscripts, which a PDF may order otherwise, and without code."""
    return max(re.split(r"<math.*?</math>|`[^`]*`|[⁻⁰¹²³⁴-⁹₀-₉ᵀ½\"'“”„«»`]", text, flags=re.DOTALL), key=len)


def test_interactive_calls_are_not_printed(pages):
    text = "".join(pages)
    assert not re.search(r"talweg\.exercise\(\"[a-z-]+\"\)\n", text)
    assert "google.colab" not in text and "<details" not in text and "model_id" not in text


@pytest.mark.parametrize("code", CODES)
def test_glossary_is_complete(code):
    path = ROOT / "_build" / "pdf" / f"talweg-{code}.pdf"
    if not path.exists():
        pytest.skip("no PDF")
    yaml = pytest.importorskip("yaml")
    text = squeezed("".join(pdf_text(path)))
    terms = [entry[code]["term"] for entry in yaml.safe_load((ROOT / "glossary.yml").read_text(encoding="utf-8"))]
    assert [term for term in terms if squeezed(term) not in text] == []


def test_editions_are_declared_in_names():
    editions = tomllib.loads((ROOT / "lib" / "talweg" / "editions.toml").read_text(encoding="utf-8"))
    assert set(editions) == set(CODES)
    assert all(names(code)["solutions"] for code in editions)
