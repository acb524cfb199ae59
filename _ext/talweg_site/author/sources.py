"""What of a notebook was written, apart from what running it adds; its digest tells whether a notebook was edited by hand."""

from __future__ import annotations

import hashlib
import json

import nbformat

JUPYTER_NOISE = ("collapsed", "scrolled", "execution", "ExecuteTime", "jp-MarkdownHeadingCollapsed", "trusted")


def sources(notebook: nbformat.NotebookNode) -> list:
    """What a notebook holds apart from what running it adds: [id, type, source, metadata] for each cell."""
    return [
        [cell.id, cell.cell_type, cell.source, {k: v for k, v in cell.metadata.items() if k not in JUPYTER_NOISE}]
        for cell in notebook.cells
    ]


def digest(value: object) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
