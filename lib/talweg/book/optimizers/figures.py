"""Three figures of the chapter on optimizers: a bet on who is first, the roots behind momentum, Adam's first steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talweg import optimizers
from talweg.i18n import gettext as _
from talweg.playground.surfaces import SETUP, surface
from talweg.playground.widget import PRESETS
from talweg.training import minimize
from talweg.widgets import BASE, CHOICE, Choice, Figure, Number, Prediction, Switch, script, style

__all__ = ["AdamStart", "FirstToArrive", "Momentum", "adam_start", "first_to_arrive", "momentum"]

_HERE = Path(__file__).parent
METHODS = ("Adam", "RMSprop", "SGD")


class FirstToArrive(Prediction):
    """A bet: in which order gradient descent, momentum and Adam arrive when each has the learning rate that suits it.

    The set-up is the playground's preset "tuned", a ravine with κ = 100; its minimizations run when the figure is made. A
    method has arrived when it stays within a hundredth of the map's width of the minimum.

    Examples
    --------
    >>> from talweg.figures import first_to_arrive
    >>> first_to_arrive()
    FirstToArrive(Momentum: 36, Adam: 55, SGD: 187)
    """

    def __init__(self):
        preset = PRESETS["tuned"]
        self.steps = {method["name"]: _arrival(preset, method) for method in preset["methods"]}
        super().__init__(
            name="first-to-arrive", truth=sorted(self.steps, key=self.steps.__getitem__), guess=[*reversed(self.steps)]
        )

    def __repr__(self) -> str:
        return f"FirstToArrive({', '.join(f'{name}: {self.steps[name]}' for name in self.truth)})"

    def _words(self) -> dict[str, Any]:
        return super()._words() | {
            "figure": _("A bet on three methods"),
            "question": _(
                "In a ravine with κ = 100 each method gets the learning rate that suits it best. Who arrives first, who last?"
            ),
            "items": {"SGD": _("Gradient descent"), "Momentum": _("Momentum"), "Adam": "Adam"},
            "values": {name: _("step {t}").format(t=t) for name, t in self.steps.items()},
            "said": _(
                "Momentum arrives in step {Momentum}, Adam in step {Adam}, gradient descent in step {SGD}. With one rate for "
                "all Adam had won: that compared rates, not methods."
            ).format(**self.steps),
        }


first_to_arrive = FirstToArrive


def _arrival(preset: dict[str, Any], method: dict[str, Any]) -> int:
    """The step from which on the method stays within a hundredth of the map's width of the minimum."""
    kinds = {"SGD": optimizers.SGD, "Momentum": optimizers.SGD, "Adam": optimizers.Adam}
    values = {key: value for key, value in method.items() if key in ("lr", "momentum")}
    known = SETUP["surfaces"][preset["surface"]]
    run = minimize(
        surface(preset["surface"], preset["kappa"]),
        preset["start"],
        kinds[method["name"]],
        steps=preset["steps"],
        record=("trajectory",),
        **values,
    )
    assert run.trajectory is not None  # it is what was recorded
    [minimum], (low, high) = known["minima"], known["view"]
    there = (run.trajectory - run.trajectory.new_tensor(minimum)).abs().amax(1) <= 0.01 * (high - low)
    return int((~there).nonzero().max()) + 1


class Momentum(Figure):
    """The heavy ball along one eigenvector: the roots of z² − (1 + μ − ηλ) z + μ, and the error over the steps.

    With v ← μ v + g, θ ← θ − η v the error obeys e ← (1 + μ − ηλ) e − μ e₋: it shrinks if both roots lie in the unit
    circle, that is for 0 < ηλ < 2 + 2μ. Complex roots, for (1 − √μ)² < ηλ < (1 + √μ)², have modulus √μ.

    Parameters
    ----------
    product
        Step size times eigenvalue, ηλ, 0 to 4.
    momentum
        Momentum μ in PyTorch's convention, 0 to 0.99.

    References
    ----------
    Polyak (1964), Some methods of speeding up the convergence of iteration methods.

    Examples
    --------
    >>> from talweg.figures import momentum
    >>> momentum(product=1.0)
    Momentum(product=1, momentum=0.8)
    """

    _esm = script(_HERE / "momentum.js")
    _css = style(*BASE, _HERE / "momentum.css")
    product = Number(0.3, 0, 4)
    momentum = Number(0.8, 0, 0.99)

    def __repr__(self) -> str:
        return f"Momentum(product={self.product:g}, momentum={self.momentum:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("The heavy ball along one eigenvector"),
            "plane": _("Roots in the complex plane"),
            "unit": _("unit circle"),
            "response": _("Error along the eigenvector"),
            "envelope": _("predicted envelope"),
            "steps": _("steps"),
            "product": _("Step size times eigenvalue, ηλ"),
            "momentum": _("Momentum μ"),
            "still": _("With ηλ = 0 nothing pulls: one root is 1, and the error stays as it is."),
            "monotone": _(
                "With ηλ = {x} and μ = {momentum} both roots are real and positive: the error falls without oscillating, "
                "in the end by the factor {predicted} in each step (measured: {measured})."
            ),
            "oscillating": _(
                "With ηλ = {x} and μ = {momentum} the roots are complex, on the circle of radius √μ = {radius}: the error "
                "oscillates, and its envelope shrinks by the factor {predicted} in each step (measured: {measured})."
            ),
            "alternating": _(
                "With ηλ = {x} and μ = {momentum} both roots are real and not positive: the error changes its sign in each "
                "step and shrinks, in the end by the factor {predicted} (measured: {measured})."
            ),
            "edge": _(
                "ηλ = {x} is exactly the limit 2 + 2μ: a root is −1, and the error goes on oscillating for ever."
            ),
            "diverging": _(
                "ηλ = {x} is beyond the limit 2 + 2μ = {limit}: a root lies outside the unit circle, and the error grows by "
                "the factor {predicted} in each step (measured: {measured})."
            ),
        }


momentum = Momentum


class AdamStart(Figure):
    """The first 200 steps under a gradient g (1 + noise · ξ), in units of the learning rate: what bias correction does.

    Corrected, the first step is g/(g + ε) whatever g is. Uncorrected it is about (1 − β₁)/√(1 − β₂): 3.2 with the usual
    values, and the steps grow further, since v is the slower average.

    Parameters
    ----------
    g
        Size of the gradient, 1e-4 to 1e4.
    method
        "Adam", "RMSprop" (with α = beta2) or "SGD".
    corrected
        Whether Adam divides its averages by 1 − βᵗ.
    beta1, beta2
        Memories of the two averages: beta1 0 to 0.99, beta2 0 to 0.9999.
    eps
        What is added to the denominator, 1e-12 to 1.
    noise
        Standard deviation of the noise relative to g, 0 to 2.
    seed
        Of the noise.

    Examples
    --------
    >>> from talweg.figures import adam_start
    >>> adam_start(corrected=True)
    AdamStart(g=1, method='Adam', corrected=True)
    """

    _esm = script(_HERE / "adam.js")
    _css = style(*BASE, CHOICE)
    g = Number(1.0, 1e-4, 1e4)
    method = Choice("Adam", METHODS)
    corrected = Switch(False)
    beta1 = Number(0.9, 0, 0.99)
    beta2 = Number(0.999, 0, 0.9999)
    eps = Number(1e-8, 1e-12, 1)
    noise = Number(0.0, 0, 2)
    seed = Number(0, 0, 2**31, whole=True)

    def __repr__(self) -> str:
        return f"AdamStart(g={self.g:g}, method={self.method!r}, corrected={self.corrected})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("The first steps of Adam"),
            "length": _("Length of the step, in units of η"),
            "averages": _("Averages, in units of the gradient"),
            "steps": _("steps"),
            "method": _("Method"),
            "names": {"Adam": "Adam", "RMSprop": "RMSprop", "SGD": _("Gradient descent")},
            "corrected": _("Bias correction"),
            "g": _("Size of the gradient g"),
            "spread": _("Noise, relative to g"),
            "noise": _("New noise"),
            "beta1": _("Memory β₁"),
            "beta2": _("Memory β₂"),
            "eps": "ε",
            "Adam": _(
                "Adam with bias correction, gradient of size {g}: the first step is {first} η long, the longest {longest} η "
                "(step {t}), and the last 50 of {n} are {last} η on average. g/(g + ε) is {ratio}."
            ),
            "biased": _(
                "Adam without bias correction, gradient of size {g}: the first step is {first} η long, the longest "
                "{longest} η (step {t}), and the last 50 of {n} are {last} η on average."
            ),
            "RMSprop": _(
                "RMSprop, gradient of size {g}: it has no bias correction, so the first step is {first} η long; the longest "
                "is {longest} η (step {t}), and the last 50 of {n} are {last} η on average."
            ),
            "SGD": _(
                "Gradient descent, gradient of size {g}: the step is the gradient times η, whatever its size. The first is "
                "{first} η long, the longest {longest} η (step {t}), and the last 50 of {n} are {last} η on average."
            ),
        }


adam_start = AdamStart
