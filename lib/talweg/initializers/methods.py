"""`initialize`: one name, a whole model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

import torch
from torch import Generator, Tensor, nn

from talweg.arguments import one_of
from talweg.initializers import independent, orthogonal
from talweg.initializers.layers import EMBEDDINGS, Layer, biases, embeddings, kernels, weight_layers
from talweg.initializers.lsuv import lsuv_
from talweg.initializers.metainit import metainit_
from talweg.initializers.mup import mup_
from talweg.initializers.residual import fixup_, residual_scaling_

Method = Callable[..., object]


def _named(*functions: Method) -> dict[str, Method]:
    """Functions by their names without the trailing underscore."""
    return {function.__name__.removesuffix("_"): function for function in functions}


TENSOR_METHODS = _named(
    independent.zeros_,
    independent.constant_,
    independent.normal_,
    independent.uniform_,
    independent.truncated_normal_,
    independent.lecun_normal_,
    independent.lecun_uniform_,
    independent.xavier_normal_,
    independent.xavier_uniform_,
    independent.kaiming_normal_,
    independent.kaiming_uniform_,
    independent.fixed_variance_,
    orthogonal.orthogonal_,
    orthogonal.scaled_orthogonal_,
    orthogonal.delta_orthogonal_,
)
MODEL_METHODS = _named(lsuv_, metainit_, fixup_, residual_scaling_, mup_)
METHODS = {**TENSOR_METHODS, **MODEL_METHODS}

# GPT-2 and BERT draw embeddings as they draw weights; a fan rule says nothing about a table that is looked up
_WITH_EMBEDDINGS = ("normal", "truncated_normal")


@torch.no_grad()
def initialize(
    model: nn.Module,
    method: str,
    generator: Generator | None = None,
    *,
    skip: Iterable[str] = (),
    **options: object,
) -> nn.Module:
    """Initializes a whole model in place and returns it: `initialize(model, "kaiming_normal", gain="tanh")`.

    Every dense, convolution and attention weight is drawn by the method, with its true fan (receptive field, groups,
    transposed storage), in the order of registration: the same generator state gives the same model. Their biases
    become zero. Normalization layers stay as they are, embeddings too, unless the method is "normal" or
    "truncated_normal" (as in GPT-2 and BERT); a weight tied to an embedding that stays, stays.

    `method`: a name in `METHODS`; `options`: that function's own (`data=` for "lsuv", `base_width=` for "mup", …).
    "delta_orthogonal" makes dense layers orthogonal. `skip`: names of modules or parameters to leave alone.

    ValueError: an unknown method or option (with the nearest name), a model without weight layers, weights whose fans
    are unknown (LSTM, bare parameters) or that cannot be kept (pruned, empty, complex, on the meta device), a shape that
    the method cannot serve. The model is then left as it was, also where "lsuv" and "metainit" meet bad data, or a dead
    layer, on their way.
    """
    function = METHODS[one_of("method", method, METHODS)]
    _check_options(method, function, options, generator)
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    layers = weight_layers(model, skip)
    if method in MODEL_METHODS:
        if skip:
            raise ValueError(f"skip cannot be combined with {method!r}, which needs the whole model.")
        with torch.enable_grad():
            function(model, generator=generator, **options)
        return model
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
    # Weights tied to an embedding are the embedding's, whether it is drawn or stays
    done = {id(module.weight) for module in model.modules() if isinstance(module, EMBEDDINGS)}
    for _, module in drawn:
        function(module.weight, **options)
        if module.padding_idx is not None:
            module.weight[module.padding_idx].zero_()
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


def _check_options(method: str, function: Method, options: dict, generator: object) -> None:
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
