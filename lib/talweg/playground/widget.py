"""The playground's widget: what may be chosen, and the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from talweg.arguments import one_of
from talweg.i18n import gettext as _
from talweg.playground.slice import load_slice
from talweg.playground.surfaces import SETUP
from talweg.widgets import BASE, CHOICE, Choice, Figure, Number, script, style

__all__ = ["Playground", "playground"]

_HERE = Path(__file__).parent
MOST = 4  # methods at once
USUAL = ("SGD", "Momentum", "Adam")
RAVINES = ("ravine", "turned")
REFERENCE_KAPPA = 20.0  # for which the ravine's rates in setup.json are meant

Method = str | Mapping[str, Any]


class Playground(Figure):
    """Optimizers on a surface of two variables: choose surface, start, up to four methods, and play.

    Without surface and methods it opens with the first of its presets, which a reader finds as buttons above the map:
    three methods with one and the same learning rate.

    Parameters
    ----------
    surface
        "ravine" (the default if methods are given), "turned" (the same by 45°), "rosenbrock", "beale", "saddle", "well", "mixture", or "slice" (a real slice of a digits loss).
    methods
        One to four names, or mappings such as {"name": "Adam", "lr": 0.1, "beta2": 0.99}; what is not said suits the
        surface. The names are those of `talweg.optimizers`, and "Momentum" and "Nesterov" for SGD with momentum;
        Sophia takes the exact diagonal of the Hessian.
    start
        (x, y) within the map; None takes the surface's own.
    kappa
        Condition number of the ravine, 1 to 200.
    steps
        Number of steps, 10 to 2000; None takes the surface's own.

    Raises
    ------
    ValueError
        An unknown name (the message lists all), or a value out of its range.

    Examples
    --------
    >>> from talweg.playground import playground
    >>> playground("beale", ["SGD", {"name": "Adam", "lr": 0.1}])
    Playground('beale', SGD, Adam)
    """

    _esm = script(_HERE / "playground.js")
    _css = style(*BASE, CHOICE, _HERE / "playground.css")
    surface = Choice("ravine", SETUP["surfaces"])
    kappa = Number(REFERENCE_KAPPA, 1, 200)
    steps = Number(200, 10, 2000, whole=True)
    start = traitlets.Any([-10.0, 4.0]).tag(sync=True)
    methods = traitlets.Any([]).tag(sync=True)
    setup = traitlets.Dict().tag(sync=True)
    grid = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        surface: str | None = None,
        methods: Sequence[Method] | None = None,
        start: Sequence[float] | None = None,
        kappa: float = REFERENCE_KAPPA,
        steps: int | None = None,
    ):
        opening = next(iter(PRESETS.values())) if surface is None and methods is None else {}
        surface = one_of("surface", surface or opening.get("surface", "ravine"), SETUP["surfaces"])
        known = SETUP["surfaces"][surface] | opening
        kappa = type(self).kappa.validate(self, kappa)  # at once: the ravine's learning rates are divided by it
        x, _y, z = load_slice()
        super().__init__(
            setup=SETUP | {"presets": PRESETS},
            grid={"span": x[-1].item(), "z": z.tolist()},
            surface=surface,
            kappa=kappa,
            methods=[
                _complete(method, surface, kappa)
                for method in _several(known.get("methods", USUAL) if methods is None else methods)
            ],
            start=known["start"] if start is None else start,
            steps=known["steps"] if steps is None else steps,
        )

    @traitlets.validate("methods")
    def _check_methods(self, proposal):
        return [_complete(method, self.surface, self.kappa) for method in _several(proposal["value"])]

    @traitlets.validate("start")
    def _check_start(self, proposal):
        value, (low, high) = proposal["value"], SETUP["surfaces"][self.surface]["view"]
        good = isinstance(value, Sequence) and len(value) == 2 and all(isinstance(v, int | float) for v in value)
        if not good or not all(low <= v <= high for v in value):
            raise ValueError(
                f"start must be two numbers between {low:g} and {high:g} on {self.surface!r}, got {value!r}"
            )
        return [float(v) for v in value]

    @traitlets.default("choices")
    def _choices(self) -> dict[str, list[str]]:
        return super()._choices() | {name: list(SETUP[name]) for name in ("methods", "presets")}

    def __repr__(self) -> str:
        return f"Playground({self.surface!r}, {', '.join(method['name'] for method in self.methods)})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("Optimizer playground"),
            "plane": _("Paths on the contour lines"),
            "curves": _("Loss after each step"),
            "steps": _("steps"),
            "surface": _("Surface"),
            "surfaces": {
                "ravine": _("Ravine"),
                "turned": _("Ravine, turned by 45°"),
                "rosenbrock": _("Rosenbrock function"),
                "beale": _("Beale function"),
                "saddle": _("Saddle"),
                "well": _("Gaussian well"),
                "mixture": _("Three Gaussian wells"),
                "slice": _("Slice of a real digits loss"),
            },
            "presets": {
                "same": _("The same η for all"),
                "tuned": _("Each with its best η"),
                "turned": _("Valley turned by 45°"),
                "saddle": _("Saddle"),
            },
            "try": _("Set-ups"),
            "more": _("More about {method}"),
            "kappa": _("Condition number κ"),
            "limit": _("Number of steps"),
            "method": _("Method {i}"),
            "names": {
                "SGD": _("Gradient descent"),
                "Momentum": _("Momentum"),
                "Nesterov": "Nesterov",
                "ScheduleFreeSGD": "Schedule-Free SGD",
                "ScheduleFreeAdamW": "Schedule-Free AdamW",
            },
            "sliders": {
                "lr": _("Learning rate η"),
                "momentum": _("Momentum μ"),
                "alpha": _("Memory α"),
                "beta1": _("Memory β₁"),
                "beta2": _("Memory β₂"),
                "weight_decay": _("Weight decay λ"),
                "rho": _("Radius ρ"),
                "gamma": _("Scale γ"),
            },
            "add": _("Add a method"),
            "remove": _("Remove {method}"),
            "play": _("Play"),
            "pause": _("Pause"),
            "step": _("One step"),
            "reset": _("To the start"),
            "time": _("Step {t} of {n}"),
            "when": _("Step shown"),
            "start": _("Start point ({x}; {y}); move it with the arrow keys"),
            "intro": _("{surface}, {n} steps from ({x}; {y})."),
            "reaches": _("{method} reaches the minimum at ({x}; {y}) in step {t}."),
            "stuck": _("{method} ends at the saddle point ({x}; {y})."),
            "underway": _("{method} is at ({x}; {y}) after {n} steps, with a loss of {loss}."),
            "leaves": _("{method} leaves the map in step {t}, its loss falling."),
            "diverges": _("{method} diverges: it leaves the map in step {t}, its loss growing."),
        }


playground = Playground


def _several(methods: Sequence[Method]) -> Sequence[Method]:
    if isinstance(methods, str | Mapping) or not isinstance(methods, Sequence) or not 1 <= len(methods) <= MOST:
        raise ValueError(f"methods must be one to {MOST} names or mappings, got {methods!r}")
    return methods


def _complete(method: Method, surface: str, kappa: float) -> dict[str, Any]:
    """A method with all its hyperparameters; ValueError for unknown ones and values out of range."""
    given = {"name": method} if isinstance(method, str) else dict(method)
    name = one_of("methods: name", given.pop("name", None), SETUP["methods"])
    known = SETUP["methods"][name]
    values = {"lr": rate(name, surface, kappa), **known["sliders"]}
    for hyperparameter, value in given.items():
        one_of(f"methods: hyperparameter of {name}", hyperparameter, values)
        low, high = SETUP["sliders"][hyperparameter]["low"], SETUP["sliders"][hyperparameter]["high"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"methods: {hyperparameter} of {name} must be between {low:g} and {high:g}, got {value!r}")
        values[hyperparameter] = value
    return {"name": name, **values}


def rate(name: str, surface: str, kappa: float = REFERENCE_KAPPA) -> float:
    """A learning rate that suits the method on the surface: in the ravine, a fixed part of 2/λ_max for any κ."""
    kind = SETUP["methods"][name]["rate"]
    rates = SETUP["surfaces"][surface]["rates"]
    value = rates.get(name, rates[kind])
    in_proportion = surface in RAVINES and kind in ("gradient", "momentum")
    return float(f"{value * REFERENCE_KAPPA / kappa:.4g}") if in_proportion else value


def _preset(preset: dict[str, Any]) -> dict[str, Any]:
    """A preset of setup.json with all that it does not say."""
    whole = {"kappa": REFERENCE_KAPPA, "start": SETUP["surfaces"][preset["surface"]]["start"]} | preset
    return whole | {"methods": [_complete(method, whole["surface"], whole["kappa"]) for method in preset["methods"]]}


PRESETS = {name: _preset(preset) for name, preset in SETUP["presets"].items()}
