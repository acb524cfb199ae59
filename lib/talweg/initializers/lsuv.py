"""LSUV: scale each layer by what it really puts out on data."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from talweg.initializers.layers import biases, kernels, weight_layers
from talweg.initializers.orthogonal import orthogonal_


@torch.no_grad()
def lsuv_(
    model: nn.Module, data: Tensor, *, tolerance: float = 0.01, attempts: int = 10, generator: Generator | None = None
) -> nn.Module:
    """Layer-sequential unit variance (Mishkin & Matas 2016, arXiv:1511.06422): every layer's output has variance 1.

    Weights start orthogonal, biases at zero. Then, in the order in which the layers are run on `data` (one batch, in
    eval mode), each weight is divided by the standard deviation of its layer's output until |Var - 1| < `tolerance`,
    at most `attempts` times. A layer's output is linear in its weight, so one division is enough but for rounding, and
    one forward pass serves the whole net. A layer that is run twice is scaled the first time.

    ValueError: data that is empty or not finite; a layer whose output does not vary (dead units before it), or that
    the forward pass does not run.
    """
    if not isinstance(data, Tensor) or not data.numel() or not data.is_floating_point():
        raise ValueError(f"data must be a non-empty batch of floating-point inputs; got {_described(data)}.")
    if not data.isfinite().all():
        raise ValueError("data must be finite; it holds NaN or infinite values.")
    layers = weight_layers(model)
    for _, layer in layers:
        for kernel in kernels(layer):
            orthogonal_(kernel, generator=generator)
        for bias in biases(layer):
            bias.zero_()
    scaled = _run_scaling(model, data, layers, tolerance, attempts)
    if missing := [name for name, layer in layers if layer not in scaled]:
        raise ValueError(
            f"layer {missing[0]!r} is not run (as a module) when the model sees data: LSUV cannot scale it."
        )
    return model


def _run_scaling(model: nn.Module, data: Tensor, layers: list, tolerance: float, attempts: int) -> set[nn.Module]:
    """One forward pass in which each layer, when first run, is scaled and hands its scaled output on."""
    names = {layer: name for name, layer in layers}
    scaled, training = set(), model.training

    def scale(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if layer in scaled:
            return None
        scaled.add(layer)
        return _to_unit_variance(names[layer], layer, inputs, output, tolerance, attempts)

    hooks = [layer.register_forward_hook(scale) for layer in names]
    try:
        model.eval()  # dropout and batch statistics would make the variance a matter of chance
        model(data)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return scaled


def _to_unit_variance(
    name: str, layer: nn.Module, inputs: tuple, output: Tensor, tolerance: float, attempts: int
) -> Tensor:
    for _ in range(attempts):
        variance = output.var(correction=0).item()
        if not math.isfinite(variance) or variance <= torch.finfo(output.dtype).tiny:
            raise ValueError(
                f"layer {name!r} puts out variance {variance:.3g} on data: LSUV cannot bring it to 1. If it is 0, every "
                "unit before it is dead, or the data do not vary."
            )
        if abs(variance - 1) < tolerance:
            return output
        layer.weight.div_(math.sqrt(variance))
        output = layer.forward(*inputs)
    variance = output.var(correction=0).item()
    if not abs(variance - 1) < tolerance:
        raise ValueError(
            f"layer {name!r} is at variance {variance:.6g} after {attempts} attempts, not within {tolerance} of 1."
        )
    return output


def _described(data: object) -> str:
    return f"{data.dtype} of shape {tuple(data.shape)}" if isinstance(data, Tensor) else type(data).__name__
