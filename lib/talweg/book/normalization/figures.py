"""Two figures of the chapter on normalization: one column of a batch, and the norm of a scale-invariant weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talweg.i18n import gettext as _
from talweg.widgets import BASE, CHOICE, Figure, Number, Numbers, Switch, script, style

__all__ = ["BatchColumn", "Equilibrium", "batch_column", "equilibrium"]

_HERE = Path(__file__).parent
VALUES = (2.0, 3.5, -1.0, 4.0, 1.5, 2.0)


class BatchColumn(Figure):
    """One column of a mini-batch under batch normalization: drag a value, and see which outputs move.

    The running estimates are those of the values given here, whatever is dragged afterwards. So in training every
    output depends on every value, in evaluation each on its own alone.

    Parameters
    ----------
    values
        2 to 10 activations, one of each sample, each from -6 to 10.
    gamma, beta
        Scale γ and shift β, each -3 to 3.
    eps
        What is added to the variance, 1e-5 to 100.
    training
        Normalize by the batch's own mean and biased variance; else by the running estimates.
    steps
        Number of training steps with `values`, 0 to 60, behind the running estimates. These begin at mean 0 and
        variance 1 and have momentum 0.1; their variance is unbiased.

    Examples
    --------
    >>> from talweg.figures import batch_column
    >>> batch_column([1.0, 2.0, 4.0], training=False)
    BatchColumn(3 values, training=False)
    """

    _esm = script(_HERE / "column.js")
    _css = style(*BASE, CHOICE, _HERE / "column.css")
    values = Numbers(VALUES, -6, 10, least=2, most=10)
    gamma = Number(1.0, -3, 3)
    beta = Number(0.0, -3, 3)
    eps = Number(1e-5, 1e-5, 100)
    training = Switch(True)
    steps = Number(10, 0, 60, whole=True)

    def __repr__(self) -> str:
        return f"BatchColumn({len(self.values)} values, training={self.training})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("One column under batch normalization"),
            "inputs": _("Activations x"),
            "outputs": _("Outputs y (open circles: as at the beginning)"),
            "mean": _("mean"),
            "deviation": _("mean ± standard deviation"),
            "sample": _("sample"),
            "training": _("Training: normalize by the batch"),
            "steps": _("Training steps behind the running statistics"),
            "gamma": _("Scale γ"),
            "beta": _("Shift β"),
            "eps": "ε",
            "handle": _("Sample {i}, x = {x}; move it with the arrow keys"),
            "batch": _("Training: the batch has mean {mean} and variance {variance} (divided by n)."),
            "running": _(
                "Evaluation: after {steps} training steps with the batch as it was at the beginning the running mean is {mean}, "
                "the running variance {variance} (made of variances divided by n − 1)."
            ),
            "untouched": _("Drag a value: which outputs move?"),
            "moved": _(
                "Of the samples whose input you did not touch, {n} have another output; most of all sample {i}: its input "
                "is still {x}, its output went from {from} to {to}."
            ),
            "unmoved": _("No sample whose input you did not touch has another output."),
            "scaled": _("The outputs have mean {mean} and standard deviation {deviation}."),
            "later": _(
                "After {steps} steps with the batch as it was at the beginning evaluation would use the running mean {mean} and "
                "the running variance {variance}."
            ),
        }


batch_column = BatchColumn


class Equilibrium(Figure):
    """The norm of a weight whose scale does not matter, and its effective learning rate η/‖w‖², over 2,000 steps.

    f(cw) = f(w) makes the gradient perpendicular to w and ∝ 1/‖w‖, say G/‖w‖ long (here G = 1), so that each step is
    ‖w‖² ← (1 − ηλ)²‖w‖² + η²G²/‖w‖², whatever f is. With decay this settles at ‖w‖⁴ = ηG²/(λ(2 − ηλ)); without it
    ‖w‖⁴ grows by about 2η²G² a step.

    Parameters
    ----------
    eta
        Step size η, 0.01 to 1.
    decay
        Weight decay λ, 0 to 0.1.
    start
        Norm ‖w₀‖ at the start, 0.1 to 10.

    References
    ----------
    van Laarhoven (2017), arXiv:1706.05350.

    Examples
    --------
    >>> from talweg.figures import equilibrium
    >>> equilibrium(eta=0.5, decay=0.0)
    Equilibrium(eta=0.5, decay=0, start=5)
    """

    _esm = script(_HERE / "equilibrium.js")
    _css = style(*BASE)
    eta = Number(0.1, 0.01, 1)
    decay = Number(0.01, 0, 0.1)
    start = Number(5.0, 0.1, 10)

    def __repr__(self) -> str:
        return f"Equilibrium(eta={self.eta:g}, decay={self.decay:g}, start={self.start:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("The norm of a scale-invariant weight"),
            "norm": _("Norm of the weight, ‖w‖"),
            "rate": _("Effective learning rate, η/‖w‖²"),
            "law": _("predicted"),
            "steps": _("steps"),
            "eta": _("Step size η"),
            "decay": _("Weight decay λ"),
            "start": _("Norm at the start, ‖w₀‖"),
            "free": _(
                "Without weight decay the norm can only grow: from {start} to {norm} in {n} steps, and the effective "
                "learning rate falls to {effective}. The last step turns the weight by {angle}°."
            ),
            "settled": _(
                "With η = {eta} and λ = {decay} the norm settles at {norm}, wherever it starts (predicted: {rest}). The "
                "effective learning rate is then {effective}, and each step turns the weight by {angle}°."
            ),
            "underway": _(
                "With η = {eta} and λ = {decay} the norm is still on its way after {n} steps: {norm}, predicted in the "
                "end {rest}. The effective learning rate is now {effective}, and a step turns the weight by {angle}°."
            ),
        }


equilibrium = Equilibrium
