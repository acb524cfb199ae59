"""Gains: by how much the weights must grow to make up for what an activation function takes away.

Three conventions are in use, and they do not agree (tanh: 5/3, 1.59 or 1; SELU: 3/4 or 1). `gain_of` names them.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch.nn import functional as F

from talweg.arguments import one_of

CONVENTIONS = ("torch", "second_moment", "edge_of_chaos")

_FUNCTIONS = {
    "linear": lambda z: z,
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": None,  # depends on its slope
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
}
_TORCH = {"linear": 1.0, "identity": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 3 / 4}
_EDGE_OF_CHAOS = {"linear": 1.0, "identity": 1.0, "tanh": 1.0, "relu": math.sqrt(2.0)}

ACTIVATIONS = tuple(_FUNCTIONS)


def gain_of(activation: str, negative_slope: float = 0.01, convention: str = "torch") -> float:
    """The gain g of an activation φ, so that weights of standard deviation g/√fan_in keep the signal's scale.

    Parameters
    ----------
    activation : str
        "linear", "identity", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "gelu" or "silu".
    negative_slope : float
        The slope of leaky_relu below zero.
    convention : {"torch", "second_moment", "edge_of_chaos"}
        "torch" is the table of `torch.nn.init.calculate_gain`. Its 5/3 for tanh and 3/4 for SELU are heuristics, and
        its 1 for the sigmoid leaves the sigmoid's shrinking alone. GELU and SiLU are missing there; for them this
        convention uses the next one.

        "second_moment" is 1/√E[φ(z)²] for z ~ N(0, 1), so that a layer fed with a unit second moment passes one on:
        √2 for ReLU (He et al. 2015), 1 for SELU (Klambauer et al. 2017), 1.59 for tanh.

        "edge_of_chaos" is the σ_w at which, without biases, a small difference between two inputs neither grows nor
        dies out with depth (Poole et al. 2016; Schoenholz et al. 2017): 1 for tanh. It is defined here for linear,
        identity, tanh, relu and leaky_relu.

    Raises
    ------
    ValueError
        For unknown names, and for a slope that is not finite.

    References
    ----------
    He et al. 2015, arXiv:1502.01852. Klambauer et al. 2017, arXiv:1706.02515. Poole et al. 2016, arXiv:1606.05340.
    Schoenholz et al. 2017, arXiv:1611.01232.

    Examples
    --------
    >>> from talweg.initializers import gain_of
    >>> [round(gain_of("tanh", convention=name), 2) for name in ("torch", "second_moment", "edge_of_chaos")]
    [1.67, 1.59, 1.0]
    """
    one_of("activation", activation, ACTIVATIONS)
    one_of("convention", convention, CONVENTIONS)
    if activation == "leaky_relu":  # the same number in all three: √(2/(1+a²))
        if not math.isfinite(negative_slope):
            raise ValueError(f"negative_slope must be a finite number; got {negative_slope!r}.")
        return math.sqrt(2.0 / (1 + negative_slope**2))
    if convention == "edge_of_chaos":
        return _EDGE_OF_CHAOS[one_of("activation (for the edge of chaos)", activation, (*_EDGE_OF_CHAOS, "leaky_relu"))]
    if convention == "torch" and activation in _TORCH:
        return _TORCH[activation]
    return _second_moment_gain(activation)


@lru_cache
def _second_moment_gain(activation: str) -> float:
    """1/√E[φ(z)²] under a standard normal, by the trapezoidal rule: exact to 12 digits for these functions."""
    if activation in ("linear", "identity", "relu"):
        return _TORCH[activation]
    z = torch.linspace(-12, 12, 24_001, dtype=torch.float64)  # 0, where SELU has its kink, is a node
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    second_moment = torch.trapezoid(_FUNCTIONS[activation](z) ** 2 * density, z)
    return 1 / math.sqrt(second_moment.item())


def number(gain: float | str) -> float:
    """A gain given as a number or as an activation's name (PyTorch's convention), checked."""
    if isinstance(gain, str):
        return gain_of(one_of("gain (an activation's name, or a number)", gain, ACTIVATIONS))
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not math.isfinite(gain):
        raise ValueError(f"gain must be a finite number or one of {', '.join(map(repr, ACTIVATIONS))}; got {gain!r}.")
    return float(gain)
