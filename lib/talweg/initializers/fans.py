"""How many numbers a weight mixes (fan in) and feeds (fan out): the quantities every variance rule divides by."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from talweg.arguments import one_of

MODES = ("fan_in", "fan_out", "fan_avg")


class Fans(NamedTuple):
    """Inputs summed into one output (`fan_in`), and outputs that one input reaches (`fan_out`).

    Examples
    --------
    >>> from talweg.initializers import Fans
    >>> Fans(fan_in=27, fan_out=144).fan_out
    144
    """

    fan_in: int
    fan_out: int


def checked_weight(tensor: Tensor, dimensions: tuple[int, ...] = ()) -> Tensor:
    """`tensor` if it can hold random real weights of one of these numbers of dimensions; else TypeError, ValueError."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor must be a torch.Tensor; got {type(tensor).__name__}.")
    if not tensor.is_floating_point():
        raise TypeError(f"tensor must hold floating-point numbers; got {tensor.dtype}.")
    if dimensions and tensor.ndim not in dimensions:
        allowed = " or ".join(map(str, dimensions))
        raise ValueError(f"tensor must have {allowed} dimensions; got shape {tuple(tensor.shape)}.")
    if not tensor.numel():
        raise ValueError(f"tensor must have at least one element; got shape {tuple(tensor.shape)}.")
    return tensor


def checked_matrix(tensor: Tensor) -> Tensor:
    """`tensor` if it maps inputs to outputs: two dimensions (dense) or more (convolution); else ValueError."""
    checked_weight(tensor)
    if tensor.ndim < 2:
        raise ValueError(
            "tensor must have at least 2 dimensions (out, in, *receptive field): a fan is not defined for shape "
            f"{tuple(tensor.shape)}. Initialize biases with zeros_ or constant_."
        )
    return tensor


def fans(tensor: Tensor) -> Fans:
    """Fan in and fan out of a weight.

    A dense layer sums `in` numbers; a convolution sums `in` channels over its receptive field, so a 3×3 kernel has
    nine times the fan of a dense layer.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
        Grouped and transposed convolutions store their weights in another order: `talweg.initializers.kernels` gives
        them back in this one.

    Raises
    ------
    ValueError
        For a tensor of fewer than two dimensions, or without elements.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import fans
    >>> fans(torch.empty(16, 3, 3, 3))
    Fans(fan_in=27, fan_out=144)
    """
    checked_matrix(tensor)
    out_features, in_features, *field = tensor.shape
    receptive_field = math.prod(field)
    return Fans(in_features * receptive_field, out_features * receptive_field)


def fan(tensor: Tensor, mode: str = "fan_in") -> float:
    """The fan that `mode` names: "fan_in" keeps activations, "fan_out" gradients, "fan_avg" is their mean.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    mode : {"fan_in", "fan_out", "fan_avg"}

    Raises
    ------
    ValueError
        For another mode, or a tensor of fewer than two dimensions.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import fan
    >>> fan(torch.empty(16, 3, 3, 3), "fan_avg")
    85.5
    """
    one_of("mode", mode, MODES)
    fan_in, fan_out = fans(tensor)
    return {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
