r"""MyST's Markdown as the Markdown that every notebook program reads: no label, role or directive is left.

Roles become text with links, labels that the same notebook refers to become anchors, numbered equations get `\tag`.
Whatever has no such form yet is an error that names it: a reader of a notebook must never see markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from talweg_site.author.citations import citation, word
from talweg_site.author.labels import EQUATION, HEADING, LABEL, Edition, Target, find
from talweg_site.build.glossary import load_glossary
from talweg_site.chapter import ChapterError, lines_outside_fences

ROLE = re.compile(r"\{([a-z:]+)\}`([^`]+)`")
EXPLICIT = re.compile(r"(.*?)\s*<([^<>]+)>", re.DOTALL)  # text <target>
DIRECTIVE = re.compile(r"\s*(:::+|```+)\{")
ANCHOR = '<a id="{}"></a>'


@dataclass
class Notebook:
    """The notebook of one page, and the ids of its own places to which its text refers."""

    edition: Edition
    page: str
    wanted: set[str] = field(default_factory=set)

    def link(self, text: str, target: Target) -> str:
        """A link within this notebook, or to the site."""
        if target.page == self.page:
            return f"[{text}](#{target.anchor})"
        return f"[{text}](<{self.edition.address(target.page)}#{target.anchor}>)"


def resolve_roles(text: str, notebook: Notebook) -> str:
    """`text` with every role as text and link."""

    def replace(match: re.Match[str]) -> str:
        role, content = match[1], match[2]
        if role not in ROLES:
            raise ChapterError(f"{{{role}}}`{content}`: this role has no form in a notebook yet (author/markdown.py)")
        explicit = EXPLICIT.fullmatch(content)
        said, name = (explicit[1], explicit[2]) if explicit else ("", content)
        return ROLES[role](notebook, said, name)

    return ROLE.sub(replace, text)


def _section(notebook: Notebook, said: str, name: str) -> str:
    target = find(notebook.edition.sections, name, "ref")
    return notebook.link(said or target.text, target)


def _figure(notebook: Notebook, said: str, name: str) -> str:
    target = find(notebook.edition.figures, name, "numref")
    return notebook.link((said or word(notebook.edition, "Fig. %s")).replace("%s", target.text), target)


def _equation(notebook: Notebook, said: str, name: str) -> str:
    target = find(notebook.edition.equations, name, "eq")
    return notebook.link(said or target.text, target)


def _document(notebook: Notebook, said: str, name: str) -> str:
    if name not in notebook.edition.titles:
        raise ChapterError(f"{{doc}}`{name}`: there is no such page")
    return f"[{said or notebook.edition.titles[name]}](<{notebook.edition.address(name)}>)"


def _cell(notebook: Notebook, said: str, name: str) -> str:
    full = name if ":" in name else f"{notebook.page}:{name}"
    target = find(notebook.edition.cells, full, "cell")
    return notebook.link(said or f"`{target.text}`", target)


def _term(notebook: Notebook, said: str, name: str) -> str:
    for entry in load_glossary(notebook.edition.root / "glossary.yml"):
        if entry[notebook.edition.code]["term"] == name:
            return f"[{said or name}](<{notebook.edition.address('glossary')}#term-{entry['id']}>)"
    raise ChapterError(f"{{term}}`{name}`: the glossary has no such term")


def _citation(notebook: Notebook, said: str, name: str) -> str:
    return citation(notebook.edition, said or name)


ROLES: dict[str, Callable[[Notebook, str, str], str]] = {
    "ref": _section,
    "numref": _figure,
    "eq": _equation,
    "doc": _document,
    "cell": _cell,
    "term": _term,
    "cite": _citation,
}


def own_references(text: str, notebook: Notebook) -> set[str]:
    """The ids within the notebook's own page that the roles of `text` lead to."""
    return set(re.findall(r"\]\(#([^)]+)\)", resolve_roles(text, notebook)))


class Headings:
    """Counts a notebook's sections, which have numbers where the chapter has one."""

    def __init__(self, number: int | None) -> None:
        self.number, self.section = number, 0

    def numbered(self, marks: str, title: str) -> str:
        """The heading with its number, as on the site: chapters and sections."""
        if marks == "##":
            self.section += 1
        shown = {"#": f"{self.number}. ", "##": f"{self.number}.{self.section}. "} if self.number else {}
        return f"{marks} {shown.get(marks, '')}{title}"


def plain_markdown(text: str, notebook: Notebook, headings: Headings) -> str:
    """One Markdown cell of a chapter for a notebook."""
    lines = text.split("\n")
    outside = {number - 1 for number, _ in lines_outside_fences(text)}
    opened = _equation_starts(lines, outside)
    out: list[str] = []
    for index, line in enumerate(lines):
        if DIRECTIVE.match(line):
            raise ChapterError(f"{line.strip()!r}: this directive has no form in a notebook yet (author/markdown.py)")
        if index not in outside:
            out.append(line)
        elif match := LABEL.match(line):
            out += [ANCHOR.format(match[1]), ""] if match[1] in notebook.wanted else []
        elif match := HEADING.match(line):
            out.append(headings.numbered(match[1], resolve_roles(match[2], notebook)))
        elif match := EQUATION.match(line):
            out.append(rf"\tag{{{notebook.edition.equations[match[1]].text.strip('()')}}}")
            out.append("$$")
        elif index in opened and opened[index] in notebook.wanted:
            out += [ANCHOR.format(opened[index]), line]
        else:
            out.append(line)
    return resolve_roles("\n".join(out), notebook)


def _equation_starts(lines: list[str], outside: set[int]) -> dict[int, str]:
    """Index of the `$$` that opens each numbered equation → the equation's id on the page."""
    starts, begin = {}, None
    for index, line in enumerate(lines):
        if index in outside and line.startswith("$$") and line.count("$$") == 1:
            match = EQUATION.match(line)
            if match and begin is not None:
                starts[begin] = f"equation-{match[1]}"
            begin = index if begin is None else None
    return starts
