"""SAM: where it evaluates, what it leaves alone, and that it wraps any method."""

import copy

import pytest
import torch
from reference import assert_close, peer, small_data, small_model
from torch import nn
from torch.nn import functional as F

from talweg import normalization
from talweg.optimizers import SAM, SGD, AdamW


def closure_of(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return closure


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_step_uses_the_gradient_at_the_worst_point_nearby(adaptive):
    """On ½ θᵀ H θ both gradients are known: H θ, and H (θ + ê)."""
    H = torch.diag(torch.tensor([1.0, 10.0, 3.0], dtype=torch.float64))
    start = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    theta = start.clone().requires_grad_()
    optimizer = SAM([theta], lr=0.01, rho=0.1, adaptive=adaptive)
    points = []

    def closure():
        points.append(theta.detach().clone())
        optimizer.zero_grad()
        loss = theta @ H @ theta / 2
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    g, scale = H @ start, start.abs() if adaptive else torch.ones(3, dtype=torch.float64)
    e = 0.1 * scale**2 * g / (scale * g).norm()
    assert_close(torch.stack(points), torch.stack([start, start + e]), 1e-11)
    assert_close(theta.detach(), start - 0.01 * H @ (start + e), 1e-11)
    assert loss.item() == pytest.approx((start @ H @ start / 2).item())


def two_explicit_passes(adaptive, steps=200, rho=0.05, lr=0.1, momentum=0.9):
    """SAM around SGD with momentum, written out."""
    x, y = small_data()
    model = copy.deepcopy(small_model())
    weights = list(model.parameters())
    buffers = [torch.zeros_like(w) for w in weights]
    for _ in range(steps):
        gradients = torch.autograd.grad(F.cross_entropy(model(x), y), weights)
        scales = [w.detach().abs() if adaptive else torch.ones_like(w) for w in weights]
        norm = sum((s * g).square().sum() for s, g in zip(scales, gradients, strict=True)).sqrt()
        moves = [rho * s * s * g / norm for s, g in zip(scales, gradients, strict=True)]
        with torch.no_grad():
            starts = [w.clone() for w in weights]
            for w, move in zip(weights, moves, strict=True):
                w += move
        gradients = torch.autograd.grad(F.cross_entropy(model(x), y), weights)
        with torch.no_grad():
            for w, start, m, g in zip(weights, starts, buffers, gradients, strict=True):
                m.mul_(momentum).add_(g)
                w.copy_(start - lr * m)
    return flat(model)


@pytest.mark.parametrize("adaptive", [False, True])
def test_equals_two_explicit_passes_and_pytorch_optimizer_over_200_real_steps(adaptive):
    x, y = small_data()

    def run(make):
        model = copy.deepcopy(small_model())
        optimizer = make(list(model.parameters()))
        for _ in range(200):
            closure = closure_of(model, optimizer, x, y)
            if not isinstance(optimizer, SAM):
                closure()
            optimizer.step(closure)
        return flat(model)

    ours = run(lambda p: SAM(p, SGD, rho=0.05, adaptive=adaptive, lr=0.1, momentum=0.9))
    assert_close(ours, two_explicit_passes(adaptive))
    kind = peer("pytorch_optimizer", "SAM")
    theirs = run(lambda p: kind(p, torch.optim.SGD, rho=0.05, adaptive=adaptive, lr=0.1, momentum=0.9))
    assert_close(ours, theirs, 1e-6)  # its norm of the gradient is float32


def batch_norm_model(norm=nn.BatchNorm1d):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), norm(7), nn.Tanh(), nn.Linear(7, 3)).double()


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, normalization.BatchNorm1d])
def test_the_second_pass_leaves_running_statistics_alone(norm):
    """torch's layer, and ours, which is none of torch's."""
    x, y = small_data()
    model = batch_norm_model(norm)
    once = copy.deepcopy(model)
    once(x)
    optimizer = SAM(model.parameters(), lr=0.1, rho=1.0)
    optimizer.step(closure_of(model, optimizer, x, y))
    assert torch.equal(model[1].running_mean, once[1].running_mean)
    assert torch.equal(model[1].running_var, once[1].running_var)
    assert model[1].num_batches_tracked == 1
    model(x)
    assert model[1].num_batches_tracked == 2  # the hook is gone


def test_a_closure_that_fails_in_the_second_pass_leaves_the_parameters_where_they_were():
    x, y = small_data()
    model = batch_norm_model()
    optimizer = SAM(model.parameters(), lr=0.1)
    before, calls = flat(model), []

    def closure():
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("no data")
        return closure_of(model, optimizer, x, y)()

    with pytest.raises(RuntimeError, match="no data"):
        optimizer.step(closure)
    assert torch.equal(flat(model), before)


@pytest.mark.parametrize("base", [AdamW, torch.optim.Adam])
def test_wraps_other_methods_with_groups_schedulers_and_state(base):
    x, y = small_data()

    def build():
        model = copy.deepcopy(small_model())
        groups = [dict(params=model[0].parameters(), rho=0.2), dict(params=model[2].parameters(), lr=0.001)]
        return model, SAM(groups, base, rho=0.05, lr=0.01)

    model, optimizer = build()
    twin, other = build()
    assert [group["rho"] for group in optimizer.param_groups] == [0.2, 0.05]
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
    for step in range(20):
        optimizer.step(closure_of(model, optimizer, x, y))
        scheduler.step()
        if step == 9:
            twin.load_state_dict(model.state_dict())
            other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
            assert [group["rho"] for group in other.param_groups] == [0.2, 0.05]
    assert optimizer.base.param_groups[0]["lr"] == pytest.approx(0.01 * 0.5**4)
    again = torch.optim.lr_scheduler.StepLR(other, 5, 0.5)
    again.load_state_dict({**scheduler.state_dict(), "last_epoch": 10, "_step_count": 11})
    for _ in range(10):
        other.step(closure_of(twin, other, x, y))
        again.step()
    assert_close(flat(twin), flat(model))
    assert optimizer.state is optimizer.base.state and len(optimizer.state) == 4


def test_zero_radius_is_the_method_itself_and_zero_gradient_moves_nothing():
    x, y = small_data()
    model, twin = copy.deepcopy(small_model()), copy.deepcopy(small_model())
    optimizer, plain = SAM(model.parameters(), rho=0.0, lr=0.1), SGD(twin.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.step(closure_of(model, optimizer, x, y))
        plain.step(closure_of(twin, plain, x, y))
    assert torch.equal(flat(model), flat(twin))
    still = torch.ones(2, requires_grad=True)
    flat_optimizer = SAM([still], lr=0.1)
    flat_optimizer.step(lambda: (still * 0).sum().backward())
    assert torch.equal(still.detach(), torch.ones(2))


def test_bad_input_is_named():
    theta = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="closure"):
        SAM([theta], lr=0.1).step()
    for rho in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="rho"):
            SAM([theta], rho=rho, lr=0.1)
    with pytest.raises(ValueError, match="SAM\\(AdamW\\)"):
        SAM([theta], AdamW, lr=0.1).load_state_dict(AdamW([theta], lr=0.1).state_dict())


class Mean(nn.Module):
    """Subtracts a moving average, which is a new tensor after each pass, and counts the passes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("average", torch.zeros(7, dtype=torch.float64))
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        self.average = 0.9 * self.average + 0.1 * x.detach().mean(0)
        self.passes += 1
        return x - self.average


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("keeps", ["parametrizations.spectral_norm", "spectral_norm", "Mean", "BatchNorm"])
def test_the_second_pass_leaves_every_buffer_alone(keeps):
    """Spectral normalization of both kinds, what users write themselves, and means of all batches so far."""
    torch.manual_seed(0)
    first, between = nn.Linear(5, 7).double(), nn.Identity()
    if keeps == "parametrizations.spectral_norm":
        first = nn.utils.parametrizations.spectral_norm(first)
    elif keeps == "spectral_norm":
        first = nn.utils.spectral_norm(first)
    else:
        between = Mean() if keeps == "Mean" else nn.BatchNorm1d(7, momentum=None).double()
    model = nn.Sequential(first, between, nn.Tanh(), nn.Linear(7, 3).double())
    x, y = small_data()
    once = copy.deepcopy(model)
    once(x)
    assert any(not torch.equal(a, b) for a, b in zip(once.buffers(), model.buffers(), strict=True))
    held = list(model.buffers()) if keeps != "Mean" else []
    optimizer = SAM(model.parameters(), lr=0.1, rho=1.0)
    optimizer.step(closure_of(model, optimizer, x, y))
    for after_step, after_pass in zip(model.buffers(), once.buffers(), strict=True):
        assert torch.equal(after_step, after_pass)
    assert all(a is b for a, b in zip(model.buffers(), held, strict=False))


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e4])
def test_the_worst_point_is_found_in_float16_whatever_the_size_of_the_gradient(adaptive, size):
    """The norm of 64 entries of 10⁴ is beyond float16, the squares of 10⁻⁶ are 0 in it."""
    theta = torch.linspace(1, 2, 64).half().requires_grad_()
    start, g = theta.detach().double(), (size * torch.linspace(-1, 1, 64)).half()
    points = []

    def closure():
        points.append(theta.detach().double())
        theta.grad = g.clone()
        return torch.zeros(())

    SAM([theta], lr=0.0, rho=0.5, adaptive=adaptive).step(closure)
    scale = start if adaptive else torch.ones_like(start)
    e = 0.5 * scale**2 * g.double() / (scale * g.double()).norm()
    assert (points[1] - start - e).abs().max() <= 2.0**-10  # half a unit in the last place of numbers up to 2
