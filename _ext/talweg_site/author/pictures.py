"""Pictures of the driven figures for the notebooks that readers open, photographed from the built site.

    python -m talweg_site.author.pictures [--all]

Takes those that are missing, or that show other words or values than the figure does now (--all: every one, after a
change of how figures draw). Build the site first; needs Chromium (`make pictures` does both).
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
from pathlib import Path

import nbformat
from PIL import Image

from talweg.i18n import EDITIONS
from talweg_site.author.labels import read_edition
from talweg_site.author.notebooks import write_atomically
from talweg_site.author.outputs import Picture, is_driven, stored_pictures, what_it_shows
from talweg_site.author.published import publish, published_path
from talweg_site.chapter import chapters
from talweg_site.print.cells import figure_id
from talweg_site.print.pdf import PdfError, photograph_edition
from talweg_site.print.photographs import SCALE, PhotographError

COLORS = 128  # with fewer, shades show steps and thin lines lose their colours


def driven(md: Path) -> dict[str, tuple[str, str]]:
    """Each cell of a chapter with a driven figure → the figure's id on the page, and what it shows."""
    executed = nbformat.v4.reads(md.with_suffix(".ipynb").read_text(encoding="utf-8"))
    return {
        cell.id: (figure_id(cell), what_it_shows(output, executed))
        for cell in executed.cells
        if cell.cell_type == "code" and figure_id(cell)
        for output in cell.outputs
        if is_driven(output, executed)
    }


def missing(md: Path, root: Path) -> list[str]:
    """The cells of a chapter whose picture is missing or shows another state than the figure does."""
    stored = stored_pictures(nbformat.v4.reads(published_path(md, root).read_text(encoding="utf-8")))
    return [cell for cell, (_, shows) in driven(md).items() if cell not in stored or stored[cell].shows != shows]


def from_photograph(png: bytes, shows: str) -> Picture:
    """A photograph with few colours, at the size that it has on the page."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    text = base64.b64encode(out.getvalue()).decode()
    return Picture(shows, text, image.width // SCALE, image.height // SCALE)


def take(root: Path, code: str, wanted: dict[Path, list[str]]) -> None:
    """Photograph an edition and put the wanted pictures, cells by chapter, into its notebooks."""
    work = root / "_build" / "print"
    photograph_edition(root, code, work)
    edition = read_edition(root, code)
    for md, cells in wanted.items():
        figures = driven(md)
        files = {cell: work / code / "photographs" / f"{md.stem}.{figures[cell][0]}.png" for cell in cells}
        taken = {cell: from_photograph(path.read_bytes(), figures[cell][1]) for cell, path in files.items()}
        write_atomically(published_path(md, root), publish(md, edition, taken))
        print(f"{published_path(md, root).relative_to(root)}: {len(taken)} pictures", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.author.pictures", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--all", action="store_true", help="every picture, not only what is missing or behind")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    for code in EDITIONS:
        pages = chapters(root, [code])
        wanted = {md: list(driven(md)) if options.all else missing(md, root) for md in pages}
        wanted = {md: cells for md, cells in wanted.items() if cells}
        try:
            if wanted:
                take(root, code, wanted)
        except (PdfError, PhotographError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
