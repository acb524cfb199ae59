"""`{talweg-claims}`: the ledger of what the chapters assert, made from the executed notebooks of the edition.

The sentence of a claim stands in the metadata of the cell that makes it, written natively in each edition. A claim
without a sentence and a sentence without a claim are warnings, hence errors under -W.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from talweg_site.build.mime import CLAIM, parsed
from talweg_site.build.statement import RELATIONS, number, tolerance
from talweg_site.chapter import ChapterError, sentences
from talweg_site.check.claims import compare
from talweg_site.editions import EDITIONS

logger = logging.getLogger(__name__)

KEYS = re.compile(r"[a-z]+\d{4}[a-z]?(,\s*[a-z]+\d{4}[a-z]?)*")
ARXIV = re.compile(r"arXiv:\s?(\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class Claim:
    """One record, the page and the cell that made it, and that cell's sentence for it ("" where it has none)."""

    page: str
    cell: str
    record: dict[str, Any]
    sentence: str


def read_claims(notebook: Path, language: str) -> tuple[list[Claim], list[str]]:
    """The claims in the stored outputs of a notebook, in their order, and what is wrong with their sentences."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    found, problems = [], []
    for cell in content["cells"]:
        where = f"{notebook.name}: cell {cell.get('id', '')!r}"
        said = sentences(cell.get("metadata", {}), where)
        name, records = cell.get("metadata", {}).get("name", ""), list(_records(cell))
        found += [Claim(notebook.stem, name, record, said.get(record["id"], "")) for record in records]
        problems += compare([record["id"] for record in records], said, language, where)
    return found, problems


def _records(cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for output in cell.get("outputs", []):
        if CLAIM in output.get("data", {}):
            yield parsed(output["data"][CLAIM])


def seeds(record: dict[str, Any]) -> str:
    """How many seeds stand behind the number; a dash where nothing is drawn at random."""
    value = record.get("seeds")
    return "–" if value is None else str(len(value) if isinstance(value, list) else value)


class ClaimsDirective(SphinxDirective):
    """The ledger: a section for each chapter, in their order, above them a box to filter the rows of all."""

    def run(self) -> list[nodes.Node]:
        """The box and the sections; nothing while the edition has no notebook."""
        code = self.config.talweg_edition_code
        if not code:
            raise self.error("talweg-claims works in an edition only")
        read = [(notebook, self._read(notebook, code)) for notebook in self._notebooks()]
        self._refuse_twins([claim for _path, claims in read for claim in claims])
        sections = [
            self._section(notebook, [claim for claim in claims if claim.sentence], EDITIONS[code].decimal)
            for notebook, claims in read
            if any(claim.sentence for claim in claims)
        ]
        return [_filter_box(), *sections] if sections else []

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

    def _section(self, notebook: Path, claims: list[Claim], decimal: str) -> nodes.section:
        section = nodes.section("", nodes.title("", heading(notebook)), ids=[f"claims-{notebook.stem}"])
        section += self._table(claims, decimal)
        return section

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
        domain = cast(StandardDomain, self.env.get_domain("std"))
        for claim in claims:
            anchor = f"claim-{claim.record['id']}"
            row = _row(self._cells(claim, decimal))
            row["ids"].append(anchor)
            domain.note_object("claim", claim.record["id"], anchor, location=row)
            body += row
        return nodes.container("", table, classes=["table-scroll"])

    def _cells(self, claim: Claim, decimal: str) -> list[nodes.Node]:
        record = claim.record
        inline, messages = self.state.inline_text(claim.sentence, self.lineno)
        what = nodes.paragraph("", "", *inline, *messages)
        if claim.cell:
            what += [nodes.Text(" "), nodes.inline("", "", self._link(claim), classes=["claim-cell"])]
        relation = RELATIONS[record["relation"]]
        expected = f"{relation} {number(record['expected'], decimal)} {tolerance(record, decimal)}".rstrip()
        said = not isinstance(record["ours"], bool)  # a truth value says no more than the sentence
        return [
            what,
            nodes.paragraph("", number(record["ours"], decimal) if said else "–"),
            nodes.paragraph("", expected if said else "–"),
            nodes.paragraph("", seeds(record)),
            self._source(record.get("source", "")),
        ]

    def _link(self, claim: Claim) -> addnodes.pending_xref:
        """To the cell that makes the claim."""
        return addnodes.pending_xref(
            "",
            nodes.literal("", claim.cell, classes=["cell-name"]),
            refdomain="std",
            reftype="cell",
            reftarget=f"{claim.page}:{claim.cell}",
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=True,
        )

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


def heading(notebook: Path) -> str:
    """The title of a notebook: its first heading."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    match = re.search(r"^# +(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else notebook.stem


def _filter_box() -> nodes.raw:
    """What `ledger.js` shows and drives; without scripts all rows stay, and no box."""
    shown = escape(_("%(shown)s of %(all)s claims shown"))
    return nodes.raw(
        "",
        f'<form class="claims-filter" role="search" data-shown="{shown}" hidden><label>{escape(_("Filter"))} '
        '<input type="search" name="filter" autocomplete="off" spellcheck="false"></label> <output></output></form>',
        format="html",
    )


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", cell) for cell in cells])


def setup(app: Sphinx) -> None:
    """Register the directive and its rows as targets."""
    app.add_crossref_type("claim", "claim")
    app.add_directive("talweg-claims", ClaimsDirective)
