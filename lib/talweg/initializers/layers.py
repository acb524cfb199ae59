"""A model's weight layers, each seen as ordinary kernels of shape (out, in, *receptive field)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from talweg.models.norms import is_norm

WEIGHT_LAYERS = (nn.Linear, _ConvNd, nn.MultiheadAttention)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


class Layer(NamedTuple):
    """A module that owns weights, and its name in the model."""

    name: str
    module: nn.Module


def weight_layers(model: nn.Module, skip: Iterable[str] = ()) -> list[Layer]:
    """The dense, convolution and attention layers of `model`, in the order in which they are registered.

    ValueError if there is none, if a weight matrix belongs to a module whose fans are unknown here (an LSTM, a bare
    parameter) and is not under one of the names in `skip`, or if a weight is lazy or reparametrised.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module; got {type(model).__name__}.")
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    found = []
    for name, module in model.named_modules():
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in skip):
            continue
        if isinstance(module, WEIGHT_LAYERS):
            _check_plain(name, module)
            found.append(Layer(name, module))
        elif not isinstance(module, EMBEDDINGS) and not is_norm(module):
            _refuse_unknown(name, module, skip)
    if not found:
        raise ValueError(f"model must have a dense or convolution layer; {type(model).__name__} has none.")
    return found


def kernels(layer: nn.Module) -> Iterator[Tensor]:
    """Views of a layer's weights as ordinary kernels (out, in, *receptive field), so that fans come out right.

    A convolution in g groups is g kernels side by side; a transposed convolution stores (in, out, …); attention
    stacks the query, key and value projections in one matrix.
    """
    if isinstance(layer, nn.MultiheadAttention):
        separate = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
        yield from layer.in_proj_weight.chunk(3) if layer.in_proj_weight is not None else separate
    elif isinstance(layer, _ConvNd):
        pieces = layer.weight.chunk(layer.groups) if layer.groups > 1 else (layer.weight,)
        yield from (piece.transpose(0, 1) if layer.transposed else piece for piece in pieces)
    else:
        yield layer.weight


def biases(layer: nn.Module) -> Iterator[Tensor]:
    """The bias vectors of a weight layer, if it has any."""
    for name in ("bias", "in_proj_bias", "bias_k", "bias_v"):
        if isinstance(bias := getattr(layer, name, None), Tensor):
            yield bias


def _check_plain(name: str, layer: nn.Module) -> None:
    for parameter in layer.parameters(recurse=False):
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(f"layer {name!r} is lazy: its shape is unknown until the model has seen one batch.")
    if parametrize.is_parametrized(layer):
        raise ValueError(
            f"layer {name!r} has a parametrization ({', '.join(layer.parametrizations)}), which recomputes its weights: "
            "initialize the model before registering it, or name the layer in skip."
        )


def _refuse_unknown(name: str, module: nn.Module, skip: tuple[str, ...]) -> None:
    for own, parameter in module.named_parameters(recurse=False):
        full = f"{name}.{own}" if name else own
        lazy = isinstance(parameter, nn.parameter.UninitializedParameter)
        if full not in skip and (lazy or parameter.ndim >= 2):
            raise ValueError(
                f"parameter {full!r} belongs to {type(module).__name__}, whose fans are not defined here: "
                f"initialize it yourself and pass skip=({full!r},)."
            )
