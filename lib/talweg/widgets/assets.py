"""Scripts and style sheets of the widgets, joined into one text each.

JavaScript lives in readable ES modules beside the Python that uses them. A widget's `_esm` must be ONE module, so
`script` joins a module with the local modules it imports and drops comments, indentation and `export`. Nothing else is
rewritten: what the tests import in node is what the reader's browser runs. All modules of a bundle therefore share one
scope: no two may define the same name at the top level.
"""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent
BASE = (_HERE / "base.css", _HERE / "figures.css")  # what every figure wears
CHOICE = _HERE / "choice.css"  # and those with lists and boxes to choose from

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\./|\.\./)([\w./-]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?!default )", re.M)
_COMMENT = re.compile(r"^[ \t]*//.*\n", re.M)
_DECLARED = re.compile(r"^(?:export )?(?:(?:async )?function\*? (\w+)|class (\w+)|(?:const|let|var) (.+))", re.M)


def script(path: Path) -> str:
    """The module at `path` with its local imports inlined (each once), without comment lines and indentation.

    Raises
    ------
    ValueError
        Two of the modules define the same name at the top level.

    Examples
    --------
    >>> from talweg.widgets import script
    >>> from talweg.chapters import folder
    >>> joined = script(folder("gradient-descent") / "ravine.js")
    >>> "import {" in joined, joined.count("export default")
    (False, 1)
    """
    modules = _with_imports(path.resolve(), set())
    sources = {module: module.read_text(encoding="utf-8") for module in modules}
    _refuse_shared_names(sources)
    return _compact("".join(_EXPORT.sub("", _IMPORT.sub("", source)) for source in sources.values()))


def style(*paths: Path) -> str:
    """Style sheets joined, without comments, indentation and the spaces that only people need.

    Examples
    --------
    >>> from talweg.widgets import BASE, style
    >>> sheet = style(*BASE)
    >>> "/*" in sheet, ": " in sheet
    (False, False)
    """
    sheet = _compact("".join(path.read_text(encoding="utf-8") for path in paths))
    sheet = re.sub(r"([{};,]) ", r"\1", sheet)  # a space after the end of a declaration, a rule or a list's entry
    sheet = re.sub(r" ([{}])", r"\1", sheet)  # and one before a brace
    return sheet.replace(": ", ":")  # "color: red"; the space before ":hover" in a selector means something, and stays


def _with_imports(path: Path, seen: set[Path]) -> list[Path]:
    """The module and those it imports, directly or not, each after the ones that it needs."""
    seen.add(path)
    imports = _IMPORT.finditer(path.read_text(encoding="utf-8"))
    needed = [(path.parent / (match[1] + match[2])).resolve() for match in imports]
    before = [module for one in needed if one not in seen for module in _with_imports(one, seen)]
    return [*before, path]


def _refuse_shared_names(sources: dict[Path, str]) -> None:
    owners: dict[str, Path] = {}
    for module, source in sources.items():
        for name in _top_level_names(source):
            if owners.setdefault(name, module) != module:
                raise ValueError(f"one bundle cannot hold {name!r} twice: in {owners[name]} and {module}; rename one")


def _top_level_names(source: str) -> list[str]:
    """Names that a module's own scope declares. Of a `const` that goes over several lines, those of the first."""
    names = []
    for function, kind, declared in _DECLARED.findall(source):
        names += [name for name in (function, kind) if name] or _declarators(declared)
    return names


def _declarators(text: str) -> list[str]:
    """`a = f(1, 2), b = 3` and `[a, b] = pair` → a, b: what stands before a `=` outside of all brackets."""
    flat, depth = "", 0
    for character in re.sub(r"^[\[{]|[\]}](?= = )", "", text):
        depth += (character in "([{") - (character in ")]}")
        flat += character if depth == 0 and character not in ")]}" else ""
    before = re.split(r" = ", flat, maxsplit=1)[0]
    return re.findall(r"\w+", before) + re.findall(r", (\w+) = ", flat[len(before) :])


def _compact(source: str) -> str:
    source = re.sub(r"^/\*.*?\*/\n", "", source, flags=re.M | re.S)
    lines = (line.strip() for line in _COMMENT.sub("", source).splitlines())
    return "\n".join(line for line in lines if line) + "\n"
