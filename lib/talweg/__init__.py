"""Talweg: initialization, optimizers and loss landscapes, with the code that the chapters import.

Importing the package is quick: each name is imported when it is first used, and torch with the first that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talweg import (
        claims,
        data,
        exercises,
        experiments,
        figures,
        i18n,
        initializers,
        landscape,
        models,
        normalization,
        objective,
        optimizers,
        plots,
        recorded,
        run,
        schedules,
        surfaces,
        topology,
        training,
        uncertainty,
        wavelets,
    )
    from talweg.claims import claim
    from talweg.exercises import exercise, progress
    from talweg.i18n import use
    from talweg.objective import Objective
    from talweg.run import Run
    from talweg.tables import table

__version__ = "0.1.0"

__all__ = [
    "Objective",
    "Run",
    "claim",
    "claims",
    "data",
    "exercise",
    "exercises",
    "experiments",
    "figures",
    "i18n",
    "initializers",
    "landscape",
    "models",
    "normalization",
    "objective",
    "optimizers",
    "plots",
    "progress",
    "recorded",
    "run",
    "schedules",
    "surfaces",
    "topology",
    "table",
    "training",
    "uncertainty",
    "use",
    "wavelets",
]


# Names that are no submodules → the submodule where each is defined.
_DEFINED_IN = {
    "Objective": "objective",
    "Run": "run",
    "claim": "claims",
    "exercise": "exercises",
    "progress": "exercises",
    "table": "tables",
    "use": "i18n",
}


def __getattr__(name: str) -> Any:
    """Import a submodule, or a name that is defined in one, on first use."""
    if name in _DEFINED_IN:
        value = getattr(importlib.import_module(f"talweg.{_DEFINED_IN[name]}"), name)
        globals()[name] = value
        return value
    if name in __all__:
        try:
            return importlib.import_module(f"talweg.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"talweg.{name}":
                raise
    raise AttributeError(f"module 'talweg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
