"""The Sphinx extension of the reference: pages from the library's face, docstrings of both manners, `names.json`.

The reference is a Sphinx build of its own (`conf.py` beside this file), in English, at `api/` of the site.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any, cast

from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain

from talweg_site.address import read_address
from talweg_site.build import fonts, theme
from talweg_site.build.api import face
from talweg_site.build.characters import used_in
from talweg_site.build.page import book_version, build_date
from talweg_site.build.search import drop_sphinx_search
from talweg_site.editions import EDITIONS, find_root

NAMES = "names.json"
INDEX = """\
The library
===========

``talweg`` is the library that the book's chapters import. Each name here leads to its highlighted source; names in the
chapters' cells lead here. In a chapter, ``import talweg`` is enough: its modules are imported when they are first used.

"""
TREE = """
.. toctree::
   :hidden:

"""
_properties: dict[str, list[str]] = {}  # their docstrings, on the way past napoleon
SPAN = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`|`[^`]+`)")


def write_sources(folder: Path) -> None:
    """Write index.rst and a page for each public module into `folder`; files that would not change are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    summaries = {module.__name__: (inspect.getdoc(module) or "").partition("\n")[0] for module in face.modules()}
    pages = {name: _page(name) for name in summaries}
    pages["index"] = _index(summaries)
    for path in folder.glob("*.rst"):
        if path.stem not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _index(summaries: dict[str, str]) -> str:
    """What each module is for; beside the pages, modules go by their names within the library."""
    listing = "".join(f":doc:`{name}`\n   {_plain(summary)}\n\n" for name, summary in summaries.items())
    return INDEX + listing + TREE + "".join(f"   {name.removeprefix('talweg.')} <{name}>\n" for name in summaries)


def _page(module: str) -> str:
    text = f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n   :no-members:\n\n"
    for name, value in face.homes().items():
        if name.rpartition(".")[0] == module:
            text += _entry(name, value)
    return text


def _entry(name: str, value: Any) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n   :members:\n   :undoc-members:\n\n"
    return f".. autofunction:: {name}\n\n" if callable(value) else f".. py:data:: {name}\n\n"


def separate_indented(lines: list[str]) -> list[str]:
    """The same lines, those before the first section of numpydoc with a blank one wherever the indentation changes.

    An indented formula is then a block of its own; reStructuredText would take the line before it for a term.
    """
    end = next((number - 1 for number, line in enumerate(lines) if re.fullmatch(r"\s*-{3,}\s*", line)), len(lines))
    found: list[str] = []
    for line in lines[:end]:
        before = found[-1] if found else ""
        if line.strip() and before.strip() and _indent(line) != _indent(before):
            found.append("")
        found.append(line)
    return found + lines[end:]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def plain_docstring(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: a name between backticks is code, and no other sign is markup.

    Roles, literals in double backticks, sections of numpydoc (napoleon reads them next) and examples stay as they are.
    """
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()  # what Python says of every field of a named tuple
    if what == "attribute" and "\n".join(lines).strip() == inspect.getdoc(type(value)):
        lines.clear()  # autodoc takes the docstring of the value's class for the attribute's
    lines[:] = separate_indented(lines)
    code = False
    for number, line in enumerate(lines):
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        if not code and not re.fullmatch(r"\s*-{3,}\s*", line):
            lines[number] = _plain(line)
    if what == "property":
        _properties[name] = list(lines)


def _plain(line: str) -> str:
    """A line of plain text as reStructuredText."""
    parts = SPAN.split(line)
    parts[::2] = [re.sub(r"([\\*|`]|_(?!\w)|(?<!http)(?<!https):(?=//))", r"\\\1", text) for text in parts[::2]]
    parts[1::2] = [f"`{text}`" if re.fullmatch(r"`[^`]+`", text) else text for text in parts[1::2]]
    return "".join(parts)


def properties_as_written(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before the first colon of a property's docstring for its type; the hint says that."""
    if name in _properties:
        lines[:] = _properties.pop(name)


def use_template(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> str:
    """Every page, sources too, in the template of the reference."""
    address = read_address(find_root(Path.cwd()))
    context.update(
        language="en",
        editions=EDITIONS.values(),
        vendor=f"{context['content_root']}../_static/vendor/",
        repository_url=address.url,
        book_version=book_version(),
        build_date_iso=build_date().isoformat(),
    )
    return "api.html"


def begin(app: Sphinx) -> None:
    """Write the pages; the reference has no search of its own."""
    write_sources(Path(app.srcdir))
    drop_sphinx_search(app)


def write_names(app: Sphinx, exception: Exception | None) -> None:
    """Write names.json: the documented name of each public one, where it leads, and the class of what calls return."""
    if exception:
        return
    documented = cast(PythonDomain, app.env.get_domain("py")).objects
    aliases = {alias: name for alias, name in face.aliases().items() if name in documented}
    links = {name: f"{documented[name].docname}.html#{documented[name].node_id}" for name in set(aliases.values())}
    names = {"aliases": aliases, "links": links, "results": face.results()}
    Path(app.outdir, NAMES).write_text(json.dumps(names, indent=0, sort_keys=True), encoding="utf-8")


def provide_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Cut the fonts to what the reference says."""
    if not exception:
        shown = used_in(sorted(Path(app.outdir).rglob("*.html")), [], "en")
        fonts.write_fonts(find_root(Path.cwd()), Path(app.outdir) / "_static" / "fonts", fonts.REFERENCE, shown)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what the reference adds to autodoc, napoleon and viewcode."""
    theme.setup(app)
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", properties_as_written, priority=600)  # behind it
    app.connect("html-page-context", use_template)
    app.connect("builder-inited", begin)
    app.connect("build-finished", write_names)
    app.connect("build-finished", provide_fonts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
