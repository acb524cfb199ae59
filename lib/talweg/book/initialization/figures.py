"""Two figures of the chapter on initialization: the signal through fifty layers, and the spectrum of a random matrix."""

from __future__ import annotations

from pathlib import Path

import traitlets

from talweg.arguments import one_of
from talweg.i18n import gettext as _
from talweg.widgets import BASE, CHOICE, Number, Widget, script, style

__all__ = ["SignalDepth", "SingularValues", "signal_depth", "singular_values"]

_HERE = Path(__file__).parent
_STYLE = style(*BASE, CHOICE, _HERE / "initialization.css")
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "selu")
METHODS = ("lecun", "xavier", "kaiming", "orthogonal")


def signal_depth(activation: str = "relu", gain: float = 1.0, seed: int = 0) -> SignalDepth:
    """Second moments of pre-activations and gradients through 50 layers of 100 units, beside mean-field theory.

    activation: "linear", "relu", "tanh", "sigmoid" or "selu". gain: g of the standard deviation g/√n, 0.2 to 5.

    The input has mean square 1. For width → ∞ (Poole et al. 2016, arXiv:1606.05340; Schoenholz et al. 2017,
    arXiv:1611.01232): q₁ = g², q ← g² E φ(√q z)², and from layer to layer the gradient's second moment has the factor
    χ = g² E φ′(√q z)², z standard normal.
    """
    return SignalDepth(activation=activation, gain=gain, seed=seed)


def singular_values(method: str = "lecun", rows: int = 64, columns: int = 64, seed: int = 0) -> SingularValues:
    """The singular values of a random weight matrix beside the Marchenko–Pastur law; condition numbers of 30 draws.

    method: "lecun", "xavier", "kaiming" (normal) or "orthogonal". rows (out), columns (in): 4 to 100. All methods start
    from the same normal numbers: the three Gaussian ones differ by a factor, and not at all in the condition number.
    """
    return SingularValues(method=method, rows=rows, columns=columns, seed=seed)


class SignalDepth(Widget):
    """See `signal_depth`."""

    _esm = script(_HERE / "signal.js")
    _css = _STYLE
    activation = traitlets.Unicode("relu").tag(sync=True)
    gain = Number(1.0, 0.2, 5).tag(sync=True)
    seed = Number(0, 0, 2**31, whole=True).tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(words=_signal_words(), **kwargs)

    @traitlets.validate("activation")
    def _check_activation(self, proposal):
        return one_of("activation", proposal["value"], ACTIVATIONS)

    def __repr__(self) -> str:
        return f"SignalDepth(activation={self.activation!r}, gain={self.gain:g})"


class SingularValues(Widget):
    """See `singular_values`."""

    _esm = script(_HERE / "singular.js")
    _css = _STYLE
    method = traitlets.Unicode("lecun").tag(sync=True)
    rows = Number(64, 4, 100, whole=True).tag(sync=True)
    columns = Number(64, 4, 100, whole=True).tag(sync=True)
    seed = Number(0, 0, 2**26, whole=True).tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(words=_singular_words(), **kwargs)

    @traitlets.validate("method")
    def _check_method(self, proposal):
        return one_of("method", proposal["value"], METHODS)

    def __repr__(self) -> str:
        return f"SingularValues(method={self.method!r}, rows={self.rows}, columns={self.columns})"


def _signal_words() -> dict[str, str | dict[str, str]]:
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


def _singular_words() -> dict[str, str | dict[str, str]]:
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
