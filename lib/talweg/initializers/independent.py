"""Initializers with independent entries: constants, and draws whose variance a fan rule sets.

`tensor` has shape (out, in, *receptive field), is filled in place and returned, as in `torch.nn.init`; `generator`
(a torch.Generator) makes the draw repeatable. `gain` is a number or the name of the activation that follows.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from talweg.initializers.fans import checked_matrix, checked_weight, fan, fans
from talweg.initializers.gains import number

__all__ = [
    "zeros_", "constant_", "normal_", "uniform_", "truncated_normal_", "lecun_normal_", "lecun_uniform_",
    "xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_", "fixed_variance_",
]  # fmt: skip


@torch.no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """All zeros. For biases; for weights a demonstration of symmetry: every unit of a layer stays the same."""
    return checked_weight(tensor).zero_()


@torch.no_grad()
def constant_(tensor: Tensor, value: float) -> Tensor:
    """One value everywhere: like zeros, it leaves the units of a layer equal for ever."""
    if not math.isfinite(value):
        raise ValueError(f"value must be a finite number; got {value!r}.")
    return checked_weight(tensor).fill_(value)


@torch.no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 0.02, generator: Generator | None = None) -> Tensor:
    """N(mean, std²), whatever the fan; std = 0.02 is what GPT-2 uses for dense layers and embeddings."""
    return checked_weight(tensor).normal_(mean, _positive("std", std), generator=generator)


@torch.no_grad()
def uniform_(tensor: Tensor, low: float = -0.05, high: float = 0.05, generator: Generator | None = None) -> Tensor:
    """U(low, high), whatever the fan."""
    if not low < high:
        raise ValueError(f"low must be below high; got low={low!r}, high={high!r}.")
    return checked_weight(tensor).uniform_(low, high, generator=generator)


@torch.no_grad()
def truncated_normal_(
    tensor: Tensor, std: float = 0.02, cut: float = 2.0, corrected: bool = False, generator: Generator | None = None
) -> Tensor:
    """N(0, std²), redrawn outside ±cut·std (BERT, vision transformers: std = 0.02, cut = 2).

    Cutting takes variance away: with cut = 2 the entries have standard deviation 0.880 std. `corrected=True` widens
    the normal before the cut so that the entries have standard deviation `std` exactly (and reach cut·std/0.880).
    The draw is that of `torch.nn.init.trunc_normal_`.
    """
    std, cut = _positive("std", std), _positive("cut", cut)
    if corrected:
        std /= truncated_std(cut)
    return nn.init.trunc_normal_(checked_weight(tensor), 0.0, std, -cut * std, cut * std, generator=generator)


def truncated_std(cut: float) -> float:
    """Standard deviation of a standard normal truncated to ±cut: √(1 - 2 cut φ(cut)/(2Φ(cut) - 1)); 0.880 at 2."""
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
    return math.sqrt(1 - 2 * cut * density / math.erf(cut / math.sqrt(2)))


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """std = 1/√fan_in: a linear layer passes its input's second moment on (LeCun, Bottou, Orr & Müller 1998).

    The initialization that SELU assumes (Klambauer et al. 2017, arXiv:1706.02515). Keras, JAX and timm draw it from
    a truncated normal of the same variance; this one is not truncated.
    """
    return _normal_(tensor, 1 / math.sqrt(fan(tensor, "fan_in")), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """U(-b, b) with b = √(3/fan_in), so that std = 1/√fan_in; see `lecun_normal_`."""
    return _uniform_(tensor, 1 / math.sqrt(fan(tensor, "fan_in")), generator)


def xavier_normal_(tensor: Tensor, gain: float | str = 1.0, generator: Generator | None = None) -> Tensor:
    """std = gain·√(2/(fan_in + fan_out)): between keeping activations and keeping gradients (Glorot & Bengio 2010)."""
    return _normal_(tensor, number(gain) * math.sqrt(2.0 / sum(fans(tensor))), generator)


def xavier_uniform_(tensor: Tensor, gain: float | str = 1.0, generator: Generator | None = None) -> Tensor:
    """U(-b, b) with b = gain·√(6/(fan_in + fan_out)); see `xavier_normal_`."""
    return _uniform_(tensor, number(gain) * math.sqrt(2.0 / sum(fans(tensor))), generator)


def kaiming_normal_(
    tensor: Tensor, gain: float | str = "relu", mode: str = "fan_in", generator: Generator | None = None
) -> Tensor:
    """std = gain/√fan, with gain √2 for ReLU (He et al. 2015, arXiv:1502.01852).

    `mode` "fan_in" keeps the second moment of activations, "fan_out" that of gradients, "fan_avg" divides by their
    mean. For another slope of leaky ReLU: `gain=gain_of("leaky_relu", 0.2)`.
    """
    return _normal_(tensor, number(gain) / math.sqrt(fan(tensor, mode)), generator)


def kaiming_uniform_(
    tensor: Tensor, gain: float | str = "relu", mode: str = "fan_in", generator: Generator | None = None
) -> Tensor:
    """U(-b, b) with b = gain·√(3/fan); see `kaiming_normal_`."""
    return _uniform_(tensor, number(gain) / math.sqrt(fan(tensor, mode)), generator)


@torch.no_grad()
def fixed_variance_(tensor: Tensor, alpha: float = 0.81, generator: Generator | None = None) -> Tensor:
    """Uniform weights rescaled to a mean square of `alpha`, whatever the fan: W·√(α/Var W).

    Some teaching texts call this "L-momentum initialization (2024)" and set α to the squared momentum, 0.9². No
    publication of that name could be traced, and it does not do what is said of it: a layer multiplies the second
    moment by α·fan_in (α·fan_in/2 after ReLU), which is 1 only if α happens to be 1/fan_in (2/fan_in). It is here as
    a counter-example.
    """
    alpha = _positive("alpha", alpha)
    checked_matrix(tensor).uniform_(-1, 1, generator=generator)
    return tensor.mul_((alpha / tensor.square().mean()).sqrt())


@torch.no_grad()
def _normal_(tensor: Tensor, std: float, generator: Generator | None) -> Tensor:
    return checked_weight(tensor).normal_(0, std, generator=generator)


@torch.no_grad()
def _uniform_(tensor: Tensor, std: float, generator: Generator | None) -> Tensor:
    """U(-√3 std, √3 std) has standard deviation `std`."""
    bound = math.sqrt(3.0) * std
    return checked_weight(tensor).uniform_(-bound, bound, generator=generator)


def _positive(argument: str, given: float) -> float:
    if not (math.isfinite(given) and given > 0):
        raise ValueError(f"{argument} must be a positive finite number; got {given!r}.")
    return given
