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
