"""Normalization written out, against torch.nn: outputs, gradients, running statistics, errors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from talweg import normalization as N

F64 = torch.float64
quick = settings(max_examples=40, deadline=None)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def randomized(layer, seed=5):
    """The layer in float64 with parameters and statistics that are not the neutral ones."""
    generator = torch.Generator().manual_seed(seed)
    layer.double()
    with torch.no_grad():
        for tensor in layer.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 2, generator=generator)
    return layer


def assert_same(ours, theirs, x):
    """Same output, and same gradients for the input and every parameter, to 1e-12."""
    results = []
    for layer in (ours, theirs):
        inputs = x.clone().requires_grad_()
        output = layer(inputs)
        weights = gaussian(*output.shape, seed=7)  # the gradient of a plain sum would be almost zero
        parameters = dict(layer.named_parameters())
        gradients = torch.autograd.grad((weights * output).sum(), [inputs, *parameters.values()])
        results.append((output, *gradients))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name), buffer, rtol=1e-12, atol=1e-12)


def copied(ours, theirs):
    ours, theirs = ours.double(), randomized(theirs)
    ours.load_state_dict(theirs.state_dict())  # strict: the names are PyTorch's
    return ours, theirs


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
@pytest.mark.parametrize(("name", "shape"), [("1d", (8, 5)), ("1d", (4, 5, 3)), ("2d", (3, 5, 4, 2))])
def test_batch_norm_is_torchs_in_train_and_eval(name, shape, momentum, tracked, affine):
    options = {"eps": 1e-3, "momentum": momentum, "affine": affine, "track_running_stats": tracked}
    ours, theirs = copied(getattr(N, f"BatchNorm{name}")(5, **options), getattr(nn, f"BatchNorm{name}")(5, **options))
    for seed in range(3):  # three batches, so that the running statistics accumulate
        assert_same(ours, theirs, 2 + 3 * gaussian(*shape, seed=seed))
    ours.eval(), theirs.eval()
    assert_same(ours, theirs, gaussian(*shape, seed=9))
    if tracked:
        assert_same(ours, theirs, gaussian(1, *shape[1:], seed=9))  # one sample is enough in eval


def test_batch_norm_normalizes_with_the_biased_and_tracks_the_unbiased_variance():
    """By hand: ten rows, as in the sources' worked example."""
    x = gaussian(10, 1)
    layer = N.BatchNorm1d(1, eps=0.0, momentum=1.0).double()
    y = layer(x)
    biased = ((x - x.mean()) ** 2).sum() / 10
    assert torch.allclose(y, (x - x.mean()) / biased.sqrt(), rtol=1e-13)
    assert torch.allclose(layer.running_var, biased * 10 / 9, rtol=1e-13)


def test_prediction_depends_on_the_batch_in_train_mode_only():
    layer, x = N.BatchNorm1d(4).double(), gaussian(6, 4)
    assert not torch.allclose(layer(x)[:3], layer(x[:3]))
    layer.eval()
    assert torch.equal(layer(x)[:3], layer(x[:3]))


@quick
@given(
    batch=st.lists(st.integers(1, 4), min_size=0, max_size=2),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    affine=st.booleans(),
    bias=st.booleans(),
)
def test_layer_and_rms_norm_are_torchs(batch, sizes, affine, bias):
    x = gaussian(*batch, *sizes)
    assert_same(*copied(N.LayerNorm(sizes, 1e-3, affine, bias), nn.LayerNorm(sizes, 1e-3, affine, bias)), x)
    for eps in (None, 1e-3):
        assert_same(*copied(N.RMSNorm(sizes, eps, affine), nn.RMSNorm(sizes, eps, affine)), x)


@quick
@given(
    groups=st.integers(1, 4),
    per_group=st.integers(1, 3),
    field=st.lists(st.integers(1, 4), max_size=2),
    affine=st.booleans(),
)
def test_group_norm_is_torchs(groups, per_group, field, affine):
    channels = groups * per_group
    x = gaussian(3, channels, *field, 2)
    assert_same(*copied(N.GroupNorm(groups, channels, 1e-3, affine), nn.GroupNorm(groups, channels, 1e-3, affine)), x)


def test_one_group_is_layer_norm_over_channels_and_positions():
    x = gaussian(3, 4, 5)
    assert torch.allclose(N.GroupNorm(1, 4).double()(x), N.LayerNorm((4, 5)).double()(x), rtol=1e-12)


def test_gradient_of_a_scale_invariant_weight_is_orthogonal_to_it():
    """Exactly at ε = 0; at the default ε only to O(ε/σ²)."""
    x = gaussian(30, 6)

    def cosine(eps):
        w = gaussian(4, 6, seed=1).requires_grad_()
        layer = N.BatchNorm1d(4, eps=eps, affine=False).double()
        (gradient,) = torch.autograd.grad((layer(x @ w.T) * gaussian(30, 4, seed=2)).sum(), w)
        return ((w * gradient).sum() / w.norm() / gradient.norm()).abs().item()

    assert cosine(1e-30) < 1e-14 < 1e-8 < cosine(1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: N.BatchNorm1d(4)(torch.ones(3, 5)), r"x must have shape \(N, 4\) or \(N, 4, L\); got \(3, 5\)"),
        (lambda: N.BatchNorm2d(4)(torch.ones(3, 4)), r"\(N, 4, H, W\)"),
        (lambda: N.BatchNorm1d(4)(torch.ones(1, 4)), "more than one value per channel"),
        (lambda: N.BatchNorm1d(0), "num_features must be at least 1"),
        (lambda: N.BatchNorm1d(4, momentum=2.0), "momentum must be"),
        (lambda: N.BatchNorm1d(4, eps=-1.0), "eps must be"),
        (lambda: N.LayerNorm((3, 4))(torch.ones(4, 3)), r"x must have shape \(\*, 3, 4\)"),
        (lambda: N.LayerNorm(()), "at least one axis"),
        (lambda: N.RMSNorm(3)(torch.ones(4)), r"x must have shape \(\*, 3\)"),
        (lambda: N.GroupNorm(3, 4), "multiple of num_groups"),
        (lambda: N.GroupNorm(2, 4)(torch.ones(2, 6, 3)), r"x must have shape \(N, 4, \*\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
