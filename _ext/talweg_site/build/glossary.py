"""`{talweg-glossary}`: every term of `glossary.yml` in the edition's language, with English and the other three.

Each term is also a target of Sphinx's `{term}` role, under its name in the edition's language.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from talweg_site.editions import EDITIONS, build_of

Entry = dict[str, Any]


@cache
def load_glossary(path: Path) -> tuple[Entry, ...]:
    """The entries of `glossary.yml`; ExtensionError names the entry and the field that is wrong."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    seen: set[str] = set()
    for entry in entries:
        name = entry.get("id") or f"number {entries.index(entry) + 1}"
        if name in seen:
            raise ExtensionError(f"glossary.yml: the id {name!r} is used twice")
        seen.add(name)
        if not entry.get("en"):
            raise ExtensionError(f"glossary.yml, entry {name}: `en` is missing")
        for code in EDITIONS:
            fields = ("term", "definition", "pinyin") if code == "zh" else ("term", "definition")
            for field in fields:
                if not (entry.get(code) or {}).get(field):
                    raise ExtensionError(f"glossary.yml, entry {name}: `{code}.{field}` is missing")
    return tuple(entries)


def collation_key(code: str, entry: Entry) -> str:
    """Where a term stands in its language's alphabet (Chinese: by the stored pinyin)."""
    if code == "zh":
        return entry["zh"]["pinyin"].casefold()
    text = entry[code]["term"].casefold()
    if code == "es":
        text = text.replace("ñ", "n\uffff")  # its own letter, after n
    if code == "ru":
        text = text.replace("ё", "е").replace("й", "и\uffff")
    # German: DIN 5007-1, umlauts like their base letters; casefold already made ß into ss.
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


class GlossaryDirective(SphinxDirective):
    """A definition list of all terms, in the alphabet of the edition."""

    def run(self) -> list[nodes.Node]:
        """The list; each term has the anchor `term-<id>`."""
        edition = self.config.talweg_edition_code
        if not edition:
            raise self.error("talweg-glossary works in an edition only")
        path = Path(self.config.talweg_root_folder) / "glossary.yml"
        self.env.note_dependency(str(path))
        entries = sorted(load_glossary(path), key=lambda entry: collation_key(edition, entry))
        listing = nodes.definition_list(classes=["talweg-glossary"])
        for entry in entries:
            listing += self._item(edition, entry)
        return [listing]

    def _item(self, code: str, entry: Entry) -> nodes.definition_list_item:
        word = entry[code]["term"]
        anchor = f"term-{entry['id']}"
        term = nodes.term("", word, ids=[anchor])
        self.state.document.note_explicit_target(term)
        cast(StandardDomain, self.env.get_domain("std")).note_object("term", word, anchor, location=term)
        definition = nodes.definition("", nodes.paragraph("", entry[code]["definition"]), self._others(code, entry))
        return nodes.definition_list_item("", term, definition)

    @staticmethod
    def _others(code: str, entry: Entry) -> nodes.paragraph:
        """English first, then the other editions; docutils turns the class `language-…` into a lang attribute."""
        words = [("en", "en", entry["en"])]
        words += [(c, e.html_lang, entry[c]["term"]) for c, e in EDITIONS.items() if c != code]
        paragraph = nodes.paragraph(classes=["other-languages"])
        for short, html_lang, word in words:
            pair = nodes.inline("", "", nodes.inline("", short), nodes.Text(" "), classes=["pair"])
            pair += nodes.inline("", word, classes=[f"language-{html_lang}"])
            paragraph += [pair, nodes.Text(" ")]
        return paragraph


def setup(app: Sphinx) -> None:
    """Register the directive and what it needs to know."""
    app.add_config_value("talweg_edition_code", build_of(app).code, "env", str)
    app.add_config_value("talweg_root_folder", str(build_of(app).root), "", str)
    app.add_directive("talweg-glossary", GlossaryDirective)
