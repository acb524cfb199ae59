"""The playground's surfaces as objectives: what a reader plays with can be computed with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from talweg.arguments import one_of
from talweg.objective import Objective
from talweg.playground.slice import load_slice
from talweg.surfaces import Beale, GaussianMixture, Interpolated, Quadratic, Rosenbrock, Saddle

SETUP: dict[str, Any] = json.loads(Path(__file__).with_name("setup.json").read_text(encoding="utf-8"))


def surface(name: str, kappa: float = 20.0) -> Objective:
    """A surface of the playground as an objective of two variables.

    Parameters
    ----------
    name
        "ravine" (½(x² + κ y²)), "turned" (the same by 45°), "rosenbrock", "beale", "saddle", "well", "mixture" or "slice"; the slice is the loss
        of an MLP on digits, see `talweg.playground.slice`.
    kappa
        Condition number κ of the ravines.

    Raises
    ------
    ValueError
        There is no surface of that name.

    Examples
    --------
    >>> from talweg.playground import surface
    >>> import torch
    >>> surface("ravine", kappa=10)(torch.tensor([2.0, 1.0], dtype=torch.float64)).item()
    7.0
    """
    one_of("name", name, SETUP["surfaces"])
    if name == "ravine":
        return Quadratic([1.0, float(kappa)])
    if name == "turned":
        along, across = (1 + kappa) / 2, (1 - kappa) / 2
        return Quadratic([[along, across], [across, along]])
    if name == "slice":
        return Interpolated(*load_slice())
    if name in ("well", "mixture"):
        return GaussianMixture(**SETUP["surfaces"][name]["constants"])
    return {"rosenbrock": Rosenbrock, "beale": Beale, "saddle": Saddle}[name]()
