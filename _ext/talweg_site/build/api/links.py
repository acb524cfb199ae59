"""Names in the highlighted cells of a page become links to the library's reference.

Done to the finished pages of the site: there the editions and the reference stand side by side. In each cell a name is
a link where it comes first; more would only lengthen the way through the page with the Tab key.
"""

from __future__ import annotations

import json
import re
from html import escape, unescape
from pathlib import Path

from talweg.atomic import whole_file
from talweg_site.build.api.names import Names, Use
from talweg_site.build.api.pages import NAMES
from talweg_site.build.api.run import FOLDER

CELL = re.compile(r'(<div class="highlight-ipython3[^"]*"><div class="highlight"><pre>)(.*?)(</pre>)', re.DOTALL)
PIECE = re.compile(r"<[^>]*>|&[^;\s]+;|[^<&]", re.DOTALL)


def link_editions(root: Path, codes: list[str]) -> None:
    """Link the pages of editions that stand in the site; each is replaced as a whole, since it may be a hard link."""
    reference = root / "_build" / "html" / FOLDER / NAMES
    if not reference.exists():
        return
    names = json.loads(reference.read_text(encoding="utf-8"))
    for code in codes:
        for notebook in sorted((root / "chapters" / code).glob("*.ipynb")):
            page = root / "_build" / "html" / code / f"{notebook.stem}.html"
            if page.exists():
                linked = link_page(page.read_text(encoding="utf-8"), sources(notebook), names)
                with whole_file(page) as file:
                    file.write(linked.encode("utf-8"))


def sources(notebook: Path) -> list[str]:
    """The code cells of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def link_page(html: str, cells: list[str], names: dict[str, dict[str, str]]) -> str:
    """`html` with links in those of its cells that are among `cells`; some of a notebook are not shown."""
    follow = Names(names["aliases"], names["results"])
    uses = [(cell, follow.read(cell)) for cell in cells]
    found = {cell.strip(): _places(cell, first_uses(used), names["links"]) for cell, used in uses}

    def linked(match: re.Match) -> str:
        text = unescape(re.sub(r"<[^>]*>", "", match[2]))
        places = found.get(text.strip(), [])
        before = len(text) - len(text.lstrip())
        return (
            match[1] + _insert(match[2], [(start + before, end + before, to) for start, end, to in places]) + match[3]
        )

    return CELL.sub(linked, html)


def first_uses(uses: list[Use]) -> list[Use]:
    """Each name where it first stands in its cell; of `talweg.plots.curves` only `curves`, the modules lead nowhere new."""
    first = {use.target: use for use in reversed(uses)}
    return [use for use in first.values() if use.target.count(".") > 1]


def _places(cell: str, uses: list[Use], links: dict[str, str]) -> list[tuple[int, int, str]]:
    """Begin and end of each name in the stripped text of its cell, and its address."""
    begins = [0]
    for line in cell.split("\n"):
        begins.append(begins[-1] + len(line) + 1)
    stripped = len(cell) - len(cell.lstrip())
    starts = [(begins[use.line - 1] + use.column - stripped, use) for use in uses if use.target in links]
    return [(start, start + len(use.text), links[use.target]) for start, use in starts]


def _insert(highlighted: str, places: list[tuple[int, int, str]]) -> str:
    """Put `<a>` around the characters [start, end) of a highlighted text; a name is always within one of its spans."""
    opening = {start: f'<a class="api" href="../{FOLDER}/{escape(to)}">' for start, _, to in places}
    closing = {end for _, end, _ in places}
    position, pieces = 0, []
    for piece in PIECE.findall(highlighted):
        if not piece.startswith("<"):
            pieces.append(opening.get(position, ""))
            position += 1
        pieces.append(piece)
        if not piece.startswith("<") and position in closing:
            pieces.append("</a>")
    return "".join(pieces)
