"""Keep every chapter's notebooks in step with its .md, the only source: the executed one beside it, which the site is built
from, and the one for readers in `notebooks`.

    python -m talweg_site.author.notebooks [--lang es] [chapter …]

Prose goes over without running anything; a notebook whose code changed is run again from the top.
Never `jupytext --sync`: it trusts file times and overwrites an edited .md when the .ipynb is newer.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from talweg.atomic import whole_file
from talweg_site.author.execute import execute, size_problems
from talweg_site.author.published import FOLDER, behind, published_path
from talweg_site.author.sources import digest, sources
from talweg_site.chapter import ChapterError, chapters, read_chapter

MAX_SECONDS = 40  # what a notebook may take, start included
RUNTIME_TAGS = ("raises-exception", "skip-execution")


@dataclass
class Result:
    """What became of one chapter."""

    label: str
    action: str = "in step"
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: str = ""


def code(notebook: nbformat.NotebookNode) -> list:
    """All that a run depends on: the code cells in order, their run-time tags, the kernel."""
    cells = [
        [cell.id, cell.source, [tag for tag in cell.metadata.get("tags", []) if tag in RUNTIME_TAGS]]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    return [notebook.metadata.get("kernelspec", {}).get("name"), cells]


def was_run(notebook: nbformat.NotebookNode) -> bool:
    """Whether every code cell carries a count (someone may have cleared the outputs in Jupyter)."""
    skipped = "skip-execution"
    return all(
        cell.execution_count is not None or not cell.source.strip() or skipped in cell.metadata.get("tags", [])
        for cell in notebook.cells
        if cell.cell_type == "code"
    )


def refuse_hand_edit(old: nbformat.NotebookNode, new: nbformat.NotebookNode, path: Path) -> None:
    """Raise ChapterError if the .ipynb's sources are neither those it was made from nor those of the .md."""
    now = sources(old)
    made_from = old.metadata.get("talweg", {}).get("sources")
    if digest(now) == made_from or now == sources(new):
        return
    theirs = {row[0]: row for row in sources(new)}
    changed = [row[0] for row in now if theirs.get(row[0]) != row]
    raise ChapterError(
        f"{path}: edited by hand (cells that differ from the .md: {', '.join(changed) or 'their order'}). The .md beside "
        "it is the only source: carry the edit over to it, delete this .ipynb, and run `make notebooks` again"
    )


def build(md: Path, *, root: Path, prose_only: bool = False, run_all: bool = False) -> tuple[str, str, Result]:
    """The .ipynb text on disk (or "") and the one that belongs there. Raises ChapterError; writes nothing."""
    ipynb, label = md.with_suffix(".ipynb"), str(md.relative_to(root))
    result = Result(label)
    new = read_chapter(md)
    before = ipynb.read_text(encoding="utf-8") if ipynb.exists() else ""
    old = _parse(before, ipynb) if before else None
    if old is not None:
        refuse_hand_edit(old, new, ipynb.relative_to(root))
    new.metadata["talweg"] = {"sources": digest(sources(new))}
    if old is not None and not run_all and code(old) == code(new) and was_run(old):
        _carry_over(old, new)
    elif prose_only:
        why = "its code changed" if old is not None else "it has never been run"
        raise ChapterError(f"{label}: {why}; run `make notebooks` first")
    else:
        start = time.perf_counter()
        execute(new, md.parent, label)
        result.action, result.seconds = "executed", time.perf_counter() - start
    after = nbformat.writes(new) + "\n"
    nbformat.validate(new)
    result.warnings, errors = size_problems(new, after, label)
    if errors:
        raise ChapterError("\n".join(errors))
    if result.seconds > MAX_SECONDS:
        result.warnings.append(
            f"{label}: ran {result.seconds:.0f} s; aim for {MAX_SECONDS} s at most on a free machine"
        )
    if result.action == "in step" and before != after:
        result.action = "prose updated"
    return before, after, result


def _parse(text: str, path: Path) -> nbformat.NotebookNode:
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ChapterError(f"{path}: not a valid notebook ({error}); delete it and run `make notebooks`") from error
    return notebook


def _carry_over(old: nbformat.NotebookNode, new: nbformat.NotebookNode) -> None:
    """Take outputs, counts and widgets from the notebook that ran the same code."""
    ran = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran[cell.id].outputs, ran[cell.id].execution_count
    for key in ("language_info", "widgets"):
        if key in old.metadata:
            new.metadata[key] = old.metadata[key]


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old text or the new one, never a part."""
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))


def refresh(md: Path, root: Path, prose_only: bool, run_all: bool) -> Result:
    """Bring one .ipynb into step; a failure is told in the result and leaves the file as it was."""
    try:
        before, after, result = build(md, root=root, prose_only=prose_only, run_all=run_all)
    except ChapterError as error:
        return Result(str(md.relative_to(root)), "FAILED", error=str(error).replace(f"{root}{os.sep}", ""))
    if before != after:
        write_atomically(md.with_suffix(".ipynb"), after)
    return result


def out_of_step(root: Path) -> list[str]:
    """Problems that `make notebooks` would mend or report; writes and runs nothing."""
    problems = []
    for md in chapters(root):
        try:
            before, after, result = build(md, root=root, prose_only=True)
        except ChapterError as error:
            problems.append(str(error))
        else:
            problems += [f"{result.label}: its .ipynb is behind; run `make notebooks`"] if before != after else []
    texts = {md.with_suffix(".ipynb") for md in chapters(root)}
    texts |= {published_path(md, root) for md in chapters(root)}
    found = sorted([*(root / "chapters").glob("*/*.ipynb"), *(root / FOLDER).glob("*/*.ipynb")])
    problems += [
        f"{p.relative_to(root)}: there is no MyST notebook that is its source" for p in found if p not in texts
    ]
    late, trouble = behind(root, [md for md in chapters(root) if md.with_suffix(".ipynb").exists()])
    return [*problems, *trouble, *(f"{path.relative_to(root)}: is behind; run `make notebooks`" for path in late)]


def refresh_all(
    paths: list[Path], root: Path, *, prose_only: bool, run_all: bool, jobs: int, report: Callable[[Result], None]
) -> list[Result]:
    """Refresh chapters, `jobs` at a time, each in a process of its own."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        waiting = [pool.submit(refresh, md, root, prose_only, run_all) for md in paths]
        results = []
        for future in waiting:
            results.append(future.result())
            report(results[-1])
    return results


def publish(root: Path, chapters: list[Path]) -> list[str]:
    """Write the notebooks for readers that are behind; returns what went wrong."""
    texts, problems = behind(root, chapters)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    return problems


def _print(result: Result) -> None:
    seconds = f" in {result.seconds:.0f} s" if result.seconds else ""
    print(f"{result.label}: {result.action}{seconds}", flush=True)
    for warning in result.warnings:
        print(f"  warning: {warning}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 if every chapter is in step."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.author.notebooks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("chapters", nargs="*", metavar="chapter", help="only these chapters, e.g. gradient-descent")
    parser.add_argument("--lang", action="append", help="only this edition (may be repeated)")
    parser.add_argument("--prose-only", action="store_true", help="run nothing; an error where code changed")
    parser.add_argument("--all", action="store_true", help="run every chosen notebook again")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="notebooks at a time (default 2)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    options = parser.parse_args(arguments)
    if options.prose_only and options.all:
        parser.error("--prose-only runs nothing, --all runs everything: choose one")
    root = options.root.resolve()
    try:
        paths = chapters(root, options.lang, options.chapters)
    except ChapterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    results = refresh_all(
        paths, root, prose_only=options.prose_only, run_all=options.all, jobs=options.jobs, report=_print
    )
    problems = [result.error for result in results if result.error]
    problems += publish(root, [md for md, result in zip(paths, results, strict=True) if not result.error])
    for problem in problems:
        print(f"\nerror: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
