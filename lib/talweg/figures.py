"""Figures that readers drive: they compute in the browser, so they work on the published page without a kernel.

Each stands in the folder of its chapter, `book/<chapter>/figures.py`; here they are all at hand by name. The update
rules and the theory are pure functions in the `.js` modules beside them; tests compare them with torch.

Examples
--------
>>> from talweg import figures
>>> figures.ravine(kappa=20, step=0.9)
Ravine(kappa=20, step=0.9)
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from talweg import playground as _playground
from talweg.chapters import chapters, module


def _gathered(modules: list[ModuleType]) -> dict[str, Any]:
    """The public names of the modules; ValueError where two have one name."""
    owners: dict[str, ModuleType] = {}
    for one in modules:
        for name in one.__all__:
            if name in owners:
                raise ValueError(f"two figures are called {name!r}: in {owners[name].__name__} and {one.__name__}")
            owners[name] = one
    return {name: getattr(one, name) for name, one in owners.items()}


_FOUND = _gathered([one for chapter in chapters() if (one := module(chapter, "figures"))] + [_playground])
globals().update(_FOUND)
__all__ = sorted(_FOUND)  # pyright: ignore[reportUnsupportedDunderAll]
