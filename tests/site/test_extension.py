"""Parts of the extension that need no built site: ledger, glossary, parity, translations, configuration."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pybtex.plugin
import pytest
import yaml
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from sphinx.errors import ConfigError, ExtensionError

from talweg_site import editions
from talweg_site.build import bibliography, claims, glossary, mime, repairs, site, statement
from talweg_site.build.api.run import made_from
from talweg_site.chapter import ChapterError

CODES = ("es", "de", "zh", "ru")
JUPYTER_BOOK = [sys.executable, "-c", site.JUPYTER_BOOK, "build"]
CLAIM = {"id": "a-1", "ours": 1.0, "expected": 1.0, "relation": "==", "rtol": 0.0, "atol": 0.0, "seeds": None}


def notebook(path: Path, record: object, said: object) -> Path:
    outputs = [{"data": {mime.CLAIM: record}}, {"text": "stream"}]
    metadata = {"name": "made", "talweg": {"claims": said}}
    cell = {"id": "made", "cell_type": "code", "metadata": metadata, "outputs": outputs}
    path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("stored", [CLAIM, json.dumps(CLAIM)])
def test_claims_are_read_whether_stored_parsed_or_as_text(tmp_path: Path, stored: object) -> None:
    found = claims.read_claims(notebook(tmp_path / "page.ipynb", stored, {"a-1": "One: two."}), "de")
    assert found == ([claims.Claim("page", "made", CLAIM, "One: two.")], [])


def test_a_claim_without_sentence_and_a_sentence_without_claim_are_named_with_cell_and_language(tmp_path: Path) -> None:
    found, problems = claims.read_claims(notebook(tmp_path / "page.ipynb", CLAIM, {"b": "Zwei."}), "de")
    assert [claim.sentence for claim in found] == [""]
    assert problems == [
        "page.ipynb: cell 'made': claim 'a-1' has no sentence in 'de'",
        "page.ipynb: cell 'made': sentence 'b' in 'de' belongs to no claim",
    ]


@pytest.mark.parametrize("said", [["a-1"], {"a-1": ""}, {"a-1": 3}])
def test_a_sentence_that_is_no_text_is_refused(tmp_path: Path, said: object) -> None:
    with pytest.raises(ChapterError, match="page.ipynb: cell 'made': .*(mapping|must be text)"):
        claims.read_claims(notebook(tmp_path / "page.ipynb", CLAIM, said), "de")


@pytest.mark.parametrize(
    ("value", "decimal", "shown"),
    [(0.5, ",", "0,5"), (-0.25, ".", "−0.25"), (1.5e-8, ",", "1,5 · 10⁻⁸"), (12, ",", "12"), ([1, 2.5], ",", "1; 2,5")],
)
def test_numbers_of_the_ledger_follow_the_language(value: object, decimal: str, shown: str) -> None:
    assert statement.number(value, decimal) == shown


def test_tolerances_are_shown_in_per_cent_and_absolute() -> None:
    assert statement.tolerance({"rtol": 0.01, "atol": 0.5}, ",") == "±1\u202f% ±0,5"
    assert statement.tolerance({"rtol": 0.0, "atol": 0.0}, ",") == ""


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"ours": 1.005, "rtol": 0.01}, "1,005 = 1 (±1\u202f%)"),
        ({"ours": 0.7, "relation": "<"}, "0,7 < 1"),
        ({"ours": True, "expected": True}, ""),
        ({"ours": 3.0, "expected": 3.0, "atol": 1e-9}, "3, up to rounding"),
        ({"ours": 3, "expected": 3}, "3"),
        ({"ours": 3.0, "expected": 3.0, "rtol": 0.01}, "3 = 3 (±1\u202f%)"),
        ({"ours": 2.0, "relation": ">="}, "2 ≥ 1"),
    ],
)
def test_a_claim_says_its_numbers_and_no_tautology(told: dict, shown: str) -> None:
    assert statement.statement({**CLAIM, **told}, ",") == shown


def test_numbers_follow_the_sentence_of_a_claim_after_a_colon() -> None:
    assert statement.lead("Es wächst.", ":") == "Es wächst:" and statement.lead("它变大。", "：") == "它变大："
    assert statement.lead("So groß wie $e$", ":") == "So groß wie $e$:"


def test_glossary_of_the_book_is_complete(root: Path) -> None:
    assert len(glossary.load_glossary(root / "glossary.yml")) >= 40


@pytest.mark.parametrize("broken", ["es.term", "ru.definition", "zh.pinyin"])
def test_glossary_entry_without_a_field_is_named(root: Path, tmp_path: Path, broken: str) -> None:
    entries = yaml.safe_load((root / "glossary.yml").read_text(encoding="utf-8"))
    code, field = broken.split(".")
    del entries[3][code][field]
    path = tmp_path / "glossary.yml"
    path.write_text(yaml.safe_dump(entries), encoding="utf-8")
    with pytest.raises(ExtensionError, match=re.escape(f"entry {entries[3]['id']}: `{broken}` is missing")):
        glossary.load_glossary(path)


def test_terms_stand_in_the_alphabet_of_their_language() -> None:
    def order(code: str, *words: str) -> list[str]:
        entries = [{code: {"term": word, "pinyin": word}} for word in words]
        return [entry[code]["term"] for entry in sorted(entries, key=lambda e: glossary.collation_key(code, e))]

    assert order("es", "ñu", "nz", "obra", "época", "eje") == ["eje", "época", "nz", "ñu", "obra"]
    assert order("de", "Zug", "Übung", "Uhr", "Ähre") == ["Ähre", "Übung", "Uhr", "Zug"]
    assert order("ru", "йод", "ива", "ёлка", "еда", "жар") == ["еда", "ёлка", "жар", "ива", "йод"]


def test_missing_chapter_is_found_in_every_edition_but_the_one_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\nparts:\n- chapters:\n  - file: new\n")
    for code in CODES:
        (tmp_path / "chapters" / code).mkdir(parents=True)
        (tmp_path / "chapters" / code / "index.md").touch()
    (tmp_path / "chapters" / "es" / "new.md").touch()
    assert site.missing_pages(tmp_path) == [f"chapters/{code}/new.md" for code in ("de", "zh", "ru")]


def test_only_text_notebooks_with_a_sibling_are_left_out(tmp_path: Path) -> None:
    for name in ("a.md", "a.ipynb", "b.md"):
        (tmp_path / name).touch()
    assert editions.paired_sources(tmp_path) == ["a.md"]


def test_folder_that_is_no_edition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chapters/fr is no edition"):
        editions.edition_of(tmp_path / "chapters" / "fr")


def test_a_citation_does_not_look_through_all_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    bibliography.setup(SimpleNamespace(connect=lambda *_, **__: None))
    monkeypatch.setattr(pybtex.plugin, "entry_points", lambda **_: pytest.fail("looked through the packages"))
    assert pybtex.plugin.find_plugin("pybtex.backends", "plaintext")().symbols["ndash"]


def test_roles_that_axe_refuses_are_gone() -> None:
    html = '<div role="list" class="citation-list"><div class="citation" role="doc-biblioentry">x</div></div>'
    assert "role" not in repairs.mend(html)


def test_punctuation_stays_with_its_formula():
    formula = "<math><mi>x</mi></math>"
    assert repairs.mend(f"({formula}), y") == f'<span class="tied">({formula}),</span> y'
    assert repairs.mend(f"若{formula}，则") == f'若<span class="tied">{formula}，</span>则'
    assert repairs.mend(f"a {formula} b") == f"a {formula} b"


def test_every_own_word_is_translated_in_every_language(root: Path) -> None:
    words: dict[str, set[str]] = {}
    for path in sorted((root / "locale").glob("*/LC_MESSAGES/sphinx.po")):
        with path.open("rb") as source:
            catalog = read_po(source)
        empty = [message.id for message in catalog if message.id and not message.string]
        assert not empty, f"{path.parent.parent.name}: {empty}"
        words[path.parent.parent.name] = {message.id for message in catalog if message.id}
    assert set(words) == {"es", "de", "zh_CN", "ru"}
    used = set()
    for path in [*(root / "_templates").glob("*.html"), *(root / "_ext" / "talweg_site").rglob("*.py")]:
        used |= set(re.findall(r"""(?<![\w.])_\(["']([^"']+)["']\)""", path.read_text(encoding="utf-8")))
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    used |= {part["caption"] for part in toc["parts"]}
    assert all(used <= known for known in words.values()), used - set.intersection(*words.values())


@pytest.fixture
def small_book(root: Path, tmp_path: Path) -> Path:
    """A copy of the book's configuration with pages of two lines."""
    for name in ("_config.yml", "_toc.yml", "index.md", "glossary.yml", "references.bib"):
        shutil.copy(root / name, tmp_path / name)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / name, tmp_path / name)
    for name in ("_templates", "_assets", "locale"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(root / "node_modules")
    for code in CODES:
        folder = tmp_path / "chapters" / code
        folder.mkdir(parents=True)
        for page in site.listed_pages(tmp_path / "_toc.yml"):
            (folder / f"{page}.md").write_text(f"# {page}\n\n{code}\n", encoding="utf-8")
    # The library's reference, which these tests do not read, passes for built.
    for path, text in (("html/api/index.html", ""), ("api/made-from", made_from(tmp_path))):
        (tmp_path / "_build" / path).parent.mkdir(parents=True)
        (tmp_path / "_build" / path).write_text(text, encoding="utf-8")
    return tmp_path


def build(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*JUPYTER_BOOK, *arguments], cwd=folder, capture_output=True, encoding="utf-8")


@pytest.mark.slow
def test_a_broken_reference_in_one_edition_fails_the_whole_build(small_book: Path) -> None:
    page = small_book / "chapters" / "ru" / "notation.md"
    page.write_text("# notation\n\n{ref}`no-such-label`\n", encoding="utf-8")
    result = build(small_book, ".", "-W", "--keep-going")
    assert result.returncode != 0
    assert "building failed for: ru" in result.stderr
    assert "no-such-label" in result.stdout


@pytest.mark.slow
def test_a_missing_chapter_stops_the_build_at_once(small_book: Path) -> None:
    (small_book / "chapters" / "zh" / "claims.md").unlink()
    result = build(small_book, ".")
    assert result.returncode != 0
    assert "the editions are not complete; missing:\n  chapters/zh/claims.md" in result.stderr
    assert not (small_book / "_build" / "html" / "es").exists()


@pytest.mark.slow
def test_build_warns_of_claims_and_sentences_without_each_other_and_of_cells_that_are_not_there(
    small_book: Path,
) -> None:
    folder = small_book / "chapters" / "de"
    cell = {"cell_type": "code", "source": "1", "execution_count": 1, "id": "b"}
    cell["metadata"] = {
        "name": "made",
        "talweg": {"claims": {"other": "Ein Satz.", "b-2": "Ein *anderer* Satz mit $x$."}},
    }
    cell["outputs"] = [
        {"output_type": "display_data", "metadata": {}, "data": {mime.CLAIM: claim}}
        for claim in (CLAIM, {**CLAIM, "id": "b-2"})
    ]
    text = "# Seite\n\n{cell}`made`, {cell}`gradient-descent:nothing`"
    heading = {"cell_type": "markdown", "metadata": {}, "source": text, "id": "a"}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [heading, cell]}
    (folder / "gradient-descent.ipynb").write_text(json.dumps(content), encoding="utf-8")
    (folder / "claims.md").write_text("# C\n\n```{talweg-claims}\n```\n", encoding="utf-8")
    result = build(small_book, "chapters/de", "--config", "_config.yml", "--toc", "_toc.yml")
    assert "gradient-descent.ipynb: cell 'b': claim 'a-1' has no sentence in 'de'" in result.stderr
    assert "gradient-descent.ipynb: cell 'b': sentence 'other' in 'de' belongs to no claim" in result.stderr
    assert (
        "target not found: gradient-descent:nothing" in result.stderr and "gradient-descent:made" not in result.stderr
    )
    pages = small_book / "_build" / "html" / "de"
    assert "vnd.talweg.claim" not in (pages / "gradient-descent.html").read_text(encoding="utf-8")
    ledger = BeautifulSoup((pages / "claims.html").read_text(encoding="utf-8"), "html.parser")
    row = ledger.find(id="claim-b-2")
    assert "Ein anderer Satz mit" in row.get_text() and row.find("em").get_text() == "anderer" and row.find("math")
