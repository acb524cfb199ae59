"""The order of the printed book: preface, chapters, reference pages, solutions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_proof.nodes import NODE_TYPES, proof_node, unenumerable_node

from talweg_site.editions import names
from talweg_site.print import nodes as latex_nodes

SOLUTIONS = "solutions-of-the-book"  # no page of the site: the name of the last document in labels
_OPENS = re.compile(r"\s*<details\b([^>]*)>", re.IGNORECASE)
_SUMMARY = re.compile(r"<summary[^>]*>(.*?)</summary>", re.IGNORECASE | re.DOTALL)


def folded(parent: nodes.Element) -> Iterator[tuple[int, int, str, str]]:
    """First and last index, attributes and summary of each `<details>` among the children of `parent`."""
    start, opening, title = None, "", ""
    for index, child in enumerate(parent.children):
        if not isinstance(child, nodes.raw) or "html" not in child.get("format", ""):
            continue
        text = child.astext()
        if start is None and (match := _OPENS.match(text)):
            start, opening = index, match[1]
            summary = _SUMMARY.search(text)
            title = re.sub(r"<[^>]+>", "", summary[1]).strip() if summary else ""
        if start is not None and "</details>" in text:
            yield start, index, opening, title
            start = None


class CollectSolutions(SphinxPostTransform):
    """Move each folded solution to the end; print other folded text where it stands."""

    default_priority = 720
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Leave the solutions, by chapter, in the attribute `talweg_solutions` of the document."""
        found: dict[str, list[nodes.Node]] = {}
        for parent in list(self.document.findall(nodes.Element)):
            here: list[nodes.Node] = []
            for first, last, attributes, title in reversed(list(folded(parent))):
                inside = list(parent.children[first + 1 : last])
                if "solution" in attributes:
                    exercise = _section_of(parent)
                    docname = latex_nodes.docname_of(parent)
                    here.insert(0, self._solution(docname, exercise, inside))
                    parent[first : last + 1] = [self._pointer("solution", docname, exercise)]
                else:
                    parent[first : last + 1] = [nodes.rubric("", title), *inside] if title else inside
            if here:
                found.setdefault(latex_nodes.docname_of(parent), []).extend(here)
        self.document["talweg_solutions"] = found

    @staticmethod
    def _pointer(kind: str, docname: str, exercise: nodes.section) -> latex_nodes.pointer:
        return latex_nodes.pointer(kind=kind, docname=docname, id=exercise["ids"][0])

    def _solution(self, docname: str, exercise: nodes.section, inside: list[nodes.Node]) -> nodes.section:
        section = nodes.section("", _heading(exercise), docname=docname)
        section += latex_nodes.label(docname=docname, id=exercise["ids"][0])
        section += inside
        section += self._pointer("exercise", docname, exercise)
        return section


def _heading(node: nodes.Element) -> nodes.title:
    """A copy of the first title in `node`."""
    return next(iter(node.findall(nodes.title))).deepcopy()


def _section_of(node: nodes.Element) -> nodes.section:
    while not isinstance(node, nodes.section):
        node = node.parent
    return node


class ArrangeBook(SphinxPostTransform):
    """Put the pages, which Sphinx nests in the first one, side by side, and the solutions last."""

    default_priority = 730
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Rearrange the assembled document."""
        root = self.config.root_doc
        pages = []
        for wrapper in self._wrappers(root):
            pages += [child for child in wrapper.children if isinstance(child, addnodes.start_of_file)]
            wrapper.parent.remove(wrapper)
        opening = addnodes.start_of_file(docname=root)
        opening += self.document.children
        numbered = self._numbered()
        for page in (opening, *pages):
            page["numbered"] = page["docname"] in numbered
        self.document.children = []
        self.document += [opening, *pages, *self._solutions(pages)]

    def _wrappers(self, root: str) -> list[nodes.Element]:
        found = [node for node in self.document.findall(nodes.compound) if "toctree-wrapper" in node["classes"]]
        return [node for node in found if latex_nodes.docname_of(node) == root]

    def _numbered(self) -> set[str]:
        trees = self.config.external_site_map.root.subtrees
        return {str(item) for tree in trees if tree.numbered for item in tree.items}

    def _solutions(self, pages: list[addnodes.start_of_file]) -> list[nodes.Node]:
        found = self.document.attributes.pop("talweg_solutions", {})
        if not found:
            return []
        title = names(self.config.talweg_edition_code)["solutions"]
        chapter = nodes.section("", nodes.title("", title), docname=SOLUTIONS, ids=["solutions"])
        for page in pages:
            if page["docname"] in found:
                section = nodes.section("", _heading(page), *found[page["docname"]], docname=page["docname"])
                chapter += addnodes.start_of_file("", section, docname=page["docname"], inner=True)
        return [addnodes.start_of_file("", chapter, docname=SOLUTIONS, numbered=False)]


class PrintProofs(SphinxPostTransform):
    """Theorems and their kin with the edition's names (sphinx-proof's own writer has English ones)."""

    default_priority = 700
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Replace sphinx-proof's nodes by ours."""
        words = names(self.config.talweg_edition_code)["proof"]
        kinds = (*NODE_TYPES.values(), unenumerable_node, proof_node)
        for node in latex_nodes.elements(self.document, lambda node: isinstance(node, kinds)):
            kind = "proof" if isinstance(node, proof_node) else node.get("realtype", "theorem")
            heading = " ".join(filter(None, (words[kind], self._number(node))))
            title = next((child for child in node.children if isinstance(child, nodes.title)), nodes.title())
            inside = self._inside(node)
            if isinstance(node, proof_node):
                _drop_prefix(inside[0], "Proof. ")  # sphinx-proof writes it into the text, in English
            first, rest = (
                (inside[0], inside[1:]) if isinstance(inside[0], nodes.paragraph) else (nodes.paragraph(), inside)
            )
            first.insert(0, latex_nodes.proof_heading("", nodes.Text(heading), *title.children, nodes.Text(".")))
            node.replace_self(latex_nodes.proof("", first, *rest, ids=node["ids"]))

    @staticmethod
    def _inside(node: nodes.Element) -> list[nodes.Node]:
        """What stands under the heading."""
        body = [child for child in node.children if not isinstance(child, nodes.title)]
        wrapped = (nodes.section, nodes.admonition)
        return [part for child in body for part in (child.children if isinstance(child, wrapped) else [child])]

    def _number(self, node: nodes.Element) -> str:
        numbers = self.env.toc_fignumbers.get(latex_nodes.docname_of(node), {}).get(node.get("countertype", ""), {})
        found = next((numbers[name] for name in node["ids"] if name in numbers), ())
        return ".".join(map(str, found))


class PrintReferences(SphinxPostTransform):
    """The bibliography where its page stands (Sphinx would move it to the end), without bracketed labels."""

    default_priority = 710
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Replace each run of citations by our list."""
        parents = {id(node.parent): node.parent for node in self.document.findall(nodes.citation)}
        for parent in parents.values():
            entries = []
            for citation in [child for child in parent.children if isinstance(child, nodes.citation)]:
                text = [child for child in citation.children if not isinstance(child, nodes.label)]
                entries.append(latex_nodes.reference_entry("", *text, ids=citation["ids"], docname=citation["docname"]))
            rest = [child for child in parent.children if not isinstance(child, nodes.citation)]
            parent.children = []
            parent += [*rest, latex_nodes.reference_list("", *entries)]


def _drop_prefix(node: nodes.Node, prefix: str) -> None:
    text = next(iter(node.findall(nodes.Text)), None)
    if text is not None and text.astext().startswith(prefix):
        text.parent.replace(text, nodes.Text(text.astext().removeprefix(prefix)))
