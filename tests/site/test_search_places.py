"""Where a search leads: sixty questions, put to pagefind's index of the built site in node."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from talweg.i18n import EDITIONS
from talweg_site.build.assets import node

from .conftest import ROOT, SITE

QUERIES = tomllib.loads((Path(__file__).with_name("queries.toml")).read_text(encoding="utf-8"))
SCRIPT = Path(__file__).with_name("search.mjs")


@cache
def answers() -> dict[str, dict[str, list[list[str]]]]:
    """The first three hits of every question, by edition: address and excerpt."""
    asked = {EDITIONS[code].html_lang.lower(): list(queries) for code, queries in QUERIES.items()}
    command = [str(node()), "--no-warnings", str(SCRIPT), str(SITE / "pagefind")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {code: found[EDITIONS[code].html_lang.lower()] for code in QUERIES}


def test_there_are_fifteen_questions_in_each_language() -> None:
    assert {code: len(queries) for code, queries in QUERIES.items()} == dict.fromkeys(EDITIONS, 15)


@pytest.mark.parametrize("code", EDITIONS)
def test_a_question_leads_to_its_section(code: str) -> None:
    missed = {}
    for question, places in QUERIES[code].items():
        hits = [address.partition("#")[2] for address, _ in answers()[code][question]]
        if not set(hits) & set(places):
            missed[question] = hits
    assert not missed


@pytest.mark.parametrize("code", EDITIONS)
def test_every_hit_is_a_place_on_a_page_of_the_edition_and_shows_no_tex(site_folder: Path, code: str) -> None:
    for question, hits in answers()[code].items():
        for address, excerpt in hits:
            path, _, name = address.partition("#")
            assert path.startswith(f"{code}/"), question
            assert f'id="{name}"' in (site_folder / path).read_text(encoding="utf-8"), address
            assert not re.search(r"\\[a-zA-Z(\[]|\$\$", excerpt), (question, excerpt)
