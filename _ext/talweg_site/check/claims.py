"""Every claim of a code cell has its sentence in the cell's metadata, and every sentence its claim."""

from __future__ import annotations

import ast
import re

import nbformat

from talweg_site.chapter import sentences


def claims_made(source: str) -> list[str]:
    """The ids that a cell's code passes to `claim`, in their order; [] for code that does not parse."""
    plain = re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
    try:
        calls = [node for node in ast.walk(ast.parse(plain)) if isinstance(node, ast.Call)]
    except SyntaxError:
        return []
    found = [call.args[0] for call in calls if _name(call.func) == "claim" and call.args]
    literal = sorted((node.lineno, node.col_offset, node.value) for node in found if isinstance(node, ast.Constant))
    return [value for *_, value in literal if isinstance(value, str)]


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", None) or getattr(function, "id", "")


def claim_problems(cell: nbformat.NotebookNode, language: str, where: str) -> list[str]:
    """What the claims and the sentences of one cell lack of each other; `where` names file, line and cell."""
    return compare(claims_made(cell.source), sentences(cell.metadata, where), language, where)


def compare(made: list[str], said: dict[str, str], language: str, where: str) -> list[str]:
    """The claims without a sentence and the sentences without a claim, one line each."""
    problems = [f"{where}: claim {name!r} has no sentence in {language!r}" for name in made if name not in said]
    return problems + [
        f"{where}: sentence {name!r} in {language!r} belongs to no claim" for name in said if name not in made
    ]
