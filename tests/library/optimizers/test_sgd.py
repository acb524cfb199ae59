"""Optimizers against torch.optim, step by step, and their manners with bad input."""

import copy
import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from talweg.optimizers import SGD, Rule, number, pair

SHAPES = [(3, 4), (4,), (2, 3, 2)]


class FormulaSGD(SGD):
    """The formula itself, not the fused kernel that stands in for it on CPU and CUDA."""

    fused = None


class LoopSGD(FormulaSGD):
    """The formula on one tensor after another."""

    foreach = False


def parameters(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in SHAPES]


def fixed_gradients(steps, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES]


def after(make, steps=20, dtype=torch.float64):
    theta = parameters(dtype)
    optimizer = make(theta)
    for gradients in fixed_gradients(steps, dtype):
        for p, g in zip(theta, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in theta])


hyperparameters = st.fixed_dictionaries(
    {
        "lr": st.floats(0, 2),
        "momentum": st.sampled_from([0.0, 0.5, 0.9, 0.99]),
        "dampening": st.sampled_from([0.0, 0.5, 0.9, 1.0]),
        "weight_decay": st.sampled_from([0.0, 0.01, 0.3]),
        "nesterov": st.booleans(),
    }
).map(lambda h: {**h, "nesterov": h["nesterov"] and h["momentum"] > 0 and h["dampening"] == 0})


@pytest.mark.parametrize("kind", [SGD, FormulaSGD, LoopSGD])
@settings(max_examples=60, deadline=None)
@given(h=hyperparameters)
def test_sgd_equals_torch_with_any_hyperparameters(kind, h):
    ours, theirs = after(lambda p: kind(p, **h)), after(lambda p: torch.optim.SGD(p, **h))
    assert (ours - theirs).abs().max() <= 1e-12 * max(1.0, theirs.abs().max().item())


@pytest.mark.parametrize("kind", [SGD, FormulaSGD])
@pytest.mark.parametrize(
    "h", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "dampening": 0.9}]
)
def test_sgd_equals_torch_over_200_real_steps(kind, h):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    x, y = torch.randn(64, 5, dtype=torch.float64), torch.randint(3, (64,))

    def train(make):
        copied = copy.deepcopy(model)
        optimizer = make(copied.parameters())
        for step in range(200):
            optimizer.zero_grad()
            rows = torch.arange(step, step + 16) % 64
            nn.functional.cross_entropy(copied(x[rows]), y[rows]).backward()
            optimizer.step()
        return nn.utils.parameters_to_vector(copied.parameters())

    ours = train(lambda p: kind(p, lr=0.1, weight_decay=1e-3, **h))
    theirs = train(lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=1e-3, **h))
    start = nn.utils.parameters_to_vector(model.parameters())
    assert (theirs - start).norm() > 0.1
    assert ((ours - start) - (theirs - start)).abs().max() <= 1e-12


def test_first_buffer_is_the_gradient_undamped():
    theta = torch.zeros(1, requires_grad=True, dtype=torch.float64)
    optimizer = SGD([theta], lr=1.0, momentum=0.9, dampening=0.9)
    theta.grad = torch.tensor([2.0], dtype=torch.float64)
    optimizer.step()
    assert theta.item() == -2.0  # damped it would be -0.2


def test_moving_average_is_the_sum_with_a_larger_step():
    """η_average = η_sum / (1 - μ) gives the same path once the first step is treated alike."""

    def path(lr, dampening, first):
        theta = torch.zeros(2, requires_grad=True, dtype=torch.float64)
        optimizer = FormulaSGD([theta], lr=lr, momentum=0.9, dampening=dampening)
        for i, g in enumerate(torch.linspace(1, 3, 20, dtype=torch.float64)):
            theta.grad = torch.stack([g, -g])
            if i == 0:
                theta.grad *= first
            optimizer.step()
        return theta.detach()

    assert torch.allclose(path(0.01, 0.0, 1.0), path(0.1, 0.9, 0.1), rtol=1e-13)
    assert not torch.allclose(path(0.01, 0.0, 1.0), path(0.1, 0.9, 1.0), rtol=1e-2)  # the caveat


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
@pytest.mark.parametrize("kind", [SGD, FormulaSGD])
def test_works_in_lower_precision(kind, dtype, tolerance):
    h = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}
    ours, exact = after(lambda p: kind(p, **h), dtype=dtype), after(lambda p: torch.optim.SGD(p, **h))
    assert ours.dtype == dtype
    assert (ours.double() - exact).norm() <= tolerance * exact.norm()


def test_stacked_parameters_are_independent_runs():
    h = {"lr": 0.1, "momentum": 0.9}
    stacked = torch.randn(3, 4, dtype=torch.float64).requires_grad_()
    rows = [row.clone().requires_grad_() for row in stacked.detach()]
    optimizers = [SGD([stacked], **h), *(SGD([row], **h) for row in rows)]
    for _ in range(5):
        stacked.grad = torch.randn(3, 4, dtype=torch.float64)
        for row, g in zip(rows, stacked.grad, strict=True):
            row.grad = g.clone()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.allclose(stacked, torch.stack(rows), rtol=1e-14)


@pytest.mark.parametrize("through_file", [False, True])
def test_state_dict_round_trip_continues_exactly(through_file):
    def resumed(at):
        theta = parameters()
        optimizer = SGD(theta, lr=0.1, momentum=0.9)
        for step, gradients in enumerate(fixed_gradients(12)):
            if step == at:
                state = optimizer.state_dict()
                if through_file:
                    file = io.BytesIO()
                    torch.save(state, file)
                    file.seek(0)
                    state = torch.load(file, weights_only=True)
                optimizer = SGD(theta, lr=5.0)
                optimizer.load_state_dict(state)
            for p, g in zip(theta, gradients, strict=True):
                p.grad = g
            optimizer.step()
        return torch.cat([p.detach().flatten() for p in theta])

    assert torch.equal(resumed(at=6), resumed(at=None))


def test_follows_a_scheduler_of_torch():
    def with_schedule(make):
        def build(theta):
            optimizer = make(theta, lr=0.1, momentum=0.9)
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
            optimizer.register_step_post_hook(lambda *_: scheduler.step())
            return optimizer

        return after(build)

    assert torch.allclose(with_schedule(SGD), with_schedule(torch.optim.SGD), rtol=1e-13)


def test_groups_have_their_own_hyperparameters():
    def groups(make):
        return after(lambda p: make([{"params": p[:1], "lr": 0.5}, {"params": p[1:], "momentum": 0.0}], 0.1, 0.9))

    assert torch.allclose(groups(SGD), groups(torch.optim.SGD), rtol=1e-13)


def test_parameters_without_gradient_stay_and_join_later():
    def late(make):
        theta = parameters()
        optimizer = make(theta, lr=0.1, momentum=0.9, dampening=0.5)
        for step, gradients in enumerate(fixed_gradients(6)):
            for i, (p, g) in enumerate(zip(theta, gradients, strict=True)):
                p.grad = None if i == 1 and step < 3 else g
            optimizer.step()
        return theta

    for ours, theirs in zip(late(SGD), late(torch.optim.SGD), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-13)


def test_momentum_switched_on_later_starts_with_an_undamped_buffer():
    def switched(make):
        theta = parameters()
        optimizer = make(theta, lr=0.1, momentum=0.0, dampening=0.5)
        for step, gradients in enumerate(fixed_gradients(6)):
            optimizer.param_groups[0]["momentum"] = 0.0 if step < 3 else 0.9
            for p, g in zip(theta, gradients, strict=True):
                p.grad = g
            optimizer.step()
        return theta

    for ours, theirs in zip(switched(SGD), switched(torch.optim.SGD), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-13)


def test_sgd_without_momentum_keeps_no_state():
    theta = parameters()
    optimizer = SGD(theta, lr=0.1)
    theta[0].grad = torch.ones_like(theta[0])
    optimizer.step()
    assert len(optimizer.state) == 0


def test_closure_is_called_with_gradients_enabled():
    theta = torch.ones(2, requires_grad=True)
    optimizer = SGD([theta], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = theta.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert torch.equal(theta.detach(), torch.full((2,), 0.5))


@pytest.mark.parametrize(
    "bad",
    [
        {"lr": -0.1}, {"lr": float("nan")}, {"lr": float("inf")}, {"momentum": -0.5}, {"momentum": float("nan")},
        {"dampening": 1.5}, {"weight_decay": -1.0}, {"weight_decay": float("nan")},
    ],
)  # fmt: skip
def test_bad_hyperparameters_are_named(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"SGD: {name} must lie in"):
        SGD(parameters(), **bad)
    with pytest.raises(ValueError, match=f"SGD: {name} must lie in"):
        SGD([{"params": parameters(), **bad}])


@pytest.mark.parametrize("bad", [{"momentum": 0.0}, {"momentum": 0.9, "dampening": 0.1}])
def test_nesterov_needs_undamped_momentum(bad):
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        SGD(parameters(), nesterov=True, **bad)


def test_unknown_hyperparameter_proposes_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'momentum'"):
        SGD(parameters(), momentun=0.9)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="empty parameter list"):
        SGD([], lr=0.1)
    with pytest.raises(ValueError, match="leaf"):
        SGD([torch.ones(2, requires_grad=True) * 2], lr=0.1)
    retained = torch.ones(2, requires_grad=True) * 2
    retained.retain_grad()
    with pytest.raises(ValueError, match="leaf"):
        SGD([retained], lr=0.1)
    with pytest.raises(TypeError, match="real floating-point.*complex64"):
        SGD([torch.ones(2, dtype=torch.complex64, requires_grad=True)], lr=0.1)
    with pytest.raises(TypeError, match="real floating-point.*int64"):
        SGD(iter([torch.ones(2, dtype=torch.int64)]), lr=0.1)


def test_sparse_gradient_is_refused_before_anything_changes():
    dense, sparse = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    dense.grad = torch.ones(3)
    sparse.grad = torch.ones(3).to_sparse()
    optimizer = SGD([{"params": [dense]}, {"params": [sparse]}], lr=0.1, momentum=0.9)
    with pytest.raises(RuntimeError, match="sparse"):
        optimizer.step()
    assert torch.equal(dense.detach(), torch.ones(3)) and not optimizer.state


def test_a_new_rule_is_its_formula():
    """Adam in ten lines, against torch: what a later chapter does."""

    class Adam(Rule):
        lr: float = number(1e-3, low=0)
        betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
        eps: float = number(1e-8, low=0)
        buffers = ("m", "v")

        def update(self, theta, g, m, v, *, t, lr, betas, eps):
            b1, b2 = betas
            m.lerp_(g, 1 - b1)
            v.mul_(b2).addcmul_(g, g, value=1 - b2)
            denominator = v.sqrt() / (1 - b2**t) ** 0.5 + eps
            theta.addcdiv_(m, denominator, value=-lr / (1 - b1**t))

    ours, theirs = after(lambda p: Adam(p, 0.01)), after(lambda p: torch.optim.Adam(p, 0.01))
    assert (ours - theirs).abs().max() <= 1e-13
    with pytest.raises(ValueError, match="betas must lie in"):
        Adam(parameters(), betas=(0.9, 1.0))
