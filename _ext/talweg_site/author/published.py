"""The notebooks that readers open: `notebooks/<lang>/<chapter>.ipynb`, made from the executed chapters.

Colab, GitHub, Binder and JupyterLab read no MyST: here every reference is text with a link, figures have numbers and
captions, and pictures stand where only a running kernel draws. Code and printed results are those of the chapter's own
.ipynb, which the site is built from and nbval checks. `python -m talweg_site.author.notebooks` brings both into step.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import nbformat

from talweg_site.author.citations import word
from talweg_site.author.labels import Edition, figure_name, read_edition
from talweg_site.author.markdown import ANCHOR, Headings, Notebook, own_references, plain_markdown, resolve_roles
from talweg_site.author.outputs import Picture, is_driven, plain_outputs, stored_pictures
from talweg_site.author.sources import digest, sources
from talweg_site.chapter import ChapterError
from talweg_site.editions import names

FOLDER = "notebooks"
CHANGED = "nbval-ignore-output"  # what a cell stores is not all that running it shows


def published_path(md: Path, root: Path) -> Path:
    """Where the notebook for readers of a chapter lies."""
    return root / FOLDER / md.parent.name / f"{md.stem}.ipynb"


def publish(md: Path, edition: Edition, taken: Mapping[str, Picture] | None = None) -> str:
    """The text of the notebook for readers. Raises ChapterError; writes nothing.

    taken: new pictures of driven figures, by cell; the others keep those that the notebook has.
    """
    path, source = published_path(md, edition.root), md.relative_to(edition.root)
    before = _read(path) if path.exists() else None
    pictures = {**stored_pictures(before), **(taken or {})} if before else dict(taken or {})
    executed = _read(md.with_suffix(".ipynb"))
    try:
        cells = _cells(executed, pictures, Notebook(edition, md.stem))
    except ChapterError as error:
        raise ChapterError(f"{source}: {error}") from error
    metadata = {key: executed.metadata[key] for key in ("kernelspec", "language_info") if key in executed.metadata}
    notebook = _node({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    if before:
        _refuse_hand_edit(before, notebook, path.relative_to(edition.root), source)
    notebook.metadata["talweg"] = {"sources": digest(sources(notebook))}
    nbformat.validate(notebook)
    return nbformat.v4.writes(notebook) + "\n"


def _node(content: dict[str, Any]) -> nbformat.NotebookNode:
    """A dict as nbformat's own: from_dict gives a node for a dict, which its types cannot tell from what it makes of a list."""
    return cast("nbformat.NotebookNode", nbformat.from_dict(content))


def _read(path: Path) -> nbformat.NotebookNode:
    """A notebook that one of our tools wrote: nbformat would validate it, which takes longer than all else."""
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def _refuse_hand_edit(before: nbformat.NotebookNode, new: nbformat.NotebookNode, path: Path, source: Path) -> None:
    """Raise ChapterError if the cells are neither those that the tool wrote nor those that it would write now."""
    now = sources(before)
    if before.metadata.get("talweg", {}).get("sources") != digest(now) and now != sources(new):
        raise ChapterError(
            f"{path}: edited by hand. It is made from {source}: carry the edit over to that, or keep your copy in another "
            "folder; then delete this file and run `make notebooks` again"
        )


def _cells(
    executed: nbformat.NotebookNode, pictures: Mapping[str, Picture], notebook: Notebook
) -> list[nbformat.NotebookNode]:
    texts = [cell.source if cell.cell_type == "markdown" else _caption_of(cell) for cell in executed.cells]
    notebook.wanted = set().union(*(own_references(text, notebook) for text in texts))
    headings = Headings(notebook.edition.numbers.get(notebook.page))
    cells: list[nbformat.NotebookNode] = []
    for cell in executed.cells:
        if cell.cell_type == "markdown":
            cells.append(_markdown(cell.id, plain_markdown(cell.source, notebook, headings)))
        else:
            cells += _name(cell, notebook) + [_code(cell, executed, pictures.get(cell.id), notebook)]
            cells += _caption(cell, "picture" in cells[-1].metadata.get("talweg", {}), notebook)
    said = names(notebook.edition.code)["notebook"]["about"].format(
        address=f"<{notebook.edition.address(notebook.page)}>"
    )
    return [cells[0], _markdown("about-this-notebook", f"*{said}*"), *cells[1:]]


def _markdown(name: str, source: str) -> nbformat.NotebookNode:
    return _node({"cell_type": "markdown", "id": name[-64:], "metadata": {}, "source": source})


def _caption_of(cell: nbformat.NotebookNode) -> str:
    return ((cell.metadata.get("mystnb") or {}).get("figure") or {}).get("caption", "")


def _name(cell: nbformat.NotebookNode, notebook: Notebook) -> list[nbformat.NotebookNode]:
    """The name of a cell to which the text refers, to stand above it."""
    anchor = f"cell-{cell.id}"
    return [_markdown(f"name-{cell.id}", f"{ANCHOR.format(anchor)}`{cell.id}`")] if anchor in notebook.wanted else []


def _code(
    cell: nbformat.NotebookNode, executed: nbformat.NotebookNode, picture: Picture | None, notebook: Notebook
) -> nbformat.NotebookNode:
    new = copy.copy(cell)
    new.metadata = _node({key: cell.metadata[key] for key in ("name", "tags") if key in cell.metadata})
    new.outputs = plain_outputs(cell, executed, picture, names(notebook.edition.code)["notebook"])
    if [set(output.get("data", {})) for output in new.outputs] != [set(o.get("data", {})) for o in cell.outputs]:
        new.metadata["tags"] = sorted({*new.metadata.get("tags", []), CHANGED})
    if picture and any(is_driven(output, executed) for output in cell.outputs):
        new.metadata["talweg"] = {"picture": picture.shows}
    return new


def _caption(cell: nbformat.NotebookNode, is_picture: bool, notebook: Notebook) -> list[nbformat.NotebookNode]:
    """Number and caption of a figure, to stand under it. is_picture: of one that can be driven once the cell was run."""
    figure = figure_name(cell.metadata)
    if not figure:
        return []
    number = word(notebook.edition, "Fig. %s") % notebook.edition.figures[figure].text
    anchor = ANCHOR.format(figure) if figure in notebook.wanted else ""
    text = f"{anchor}**{number}.** {resolve_roles(_caption_of(cell), notebook)}"
    if is_picture:
        text += f" *{names(notebook.edition.code)['notebook']['run']}*"
    return [_markdown(f"caption-{cell.id}", text)]


def behind(root: Path, chapters: list[Path]) -> tuple[dict[Path, str], list[str]]:
    """The right text of each notebook for readers that is not in step with its chapter; and what stands in the way."""
    editions = {code: read_edition(root, code) for code in {md.parent.name for md in chapters}}
    texts, problems = {}, []
    for md in chapters:
        path = published_path(md, root)
        try:
            text = publish(md, editions[md.parent.name])
        except ChapterError as error:
            problems.append(str(error).replace(f"{root}{os.sep}", ""))
        else:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                texts[path] = text
    return texts, problems
