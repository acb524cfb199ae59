"""Run a notebook so that running it again gives the same bytes."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from talweg_site.author import widgets
from talweg_site.chapter import ChapterError

TIMEOUT = 300  # seconds a cell may take; a whole notebook should need 25
BATCH = {"TALWEG_BATCH": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
LARGE, TOO_LARGE = 400_000, 700_000  # bytes of an .ipynb: a warning, an error
MAX_PICTURES = 6  # figures in a notebook
MAX_PICTURE = {"image/png": 40_000, "image/svg+xml": 60_000}  # bytes of one
UNSTABLE = {  # what differs from one run or machine to the next, as it would look in an output
    "a memory address (give the object a repr of its own)": re.compile(r"\bat 0x[0-9a-f]{6,}"),
    "the path of an installed package (mend what warns)": re.compile(r"site-packages[/\\]"),
    "a progress bar (TALWEG_BATCH must silence it)": re.compile(r"\d+%\|.*it/s|\d+%\|[█▏▎▍▌▋▊▉ ]+\|"),
}


def execute(notebook: nbformat.NotebookNode, folder: Path, label: str) -> None:
    """Run all cells in `folder` with one thread and store outputs and widgets in `notebook`, made repeatable."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name=notebook.metadata.kernelspec.name,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=True,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # else ipykernel warns about TCP in the terminal
    )
    environment = {key: value for key, value in os.environ.items() if key != "TALWEG_DATA"} | BATCH
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(_failure(label, notebook, error)) from error
    normalise(notebook)
    refuse_unstable(notebook, label)


def _failure(label: str, notebook: nbformat.NotebookNode, error: Exception) -> str:
    """The message for a failing cell: file, cell name, traceback."""
    begun = [cell for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    failing = [c.id for c in notebook.cells if any(o.output_type == "error" for o in c.get("outputs", []))]
    name = failing[-1] if failing else (begun[-1].id if begun else "?")
    trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return f"{label}: cell {name!r} failed\n{trace}"


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Replace what is random or tells the machine: widget model ids, the Python version, execution times."""
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    widgets.tidy(notebook)


def refuse_unstable(notebook: nbformat.NotebookNode, label: str) -> None:
    """Raise ChapterError for an output that another run or another machine would not repeat."""
    for cell in notebook.cells:
        text = _output_text(cell)
        for what, pattern in UNSTABLE.items():
            found = pattern.search(text)
            if found:
                raise ChapterError(f"{label}: cell {cell.id!r} shows {what}: {found[0]!r}")
        if str(Path.cwd()) in text:
            raise ChapterError(f"{label}: cell {cell.id!r} shows a path of this machine: {Path.cwd()}")


def _output_text(cell: nbformat.NotebookNode) -> str:
    texts = []
    for output in cell.get("outputs", []):
        texts.append(output.get("text", ""))
        texts += [v for k, v in output.get("data", {}).items() if k in ("text/plain", "text/html", "text/markdown")]
    return "\n".join(texts)


def size_problems(notebook: nbformat.NotebookNode, text: str, label: str) -> tuple[list[str], list[str]]:
    """Warnings and errors about the size of a notebook and of its pictures."""
    warnings, errors = [], []
    size = len(text.encode("utf-8"))
    if size > TOO_LARGE:
        errors.append(f"{label}: {size // 1000} KB; the limit is {TOO_LARGE // 1000} KB")
    elif size > LARGE:
        warnings.append(f"{label}: {size // 1000} KB; aim for {LARGE // 1000} KB")
    for kind, limit in MAX_PICTURE.items():
        sizes = picture_sizes(notebook, kind)
        if len(sizes) > MAX_PICTURES:
            errors.append(f"{label}: {len(sizes)} pictures of type {kind}; the limit is {MAX_PICTURES}")
        errors += [
            f"{label}: cell {name!r}: a picture ({kind}) of {size // 1000} KB; the limit is {limit // 1000} KB"
            for name, size in sizes
            if size > limit
        ]
    return warnings, errors


def picture_sizes(notebook: nbformat.NotebookNode, kind: str) -> list[tuple[str, int]]:
    """Cell name and size in bytes of each picture of a type."""
    stored = [
        (cell.id, output.get("data", {}).get(kind)) for cell in notebook.cells for output in cell.get("outputs", [])
    ]
    return [
        (name, len(base64.b64decode(data) if kind == "image/png" else data.encode())) for name, data in stored if data
    ]
