"""A model's weight layers, each seen as ordinary kernels of shape (out, in, *receptive field)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from talweg.models.norms import is_norm

WEIGHT_LAYERS = (nn.Linear, _ConvNd, nn.MultiheadAttention)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
# What a dense, convolution or attention layer may own, besides other layers
_OWN = (
    *("weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"),
    *("bias", "in_proj_bias", "bias_k", "bias_v"),
)
_DRAWN_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class Layer(NamedTuple):
    """A module that owns weights, and its name in the model."""

    name: str
    module: nn.Module


def weight_layers(model: nn.Module, skip: Iterable[str] = ()) -> list[Layer]:
    """The dense, convolution and attention layers of a model, in the order in which they are registered.

    Parameters
    ----------
    model : nn.Module
    skip : names
        Modules or parameters to leave out, with all that they hold.

    Returns
    -------
    list of Layer
        Pairs of name and module. All of them can be written.

    Raises
    ------
    ValueError
        If there is no such layer; if a weight matrix belongs to a module whose fans are unknown here (an LSTM, a bare
        parameter) and is not under one of the names in `skip`; or if a weight is lazy, empty, complex, on the meta
        device, or recomputed from others before each forward pass (parametrizations, weight norm, pruning).

    Examples
    --------
    >>> from torch import nn
    >>> from talweg.initializers import weight_layers
    >>> [name for name, _ in weight_layers(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))]
    ['0', '2']
    """
    _check_module(model)
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    found = []
    for name, module in _not_in(skip, model):
        if isinstance(module, WEIGHT_LAYERS):
            check_writable(name, module)
            found.append(Layer(name, module))
        elif not isinstance(module, EMBEDDINGS) and not is_norm(module):
            _refuse_unknown(name, module, skip)
    return _at_least_one(found, model)


def embeddings(model: nn.Module, skip: Iterable[str] = ()) -> list[Layer]:
    """The embeddings of `model` that are not in `skip`; ValueError if one cannot be written, as in `weight_layers`."""
    found = [Layer(name, module) for name, module in _not_in(skip, model) if isinstance(module, EMBEDDINGS)]
    for name, module in found:
        check_writable(name, module)
    return found


def running_layers(model: nn.Module) -> list[Layer]:
    """The dense, convolution and attention layers of any model, to look at and not to write; ValueError if none."""
    _check_module(model)
    found = [Layer(name, module) for name, module in model.named_modules() if isinstance(module, WEIGHT_LAYERS)]
    return _at_least_one(found, model)


def kernels(layer: nn.Module) -> Iterator[Tensor]:
    """Views of a layer's weights as ordinary kernels (out, in, *receptive field), so that fans come out right.

    A convolution in g groups is g kernels side by side; a transposed convolution stores (in, out, …); attention
    stacks the query, key and value projections in one matrix.

    Parameters
    ----------
    layer : nn.Module
        A dense, convolution or attention layer.

    Examples
    --------
    >>> from torch import nn
    >>> from talweg.initializers import kernels
    >>> [tuple(kernel.shape) for kernel in kernels(nn.Conv2d(4, 6, 3, groups=2))]
    [(3, 2, 3, 3), (3, 2, 3, 3)]
    """
    if isinstance(layer, nn.MultiheadAttention):
        separate = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
        yield from layer.in_proj_weight.chunk(3) if layer.in_proj_weight is not None else separate
    elif isinstance(layer, _ConvNd):
        pieces = layer.weight.chunk(layer.groups) if layer.groups > 1 else (layer.weight,)
        yield from (piece.transpose(0, 1) if layer.transposed else piece for piece in pieces)
    else:
        yield weight_of(layer)


def weight_of(layer: nn.Module) -> Tensor:
    """A layer's `weight`; PyTorch annotates the attributes of modules as tensors or modules."""
    return cast(Tensor, layer.weight)


def biases(layer: nn.Module) -> Iterator[Tensor]:
    """The bias vectors of a weight layer, if it has any."""
    for name in ("bias", "in_proj_bias", "bias_k", "bias_v"):
        if isinstance(bias := getattr(layer, name, None), Tensor):
            yield bias


@contextmanager
def restored_on_error(model: nn.Module) -> Iterator[None]:
    """If the block ends in an error, the parameters are what they were before it."""
    known = [p for p in model.parameters() if not isinstance(p, nn.parameter.UninitializedParameter)]
    before = [(parameter, parameter.detach().clone()) for parameter in known]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for parameter, value in before:
                parameter.copy_(value)
        raise


def check_writable(name: str, layer: nn.Module) -> None:
    """ValueError, naming the layer, if what is drawn for one of its weights or biases could not be kept there."""
    for parameter in layer.parameters(recurse=False):
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(f"layer {name!r} is lazy: its shape is unknown until the model has seen one batch.")
    if parametrize.is_parametrized(layer):
        raise ValueError(
            f"layer {name!r} has a parametrization ({', '.join(cast(nn.ModuleDict, layer.parametrizations))}), which recomputes its weights: "
            "initialize the model before registering it, or name the layer in skip."
        )
    for own in _OWN:
        if isinstance(tensor := getattr(layer, own, None), Tensor):
            _check_tensor(name, own, tensor, layer)


def _check_tensor(name: str, own: str, tensor: Tensor, layer: nn.Module) -> None:
    if own not in layer._parameters and own not in layer._buffers:
        raise ValueError(
            f"layer {name!r} recomputes its {own} before each forward pass (weight_norm, spectral_norm or pruning of "
            "torch.nn.utils), so that nothing written there would last: initialize the model before that, or name the "
            "layer in skip."
        )
    if tensor.is_meta:
        raise ValueError(
            f"layer {name!r} is on the meta device, without memory to write to: give it some first, by "
            "model.to_empty(device=…)."
        )
    if tensor.dtype not in _DRAWN_DTYPES:
        allowed = ", ".join(str(dtype).removeprefix("torch.") for dtype in _DRAWN_DTYPES)
        raise ValueError(f"layer {name!r} must hold real numbers ({allowed}) in its {own}; got {tensor.dtype}.")
    if not tensor.numel():
        raise ValueError(
            f"layer {name!r} must have at least one element in its {own}; got shape {tuple(tensor.shape)}. "
            "Name the layer in skip to leave it alone."
        )


def _not_in(skip: Iterable[str], model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules of `model` by name, without those that `skip` names and what they hold."""
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    for name, module in model.named_modules():
        if not any(name == prefix or name.startswith(f"{prefix}.") for prefix in skip):
            yield name, module


def _check_module(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module; got {type(model).__name__}.")


def _at_least_one(found: list[Layer], model: nn.Module) -> list[Layer]:
    if not found:
        raise ValueError(f"model must have a dense or convolution layer; {type(model).__name__} has none.")
    return found


def _refuse_unknown(name: str, module: nn.Module, skip: tuple[str, ...]) -> None:
    for own, parameter in module.named_parameters(recurse=False):
        full = f"{name}.{own}" if name else own
        lazy = isinstance(parameter, nn.parameter.UninitializedParameter)
        if full not in skip and (lazy or parameter.ndim >= 2):
            raise ValueError(
                f"parameter {full!r} belongs to {type(module).__name__}, whose fans are not defined here: "
                f"initialize it yourself and pass skip=({full!r},)."
            )
