"""Initialization of a whole model happens as a whole or not at all, for every method and any mixture of layers."""

import copy
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from talweg.initializers import initialize
from talweg.initializers.fill import TENSOR_METHODS
from talweg.initializers.methods import METHODS

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
OPTIONS = {
    "constant": {"value": 7.0},
    "lsuv": {"data": torch.randn(9, 3)},
    "metainit": {"loss": F.cross_entropy, "batch": (torch.randn(9, 3), torch.zeros(9, dtype=torch.long)), "steps": 1},
    "mup": {"base_width": 3},
}


def parametrized(n):
    return nn.utils.parametrizations.weight_norm(nn.Linear(n, n))


def pruned(n):
    return prune.identity(nn.Linear(n, n), "weight")


# Layers of a width of 0, 1 or 3; the first line can be initialized unless it is empty, the second never.
GOOD = {
    "dense": lambda n: nn.Linear(n, n),
    "to one": lambda n: nn.Linear(n, 1),
    "convolution": lambda n: nn.Conv2d(n, n, 1, groups=max(n, 1)),
    "transposed": lambda n: nn.ConvTranspose1d(max(n, 1), n + 1, 2),
    "attention": lambda n: nn.MultiheadAttention(max(n, 1), 1, add_bias_kv=True),
    "embedding": lambda n: nn.Embedding(n + 1, 2),
    "norm": lambda n: nn.LayerNorm(n),
    "no weights": lambda n: nn.Tanh(),
}
BAD = {
    "recurrent": lambda n: nn.LSTM(max(n, 1), 2),
    "bilinear": lambda n: nn.Bilinear(max(n, 1), 2, 2),
    "lazy": lambda n: nn.LazyLinear(n + 1),
    "parametrized": lambda n: parametrized(n + 1),
    "pruned": lambda n: pruned(n + 1),
    "meta device": lambda n: nn.Linear(n + 1, 2, device="meta"),
    "complex": lambda n: nn.Linear(n + 1, 2, dtype=torch.complex64),
}
layers = st.lists(
    st.tuples(st.sampled_from([*GOOD, *BAD]), st.sampled_from([1, 3, 0]), st.sampled_from(DTYPES)),
    min_size=1,
    max_size=4,
)


def built(drawn):
    """A model of these layers, with numbers in all its memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = []
        for kind, width, dtype in drawn:
            module = {**GOOD, **BAD}[kind](width)
            modules.append(module if kind in ("complex", "meta device", "lazy") else module.to(dtype))
    return nn.Sequential(*modules)


def memory(model):
    """Copies of all that can be read; lazy parameters and those of the meta device have no values."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    unread = (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)
    return {name: t.detach().clone() for name, t in tensors.items() if not isinstance(t, unread) and not t.is_meta}


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(drawn=layers, first=st.sampled_from([1, 3]))
def test_a_model_is_initialized_as_a_whole_or_not_at_all(method, drawn, first):
    """The layer that is refused comes after ones that could have been written."""
    model = built([("dense", first, torch.float32), *drawn])
    before, modes = memory(model), [module.training for module in model.modules()]
    kinds, own_hooks = {kind for kind, _, _ in drawn}, hooks(model)
    try:
        initialize(model, method, torch.Generator().manual_seed(0), **copy.copy(OPTIONS.get(method, {})))
    except Exception as error:
        after = memory(model)
        assert all(torch.equal(value, after[name]) for name, value in before.items()), error
        # A method that runs the model says what torch says of layers that do not fit together.
        assert isinstance(error, ValueError | TypeError) or method in ("lsuv", "metainit"), error
        assert str(error)
    else:
        assert not kinds & set(BAD)
        for name, value in memory(model).items():
            assert value.isfinite().all(), name
        if method in TENSOR_METHODS:
            assert all(p.count_nonzero() == 0 for name, p in model.named_parameters() if name == "0.bias")
    assert [module.training for module in model.modules()] == modes
    assert hooks(model) == own_hooks


def hooks(model):
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]


@pytest.mark.parametrize("method", sorted(set(TENSOR_METHODS) - {"delta_orthogonal"}))
@settings(max_examples=15, deadline=None, derandomize=True)
@given(shape=st.sampled_from([(1, 1), (1, 3), (3, 1), (1, 1, 1), (2, 1, 3)]), dtype=st.sampled_from(DTYPES))
def test_one_element_is_enough(method, shape, dtype):
    """A single number, or a single row, is drawn like any other weight."""
    kind = nn.Linear if len(shape) == 2 else nn.Conv1d
    model = nn.Sequential(kind(shape[1], shape[0], *shape[2:], dtype=dtype))
    try:
        initialize(model, method, torch.Generator().manual_seed(0), **OPTIONS.get(method, {}))
    except ValueError as error:
        assert "shape" in str(error) or "at least" in str(error), error
    else:
        weight = model[0].weight
        assert weight.isfinite().all() and weight.dtype == dtype
        assert (weight.abs().max() > 0) == (method != "zeros")
