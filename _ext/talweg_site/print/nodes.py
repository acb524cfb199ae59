"""Nodes that only the printed book has; `writer` writes them."""

from __future__ import annotations

from collections.abc import Callable

from docutils import nodes


class photograph(nodes.General, nodes.Element):
    """The picture of a figure that the page draws; `file`: its path, `alt`: its alternative text."""


class pointer(nodes.General, nodes.Element):
    """A line that points to the `solution` or the `exercise` (`kind`) with label `id` in document `docname`."""


class label(nodes.General, nodes.Element):
    """A place that a pointer points to."""


class cell_mark(nodes.Inline, nodes.Element):
    """The place of a cell that references lead to; its `name` is printed, at the right, unless it is empty."""


class task(nodes.General, nodes.Element):
    """What the reader of an exercise is asked for."""


class options(nodes.General, nodes.Element):
    """Options of a choice (`ordered` false) or items to put in order (true); its children are `list_item`s."""


class answer_line(nodes.Inline, nodes.Element):
    """A line to write a number on."""


class proof(nodes.General, nodes.Element):
    """A theorem, definition, proof …"""


class proof_heading(nodes.Inline, nodes.Element):
    """Its name, number and title."""


class reference_list(nodes.General, nodes.Element):
    """Entries of a bibliography."""


class reference_entry(nodes.General, nodes.Element):
    """One entry; `docname` and `ids` make its label."""


def elements(root: nodes.Node, wanted: Callable[[nodes.Element], bool]) -> list[nodes.Element]:
    """The elements at and under `root` that are `wanted`; a list, so that the tree may change meanwhile."""
    return [node for node in root.findall(nodes.Element) if wanted(node)]


def docname_of(node: nodes.Node) -> str:
    """The document that a node of the assembled book comes from."""
    while node is not None:
        if isinstance(node, nodes.Element) and node.tagname in ("start_of_file", "document") and "docname" in node:
            return node["docname"]
        node = node.parent
    raise LookupError("the node is in no document")
