"""float16 and bfloat16 in use: training, squares out of range, saving; and the root that came out negative."""

import copy

import pytest
import torch
from methods import every_method, flat, walk, walk_with_a_break
from reference import fixed_gradients, parameters
from torch import nn
from torch.nn import functional as F

from talweg import optimizers
from talweg.optimizers import SAM, SGD, Adafactor, Adagrad, Adam, AdamW, Muon, RMSprop

HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
TRAINED = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)),
    ("LARS", dict(lr=10.0)),
    ("Lion", dict(lr=1e-2)),
    ("SAM", dict(lr=0.1)),
    ("ScheduleFreeSGD", dict(lr=0.5)),
    ("ScheduleFreeAdamW", dict(lr=1e-2)),
    ("Adam", dict(lr=1e-2)),
]


def last_loss(name, h, dtype):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(128, 16, generator=generator)
    y = x[:, :4].argmax(1)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)).to(dtype)
    optimizer = getattr(optimizers, name)(model.parameters(), **h)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x.to(dtype)).float(), y)
        loss.backward()
        return loss

    for _ in range(40):
        optimizer.step(closure)
    optimizer.answer()
    return F.cross_entropy(model(x.to(dtype)).float(), y).item()


@pytest.mark.parametrize("name, h", TRAINED)
@HALF
def test_a_network_learns_as_in_float32(name, h, dtype):
    """torch's fused SGD on a CPU skips whole blocks of a tensor in half precision (pytorch/pytorch#191763)."""
    assert last_loss(name, h, dtype) == pytest.approx(last_loss(name, h, torch.float32), rel=0.05, abs=0.01)


def ours_and_float64(kind, gradients, **h):
    """Paths of float16 and of float64 with the same gradients."""
    ends = []
    for dtype in (torch.float16, torch.float64):
        theta = torch.zeros(40, dtype=dtype).requires_grad_()
        optimizer = kind([theta], **h)
        for g in gradients:
            theta.grad = torch.full_like(theta, g.half().item())
            optimizer.step()
        ends.append(theta.detach().double())
    return ends


@pytest.mark.parametrize("kind", [Adam, AdamW, optimizers.AMSGrad, optimizers.NAdam, optimizers.RAdam, RMSprop])
def test_squares_below_float16_are_not_forgotten(kind):
    """10⁻⁴ is a number of float16 and its square is not: in the second step m / (√0 + ε) was a step of thousands."""
    ours, exact = ours_and_float64(kind, torch.tensor([1e-4] * 8 + [0.0] * 4), lr=0.01)
    assert (ours - exact).abs().max() <= 0.02 * exact.abs().max()


@pytest.mark.parametrize("kind", [Adagrad, Adam, optimizers.LAMB, optimizers.ScheduleFreeAdamW])
def test_squares_above_float16_do_not_stop_the_training(kind):
    """s = Σ g² is infinite in float16 after the second gradient of 200: the step was 0 from then on."""
    ours, exact = ours_and_float64(kind, torch.full((20,), 2e4 if kind is Adam else 200.0), lr=0.01)
    assert (ours - exact).abs().max() <= 0.01 * exact.abs().max()


@HALF
def test_a_row_without_gradient_stays_where_it_is(dtype):
    """ε₁ = 1e-30 and ε = 1e-8 are 0 in float16, and 0 / 0 is NaN."""
    g = torch.randn(4, 12, generator=torch.Generator().manual_seed(0)).to(dtype)
    g[0] = 0
    for kind in (Adafactor, optimizers.NAdam, optimizers.AdaBelief, Adam, optimizers.LAMB):
        theta = torch.ones(4, 12, dtype=dtype).requires_grad_()
        walk(kind([theta], lr=1e-2), [theta], [[g]] * 3)
        assert theta.isfinite().all() and not (theta[1:] == 1).all(), kind
        if "weight_decay" not in kind.defaults or not kind.defaults["weight_decay"]:
            assert (theta[0] == 1).all(), kind


def test_muon_moves_whatever_the_norm_of_the_gradient():
    """The norm of 256 × 256 numbers of 8000 is beyond float16: the update was 0."""
    ends = []
    for size in (1.0, 8000.0):
        theta = torch.zeros(256, 256, dtype=torch.float16).requires_grad_()
        theta.grad = (size * torch.randn(256, 256, generator=torch.Generator().manual_seed(0))).half()
        Muon([theta], lr=1.0).step()
        ends.append(theta.detach())
    assert (ends[0] - ends[1]).norm() <= 2e-2 * ends[0].norm() and ends[0].norm() > 10


@every_method
@HALF
def test_a_saved_state_in_half_precision_continues_the_same_path(make, dtype):
    """torch casts a loaded state to the parameter's dtype, which float32 beside float16 must survive."""
    gradients = list(fixed_gradients(10, dtype=dtype))
    theta = parameters(dtype=dtype)
    whole = walk(make(theta, lr=0.01), theta, gradients)
    assert torch.equal(walk_with_a_break(make, parameters(dtype=dtype), gradients, 5), whole)
    assert whole.isfinite().all()


def test_the_state_of_sams_method_survives_too():
    theta = parameters([(3, 4)], torch.float16)
    optimizer = SAM(theta, Adam, lr=0.01)
    theta[0].grad = torch.full((3, 4), 1e-4).half()
    optimizer.step(lambda: torch.zeros(()))
    other = SAM(parameters([(3, 4)], torch.float16), Adam)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    (state,) = other.base.state.values()
    assert state["v"].dtype is torch.float32 and (state["v"] > 0).all()


def test_both_formats_beside_float32_in_one_group():
    formats = (torch.float32, torch.float16, torch.bfloat16)
    theta = [torch.ones(40, dtype=dtype).requires_grad_() for dtype in formats]
    optimizer = SGD(theta, lr=0.25, momentum=0.5)
    for _ in range(2):
        for p in theta:
            p.grad = torch.full_like(p, 0.5)
        optimizer.step()
    assert torch.equal(flat([p.float() for p in theta]), torch.full((120,), 1 - 0.125 - 0.1875))


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e4])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_centred_rmsprop_with_a_constant_gradient_has_the_variance_of_the_closed_form(size, momentum):
    """v - a² is g² αᵗ (1 - αᵗ); as a difference of averages it was rounding, and its root NaN for half of the entries."""
    generator = torch.Generator().manual_seed(0)
    g = size * torch.randn(1000, generator=generator)
    theta = torch.zeros(1000, requires_grad=True)
    optimizer = RMSprop([theta], lr=1e-3, centered=True, alpha=0.9, momentum=momentum)
    expected, m = torch.zeros(1000, dtype=torch.float64), 0.0
    for t in range(1, 121):
        theta.grad = g.clone()
        optimizer.step()
        share = 0.9**t
        m = momentum * m + g.double() / (g.double().abs() * (share * (1 - share)) ** 0.5 + 1e-8)
        expected = expected - 1e-3 * m
    assert torch.allclose(theta.detach().double(), expected, rtol=1e-2)
