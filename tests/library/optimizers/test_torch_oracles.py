"""Each method that torch.optim has equals it: 20 fixed gradients with any hyperparameters, 200 real training steps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import MATRICES, after, assert_close, kinds, trained

from talweg import optimizers

LR = st.floats(1e-5, 0.5)
BETAS = st.sampled_from([(0.9, 0.999), (0.0, 0.9), (0.5, 0.5), (0.95, 0.98)])
EPS = st.sampled_from([1e-8, 1e-3, 1e-12])
DECAY = st.sampled_from([0.0, 0.01, 0.3])
ADAM = dict(lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY)
SWITCH = st.booleans()

CASES = {
    "Adagrad": dict(
        lr=LR, lr_decay=st.sampled_from([0.0, 0.1]), weight_decay=DECAY,
        initial_accumulator_value=st.sampled_from([0.0, 0.1]), eps=st.sampled_from([1e-10, 1e-3]),
    ),
    "RMSprop": dict(
        lr=LR, alpha=st.sampled_from([0.5, 0.9, 0.99]), eps=EPS, weight_decay=DECAY,
        momentum=st.sampled_from([0.0, 0.5, 0.9]), centered=SWITCH,
    ),
    "Adam": ADAM,
    "AMSGrad": ADAM,
    "AdamW": ADAM,
    "NAdam": {**ADAM, "momentum_decay": st.sampled_from([0.0, 4e-3, 0.1]), "decoupled_weight_decay": SWITCH},
    "RAdam": {**ADAM, "decoupled_weight_decay": SWITCH},
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def float64_by_default():
    """torch.optim.NAdam keeps its product of momenta in the default dtype: in float32 it is 1e-7 off."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def theirs(name):
    if name == "AMSGrad":
        return lambda p, **h: torch.optim.Adam(p, amsgrad=True, foreach=False, **h)
    return lambda p, **h: getattr(torch.optim, name)(p, foreach=False, **h)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_equals_torch_with_any_hyperparameters(name, data):
    h = data.draw(st.fixed_dictionaries(CASES[name]))
    expected = after(lambda p: theirs(name)(p, **h))
    for kind in kinds(name):
        assert_close(after(lambda p, kind=kind: kind(p, **h)), expected)


REAL = [
    ("Adagrad", dict(lr=0.05, lr_decay=0.01, weight_decay=0.01)),
    ("RMSprop", dict(lr=1e-3)),
    ("RMSprop", dict(lr=1e-3, centered=True, momentum=0.9, weight_decay=0.01)),
    ("Adam", dict(lr=1e-2)),
    ("Adam", dict(lr=1e-2, betas=(0.8, 0.99), weight_decay=0.01)),
    ("AMSGrad", dict(lr=1e-2)),
    ("AdamW", dict(lr=1e-2, weight_decay=0.1)),
    ("NAdam", dict(lr=1e-2)),
    ("NAdam", dict(lr=1e-2, weight_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", dict(lr=1e-2)),
]


@pytest.mark.parametrize("name, h", REAL)
def test_equals_torch_over_200_real_steps(name, h):
    expected = trained(lambda p: theirs(name)(p, **h))
    for kind in kinds(name):
        assert_close(trained(lambda p, kind=kind: kind(p, **h)), expected)


ADAFACTOR = dict(
    lr=st.floats(1e-4, 1.0),
    decay=st.sampled_from([0.5, 0.8, 1.0]),
    clip=st.sampled_from([1.0, 2.0, 10.0]),
    weight_decay=DECAY,
    eps2=st.sampled_from([1e-3, 10.0]),
)


def torch_adafactor(p, *, decay, clip, eps2, **h):
    return torch.optim.Adafactor(p, beta2_decay=-decay, d=clip, eps=(1e-30, eps2), **h)


def our_adafactor(p, *, eps2, **h):
    return optimizers.Adafactor(p, eps=(1e-30, eps2), **h)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(h=st.fixed_dictionaries(ADAFACTOR))
def test_adafactor_equals_torch_on_matrices_and_vectors(h):
    shapes = [*MATRICES, (6,)]
    expected = after(lambda p: torch_adafactor(p, **h), shapes=shapes)
    assert_close(after(lambda p: our_adafactor(p, **h), shapes=shapes), expected)


@pytest.mark.parametrize("h", [dict(lr=1e-2, weight_decay=0.0), dict(lr=0.1, weight_decay=0.1)])
def test_adafactor_equals_torch_over_200_real_steps(h):
    h = dict(decay=0.8, clip=1.0, eps2=1e-3, **h)
    assert_close(trained(lambda p: our_adafactor(p, **h)), trained(lambda p: torch_adafactor(p, **h)))
