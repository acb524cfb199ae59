"""`{talweg-claims}`: the ledger of what the chapters assert, made from the executed notebooks of the edition.

The sentence of a claim stands in the metadata of the cell that makes it, written natively in each edition. A claim
without a sentence and a sentence without a claim are warnings, hence errors under -W.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from talweg_site.build.mime import CLAIM, parsed
from talweg_site.chapter import ChapterError, sentences
from talweg_site.check.claims import compare
from talweg_site.editions import EDITIONS

logger = logging.getLogger(__name__)

RELATIONS = {"==": "=", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}
KEYS = re.compile(r"[a-z]+\d{4}[a-z]?(,\s*[a-z]+\d{4}[a-z]?)*")
ARXIV = re.compile(r"arXiv:\s?(\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class Claim:
    """One record, the page whose notebook emitted it, and its cell's sentence for it ("" where it has none)."""

    page: str
    record: dict[str, Any]
    sentence: str


def read_claims(notebook: Path, language: str) -> tuple[list[Claim], list[str]]:
    """The claims in the stored outputs of a notebook, in their order, and what is wrong with their sentences."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    found, problems = [], []
    for cell in content["cells"]:
        where = f"{notebook.name}: cell {cell.get('id', '')!r}"
        said = sentences(cell.get("metadata", {}), where)
        records = list(_records(cell))
        found += [Claim(notebook.stem, record, said.get(record["id"], "")) for record in records]
        problems += compare([record["id"] for record in records], said, language, where)
    return found, problems


def _records(cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for output in cell.get("outputs", []):
        if CLAIM in output.get("data", {}):
            yield parsed(output["data"][CLAIM])


def number(value: Any, decimal: str) -> str:
    """A number of a record with the edition's decimal mark; truth values in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return "; ".join(number(item, decimal) for item in value)
    if not isinstance(value, (int, float)):
        return str(value)
    text = f"{value:.5g}"
    mantissa, _e, exponent = text.partition("e")
    mantissa = mantissa.replace(".", decimal).replace("-", "−")
    if not exponent:
        return mantissa
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} · 10{power}"


def tolerance(record: dict[str, Any], decimal: str) -> str:
    """The allowed deviation in words a reader knows: relative in per cent, absolute as a number."""
    parts = []
    if record.get("rtol"):
        parts.append(f"±{number(100 * record['rtol'], decimal)}\u202f%")
    if record.get("atol"):
        parts.append(f"±{number(record['atol'], decimal)}")
    return " ".join(parts)


def seeds(record: dict[str, Any]) -> str:
    """How many seeds stand behind the number; a dash where nothing is drawn at random."""
    value = record.get("seeds")
    return "–" if value is None else str(len(value) if isinstance(value, list) else value)


class ClaimsDirective(SphinxDirective):
    """The ledger as a table, in the order of the chapters."""

    def run(self) -> list[nodes.Node]:
        """The table; nothing while the edition has no notebook."""
        code = self.config.talweg_edition_code
        if not code:
            raise self.error("talweg-claims works in an edition only")
        claims = [claim for notebook in self._notebooks() for claim in self._read(notebook, code)]
        self._refuse_twins(claims)
        rows = [claim for claim in claims if claim.sentence]
        return [self._table(rows, EDITIONS[code].decimal)] if rows else []

    def _notebooks(self) -> list[Path]:
        folder = Path(self.env.srcdir)
        found = [folder / f"{page}.ipynb" for page in self.config.external_site_map]
        found = [path for path in found if path.exists()]
        for path in found:
            self.env.note_dependency(str(path))
        return found

    def _read(self, notebook: Path, code: str) -> list[Claim]:
        try:
            claims, problems = read_claims(notebook, code)
        except ChapterError as error:
            raise self.error(f"talweg-claims: {error}") from None
        for problem in problems:
            logger.warning("%s", problem, location=notebook.stem)
        return claims

    def _refuse_twins(self, claims: list[Claim]) -> None:
        seen: dict[str, str] = {}
        for claim in claims:
            name = claim.record["id"]
            if name in seen:
                logger.warning(
                    "claim %r is made twice: in %s and %s", name, seen[name], claim.page, location=claim.page
                )
            seen[name] = claim.page

    def _table(self, claims: list[Claim], decimal: str) -> nodes.container:
        heads = (_("What is claimed"), _("Ours"), _("Expected"), _("Seeds"), _("Source"))
        table = nodes.table(classes=["talweg-claims"])
        group = nodes.tgroup(cols=len(heads))
        table += group
        for width in (44, 12, 18, 8, 18):
            group += nodes.colspec(colwidth=width)
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += _row([nodes.paragraph("", text) for text in heads])
        for claim in claims:
            body += _row(self._cells(claim, decimal))
        return nodes.container("", table, classes=["table-scroll"])

    def _cells(self, claim: Claim, decimal: str) -> list[nodes.Node]:
        record = claim.record
        inline, messages = self.state.inline_text(claim.sentence, self.lineno)
        what = nodes.paragraph("", "", *inline, nodes.Text(" "), *messages)
        link = addnodes.pending_xref(
            "", nodes.inline("", ""), refdomain="std", reftype="doc", reftarget=f"/{claim.page}", refexplicit=False
        )
        link["refdoc"] = self.env.docname
        what += nodes.inline("", "", link, classes=["claim-chapter"])
        relation = RELATIONS[record["relation"]]
        expected = f"{relation} {number(record['expected'], decimal)} {tolerance(record, decimal)}".rstrip()
        return [
            nodes.container("", what, ids=[f"claim-{record['id']}"]),
            nodes.paragraph("", number(record["ours"], decimal)),
            nodes.paragraph("", expected),
            nodes.paragraph("", seeds(record)),
            self._source(record.get("source", "")),
        ]

    def _source(self, text: str) -> nodes.paragraph:
        """A source as readers know it: keys of the bibliography as a citation, an arXiv number as a link."""
        if KEYS.fullmatch(text):
            inline, messages = self.state.inline_text(f"{{cite}}`{text}`", self.lineno)
            return nodes.paragraph("", "", *inline, *messages)
        paragraph = nodes.paragraph()
        position = 0
        for match in ARXIV.finditer(text):
            paragraph += nodes.Text(text[position : match.start()])
            paragraph += nodes.reference("", match[0], refuri=f"https://arxiv.org/abs/{match[1]}")
            position = match.end()
        paragraph += nodes.Text(text[position:])
        return paragraph


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", cell) for cell in cells])


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("talweg-claims", ClaimsDirective)
