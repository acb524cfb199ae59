"""Schedule-Free methods: which of the three points the parameters hold, and when."""

import copy

import pytest
import torch
from formulas import by_formula, schedule_free
from reference import assert_close, fixed_gradients, parameters, small_data, small_model
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from talweg.optimizers import ScheduleFreeAdamW, ScheduleFreeSGD

KINDS = [(ScheduleFreeSGD, dict(lr=0.1)), (ScheduleFreeAdamW, dict(lr=0.01))]


def flat(theta):
    return torch.cat([p.detach().flatten() for p in theta])


def run(kind, h, steps=20):
    theta = parameters()
    optimizer = kind(theta, **h)
    for gradients in fixed_gradients(steps):
        for p, g in zip(theta, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step()
    return theta, optimizer


def test_eval_gives_the_average_of_z_and_train_gives_back_y():
    theta, optimizer = run(ScheduleFreeSGD, dict(lr=0.1, momentum=0.8))
    formula = dict(lr=0.1, beta=0.8, weight_decay=0.0)
    y = flat(theta)
    optimizer.eval()
    assert_close(flat(theta), by_formula(schedule_free, parameters(), fixed_gradients(), out="x", **formula))
    optimizer.eval()  # once is enough
    optimizer.train()
    optimizer.train()
    assert_close(flat(theta), y)
    optimizer.eval()
    assert (flat(theta) - y).abs().max() > 1e-3


@pytest.mark.parametrize("kind, h", KINDS)
def test_looking_at_the_average_does_not_change_the_run(kind, h):
    theta, optimizer = run(kind, h, steps=10)
    optimizer.eval()
    optimizer.train()
    for gradients in list(fixed_gradients(20))[10:]:
        for p, g in zip(theta, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step()
    assert_close(flat(theta), flat(run(kind, h)[0]))


@pytest.mark.parametrize("kind, h", KINDS)
def test_a_step_from_the_average_is_an_error(kind, h):
    theta, optimizer = run(kind, h, steps=2)
    optimizer.eval()
    before = flat(theta)
    with pytest.raises(RuntimeError, match=r"train\(\)"):
        optimizer.step()
    assert torch.equal(flat(theta), before)


def test_the_mode_survives_a_state_dict():
    theta, optimizer = run(ScheduleFreeSGD, dict(lr=0.1))
    y = flat(theta)
    optimizer.eval()
    saved = copy.deepcopy(optimizer.state_dict())
    twin = [p.detach().clone().requires_grad_() for p in theta]
    other = ScheduleFreeSGD(twin, lr=0.5)
    other.load_state_dict(saved)
    with pytest.raises(RuntimeError):
        other.step()
    other.train()
    assert_close(flat(twin), y)


def test_a_parameter_without_a_gradient_stays_in_both_modes():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = ScheduleFreeSGD([used, unused], lr=0.1)
    used.grad = torch.ones(2)
    optimizer.step()
    optimizer.eval()
    assert torch.equal(unused.detach(), torch.ones(2)) and not torch.equal(used.detach(), torch.ones(2))


def test_the_average_beats_the_last_iterate_on_a_noisy_quadratic():
    def losses(seed):
        generator = torch.Generator().manual_seed(seed)
        theta = torch.ones(20, dtype=torch.float64, requires_grad=True)
        optimizer = ScheduleFreeSGD([theta], lr=0.2)
        for _ in range(400):
            theta.grad = theta.detach() + torch.randn(20, generator=generator, dtype=torch.float64)
            optimizer.step()
        z = optimizer.state[theta]["z"]
        optimizer.eval()
        return theta.detach().square().sum().item(), z.square().sum().item()

    results = [losses(seed) for seed in range(10)]
    assert all(average < 0.5 * last for average, last in results)


def test_batch_statistics_are_of_y_until_they_are_estimated_anew_at_the_average():
    torch.manual_seed(0)
    first = small_model()[0]
    model = nn.Sequential(first, nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 3)).double()
    x, y = small_data()
    optimizer = ScheduleFreeSGD(model.parameters(), lr=2.0)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    optimizer.eval()
    stale = model[1].running_mean.clone()
    update_bn([x], model)
    assert_close(model[1].running_mean, model[0](x).detach().mean(0))
    assert (model[1].running_mean - stale).abs().max() > 1e-3


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=31)


def cycles(optimizer):
    return torch.optim.lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, 5, base_momentum=0.5, max_momentum=0.95)


class ByHand:
    def __init__(self, optimizer):
        self.group, self.steps = optimizer.param_groups[0], 0

    def step(self):
        self.steps += 1
        beta = 0.3 if self.steps % 2 else 0.97
        if "betas" in self.group:
            self.group["betas"] = (beta, self.group["betas"][1])
        else:
            self.group["momentum"] = beta


@pytest.mark.parametrize("kind, h", KINDS)
@pytest.mark.parametrize("schedule", [one_cycle, cycles, ByHand])
def test_the_average_is_that_of_the_recursion_while_beta_changes(kind, h, schedule):
    """The paper's three sequences, with the gradient at the y that the last step made; x was rebuilt with the next β."""
    curvature, start = torch.tensor([1.0, 5.0, 0.1]).double(), torch.tensor([1.0, -2.0, 3.0]).double()
    theta = start.clone().requires_grad_()
    optimizer = kind([theta], **h)
    scheduler, group = schedule(optimizer), optimizer.param_groups[0]
    x = y = z = start
    total = top = v = 0.0
    for t in range(1, 31):
        lr, betas = group["lr"], group.get("betas", (group.get("momentum"), 0.0))
        g = curvature * y
        if kind is ScheduleFreeAdamW:
            v = betas[1] * v + (1 - betas[1]) * g * g
            g = g / ((v / (1 - betas[1] ** t)).sqrt() + group["eps"])
        z, top = z - lr * g, max(top, lr)
        total += top**2
        x = x + top**2 / total * (z - x)
        y = (1 - betas[0]) * z + betas[0] * x
        theta.grad = curvature * theta.detach()
        optimizer.step()
        scheduler.step()
        if t % 7 == 0:  # to look at x, with another β than the one of y
            assert_close(theta.detach(), y, 1e-11)
            optimizer.eval()
            assert_close(theta.detach(), x, 1e-11)
            optimizer.train()
    assert_close(theta.detach(), y, 1e-11)


def test_a_parameter_that_missed_a_step_has_the_beta_of_its_own_y():
    theta, others = parameters([(3,), (3,)])
    optimizer = ScheduleFreeSGD([theta, others], lr=0.1)
    for p in (theta, others):
        p.grad = p.detach().clone()
    optimizer.step()
    y, z = others.detach().clone(), optimizer.state[others]["z"]
    optimizer.param_groups[0]["momentum"] = 0.5
    others.grad = None
    optimizer.step()
    optimizer.eval()
    assert_close(others.detach(), (y - (1 - 0.9) * z) / 0.9)


def test_a_state_from_before_beta_was_kept_goes_on():
    theta, optimizer = run(ScheduleFreeSGD, dict(lr=0.1), steps=10)
    saved = copy.deepcopy(optimizer.state_dict())
    for state in saved["state"].values():
        del state["beta_of_y"]
    twin = [p.detach().clone().requires_grad_() for p in theta]
    other = ScheduleFreeSGD(twin, lr=0.5)
    other.load_state_dict(saved)
    optimizer.eval()
    other.eval()
    assert torch.equal(flat(theta), flat(twin))


@pytest.mark.parametrize("beta", [0.0, 1.0, float("nan")])
def test_a_beta_from_which_x_cannot_be_found_is_refused(beta):
    theta, optimizer = run(ScheduleFreeSGD, dict(lr=0.1), steps=2)
    before = flat(theta)
    optimizer.param_groups[0]["momentum"] = beta
    with pytest.raises(ValueError, match=r"β must lie in \(0, 1\)"):
        optimizer.step()
    assert torch.equal(flat(theta), before)
