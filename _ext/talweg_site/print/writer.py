"""Sphinx's LaTeX writer with the book's own nodes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from docutils import nodes
from sphinx.writers.latex import LaTeXTranslator

from talweg_site.print import nodes as latex_nodes

# MathJax reads x_\max; TeX wants braces around an operator in an index.
_BARE_OPERATOR = re.compile(r"([_^])\s*(\\(?:arg)?(?:max|min|sup|inf|lim|det|exp|log|dim|ker|deg))(?![A-Za-z])")

LONGEST_TABLE = 30  # lines; longer ones break over pages, and their columns need widths
LINE = 75  # about how many letters a line holds


def ragged(widths: Sequence[int]) -> str:
    """Columns of these relative widths, not justified: narrow ones look better so."""
    return "".join(rf">{{\raggedright\arraybackslash}}\X{{{width}}}{{{sum(widths)}}}" for width in widths)


def width_of(cell: nodes.Element) -> int:
    """About how many letters wide the content of a table's cell is."""
    total = 0
    for text in cell.findall(nodes.Text):
        if isinstance(text.parent, nodes.math):
            total += 3 * (len(re.sub(r"\\[A-Za-z]+|\W", "", text)) + text.count("\\")) // 2
        else:
            total += sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
    return total


def lines_of(rows: Sequence[Sequence[nodes.Element]]) -> int:
    """About how many lines a table takes whose columns are equally wide."""
    return sum(max(-(-width_of(cell) * len(row) // LINE) for cell in row) for row in rows)


def braced(math: str) -> str:
    """Formulas as TeX wants them."""
    return _BARE_OPERATOR.sub(r"\1{\2}", math)


class BookTranslator(LaTeXTranslator):
    """Writes an edition as a book: pages side by side, numbered or not, and the nodes of `print.nodes`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.this_is_the_title = 0  # the first page is a chapter like the others
        self.elements["contentsname"] = ""  # not the caption of the first part: `names` sets it

    def visit_start_of_file(self, node: nodes.Element) -> None:
        super().visit_start_of_file(node)
        if not node.get("inner"):
            self.body.append(rf"\talwegdocument{{{'true' if node['numbered'] else 'false'}}}" + "\n")

    def visit_math(self, node: nodes.math) -> None:
        node.children = [nodes.Text(braced(node.astext()))]
        super().visit_math(node)

    def visit_math_block(self, node: nodes.math_block) -> None:
        node.children = [nodes.Text(braced(node.astext()))]
        super().visit_math_block(node)

    def visit_table(self, node: nodes.table) -> None:
        if "talweg-claims" in node["classes"]:
            self.next_table_colspec = ragged((38, 13, 20, 11, 18))
            self.body.append("\n{\\footnotesize\n")
        elif "colwidths-given" not in node["classes"]:
            rows = [[cell for cell in row if isinstance(cell, nodes.entry)] for row in node.findall(nodes.row)]
            widths = [max(map(width_of, column)) for column in zip(*rows, strict=False)]
            short = lines_of(rows) <= LONGEST_TABLE
            if not short:
                node["classes"].append("longtable")
            self.next_table_colspec = "L" * len(widths) if short else ragged([min(max(w, 10), 60) for w in widths])
        super().visit_table(node)

    def depart_table(self, node: nodes.table) -> None:
        super().depart_table(node)
        if "talweg-claims" in node["classes"]:
            self.body.append("\n}\n")

    def visit_definition_list_item(self, node: nodes.definition_list_item) -> None:
        self.body.append(r"\Needspace{3\baselineskip}")  # a term is no longer left alone at the foot of a page
        super().visit_definition_list_item(node)

    def visit_photograph(self, node: latex_nodes.photograph) -> None:
        self.body.append(rf"\talwegphotograph{{{node['file']}}}" + "\n")

    def depart_photograph(self, node: latex_nodes.photograph) -> None:
        pass

    def visit_pointer(self, node: latex_nodes.pointer) -> None:
        target = self.idescape(f"{_place(node['kind'])}{node['docname']}:{node['id']}")
        self.body.append(rf"\talwegpointer{{\talwegto{node['kind']}{{{target}}}}}" + "\n")

    def depart_pointer(self, node: latex_nodes.pointer) -> None:
        pass

    def visit_label(self, node: nodes.Element) -> None:
        if isinstance(node, latex_nodes.label):
            target = self.idescape(f"{_place('solution')}{node['docname']}:{node['id']}")
            self.body.append(rf"\phantomsection\label{{{target}}}" + "\n\n")
            raise nodes.SkipNode
        super().visit_label(node)

    def visit_cell_mark(self, node: latex_nodes.cell_mark) -> None:
        labels = [self.idescape(f"{node['docname']}:{anchor}") for anchor in node["ids"]]
        targets = "".join(rf"\label{{{label}}}" for label in labels)
        name = self.encode(node["name"])
        self.body.append(rf"\phantomsection{targets}" + (rf"\talwegcellname{{{name}}}" if name else "\n\n"))
        raise nodes.SkipNode

    def visit_task(self, node: latex_nodes.task) -> None:
        self.body.append("\n\\begin{talwegtask}\n")

    def depart_task(self, node: latex_nodes.task) -> None:
        self.body.append("\n\\end{talwegtask}\n")

    def visit_options(self, node: latex_nodes.options) -> None:
        self.body.append(rf"\begin{{{_list(node)}}}" + "\n")

    def depart_options(self, node: latex_nodes.options) -> None:
        self.body.append(rf"\end{{{_list(node)}}}" + "\n")

    def visit_answer_line(self, node: latex_nodes.answer_line) -> None:
        self.body.append(r"\talweganswerline{}")

    def depart_answer_line(self, node: latex_nodes.answer_line) -> None:
        pass

    def visit_proof(self, node: latex_nodes.proof) -> None:
        self.body.append("\n\\begin{talwegproof}\n" + self.hypertarget_to(node, anchor=True))

    def visit_proof_heading(self, node: latex_nodes.proof_heading) -> None:
        self.body.append(r"\talwegproofheading{")

    def depart_proof_heading(self, node: latex_nodes.proof_heading) -> None:
        self.body.append("}")

    def depart_proof(self, node: latex_nodes.proof) -> None:
        self.body.append("\n\\end{talwegproof}\n")

    def visit_reference_list(self, node: latex_nodes.reference_list) -> None:
        self.body.append("\n\\begin{talwegreferences}\n")

    def depart_reference_list(self, node: latex_nodes.reference_list) -> None:
        self.body.append("\n\\end{talwegreferences}\n")

    def visit_reference_entry(self, node: latex_nodes.reference_entry) -> None:
        names = [f"{node['docname']}:{name}" for name in node["ids"]]
        targets = "".join(rf"\hypertarget{{cite.{name}}}{{}}\label{{{self.idescape(name)}}}" for name in names)
        self.body.append(r"\item[]\phantomsection" + targets)

    def depart_reference_entry(self, node: latex_nodes.reference_entry) -> None:
        self.body.append("\n")


def _place(kind: str) -> str:
    return "solution:" if kind == "solution" else ""


def _list(node: latex_nodes.options) -> str:
    return "talwegitems" if node["ordered"] else "talwegoptions"
