"""Talweg: initialization, optimizers and loss landscapes, with the code that the chapters import.

Importing the package is quick: plotly, scikit-learn and torchvision are only imported by the functions that need them.
"""

from __future__ import annotations

import importlib
from typing import Any

from talweg.claims import claim
from talweg.i18n import use
from talweg.objective import Objective
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


def __getattr__(name: str) -> Any:
    """Import a submodule, `exercise`, `progress` or `Run` on first use, so that `import talweg` stays quick."""
    if name in ("exercise", "progress"):
        return getattr(importlib.import_module("talweg.exercises"), name)
    if name == "Run":
        return importlib.import_module("talweg.run").Run
    if name in __all__:
        try:
            return importlib.import_module(f"talweg.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"talweg.{name}":
                raise
    raise AttributeError(f"module 'talweg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
