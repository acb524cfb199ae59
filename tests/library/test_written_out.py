"""Fused operations written out: PyTorch's values, and derivatives that are those of differences."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.written_out import WrittenOut, refuse_fused

F64 = torch.float64


def noise(*shape, seed=0):
    return torch.randn(shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


MEAN, VARIANCE, WEIGHT, BIAS = noise(4), noise(4, seed=1).square(), noise(4, seed=2), noise(4, seed=3)
BAGS, SHARES = torch.tensor([[0, 3, 3], [1, 2, 11], [5, 5, 4]]), noise(3, 3, seed=4)
OFFSETS, CLASSES = torch.tensor([0, 2, 2, 5]), torch.arange(12) % 5


def rows(x):
    return x.reshape(12, 5)


OPERATIONS = {
    "layer_norm": lambda x: F.layer_norm(x, (4, 5), noise(4, 5), noise(4, 5, seed=1), 1e-3),
    "layer_norm without weights": lambda x: torch.layer_norm(x, [5]),
    "rms_norm": lambda x: F.rms_norm(x, (5,), noise(5), 1e-3),
    "rms_norm by default": lambda x: torch.rms_norm(x, [4, 5]),
    "group_norm": lambda x: F.group_norm(x, 2, WEIGHT, BIAS),
    "group_norm of one group": lambda x: torch.group_norm(x, 1, None, None, 1e-3),
    "batch_norm by the batch": lambda x: F.batch_norm(x, None, None, WEIGHT, BIAS, training=True),
    "batch_norm of a table": lambda x: F.batch_norm(x[..., 0], None, None, None, BIAS, training=True, eps=1e-3),
    "batch_norm by running statistics": lambda x: F.batch_norm(x, MEAN, VARIANCE, WEIGHT, BIAS),
    "instance_norm": lambda x: F.instance_norm(x, weight=WEIGHT, bias=BIAS),
    "instance_norm by running statistics": lambda x: F.instance_norm(x, MEAN, VARIANCE, use_input_stats=False),
    "weight_norm": lambda x: torch._weight_norm(x, noise(3, 1, 1), 0),
    "weight_norm along another axis": lambda x: torch._weight_norm(x, noise(1, 1, 5), 2),
    "weight_norm of all": lambda x: torch._weight_norm(x, noise(1).squeeze(), -1),
    "hardsigmoid": lambda x: F.hardsigmoid(3 * x),
    "embedding_bag": lambda x: F.embedding_bag(BAGS, rows(x)),
    "embedding_bag of sums": lambda x: F.embedding_bag(BAGS, rows(x), mode="sum", per_sample_weights=SHARES),
    "embedding_bag with padding": lambda x: F.embedding_bag(BAGS, rows(x), padding_idx=3),
    "embedding_bag of padding only": lambda x: F.embedding_bag(0 * BAGS, rows(x), padding_idx=-12),
    "embedding_bag by offsets": lambda x: F.embedding_bag(BAGS.flatten(), rows(x), OFFSETS),
    "embedding_bag to the last offset": lambda x: F.embedding_bag(
        BAGS.flatten()[:5], rows(x), OFFSETS, include_last_offset=True
    ),
    "multi_margin_loss": lambda x: F.multi_margin_loss(rows(x), CLASSES),
    "multi_margin_loss squared": lambda x: F.multi_margin_loss(
        rows(x), CLASSES, 2, 0.7, noise(5, seed=5).square(), reduction="none"
    ),
    "multi_margin_loss of sums": lambda x: F.multi_margin_loss(rows(x), CLASSES, reduction="sum"),
    "scaled_dot_product_attention": lambda x: F.scaled_dot_product_attention(x, x.flip(1), x, is_causal=True),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_are_those_of_the_fused_operation(name):
    x = noise(3, 4, 5, seed=7)
    with WrittenOut():
        found = OPERATIONS[name](x)
    assert torch.allclose(found, OPERATIONS[name](x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_third_derivative_is_the_difference_of_second_ones(name):
    """Along one direction v: d³/dt³ of a sum of squared cosines at x + t v. Fused, the normalizations fail here."""
    x, v = noise(3, 4, 5, seed=7), noise(3, 4, 5, seed=8)

    def derivatives(at):
        t = torch.tensor(at, dtype=F64, requires_grad=True)
        with WrittenOut():
            out = OPERATIONS[name](x + t * v)
        value = (torch.cos(out) * noise(*out.shape, seed=9)).sum()
        found = []
        for _ in range(3):
            (value,) = torch.autograd.grad(value, t, create_graph=True)
            found.append(value.item())
        return found

    h = 1e-5
    (_, second, third), above, below = derivatives(0.0), derivatives(h), derivatives(-h)
    assert second == pytest.approx((above[0] - below[0]) / (2 * h), rel=1e-5, abs=1e-6)
    assert third == pytest.approx((above[1] - below[1]) / (2 * h), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_up_to_the_second_derivative_less_is_written_out(name):
    """Normalizations stay as they are; the others are right as above."""
    x, v = noise(3, 4, 5, seed=7), noise(3, 4, 5, seed=8)

    def slope(at):
        t = torch.tensor(at, dtype=F64, requires_grad=True)
        with WrittenOut(order=2):
            out = OPERATIONS[name](x + t * v)
        (found,) = torch.autograd.grad((torch.cos(out) * noise(*out.shape, seed=9)).sum(), t, create_graph=True)
        return t, found

    t, found = slope(0.0)
    (second,) = torch.autograd.grad(found, t)
    h = 1e-5
    assert second.item() == pytest.approx(((slope(h)[1] - slope(-h)[1]) / (2 * h)).item(), rel=1e-5, abs=1e-6)
    if "norm" in name and "weight" not in name:
        with WrittenOut(order=2):
            kept = OPERATIONS[name](x)
        assert torch.equal(kept, OPERATIONS[name](x))


@pytest.mark.parametrize("layer", [nn.BatchNorm1d, lambda c: nn.InstanceNorm1d(c, track_running_stats=True)])
def test_running_statistics_are_kept_as_ever(layer):
    fused, written, x = layer(4).double(), layer(4).double(), noise(6, 4, 5)
    fused(x)
    with WrittenOut():
        written(x)
    for one, other in zip(fused.buffers(), written.buffers(), strict=True):
        assert torch.allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.LayerNorm(4),
        nn.GroupNorm(2, 4),
        nn.BatchNorm1d(4),
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
    ],
)
def test_a_fused_operation_is_found_in_the_graph(layer):
    model = nn.Sequential(nn.Linear(4, 4), layer, nn.Tanh(), nn.Linear(4, 1))
    with pytest.raises(ValueError, match="must be computed within `with talweg.written_out.WrittenOut"):
        refuse_fused(model(torch.randn(5, 4)).sum())
    with WrittenOut():
        value = model(torch.randn(5, 4)).sum()
    refuse_fused(value)
    refuse_fused(torch.ones(()))
