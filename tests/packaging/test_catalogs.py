"""The words drawn by code: complete in four languages, compiled, and none forgotten."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

LIB = Path(__file__).parents[2] / "lib/talweg"
CATALOGS = sorted(LIB.glob("locale/*/LC_MESSAGES/talweg.po"))
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
FIELD = re.compile(r"\{[^{}]*\}|%\(\w+\)[sdf]|\$[^$]+\$")


def messages(path: Path) -> dict:
    with path.open("rb") as file:
        return {message.id: message for message in read_po(file) if message.id}


@pytest.fixture(scope="module")
def in_code() -> set:
    found = extract_from_dir(str(LIB), method_map=[("**.py", "python")], keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found}


def test_there_is_a_catalog_for_each_edition():
    from talweg.i18n import EDITIONS

    assert {path.parts[-3] for path in CATALOGS} == set(EDITIONS)


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_every_word_in_the_code_is_translated(path, in_code):
    ours = messages(path)
    assert sorted(map(str, in_code - set(ours))) == [], "run `make catalogs`, then translate"
    assert sorted(map(str, set(ours) - in_code)) == [], "no longer in the code: run `make catalogs`"
    empty = [m.id for m in ours.values() if not all([m.string] if isinstance(m.string, str) else m.string)]
    assert empty == []
    assert [m.id for m in ours.values() if m.fuzzy] == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_translations_keep_fields_and_formulas(path):
    for message in messages(path).values():
        ids = [message.id] if isinstance(message.id, str) else message.id
        strings = [message.string] if isinstance(message.string, str) else message.string
        for string in strings:
            assert sorted(FIELD.findall(string)) == sorted(FIELD.findall(ids[-1])), (message.id, string)


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_compiled_catalog_is_that_of_the_text(path):
    with path.open("rb") as file:
        compiled = io.BytesIO()
        write_mo(compiled, read_po(file))
    stored = path.with_suffix(".mo")
    assert stored.exists(), "run `make catalogs`"
    fresh, old = (read_mo(io.BytesIO(data)) for data in (compiled.getvalue(), stored.read_bytes()))
    assert {m.id: m.string for m in fresh} == {m.id: m.string for m in old}, "run `make catalogs`"
