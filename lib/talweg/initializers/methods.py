"""`initialize`: one name, a whole model."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Generator, nn

from talweg.arguments import one_of
from talweg.initializers.fill import TENSOR_METHODS, check_options, fill, named
from talweg.initializers.layers import weight_layers
from talweg.initializers.lsuv import lsuv_
from talweg.initializers.metainit import metainit_
from talweg.initializers.mup import mup_
from talweg.initializers.residual import fixup_, residual_scaling_

MODEL_METHODS = named(lsuv_, metainit_, fixup_, residual_scaling_, mup_)
METHODS = {**TENSOR_METHODS, **MODEL_METHODS}


@torch.no_grad()
def initialize(
    model: nn.Module,
    method: str,
    generator: Generator | None = None,
    *,
    skip: Iterable[str] = (),
    **options: object,
) -> nn.Module:
    """Initializes a whole model in place and returns it.

    Every dense, convolution and attention weight is drawn by the method, with its true fan (receptive field, groups,
    transposed storage), in the order of registration: the same generator state gives the same model. Their biases
    become zero. Normalization layers stay as they are, embeddings too, unless the method is "normal" or
    "truncated_normal" (as in GPT-2 and BERT); a weight tied to an embedding that stays, stays.

    Parameters
    ----------
    model : nn.Module
    method : str
        A name in `METHODS`: that of a function without its trailing underscore. "delta_orthogonal" makes dense layers
        orthogonal.
    generator : torch.Generator, optional
        Makes the draw repeatable.
    skip : names
        Modules or parameters to leave alone.
    **options
        The function's own (`gain=` for "kaiming_normal", `data=` for "lsuv", `base_width=` for "mup", …).

    Raises
    ------
    ValueError
        For an unknown method or option (with the nearest name), a model without weight layers, weights whose fans are
        unknown (LSTM, bare parameters) or that cannot be kept (pruned, empty, complex, on the meta device), or a shape
        that the method cannot serve. The model is then left as it was, also where "lsuv" and "metainit" meet bad data,
        or a dead layer, on their way.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from talweg.initializers import initialize
    >>> model = nn.Sequential(nn.Linear(200, 400), nn.Tanh(), nn.Linear(400, 2))
    >>> model = initialize(model, "kaiming_normal", torch.Generator().manual_seed(0), gain="tanh")
    >>> print(f"{model[0].weight.std().item() * 200**0.5:.2f}")
    1.67
    """
    if one_of("method", method, METHODS) in TENSOR_METHODS:
        return fill(model, method, generator, skip=skip, **options)
    check_options(method, MODEL_METHODS[method], options, generator)
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    weight_layers(model, skip)  # for its errors
    if skip:
        raise ValueError(f"skip cannot be combined with {method!r}, which needs the whole model.")
    with torch.enable_grad():
        MODEL_METHODS[method](model, generator=generator, **options)
    return model
