"""The three figures of gradient descent: a ravine, the noise of mini-batches, a saddle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets

from talweg.i18n import gettext as _
from talweg.widgets import BASE, Figure, Number, Numbers, script, style

__all__ = ["Noise", "Ravine", "Saddle", "noise", "ravine", "saddle"]

_HERE = Path(__file__).parent
_STYLE = style(*BASE)
WITHOUT_MOMENTUM = 1.1  # the largest step of the ravine then


class Ravine(Figure):
    """Gradient descent on ½(θ₁² + κ θ₂²): drag the start point, change step size, condition number, momentum.

    Parameters
    ----------
    kappa
        Condition number κ, 1 to 100.
    step
        Step size as a multiple of 2/λ_max, 0.02 to 2.1 (at most 1.1 without momentum).
    start
        (θ₁, θ₂), each -11.5 to 11.5.
    momentum
        None leaves its slider out; else 0 to 0.99, in PyTorch's convention.
    steps
        Number of steps, 10 to 500.

    Examples
    --------
    >>> from talweg.figures import ravine
    >>> ravine(kappa=20, step=0.9)
    Ravine(kappa=20, step=0.9)
    """

    _esm = script(_HERE / "ravine.js")
    _css = _STYLE
    kappa = Number(10.0, 1, 100)
    step = Number(0.9, 0.02, 2.1)
    start = Numbers((10.0, 1.0), -11.5, 11.5, least=2, most=2)
    momentum = Number(None, 0, 0.99)
    steps = Number(60, 10, 500, whole=True)

    @property
    def show_momentum(self) -> bool:
        """Whether the reader may change the momentum."""
        return self.momentum is not None

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> float:
        step = proposal["value"]
        if self.momentum is None and step > WITHOUT_MOMENTUM:
            raise ValueError(
                f"step must be a number between 0.02 and {WITHOUT_MOMENTUM} without momentum, got {step!r}"
            )
        return step

    @traitlets.default("ranges")
    def _ranges(self) -> dict[str, dict[str, Any]]:
        ranges = super()._ranges()
        return ranges if self.show_momentum else ranges | {"step": ranges["step"] | {"high": WITHOUT_MOMENTUM}}

    def __repr__(self) -> str:
        return f"Ravine(kappa={self.kappa:g}, step={self.step:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("Gradient descent in a ravine"),
            "plane": _("Path on the contour lines"),
            "loss": _("Loss"),
            "rate": _("predicted rate"),
            "steps": _("steps"),
            "step": _("Step size, in units of 2/λ_max"),
            "kappa": _("Condition number κ"),
            "momentum": _("Momentum"),
            "start": _("Start point ({x}; {y}); move it with the arrow keys"),
            "converges": _("converges"),
            "diverges": _("diverges"),
            "neither": _("neither converges nor diverges"),
            "said": _(
                "At κ = {kappa} and a step size of {step} × 2/λ_max gradient descent {verdict}; the limit is {limit} × "
                "2/λ_max. Each step multiplies the distance to the minimum by {measured} (predicted: {predicted})."
            ),
        }


ravine = Ravine


class Noise(Figure):
    """SGD on least squares in one variable: batch size and step size set how low the loss gets.

    The floor drawn is exact. With e = θ − θ̂ and residuals rᵢ the gradient of a sample is xᵢ² e − xᵢ rᵢ; its mean is
    λe, and the mean over a batch has (N−B)/(B(N−1)) =: c times its variance, so that

        E e² ← (1−ηλ)² E e² + η² c (Var(x²) E e² − 2 Cov(x², xr) E e + Var(xr)),   E e → 0,

    with the fixed point E e² = η c Var(xr) / (λ(2−ηλ) − η c Var(x²)). For noise that does not depend on θ the last
    term is absent: η s²/(λ(2−ηλ)) with s² = c Var(xr). The excess loss is ½λ E e².

    Parameters
    ----------
    batch
        Batch size B, 1 to 1000 and at most `points`, drawn without replacement for each step.
    eta
        Step size η, 0.02 to 1.2 (λ is about 1).
    points
        Number N of samples, 2 to 1000.
    seed
        Of the samples and of the batches.

    Examples
    --------
    >>> from talweg.figures import noise
    >>> noise(batch=32, eta=0.2)
    Noise(batch=32, eta=0.2)
    """

    _esm = script(_HERE / "noise.js")
    _css = _STYLE
    batch = Number(8, 1, 1000, whole=True)
    eta = Number(0.1, 0.02, 1.2)
    points = Number(100, 2, 1000, whole=True)
    seed = Number(0, 0, 2**31, whole=True)

    @traitlets.validate("batch", "points")
    def _check_batch(self, proposal: Any) -> int:
        now = {"batch": self.batch, "points": self.points, proposal["trait"].name: proposal["value"]}
        if now["batch"] > now["points"]:
            points, batch = now["points"], now["batch"]
            raise ValueError(f"batch must be a whole number between 1 and points = {points}, got {batch!r}")
        return proposal["value"]

    @traitlets.default("ranges")
    def _ranges(self) -> dict[str, dict[str, Any]]:
        ranges = super()._ranges()
        return ranges | {"batch": ranges["batch"] | {"high": self.points}}

    def __repr__(self) -> str:
        return f"Noise(batch={self.batch}, eta={self.eta:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("The noise of mini-batches"),
            "loss": _("Loss above the minimum"),
            "last": _("Where the last iterates lie"),
            "mean": _("mean of {n} runs"),
            "theory": _("predicted mean"),
            "level": _("predicted floor"),
            "deviation": _("predicted standard deviation"),
            "steps": _("steps"),
            "batch": _("Batch size B"),
            "eta": _("Step size η"),
            "noise": _("New noise"),
            "floor": _(
                "With B = {B} and η = {eta} the runs stop falling at a floor: {measured} above the smallest loss on "
                "average (predicted: {predicted})."
            ),
            "falling": _(
                "With B = {B} and η = {eta} the runs are still falling after {steps} steps, now {measured} above the "
                "smallest loss; the predicted floor is {predicted}."
            ),
            "exact": _(
                "With B = N = {N} there is no noise and no floor: gradient descent, {measured} above the smallest loss."
            ),
            "unstable": _(
                "With B = {B} and η = {eta} there is no floor: the noise grows with the error faster than the steps shrink "
                "it, and the mean loss diverges."
            ),
        }


noise = Noise


class Saddle(Figure):
    """Gradient descent with noise on (x² − y²)/2 from (start, 0): without noise it never leaves the saddle.

    From y = 0 the coordinate y is Gaussian with variance η²σ² ((1+η)^{2t} − 1)/((1+η)² − 1): the time to leave grows
    with the logarithm of 1/σ.

    Parameters
    ----------
    sigma
        Standard deviation σ of the noise on each component of the gradient, 0 to 1.
    eta
        Step size η, 0.02 to 0.5.
    start
        The coordinate x at the beginning, -3 to 3.
    seed
        Of the noise.

    Examples
    --------
    >>> from talweg.figures import saddle
    >>> saddle(sigma=0.01)
    Saddle(sigma=0.01, eta=0.1)
    """

    _esm = script(_HERE / "saddle.js")
    _css = _STYLE
    sigma = Number(0.1, 0, 1)
    eta = Number(0.1, 0.02, 0.5)
    start = Number(2.0, -3, 3)
    seed = Number(0, 0, 2**31, whole=True)

    def __repr__(self) -> str:
        return f"Saddle(sigma={self.sigma:g}, eta={self.eta:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("Leaving a saddle"),
            "plane": _("Paths near the saddle"),
            "distance": _("Distance |y| from the stable axis"),
            "theory": _("predicted root mean square"),
            "out": _("has left: |y| = 1"),
            "steps": _("steps"),
            "sigma": _("Noise σ"),
            "eta": _("Step size η"),
            "noise": _("New noise"),
            "never": _(
                "Without noise (σ = 0) no run ever leaves: y stays exactly 0 and gradient descent ends in the saddle."
            ),
            "later": _(
                "With σ = {sigma} and η = {eta} fewer than half of the {runs} runs have left the saddle after {steps} "
                "steps; half are predicted to leave within {predicted}."
            ),
            "leaves": _(
                "With σ = {sigma} and η = {eta} half of the {runs} runs have left the saddle after {measured} steps "
                "(predicted: {predicted})."
            ),
        }


saddle = Saddle
