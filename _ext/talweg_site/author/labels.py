"""Where the labels of an edition lead and what a reference to them says, numbered as Sphinx numbers them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from talweg_site.address import read_address
from talweg_site.chapter import ChapterError, lines_outside_fences

HEADING = re.compile(r"(#{1,6}) +(.*?)\s*$")
LABEL = re.compile(r" {0,3}\(([^)\s]+)\)=\s*$")
EQUATION = re.compile(r"\$\$\s*\(([^)\s]+)\)\s*$")


@dataclass(frozen=True)
class Target:
    """A place of the book: its page, its id there, and what a reference shows (a title or a number)."""

    page: str
    anchor: str
    text: str


@dataclass
class Edition:
    """An edition's places, all that a role can name. site: the whole site's address. numbers: of the numbered chapters."""

    root: Path
    site: str
    code: str
    numbers: dict[str, int]
    titles: dict[str, str] = field(default_factory=dict)
    sections: dict[str, Target] = field(default_factory=dict)
    figures: dict[str, Target] = field(default_factory=dict)
    equations: dict[str, Target] = field(default_factory=dict)
    cells: dict[str, Target] = field(default_factory=dict)  # "page:name"

    def address(self, page: str) -> str:
        """The address of a page of the site."""
        return f"{self.site}{self.code}/{page}.html"

    def number(self, page: str, count: int) -> str:
        """The number of the `count`-th figure or equation of a page."""
        return f"{self.numbers[page]}.{count}" if page in self.numbers else str(count)


def chapter_numbers(root: Path) -> dict[str, int]:
    """The numbers of the pages that `_toc.yml` numbers."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = [part for part in toc["parts"] if part.get("numbered")]
    pages = [entry["file"] for part in parts for entry in part["chapters"]]
    return {page: number for number, page in enumerate(pages, start=1)}


def read_edition(root: Path, code: str) -> Edition:
    """The edition `code` with the labels of all its pages."""
    edition = Edition(root, read_address(root).site, code, chapter_numbers(root))
    for path in sorted((root / "chapters" / code).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        _read_lines(edition, path.stem, text)
        if path.with_suffix(".ipynb").exists():
            _read_cells(edition, path)
    return edition


def _read_lines(edition: Edition, page: str, text: str) -> None:
    waiting: list[str] = []  # labels that stand before the next heading
    count = 0
    for _, line in lines_outside_fences(text):
        if match := LABEL.match(line):
            waiting.append(match[1])
        elif match := HEADING.match(line):
            edition.titles.setdefault(page, match[2])
            edition.sections |= {name: Target(page, name, match[2]) for name in waiting}
            waiting = []
        elif match := EQUATION.match(line):
            count += 1
            edition.equations[match[1]] = Target(page, f"equation-{match[1]}", f"({edition.number(page, count)})")


def _read_cells(edition: Edition, path: Path) -> None:
    page, count = path.stem, 0
    executed = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))  # the .md takes longer to parse
    for cell in executed["cells"]:
        if cell["cell_type"] != "code":
            continue
        edition.cells[f"{page}:{cell['id']}"] = Target(page, f"cell-{cell['id']}", cell["id"])
        if name := figure_name(cell["metadata"]):
            count += 1
            edition.figures[name] = Target(page, name, edition.number(page, count))


def figure_name(metadata: dict) -> str:
    """The label of a code cell's figure, from `mystnb: {figure: {name: …}}`; empty for a cell without one."""
    return ((metadata.get("mystnb") or {}).get("figure") or {}).get("name", "")


def find(targets: dict[str, Target], name: str, role: str) -> Target:
    """The target of a reference. ChapterError for a name that nothing has."""
    if name not in targets:
        raise ChapterError(f"{{{role}}}`{name}`: nothing has this name")
    return targets[name]
