"""Cells in print: no hidden code, photographs for figures that a page draws, exercises as text."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform

from talweg_site.build.cells import name_of, source_of
from talweg_site.build.mime import PLOTLY, alternative_text
from talweg_site.print import mathml as latex_mathml
from talweg_site.print import nodes as latex_nodes

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


@cache
def read_notebook(path: Path) -> dict[str, Any]:
    """The notebook at `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def widget_state(notebook: dict[str, Any], model_id: str) -> dict[str, Any]:
    """The saved state of one widget; empty where there is none."""
    states = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    return states.get(model_id, {}).get("state", {})


def needs_photograph(notebook: dict[str, Any], output: dict[str, Any]) -> bool:
    """Whether only a browser can draw this output of a figure: plotly's JSON, or a widget that is no exercise."""
    data = output.get("data", {})
    if VIEW in data:
        return "exercise_id" not in widget_state(notebook, data[VIEW]["model_id"])
    return PLOTLY in data and "image/png" not in data


def figure_id(cell: dict[str, Any]) -> str:
    """The id of a cell's figure on the page; empty for a cell without one."""
    name = ((cell["metadata"].get("mystnb") or {}).get("figure") or {}).get("name", "")
    return nodes.make_id(name)


def driven_figures(notebook: dict[str, Any]) -> list[str]:
    """Ids of the figures of a notebook that have to be photographed."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        figure_id(cell)
        for cell in cells
        if figure_id(cell) and any(needs_photograph(notebook, output) for output in cell["outputs"])
    ]


class PrintCells(SphinxPostTransform):
    """Before myst-nb picks one type for each output."""

    default_priority = 3
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Change the cells in place."""
        for page in self.document.findall(addnodes.start_of_file):
            for child in page.children:  # Sphinx leaves them with the parent they had
                child.parent = page
        for cell in latex_nodes.elements(self.document, _is_cell):
            self._print_claims(cell)
            self._hide(cell)
            for bundle in latex_nodes.elements(cell, _is_bundle):
                self._print(cell, bundle)
            self._clean(cell)

    @staticmethod
    def _print_claims(cell: nodes.Element) -> None:
        """The sentences and the cell's name, without its code, which is on the site and in the notebook."""
        mark = latex_nodes.cell_mark(docname=latex_nodes.docname_of(cell), ids=cell["ids"], name=name_of(cell))
        claims = latex_nodes.elements(cell, lambda node: "claim" in node["classes"])
        for claim in claims:
            claim.replace(claim.children[0], nodes.Text("✓"))
        source = source_of(cell)
        if claims and source is not None:
            cell.remove(source)
            claims[-1] += mark
        elif cell["ids"]:
            cell.insert(0, latex_nodes.cell_mark(docname=mark["docname"], ids=cell["ids"], name=""))

    @staticmethod
    def _hide(cell: nodes.Element) -> None:
        mode = cell.get("hide_mode", "")
        for part in list(cell.children):
            kind = part.get("nb_element", "") if isinstance(part, nodes.Element) else ""
            if (kind == "cell_code_source" and mode in ("all", "input", "input+output")) or (
                kind == "cell_code_output" and mode in ("all", "output", "input+output")
            ):
                cell.remove(part)

    def _print(self, cell: nodes.Element, bundle: nodes.Element) -> None:
        kinds = {child["mime_type"]: child for child in bundle.children if isinstance(child, nodes.Element)}
        if VIEW not in kinds and (PLOTLY not in kinds or "image/png" in kinds):
            return
        state = self._state(kinds[VIEW]) if VIEW in kinds else {}
        figure = bundle.parent if isinstance(bundle.parent, nodes.figure) else None
        if figure is not None and "exercise_id" not in state:
            bundle.replace_self(self._photograph(cell, figure))
            return
        if "exercise_id" in state:
            bundle.replace_self(exercise_nodes(state["spec"]))
        else:  # shown on the page only: progress, launch buttons
            bundle.parent.remove(bundle)
        self._drop_call(cell)

    @staticmethod
    def _drop_call(cell: nodes.Element) -> None:
        """Remove the one line that calls a widget; a longer cell has something to read and stays."""
        source = cell.children[0]
        assert isinstance(source, nodes.Element)
        if source.get("nb_element") == "cell_code_source" and len(source.astext().split("\n")) == 1:
            cell.remove(source)

    def _state(self, view: nodes.Element) -> dict[str, Any]:
        match = re.search(r"[0-9a-f]{32}", view.children[0].astext())
        if match is None:
            raise ExtensionError(f"a widget view without a model id in {latex_nodes.docname_of(view)}")
        path = Path(self.env.doc2path(latex_nodes.docname_of(view)))
        return widget_state(read_notebook(path), match[0])

    def _photograph(self, cell: nodes.Element, figure: nodes.figure) -> latex_nodes.photograph:
        name = figure["ids"][0]
        path = Path(self.config.talweg_photographs) / f"{latex_nodes.docname_of(figure)}.{name}.png"
        if not path.exists():
            raise ExtensionError(f"figure {name} has no photograph ({path.name}): run python -m talweg_site.print.pdf")
        return latex_nodes.photograph(file=str(path), alt=alternative_text(cell.get("cell_metadata") or {}))

    @staticmethod
    def _clean(cell: nodes.Element) -> None:
        """Remove what has become empty."""
        for part in list(cell.children):
            if isinstance(part, nodes.container) and not part.children:
                cell.remove(part)
        if not cell.children:
            cell.parent.remove(cell)


def _is_cell(node: nodes.Element) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _is_bundle(node: nodes.Element) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def exercise_nodes(spec: dict[str, Any]) -> latex_nodes.task:
    """An exercise's question as text, without hints and feedback."""
    prompt = nodes.paragraph("", "", *latex_mathml.to_nodes(spec["prompt"]))
    task = latex_nodes.task("", prompt)
    if spec["kind"] == "number":
        prompt += latex_nodes.answer_line()
        if spec.get("unit"):
            prompt += [nodes.Text(" "), *latex_mathml.to_nodes(spec["unit"])]
    if "options" in spec:
        texts = [nodes.paragraph("", "", *latex_mathml.to_nodes(text)) for _, text in spec["options"]]
        items = [nodes.list_item("", text) for text in texts]
        task += latex_nodes.options("", *items, ordered=spec["kind"] == "ordering")
    return task
