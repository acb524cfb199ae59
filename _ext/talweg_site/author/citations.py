"""Citations in a notebook: author and year in the edition's language, as on the site, linked to the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import cast

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from pybtex.database import Entry, Person, parse_file

from talweg.i18n import EDITIONS
from talweg_site.author.labels import Edition
from talweg_site.chapter import ChapterError

IDENTIFIERS = (("doi", "https://doi.org/"), ("eprint", "https://arxiv.org/abs/"), ("url", ""))


@cache
def site_words(root: Path, code: str) -> Catalog:
    """The site's words in an edition's language, the same that its pages use."""
    with (root / "locale" / EDITIONS[code].sphinx_language / "LC_MESSAGES" / "sphinx.po").open("rb") as file:
        return read_po(file)


def word(edition: Edition, message: str) -> str:
    """One of the site's words."""
    return str(site_words(edition.root, edition.code)[message].string)


@cache
def bibliography(root: Path) -> dict[str, Entry]:
    """The entries of references.bib by key."""
    return {entry.key: entry for entry in parse_file(str(root / "references.bib")).entries.values()}


def _fields(entry: Entry) -> Mapping[str, str]:
    """What references.bib says of a paper; pybtex has None in the class alone, which its types cannot tell."""
    return cast("Mapping[str, str]", entry.fields)


def _authors(entry: Entry) -> Sequence[Person]:
    """Who wrote a paper; pybtex has None in the class alone here too."""
    return cast("Mapping[str, Sequence[Person]]", entry.persons)["author"]


def author_and_year(edition: Edition, entry: Entry) -> str:
    """As `build.bibliography` joins them on the site."""
    names = [_last_name(person) for person in _authors(entry)]
    if len(names) > 2:
        others = word(edition, "et al.")
        who = f"{names[0]} {f'_{others}_' if others.isascii() else others}"
    else:
        who = word(edition, " and ").join(names)
    return f"{who}{word(edition, ', ')}{_fields(entry)['year']}"


def _last_name(person: Person) -> str:
    parts = [*person.rich_prelast_names, *person.rich_last_names, *person.rich_lineage_names]
    return " ".join(map(str, parts))


def citation(edition: Edition, keys: str) -> str:
    """Markdown for the role `cite`; a paper without an address of its own is linked in the book's bibliography."""
    links, references = [], edition.address("references")
    for key in map(str.strip, keys.split(",")):
        if key not in bibliography(edition.root):
            raise ChapterError(f"{{cite}}`{key}`: references.bib has no such entry")
        entry = bibliography(edition.root)[key]
        fields = _fields(entry)
        found = [start + fields[name] for name, start in IDENTIFIERS if name in fields]
        links.append(f"[{author_and_year(edition, entry)}](<{found[0] if found else references}>)")
    return f"[{'; '.join(links)}]"
