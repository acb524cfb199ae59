"""The three figures of gradient descent: a ravine, the noise of mini-batches, a saddle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import traitlets

from talweg.i18n import gettext as _
from talweg.widgets import BASE, Number, Widget, script, style

__all__ = ["Noise", "Ravine", "Saddle", "noise", "ravine", "saddle"]

_HERE = Path(__file__).parent
_STYLE = style(*BASE)


def ravine(
    kappa: float = 10.0,
    step: float = 0.9,
    start: Sequence[float] = (10.0, 1.0),
    momentum: float | None = None,
    steps: int = 60,
) -> Ravine:
    """Gradient descent on ½(θ₁² + κ θ₂²): drag the start point, change step size, condition number, momentum.

    kappa: condition number, 1 to 100. step: step size as a multiple of 2/λ_max, 0.02 to 1.1 (2.1 with momentum).
    start: (θ₁, θ₂), each within ±11.5. momentum: None leaves its slider out; else 0 to 0.99, in PyTorch's convention.
    """
    return Ravine(kappa=kappa, step=step, start=start, momentum=momentum, steps=steps)


def noise(batch: int = 8, eta: float = 0.1, points: int = 100, seed: int = 0) -> Noise:
    """SGD on least squares in one variable: batch size and step size set how low the loss gets.

    batch: 1 to points, drawn without replacement for each step. eta: step size, 0.02 to 1.2 (λ is about 1).

    The floor drawn is exact. With e = θ − θ̂ and residuals rᵢ the gradient of a sample is xᵢ² e − xᵢ rᵢ; its mean is
    λe, and the mean over a batch has (N−B)/(B(N−1)) =: c times its variance, so that

        E e² ← (1−ηλ)² E e² + η² c (Var(x²) E e² − 2 Cov(x², xr) E e + Var(xr)),   E e → 0,

    with the fixed point E e² = η c Var(xr) / (λ(2−ηλ) − η c Var(x²)). For noise that does not depend on θ the last
    term is absent: η s²/(λ(2−ηλ)) with s² = c Var(xr). The excess loss is ½λ E e².
    """
    return Noise(batch=batch, eta=eta, points=points, seed=seed)


def saddle(sigma: float = 0.1, eta: float = 0.1, start: float = 2.0, seed: int = 0) -> Saddle:
    """Gradient descent with noise on (x² − y²)/2 from (start, 0): without noise it never leaves the saddle.

    sigma: standard deviation of the noise on each component of the gradient, 0 to 1. eta: step size, 0.02 to 0.5.

    From y = 0 the coordinate y is Gaussian with variance η²σ² ((1+η)^{2t} − 1)/((1+η)² − 1): the time to leave grows
    with the logarithm of 1/σ.
    """
    return Saddle(sigma=sigma, eta=eta, start=start, seed=seed)


class Ravine(Widget):
    """See `ravine`."""

    _esm = script(_HERE / "ravine.js")
    _css = _STYLE
    kappa = Number(10.0, 1, 100).tag(sync=True)
    step = Number(0.9, 0.02, 2.1).tag(sync=True)
    momentum = Number(0.0, 0, 0.99).tag(sync=True)
    steps = Number(60, 10, 500, whole=True).tag(sync=True)
    start = traitlets.Any([10.0, 1.0]).tag(sync=True)
    show_momentum = traitlets.Bool().tag(sync=True)

    def __init__(self, *, momentum: float | None = None, **kwargs):
        if momentum is None and kwargs.get("step", 0) > 1.1:
            raise ValueError(f"step must be a number between 0.02 and 1.1 without momentum, got {kwargs['step']!r}")
        super().__init__(words=_ravine_words(), show_momentum=momentum is not None, momentum=momentum or 0.0, **kwargs)

    @traitlets.validate("start")
    def _check_start(self, proposal):
        value = proposal["value"]
        good = isinstance(value, Sequence) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value)
        if not good or not all(abs(v) <= 11.5 for v in value):
            raise ValueError(f"start must be two numbers between -11.5 and 11.5, got {value!r}")
        return [float(v) for v in value]

    def __repr__(self) -> str:
        return f"Ravine(kappa={self.kappa:g}, step={self.step:g})"


class Noise(Widget):
    """See `noise`."""

    _esm = script(_HERE / "noise.js")
    _css = _STYLE
    points = Number(100, 2, 1000, whole=True).tag(sync=True)
    batch = Number(8, 1, 1000, whole=True).tag(sync=True)
    eta = Number(0.1, 0.02, 1.2).tag(sync=True)
    seed = Number(0, 0, 2**31, whole=True).tag(sync=True)

    def __init__(self, *, batch: int = 8, points: int = 100, **kwargs):
        super().__init__(words=_noise_words(), batch=batch, points=points, **kwargs)
        if batch > points:
            raise ValueError(f"batch must be a whole number between 1 and points = {points}, got {batch!r}")

    def __repr__(self) -> str:
        return f"Noise(batch={self.batch}, eta={self.eta:g})"


class Saddle(Widget):
    """See `saddle`."""

    _esm = script(_HERE / "saddle.js")
    _css = _STYLE
    sigma = Number(0.1, 0, 1).tag(sync=True)
    eta = Number(0.1, 0.02, 0.5).tag(sync=True)
    start = Number(2.0, -3, 3).tag(sync=True)
    seed = Number(0, 0, 2**31, whole=True).tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(words=_saddle_words(), **kwargs)

    def __repr__(self) -> str:
        return f"Saddle(sigma={self.sigma:g}, eta={self.eta:g})"


def _ravine_words() -> dict[str, str]:
    return {
        "figure": _("Gradient descent in a ravine"),
        "plane": _("Path on the contour lines"),
        "loss": _("Loss"),
        "rate": _("predicted rate"),
        "steps": _("steps"),
        "step": _("Step size"),
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


def _noise_words() -> dict[str, str]:
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


def _saddle_words() -> dict[str, str]:
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
