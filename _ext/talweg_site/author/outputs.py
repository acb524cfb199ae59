"""Outputs of a notebook for readers: stored pictures and text where only a running kernel draws.

No stored widget is shown everywhere: by GitHub never, by Colab and JupyterLab not before the cell was run. So a driven
figure is stored as its picture (`author.pictures` takes it), an exercise as its question; running the cell brings both alive.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import nbformat

from talweg_site.author.sources import digest
from talweg_site.build.mime import PLOTLY, alternative_text, parsed
from talweg_site.print.cells import VIEW, widget_state
from talweg_site.print.mathml import MATH, to_tex

PNG, SVG, MARKDOWN = "image/png", "image/svg+xml", "text/markdown"
HOW_IT_DRAWS = (
    "_esm",
    "_css",
    "layout",
    "_anywidget_id",
    "_dom_classes",
)  # of a widget's state: the rest is what it shows


@dataclass(frozen=True)
class Picture:
    """A stored picture of a driven figure: PNG in base64, its size on the screen, and the digest of what it shows."""

    shows: str
    png: str
    width: int
    height: int


def is_driven(output: Any, executed: Any) -> bool:
    """Whether only a program draws this output: plotly's, or a widget that is no exercise."""
    data = output.get("data", {})
    return PLOTLY in data or (VIEW in data and "exercise_id" not in widget_state(executed, data[VIEW]["model_id"]))


def what_it_shows(output: Any, executed: Any) -> str:
    """Digest of what a driven figure shows: its words and values, not its scripts."""
    data = output["data"]
    if PLOTLY in data:
        return digest(parsed(data[PLOTLY]))[:16]
    state = widget_state(executed, data[VIEW]["model_id"])
    return digest({name: value for name, value in state.items() if name not in HOW_IT_DRAWS})[:16]


def stored_pictures(published: Any) -> dict[str, Picture]:
    """The pictures of driven figures that a notebook for readers holds, by cell."""
    found = {}
    for cell in published.cells:
        shows = cell.metadata.get("talweg", {}).get("picture")
        for output in cell.get("outputs", []) if shows else []:
            if PNG in output.get("data", {}):
                size = output.metadata[PNG]
                found[cell.id] = Picture(shows, output.data[PNG], size["width"], size["height"])
    return found


def plain_outputs(cell: Any, executed: Any, picture: Picture | None, words: dict[str, str]) -> list[Any]:
    """The outputs of a code cell as every program shows them. words: those of `names.toml` for notebooks."""
    return [_plain(output, cell, executed, picture, words) for output in cell.outputs]


def _plain(output: Any, cell: Any, executed: Any, picture: Picture | None, words: dict[str, str]) -> Any:
    new, alt = copy.deepcopy(output), alternative_text(cell.metadata)
    data = new.get("data", {})
    driven = is_driven(output, executed)
    view = data.pop(VIEW, None)
    if driven and picture:
        data[PNG] = picture.png
        new["metadata"] = nbformat.from_dict({PNG: {"width": picture.width, "height": picture.height}})
    elif view and not driven:
        data[MARKDOWN] = question(widget_state(executed, view["model_id"]).get("spec", {}), words)
    elif view:
        data[MARKDOWN] = f"*{words['show']}*"
    if PNG in data:
        data.pop(SVG, None)  # the page's picture, in the page's colours
        if alt:
            new.metadata.setdefault(PNG, {})["alt"] = alt
    return new


def question(spec: dict[str, Any], words: dict[str, str]) -> str:
    """An exercise as text, without hints and feedback."""
    options = [f"- {_text(text)}" for _, text in spec.get("options", [])]
    return "\n".join([_text(spec.get("prompt", "")), "", *options, *([""] if options else []), f"*{words['answer']}*"])


def _text(text: str) -> str:
    """Text with `<math>` in it, the formulas in TeX."""
    parts = [part for part in MATH.split(text) if part]
    return "".join(f"${to_tex(part)}$" if part.startswith("<math") else part for part in parts)
