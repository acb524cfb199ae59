"""The public face of talweg: its modules, the names each documents, and where a name leads."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import talweg

# Modules that `talweg.__all__` does not list: the home of `talweg.table`, what chapters import from deeper down, and
# the table of models that a test writes.
# A test names what is missing here when a chapter imports from another.
DEEPER = (
    "talweg.experiments.comparison",
    "talweg.experiments.normalization",
    "talweg.experiments.optimizers",
    "talweg.initializers.diagnostics",
    "talweg.landscape.lanczos",
    "talweg.objective.tried",
    "talweg.tables",
)


def modules() -> list[ModuleType]:
    """The public modules and packages, in the order of their names."""
    names = [f"talweg.{name}" for name in talweg.__all__ if isinstance(getattr(talweg, name), ModuleType)]
    return [importlib.import_module(name) for name in sorted([*names, *DEEPER])]


def public_names(module: ModuleType) -> list[str]:
    """What a module offers: `__all__`, or what it defines itself."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return [name for name in getattr(module, "__all__", own) if not name.startswith("_")]


def homes() -> dict[str, Any]:
    """Full name → object, each object once: under the first module that offers it, its own before others."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, value in sorted(_offered(), key=lambda offer: not _is_own(*offer)):
        if not isinstance(value, ModuleType) and (id(value) not in seen or not callable(value)):
            seen.add(id(value))
            found[name] = value
    return found


def _offered() -> Iterator[tuple[str, Any]]:
    for module in modules():
        for name in public_names(module):
            yield f"{module.__name__}.{name}", getattr(module, name)


def _is_own(name: str, value: Any) -> bool:
    package = name.rpartition(".")[0]
    return f"{getattr(value, '__module__', '')}.".startswith(f"{package}.")


def aliases() -> dict[str, str]:
    """Every public dotted name → the name under which the pages document it: `talweg.Run` → `talweg.run.Run`."""
    home = {id(value): name for name, value in homes().items() if callable(value)}
    top = [(f"talweg.{name}", getattr(talweg, name)) for name in talweg.__all__]
    found = {name: home.get(id(value), name) for name, value in [*top, *_offered()]}
    for name, value in homes().items():
        if inspect.isclass(value):
            for member in [member for member in dir(value) if not member.startswith("_")]:
                owner = next(cls for cls in value.__mro__ if member in vars(cls))
                found[f"{name}.{member}"] = f"{home.get(id(owner), name)}.{member}"
    return found


def results() -> dict[str, str]:
    """Full name of a class, function or method → full name of the class of what a call of it returns."""
    classes = {name: value for name, value in homes().items() if inspect.isclass(value)}
    calls = {name: value for name, value in homes().items() if inspect.isfunction(value)}
    for name, cls in classes.items():
        calls |= {f"{name}.{key}": getattr(cls, key) for key in vars(cls) if inspect.isroutine(getattr(cls, key, None))}
    home = {id(value): name for name, value in classes.items()}
    found = {name: home.get(id(_returned(call, classes)), "") for name, call in calls.items()}
    return {name: name for name in classes} | {name: cls for name, cls in found.items() if cls}


def _returned(call: Any, classes: dict[str, Any]) -> Any:
    """The class that a function says it returns, None where it says nothing of the kind."""
    annotation = getattr(call, "__annotations__", {}).get("return")
    if not isinstance(annotation, str):
        return annotation
    imported = getattr(inspect.unwrap(getattr(call, "__func__", call)), "__globals__", {}).get(annotation)
    named = [cls for cls in classes.values() if cls.__name__ == annotation]  # imported for the type checker only
    return imported or (named[0] if len(named) == 1 else None)
