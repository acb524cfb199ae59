"""Code cells on the page: each that is shown has its name, an anchor, and its code in a fold; `{cell}` links to it."""

from __future__ import annotations

from html import escape
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.locale import _
from sphinx.roles import XRefRole
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

EXERCISE = "talweg.exercise("  # its cell shows what the reader is to fill in


class code_fold(nodes.General, nodes.Element):
    """The code of the cell `name`, folded."""


def is_cell(node: nodes.Node) -> bool:
    """Whether a node is a code cell of myst-nb."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def source_of(cell: nodes.Element) -> nodes.Element | None:
    """The code of a cell; None where the page does not show it."""
    first = cell.children[0] if cell.children else None
    shown = isinstance(first, nodes.Element) and first.get("nb_element") == "cell_code_source"
    return cast(nodes.Element, first) if shown else None


def name_of(cell: nodes.Element) -> str:
    """The name of a cell; empty in a notebook that is none of the book's."""
    return (cell.get("cell_metadata") or {}).get("name", "")


class NameCells(SphinxTransform):
    """Give each cell that is shown the anchor `cell-<name>`, and note it as a target."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the cells in place."""
        domain = cast(StandardDomain, self.env.get_domain("std"))
        for cell in self.document.findall(nodes.container):
            if not is_cell(cell) or source_of(cell) is None or not name_of(cell):
                continue
            anchor = f"cell-{name_of(cell)}"
            cell["ids"].append(anchor)
            domain.note_object("cell", f"{self.env.docname}:{name_of(cell)}", anchor, location=cell)


class CellRole(XRefRole):
    """`{cell}`name`` of this chapter, `{cell}`chapter:name`` of another."""

    def process_link(
        self, env: BuildEnvironment, refnode: nodes.Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        """The name that the reader sees and the one that is looked up."""
        return title.rpartition(":")[2], target if ":" in target else f"{env.docname}:{target}"


class FoldCode(SphinxPostTransform):
    """Put the code of each cell into a fold, after references are resolved and before myst-nb makes its own."""

    default_priority = 150
    builders = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the cells in place."""
        for cell in [node for node in self.document.findall(nodes.container) if is_cell(node)]:
            source = source_of(cell)
            if source is not None and name_of(cell) and EXERCISE not in source.astext():
                self._fold(cell, source)

    @staticmethod
    def _fold(cell: nodes.Element, source: nodes.Element) -> None:
        if cell.get("hide_mode") == "input":
            del cell["hide_mode"]
        drawn = any(isinstance(node, nodes.figure) for node in cell.findall(nodes.figure))
        cell["classes"] += ["named"] if drawn else ["named", "computed"]
        cell.replace(source, code_fold("", source, name=name_of(cell)))


def visit_code_fold(self: Any, node: code_fold) -> None:
    """Open the fold; its line says that there is code, and its name."""
    name = escape(node["name"])
    self.body.append(
        f'<details class="code-fold"><summary>{escape(_("Code"))} <code class="cell-name">{name}</code></summary>\n'
    )


def depart_code_fold(self: Any, node: code_fold) -> None:
    """Close the fold."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Register the targets, the role and the transforms."""
    app.add_crossref_type("cell", "cell")
    app.add_role_to_domain("std", "cell", CellRole(warn_dangling=True), override=True)
    app.add_node(code_fold, html=(visit_code_fold, depart_code_fold))
    app.add_transform(NameCells)
    app.add_post_transform(FoldCode)
