"""Convolutions of data, differentiated as what they are: linear maps of their weights.

For a second derivative torch goes back through its `convolution_backward`, and computes there the part that belongs to
the input as well, whether it is asked for or not: on a first layer a transposed convolution for nothing, a fifth of a
Hessian-vector product of a small net. A linear map and its adjoint need no more than each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_weight
from torch.overrides import TorchFunctionMode

__all__ = ["ConvolutionsOfData"]


class ConvolutionsOfData(TorchFunctionMode):
    """Within this context a 2-D convolution whose input needs no gradient is a linear map of weight and bias."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return (_conv2d if function is torch.conv2d else function)(*args, **(kwargs or {}))


def _conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups: int = 1
) -> Tensor:
    """`torch.conv2d`, by all the names and defaults it has."""
    if input.requires_grad or input.ndim != 4 or isinstance(padding, str):
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return _Convolved.apply(weight, bias, input, (stride, padding, dilation, groups))


class _Convolved(torch.autograd.Function):
    """(W, b) ↦ W ∗ x + b."""

    generate_vmap_rule = True  # a model may itself map over its samples

    @staticmethod
    def forward(weight: Tensor, bias: Tensor | None, x: Tensor, options: tuple) -> Tensor:
        return torch.conv2d(x, weight, bias, *options)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        weight, bias, x, ctx.options = inputs
        ctx.shape, ctx.has_bias = weight.shape, bias is not None
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        weight, bias = _Adjoint.apply(g, *ctx.saved_tensors, ctx.options, ctx.shape)
        return weight, bias if ctx.has_bias else None, None, None


class _Adjoint(torch.autograd.Function):
    """g ↦ (Σ over samples and places of g times the patch there, Σ of g): the adjoint of `_Convolved`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(g: Tensor, x: Tensor, options: tuple, shape: torch.Size) -> tuple[Tensor, Tensor]:
        return conv2d_weight(x, shape, g, *options), g.sum((0, 2, 3))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
        _, x, ctx.options, _ = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, weight: Tensor, bias: Tensor) -> tuple[Tensor | None, ...]:
        return _Convolved.apply(weight, bias, *ctx.saved_tensors, ctx.options), None, None, None
