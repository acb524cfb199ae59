"""Filling a whole model with a method that draws one tensor: kernels with their true fans, biases zero."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

import torch
from torch import Generator, Tensor, nn

from talweg.arguments import one_of
from talweg.initializers import independent, orthogonal, plain
from talweg.initializers.layers import EMBEDDINGS, Layer, biases, embeddings, kernels, weight_layers, weight_of

__all__ = ["TENSOR_METHODS", "Method", "check_options", "fill", "named"]

Method = Callable[..., object]


def named(*functions: Method) -> dict[str, Method]:
    """Functions by their names without the trailing underscore."""
    return {function.__name__.removesuffix("_"): function for function in functions}


# Every public initializer of these three modules, by what they list in __all__: `kaiming_normal_` is "kaiming_normal".
TENSOR_METHODS = named(
    *(getattr(module, name) for module in (plain, independent, orthogonal) for name in module.__all__)
)

# GPT-2 and BERT draw embeddings as they draw weights; a fan rule says nothing about a table that is looked up.
_WITH_EMBEDDINGS = ("normal", "truncated_normal")


@torch.no_grad()
def fill(
    model: nn.Module,
    method: str,
    generator: Generator | None = None,
    *,
    skip: Iterable[str] = (),
    **options: object,
) -> nn.Module:
    """Fill a model in place by a method of `TENSOR_METHODS` and return it; the checks and errors of `initialize`."""
    function = TENSOR_METHODS[one_of("method", method, TENSOR_METHODS)]
    check_options(method, function, options, generator)
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    layers = weight_layers(model, skip)
    if generator is not None and "generator" in inspect.signature(function).parameters:
        options["generator"] = generator
    if method == "delta_orthogonal":
        _check_shapes(layers)
    drawn = embeddings(model, skip) if method in _WITH_EMBEDDINGS else []
    _fill(model, drawn, layers, method, function, options)
    return model


def _fill(
    model: nn.Module, drawn: list[Layer], layers: list[Layer], method: str, function: Method, options: dict
) -> None:
    # Weights tied to an embedding are the embedding's, whether it is drawn or stays.
    done = {id(module.weight) for module in model.modules() if isinstance(module, EMBEDDINGS)}
    for _, module in drawn:
        function(weight_of(module), **options)
        if isinstance(module.padding_idx, int):
            weight_of(module)[module.padding_idx].zero_()
    for _, layer in layers:
        owner = getattr(layer, "weight", layer)
        if id(owner) not in done:
            done.add(id(owner))
            for kernel in kernels(layer):
                _choose(method, function, kernel)(kernel, **options)  # refuses bad options before it writes
        for bias in biases(layer):
            bias.zero_()


def _check_shapes(layers: list[Layer]) -> None:
    """Delta-orthogonal's conditions for every layer, before the first is written; the other methods serve any shape."""
    convolutions = [layer for layer in layers if not isinstance(layer.module, nn.Linear)]
    if not convolutions:
        raise ValueError("model must have a convolution for 'delta_orthogonal'; for dense layers take 'orthogonal'.")
    for name, layer in convolutions:
        for kernel in kernels(layer):
            try:
                orthogonal.check_delta_orthogonal(kernel)
            except ValueError as error:
                raise ValueError(
                    f"layer {name!r} ({type(layer).__name__}) cannot be delta-orthogonal: {error}"
                ) from error


def _choose(method: str, function: Method, kernel: Tensor) -> Method:
    """A dense layer is a 1×1 convolution: there, delta-orthogonal means orthogonal."""
    return orthogonal.orthogonal_ if method == "delta_orthogonal" and kernel.ndim == 2 else function


def check_options(method: str, function: Method, options: dict, generator: object) -> None:
    """ValueError for an option that the method does not have, or one it needs; TypeError for another generator."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be a torch.Generator or None; got {generator!r}. For a seed: torch.Generator().manual_seed(0)."
        )
    first, *rest = inspect.signature(function).parameters.values()
    allowed = [parameter.name for parameter in rest if parameter.name != "generator"]
    for option in options:
        if not allowed:
            raise ValueError(f"{method!r} takes no options; got {option!r}.")
        one_of(f"option of {method!r}", option, allowed)
    for parameter in rest:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise ValueError(
                f"{method!r} needs the option {parameter.name!r}: initialize(model, {method!r}, {parameter.name}=…)."
            )
