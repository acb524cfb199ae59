"""Methods that torch.optim lacks: equal to their papers' formulas, and to timm, pytorch_optimizer and official code."""

import pytest
import torch
from formulas import ByFormula, adabelief, adafactor, by_formula, lamb, lars, lion, muon, schedule_free
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import MATRICES, SHAPES, after, assert_close, fixed_gradients, kinds, parameters, peer, trained

from talweg import optimizers

LR = st.floats(1e-5, 0.5)
DECAY = st.sampled_from([0.0, 0.01, 0.3])
BETAS = st.sampled_from([(0.9, 0.99), (0.95, 0.98), (0.5, 0.9), (0.0, 0.5)])
EPS = st.sampled_from([1e-8, 1e-3, 1e-16])

FORMULAS = {
    "Lion": (lion, dict(lr=LR, betas=BETAS, weight_decay=DECAY)),
    "AdaBelief": (adabelief, dict(lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY)),
    "LARS": (
        lars,
        dict(
            lr=LR, momentum=st.sampled_from([0.0, 0.9]), weight_decay=DECAY, trust=st.sampled_from([1e-3, 0.1]),
            eps=st.sampled_from([0.0, 1e-8]),
        ),
    ),
    "LAMB": (lamb, dict(lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY)),
    "Adafactor": (
        adafactor,
        dict(
            lr=LR, relative_step=st.booleans(), scale_parameter=st.booleans(), factored=st.booleans(),
            clip=st.sampled_from([0.3, 1.0, 100.0]),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_equals_its_formula_with_any_hyperparameters(name, data):
    rule, strategies = FORMULAS[name]
    h = data.draw(st.fixed_dictionaries(strategies))
    expected = by_formula(rule, parameters(), fixed_gradients(), **h)
    for kind in kinds(name):
        assert_close(after(lambda p, kind=kind: kind(p, **h)), expected)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    lr=LR,
    momentum=st.sampled_from([0.0, 0.9, 0.95]),
    nesterov=st.booleans(),
    weight_decay=DECAY,
    scale=st.sampled_from(["original", "rms"]),
)
def test_muon_equals_the_quintic_on_singular_values(**h):
    shapes = [*MATRICES, (4, 2, 3)]
    expected = by_formula(muon, parameters(shapes), fixed_gradients(shapes=shapes), **h)
    assert_close(after(lambda p: optimizers.Muon(p, **h), shapes=shapes), expected, 1e-10)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    lr=LR, momentum=st.sampled_from([0.5, 0.9, 0.98]), weight_decay=DECAY, warmup_steps=st.sampled_from([0, 7]),
    r=st.sampled_from([0.0, 1.0]), weight_lr_power=st.sampled_from([0.0, 2.0]),
)  # fmt: skip
def test_schedule_free_methods_equal_three_explicit_sequences(momentum, weight_lr_power, **h):
    formula = dict(beta=momentum, p=weight_lr_power, **h)
    for name, own, extra in (
        ("ScheduleFreeSGD", dict(momentum=momentum), {}),
        ("ScheduleFreeAdamW", dict(betas=(momentum, 0.99), eps=1e-6), dict(beta2=0.99, eps=1e-6)),
    ):
        expected = by_formula(schedule_free, parameters(), fixed_gradients(), **formula, **extra)
        for kind in kinds(name):
            ours = after(lambda p, kind=kind, own=own: kind(p, weight_lr_power=weight_lr_power, **own, **h))
            assert_close(ours, expected)


ADAMLIKE = dict(lr=1e-2, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
PEERS = [
    ("timm", "Lion", "Lion", dict(lr=1e-3, betas=(0.8, 0.95), weight_decay=0.1), {}, SHAPES, 1e-12),
    ("pytorch_optimizer", "Lion", "Lion", dict(lr=1e-3, betas=(0.8, 0.95), weight_decay=0.1), {}, SHAPES, 1e-12),
    ("timm", "AdaBelief", "AdaBelief", ADAMLIKE, dict(rectify=False), SHAPES, 1e-12),
    ("pytorch_optimizer", "AdaBelief", "AdaBelief", ADAMLIKE, dict(rectify=False), SHAPES, 1e-12),
    ("timm", "Lamb", "LAMB", ADAMLIKE, dict(max_grad_norm=None, always_adapt=True), SHAPES, 1e-12),
    ("timm", "Lars", "LARS", dict(lr=0.5, momentum=0.9, weight_decay=0.1), dict(trust_coeff=1e-3), SHAPES, 1e-8),
    ("pytorch_optimizer", "LARS", "LARS", dict(lr=0.5, momentum=0.9, weight_decay=0.1), {}, MATRICES, 1e-12),
    ("schedulefree", "SGDScheduleFree", "ScheduleFreeSGD", dict(lr=0.1, weight_decay=0.1, warmup_steps=5), {}, SHAPES, 1e-12),
    (
        "schedulefree", "AdamWScheduleFree", "ScheduleFreeAdamW",
        dict(lr=0.1, weight_decay=0.1, warmup_steps=5, r=1.0), {}, SHAPES, 1e-12,
    ),
    (
        "pytorch_optimizer", "AdaFactor", "Adafactor", dict(lr=1e-2, relative_step=False),
        dict(betas=(None, 0.999)), MATRICES, 1e-12,
    ),
]  # fmt: skip


def make_peer(kind, **h):
    def make(p):
        optimizer = kind(list(p), **h)
        if hasattr(optimizer, "train"):
            optimizer.train()
        return optimizer

    return make


@pytest.mark.parametrize("package, theirs, ours, h, extra, shapes, tolerance", PEERS)
def test_equals_other_libraries_on_fixed_gradients(package, theirs, ours, h, extra, shapes, tolerance):
    expected = after(make_peer(peer(package, theirs), **h, **extra), shapes=shapes)
    for kind in kinds(ours):
        assert_close(after(lambda p, kind=kind: kind(p, **h), shapes=shapes), expected, tolerance)


@pytest.mark.parametrize("package, theirs, ours, h, extra", [case[:5] for case in PEERS if case[5] is SHAPES])
def test_equals_other_libraries_over_200_real_steps(package, theirs, ours, h, extra):
    if ours == "LARS":
        h = {**h, "eps": 1e-8}  # timm's
        extra = {**extra, "always_adapt": True}
    expected = trained(make_peer(peer(package, theirs), **{**h, **extra}))
    for kind in kinds(ours):
        assert_close(trained(lambda p, kind=kind: kind(p, **h)), expected)


@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_equals_the_quintic_over_200_real_steps(nesterov):
    """The matrices; the vectors go to AdamW, which has its own tests, and stay where they are in both."""
    h = dict(lr=0.02, momentum=0.9, nesterov=nesterov, weight_decay=0.1)

    def matrices(p):
        return [q for q in p if q.ndim == 2]

    expected = trained(lambda p: ByFormula(muon, matrices(p), **h))
    assert_close(trained(lambda p: optimizers.Muon(matrices(p), **h)), expected, 1e-10)


def test_muon_agrees_with_torch_up_to_its_bfloat16():
    h = dict(lr=0.1, momentum=0.9, weight_decay=0.0)
    start = torch.cat([p.detach().flatten() for p in parameters(MATRICES)])
    for scale, adjust in (("original", "original"), ("rms", "match_rms_adamw")):
        ours = after(lambda p, scale=scale: optimizers.Muon(p, scale=scale, **h), shapes=MATRICES)
        theirs = after(lambda p, adjust=adjust: torch.optim.Muon(p, adjust_lr_fn=adjust, **h), shapes=MATRICES)
        assert (ours - theirs).norm() <= 2e-2 * (theirs - start).norm()
        assert (ours - theirs).norm() > 0


def test_muons_rest_is_adamw():
    h = dict(lr=1e-2, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.1)
    expected = after(lambda p: torch.optim.AdamW(p, **h))
    assert_close(after(lambda p: optimizers.Muon([dict(params=p, adamw=True)], **h)), expected)


def test_lion_keeps_two_betas():
    """With m overwritten by c it is another method (Signum with β₁), although c is the same in the first step."""

    class Overwritten(optimizers.Lion):
        def update(self, theta, g, m, *, lr, betas, weight_decay, **_):
            m.lerp_(g, 1 - betas[0])
            theta.mul_(1 - lr * weight_decay).add_(m.sign(), alpha=-lr)

    one, two = (after(lambda p, kind=kind: kind(p), steps=1) for kind in (optimizers.Lion, Overwritten))
    assert torch.equal(one, two)
    many, other = (trained(lambda p, kind=kind: kind(p, lr=1e-2)) for kind in (optimizers.Lion, Overwritten))
    assert (many - other).abs().max() > 1e-2


def test_adafactors_convolutions_are_matrices_unlike_torchs():
    ours, theirs = (
        after(lambda p, kind=kind: kind(p, weight_decay=0.0), shapes=[(4, 3, 3, 2)])
        for kind in (optimizers.Adafactor, torch.optim.Adafactor)
    )
    expected = by_formula(
        adafactor, parameters([(4, 3, 3, 2)]), fixed_gradients(shapes=[(4, 3, 3, 2)]),
        lr=1e-2, relative_step=True, scale_parameter=True, factored=True,
    )  # fmt: skip
    assert_close(ours, expected)
    assert (ours - theirs).abs().max() > 1e-4


def test_lars_leaves_a_group_without_trust_to_plain_sgd():
    h = dict(lr=0.1, momentum=0.9, weight_decay=0.1)
    expected = after(lambda p: torch.optim.SGD(p, **h))
    assert_close(after(lambda p: optimizers.LARS(p, trust=None, **h)), expected)


def test_layerwise_methods_move_weights_that_are_zero():
    for kind in (optimizers.LARS, optimizers.LAMB):
        weight = torch.zeros(3, requires_grad=True)
        weight.grad = torch.ones(3)
        kind([weight], lr=0.1).step()
        assert torch.allclose(weight, torch.full((3,), -0.1), atol=1e-6)
