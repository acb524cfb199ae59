"""LSUV: scale each layer by what it really puts out on data."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from talweg.initializers.layers import (
    EMBEDDINGS,
    Layer,
    biases,
    kernels,
    restored_on_error,
    weight_layers,
    weight_of,
)
from talweg.initializers.orthogonal import orthogonal_
from talweg.models.modes import in_eval_mode


@torch.no_grad()
def lsuv_(
    model: nn.Module, data: Tensor, *, tolerance: float = 0.01, attempts: int = 10, generator: Generator | None = None
) -> nn.Module:
    """Layer-sequential unit variance: every layer's output has variance 1 on data.

    Weights start orthogonal, biases at zero. Then, in the order in which the layers are run on `data` (in eval mode),
    each weight is divided by the standard deviation of its layer's output until |Var - 1| < `tolerance`. A layer's
    output is linear in its weight, so one division is enough but for rounding, and one forward pass serves the whole
    net. A layer that is run twice, or two that share a weight, are scaled the first time. In attention it is the
    output projection that is scaled. A weight tied to an embedding stays.

    Parameters
    ----------
    model : nn.Module
    data : (N, …)
        One batch of floating-point inputs, or of integers for a model that begins with an embedding.
    tolerance : float
    attempts : int
        How often a layer is divided at most.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For data that are empty or not finite; for a layer whose output does not vary (dead units before it), or that
        the forward pass does not run. The model is then left as it was.

    References
    ----------
    Mishkin & Matas 2016, arXiv:1511.06422.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from talweg.initializers import lsuv_
    >>> x = torch.randn(256, 10)
    >>> model = lsuv_(nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5)), x)
    >>> print(f"{model(x).var().item():.1f}")
    1.0
    """
    _check_data(data, model)
    tied = {id(module.weight) for module in model.modules() if isinstance(module, EMBEDDINGS)}
    layers = [layer for layer in weight_layers(model) if id(getattr(layer.module, "weight", None)) not in tied]
    with restored_on_error(model):
        for _, layer in layers:
            for kernel in kernels(layer):
                orthogonal_(kernel, generator=generator)
            for bias in biases(layer):
                bias.zero_()
        _run_scaling(model, data, layers, tolerance, attempts)
    return model


def _run_scaling(model: nn.Module, data: Tensor, layers: list[Layer], tolerance: float, attempts: int) -> None:
    """One forward pass in which each layer, when first run, is scaled and hands its scaled output on."""
    # An attention layer multiplies by its output projection itself, which is then never run as a module
    inside = {layer.module.out_proj for layer in layers if isinstance(layer.module, nn.MultiheadAttention)}
    names = {layer: name for name, layer in layers if layer not in inside}
    run, scaled = set(), set()

    def scale(layer: nn.Module, args: tuple, kwargs: dict, output: Tensor | tuple) -> Tensor | tuple | None:
        run.add(layer)
        if id(weight := _scaled_weight(layer)) in scaled:
            return None
        scaled.add(id(weight))
        return _to_unit_variance(names[layer], layer, args, kwargs, output, tolerance, attempts)

    hooks = [layer.register_forward_hook(scale, with_kwargs=True) for layer in names]
    try:
        with in_eval_mode(model):  # dropout and batch statistics would make the variance a matter of chance
            model(data)
    finally:
        for hook in hooks:
            hook.remove()
    if missing := [name for layer, name in names.items() if layer not in run]:
        raise ValueError(
            f"layer {missing[0]!r} is not run (as a module) when the model sees data: LSUV cannot scale it."
        )


def _scaled_weight(layer: nn.Module) -> Tensor:
    """The weight in which the layer's output is linear."""
    return layer.out_proj.weight if isinstance(layer, nn.MultiheadAttention) else weight_of(layer)


def _to_unit_variance(
    name: str, layer: nn.Module, args: tuple, kwargs: dict, output: Tensor | tuple, tolerance: float, attempts: int
) -> Tensor | tuple:
    for _ in range(attempts):
        variance = _variance(output)
        if not math.isfinite(variance) or variance <= torch.finfo(_scaled_weight(layer).dtype).tiny:
            raise ValueError(
                f"layer {name!r} puts out variance {variance:.3g} on data: LSUV cannot bring it to 1. If it is 0, every "
                "unit before it is dead, or the data do not vary."
            )
        if abs(variance - 1) < tolerance:
            return output
        _scaled_weight(layer).div_(math.sqrt(variance))
        output = layer.forward(*args, **kwargs)
    variance = _variance(output)
    if not abs(variance - 1) < tolerance:
        raise ValueError(
            f"layer {name!r} is at variance {variance:.6g} after {attempts} attempts, not within {tolerance} of 1."
        )
    return output


def _variance(output: Tensor | tuple) -> float:
    """Of a layer's output; an attention layer puts out its weights beside it."""
    return (output[0] if isinstance(output, tuple) else output).var(correction=0).item()


def _check_data(data: object, model: nn.Module) -> None:
    if not isinstance(data, Tensor) or not data.numel() or not _can_be_input(data, model):
        raise ValueError(
            "data must be a non-empty batch of floating-point inputs, or of integers for a model with an embedding; got "
            f"{_described(data)}."
        )
    if not data.isfinite().all():
        raise ValueError("data must be finite; it holds NaN or infinite values.")


def _can_be_input(data: Tensor, model: nn.Module) -> bool:
    if data.is_floating_point():
        return True
    return not data.is_complex() and any(isinstance(module, EMBEDDINGS) for module in model.modules())


def _described(data: object) -> str:
    return f"{data.dtype} of shape {tuple(data.shape)}" if isinstance(data, Tensor) else type(data).__name__
