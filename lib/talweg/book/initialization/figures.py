"""Two figures of the chapter on initialization: the signal through fifty layers, a random matrix's spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talweg.i18n import gettext as _
from talweg.widgets import BASE, CHOICE, Choice, Figure, Number, script, style

__all__ = ["SignalDepth", "SingularValues", "signal_depth", "singular_values"]

_HERE = Path(__file__).parent
_STYLE = style(*BASE, CHOICE, _HERE / "initialization.css")
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "selu")
METHODS = ("lecun", "xavier", "kaiming", "orthogonal")


class SignalDepth(Figure):
    """Second moments of pre-activations and gradients through 50 layers of 100 units, beside mean-field theory.

    The input has mean square 1. For width → ∞ the second moments are q₁ = g², q ← g² E φ(√q z)², and from layer to
    layer the gradient's second moment has the factor χ = g² E φ′(√q z)², z standard normal.

    Parameters
    ----------
    activation
        "linear", "relu", "tanh", "sigmoid" or "selu".
    gain
        The gain g of the standard deviation g/√n, 0.2 to 5.
    seed
        Of the weights.

    References
    ----------
    Poole et al. (2016), arXiv:1606.05340; Schoenholz et al. (2017), arXiv:1611.01232.

    Examples
    --------
    >>> from talweg.figures import signal_depth
    >>> signal_depth("tanh", gain=1.5)
    SignalDepth(activation='tanh', gain=1.5)
    """

    _esm = script(_HERE / "signal.js")
    _css = _STYLE
    activation = Choice("relu", ACTIVATIONS)
    gain = Number(1.0, 0.2, 5, marks=(2**0.5, 1.59, 5 / 3))
    seed = Number(0, 0, 2**31, whole=True)

    def __repr__(self) -> str:
        return f"SignalDepth(activation={self.activation!r}, gain={self.gain:g})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("Signal and gradient through fifty layers"),
            "forward": _("Second moment of the pre-activations"),
            "backward": _("Second moment of the gradient"),
            "network": _("one network of width {n}"),
            "theory": _("infinite width"),
            "layer": _("layer"),
            "activation": _("Activation function"),
            "names": {
                "linear": _("none (linear)"), "relu": "ReLU", "tanh": "tanh", "sigmoid": _("sigmoid"), "selu": "SELU",
            },
            "gain": _("Gain g, weights of standard deviation g/√n"),
            "noise": _("New weights"),
            "explodes": _("explodes"),
            "vanishes": _("vanishes"),
            "stays": _("stays in range"),
            "said": _(
                "Activation: {activation}, gain {gain}. Going forward the signal {signal}: in layer {depth} its second moment "
                "is {last} (infinite width: {promised}). Going back the gradient {gradient}: in layer 1 it has {first} times "
                "the second moment it has in layer {depth} (infinite width: {predicted})."
            ),
        }  # fmt: skip


signal_depth = SignalDepth


class SingularValues(Figure):
    """The singular values of a random weight matrix beside the Marchenko–Pastur law; condition numbers of 30 draws.

    All methods start from the same normal numbers: the three Gaussian ones differ by a factor, and not at all in the
    condition number.

    Parameters
    ----------
    method
        "lecun", "xavier", "kaiming" (each with normal weights) or "orthogonal".
    rows, columns
        Numbers of outputs and of inputs, each 4 to 100.
    seed
        Of the draws.

    Examples
    --------
    >>> from talweg.figures import singular_values
    >>> singular_values("xavier", columns=32)
    SingularValues(method='xavier', rows=64, columns=32)
    """

    _esm = script(_HERE / "singular.js")
    _css = _STYLE
    method = Choice("lecun", METHODS)
    rows = Number(64, 4, 100, whole=True)
    columns = Number(64, 4, 100, whole=True)
    seed = Number(0, 0, 2**26, whole=True)

    def __repr__(self) -> str:
        return f"SingularValues(method={self.method!r}, rows={self.rows}, columns={self.columns})"

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("Singular values of a random matrix"),
            "values": _("Singular values σ of the first draw"),
            "law": _("Marchenko–Pastur law"),
            "kappa": _("Condition numbers κ of {n} draws").format(n=30),
            "median": _("median"),
            "draw": _("draw"),
            "method": _("Method"),
            "names": {"lecun": "LeCun", "xavier": "Xavier", "kaiming": "Kaiming", "orthogonal": _("orthogonal")},
            "rows": _("Rows (outputs)"),
            "columns": _("Columns (inputs)"),
            "noise": _("New draws"),
            "gaussian": _(
                "{method}, {rows} × {columns}: singular values from {smallest} to {largest}, condition number {first}. "
                "In {n} draws of this method it ranges from {low} to {high}; median {median}."
            ),
            "orthogonal": _(
                "Orthogonal, {rows} × {columns}: all singular values lie between {smallest} and {largest}; the condition "
                "number is {median} in each of {n} draws."
            ),
        }


singular_values = SingularValues
