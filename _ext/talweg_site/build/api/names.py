"""Which names of a notebook's cells are the library's: `SGD` after an import, `f.hvp` after `f = Objective.of(…)`.

Only what the text of the cells says is followed: imports, attributes, and assignments of a call to one name. A name
that is bound in any other way is no longer ours.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Use:
    """A name in a cell: its line (from 1), its column in characters, its text, and the documented name it stands for."""

    line: int
    column: int
    text: str
    target: str


@dataclass(frozen=True)
class Ref:
    """What an expression is: a module, class or function of the library, or a value of one of its classes."""

    name: str
    is_value: bool = False


@dataclass
class Names(ast.NodeVisitor):
    """Follows the cells of one notebook in their order. `aliases`, `results`: as in names.json."""

    aliases: dict[str, str]
    results: dict[str, str]
    bound: dict[str, Ref] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    unknown: list[str] = field(
        default_factory=list
    )  # names that a module or class of the library has not, as far as known
    lines: list[str] = field(default_factory=list)

    def read(self, source: str) -> list[Use]:
        """The library's names in the next cell, in the order of the text; [] for a cell that is no Python."""
        self.uses, self.lines = [], source.split("\n")
        try:
            self.visit(ast.parse(MAGIC.sub(r"\1pass", source)))
        except SyntaxError:
            return []
        return sorted(self.uses, key=lambda use: (use.line, use.column))

    def refer(self, node: ast.expr) -> Ref | None:
        """What an expression is, None for what is not the library's."""
        if isinstance(node, ast.Name):
            return self.bound.get(node.id)
        if isinstance(node, ast.Attribute) and (owner := self.refer(node.value)):
            is_member = owner.name.rpartition(".")[0] in self.results  # of a class: of what kind it is, is not known
            return self._look_up(f"{owner.name}.{node.attr}", may_lack=owner.is_value or is_member)
        if isinstance(node, ast.Call) and (called := self.refer(node.func)) and not called.is_value:
            cls = self.results.get(called.name)
            return Ref(cls, is_value=True) if cls else None
        return None

    def _look_up(self, name: str, *, may_lack: bool = False) -> Ref | None:
        if name in self.aliases:
            return Ref(self.aliases[name])
        if not may_lack:
            self.unknown.append(name)
        return None

    def _use(self, line: int, byte: int, text: str, ref: Ref | None) -> None:
        if ref and not ref.is_value:
            column = len(self.lines[line - 1].encode()[:byte].decode())
            self.uses.append(Use(line, column, text, ref.name))

    def visit_Import(self, node: ast.Import) -> None:
        """`import talweg`, `import talweg.plots as plots`."""
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.split(".")[0]
            self._bind(alias.asname or name, Ref(name) if name.split(".")[0] == "talweg" else None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from talweg.optimizers import SGD`."""
        ours = (node.module or "").split(".")[0] == "talweg" and not node.level
        for alias in node.names:
            ref = self._look_up(f"{node.module}.{alias.name}") if ours else None
            self._bind(alias.asname or alias.name, ref)
            self._use(alias.lineno, alias.col_offset, alias.name, ref)

    def visit_Assign(self, node: ast.Assign) -> None:
        """`f = Objective.of(…)` makes f a value of that class."""
        self.visit(node.value)
        ref = self.refer(node.value)
        for target in node.targets:
            self.visit(target)
            if isinstance(target, ast.Name):
                self._bind(target.id, ref)

    def visit_Name(self, node: ast.Name) -> None:
        """A name that is read is ours if it was bound so; one that is bound here is not."""
        if isinstance(node.ctx, ast.Load):
            self._use(node.lineno, node.col_offset, node.id, self.bound.get(node.id))
        else:
            self._bind(node.id, None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """The last name of a dotted one: it ends where the expression does."""
        self.visit(node.value)
        line, end = node.end_lineno or 0, node.end_col_offset or 0  # ast.parse sets both
        self._use(line, end - len(node.attr.encode()), node.attr, self.refer(node))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Inside a function its parameters hide what they are named after."""
        self._bind(node.name, None)
        self._inside(node.args, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """As in a function."""
        self._inside(node.args, [node.body])

    def _inside(self, arguments: ast.arguments, body: list[Any]) -> None:
        for default in [*arguments.defaults, *filter(None, arguments.kw_defaults)]:
            self.visit(default)
        before = dict(self.bound)
        for argument in ast.walk(arguments):
            if isinstance(argument, ast.arg):
                self._bind(argument.arg, None)
        for node in body:
            self.visit(node)
        self.bound = before

    def _comprehension(self, node: Any) -> None:
        before = dict(self.bound)
        for generator in node.generators:
            self.visit(generator)
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self.bound = before

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _bind(self, name: str, ref: Ref | None) -> None:
        if ref:
            self.bound[name] = ref
        else:
            self.bound.pop(name, None)
