"""Compare the notebooks of a chapter with what one run of their code showed in each edition (see `listening`).

Outputs must be those that are stored: texts, pictures to the byte, and the states of the widgets.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import nbformat

from talweg_site.author.widgets import STATE as WIDGETS
from talweg_site.author.widgets import with_scripts
from talweg_site.chapter import USE

VIEW = "application/vnd.jupyter.widget-view+json"
SVG = "image/svg+xml"  # the last digits of its coordinates depend on the processor; the PNG beside it is compared
FOLDER, EDITIONS = "TALWEG_CHECK_FOLDER", "TALWEG_CHECK_EDITIONS"  # environment: where a kernel tells, and for which
NOTHING_RUN = ""  # the key before the first cell
SEEN = ("output_type", "name", "text", "data")  # of an output: what a page may show
LONGEST = 200  # characters of what differs


def key_after(key: str, source: str) -> str:
    """What the outputs of a cell are filed under: a digest of its code and of all that ran before it, whatever the language."""
    code = USE.sub(r"\1…", source)
    return hashlib.sha256(f"{key}\0{code}".encode()).hexdigest()


def file_of(folder: Path, key: str, code: str) -> Path:
    """Where the outputs of a cell in an edition are filed."""
    return folder / f"{key}.{code}.json"


class Unfolder:
    """Outputs with a widget's state in place of its random name where it is first met, and a number from then on."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def unfold(self, outputs: list[dict], states: dict[str, dict]) -> list[dict]:
        """The outputs of the next cell, without what no page shows. states: of the widgets by their names."""
        kept = [{key: output[key] for key in SEEN if key in output} for output in outputs]
        for output in kept:
            if SVG in output.get("data", {}):
                output["data"] = {kind: data for kind, data in output["data"].items() if kind != SVG}
            if VIEW in (data := output.get("data", {})):
                output["data"] = data | {VIEW: self._unfolded(data[VIEW]["model_id"], states)}
        return kept

    def _unfolded(self, value: Any, states: dict[str, dict]) -> Any:
        if isinstance(value, str):
            return self._widget(value.removeprefix("IPY_MODEL_"), value, states)
        if isinstance(value, list):
            return [self._unfolded(item, states) for item in value]
        return {key: self._unfolded(item, states) for key, item in value.items()} if isinstance(value, dict) else value

    def _widget(self, name: str, text: str, states: dict[str, dict]) -> Any:
        if name not in states:
            return text
        if name in self._numbers:
            return f"widget {self._numbers[name]}"
        self._numbers[name] = len(self._numbers)
        return self._unfolded(states[name], states)


def problems(folder: Path, path: Path) -> list[str]:
    """What a notebook stores that its code did not show in the language of its folder."""
    notebook, code, label = nbformat.read(path, as_version=4), path.parent.name, f"{path.parent.name}/{path.name}"
    states = with_scripts(notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {}))
    unfolder, key, found = Unfolder(), NOTHING_RUN, []
    for cell in notebook.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        key, stored = key_after(key, cell.source), unfolder.unfold(cell.outputs, states)
        file = file_of(folder, key, code)
        if not file.exists():
            return [*found, f"{label}: cell {cell.id!r} was not run; has each edition the same code?"]
        shown = json.loads(file.read_text(encoding="utf-8"))
        tags = cell.metadata.get("tags", [])
        problem = "" if "raises-exception" in tags else shown["error"]
        problem = problem or ("" if "nbval-ignore-output" in tags else difference(stored, shown["outputs"]))
        found += [f"{label}: cell {cell.id!r}: {problem}"] if problem else []
    return found


def difference(stored: list[dict], shown: list[dict]) -> str:
    """Where two lists of outputs first differ, "" if nowhere."""
    if len(stored) != len(shown):
        return f"{len(stored)} outputs are stored, {len(shown)} shown"
    for a, b in zip(stored, shown, strict=True):
        where = []
        while isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys() and a != b:
            key = next(key for key in a if a[key] != b[key])
            where.append(key)
            a, b = a[key], b[key]
        if a != b:
            return f"{'.'.join(where)}: stored {str(a)[:LONGEST]!r}, shown {str(b)[:LONGEST]!r}"
    return ""
