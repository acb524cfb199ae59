"""Schedules: equal to torch's schedulers where it has them, pure, and usable by both."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from talweg import schedules
from talweg.optimizers import SGD
from talweg.surfaces import Quadratic
from talweg.training import minimize


def torchs(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


PAIRS = {
    "constant": (schedules.constant(), lambda o: lr_scheduler.ConstantLR(o, 1.0), 20),
    "step": (schedules.step(7, 0.3), lambda o: lr_scheduler.StepLR(o, 7, 0.3), 30),
    "cosine": (schedules.cosine(40, 0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, eta_min=0.1), 41),
    "warmup": (schedules.linear_warmup(10), lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 9), 30),
    "one cycle": (
        schedules.one_cycle(50), lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=50), 50
    ),
    "one cycle, other": (
        schedules.one_cycle(50, 0.5, 0.1, 0.01),
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=50, pct_start=0.5, div_factor=10, final_div_factor=10
        ),
        50,
    ),
    "warmup, then cosine": (
        schedules.linear_warmup(5, schedules.cosine(20)),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, 0.2, 1.0, 4), lr_scheduler.CosineAnnealingLR(o, 20)], [5]
        ),
        25,
    ),
}  # fmt: skip


@pytest.mark.parametrize("ours, theirs, steps", PAIRS.values(), ids=PAIRS)
def test_equals_torchs_scheduler(ours, theirs, steps):
    expected = torchs(theirs, steps)
    assert [ours(t) for t in range(1, steps + 1)] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    shuffled = {t: ours(t) for t in reversed(range(1, steps + 1))}  # pure: the order does not matter
    assert [shuffled[t] for t in sorted(shuffled)] == [ours(t) for t in range(1, steps + 1)]


def test_inverse_sqrt_is_that_of_the_transformer_paper():
    """d^(-½) min(t^(-½), t · warmup^(-3/2)), with the peak scaled to 1."""
    ours = schedules.inverse_sqrt(16)
    for t in range(1, 200):
        assert ours(t) == pytest.approx(min(t**-0.5, t * 16**-1.5) / 16**-0.5, rel=1e-12)
    assert ours(16) == 1


@pytest.mark.parametrize("shape, half", [("linear", 0.5), ("sqrt", 1 - math.sqrt(0.5)), ("cosine", 0.5)])
def test_warmup_stable_decay_has_three_parts(shape, half):
    ours = schedules.warmup_stable_decay(100, 10, 20, shape, floor=0.2)
    assert [ours(t) for t in (1, 5, 10)] == pytest.approx([0.1, 0.5, 1.0])
    assert {ours(t) for t in range(10, 81)} == {1.0}
    assert ours(90) == pytest.approx(0.2 + 0.8 * half)
    assert ours(100) == pytest.approx(0.2) and ours(500) == pytest.approx(0.2)
    assert all(ours(t) >= ours(t + 1) for t in range(80, 120))
    assert schedules.warmup_stable_decay(10, 0, 0)(1) == 1.0


def test_after_the_last_step_schedules_stay_where_they_ended():
    assert schedules.cosine(10, 0.1)(1000) == pytest.approx(0.1)
    assert schedules.one_cycle(10)(1000) == pytest.approx(1 / 250_000)


def test_the_same_path_through_minimize_and_through_torch():
    f, start = Quadratic([1.0, 10.0]), torch.tensor([1.0, 1.0], dtype=torch.float64)
    schedule = schedules.linear_warmup(5, schedules.cosine(20))
    run = minimize(f, start, SGD, steps=25, lr=0.15, momentum=0.5, schedule=schedule)
    theta = start.clone().requires_grad_()
    optimizer = SGD([theta], lr=0.15, momentum=0.5)
    scheduler = schedules.scheduler(optimizer, schedule)
    for _ in range(25):
        theta.grad = f.grad(theta)
        optimizer.step()
        scheduler.step()
    assert torch.allclose(run.trajectory[-1], theta.detach(), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: schedules.step(0), "every"),
        (lambda: schedules.step(5, 2.0), "factor"),
        (lambda: schedules.cosine(0), "steps"),
        (lambda: schedules.cosine(5, float("nan")), "floor"),
        (lambda: schedules.linear_warmup(-1), "steps"),
        (lambda: schedules.one_cycle(1), "steps"),
        (lambda: schedules.one_cycle(10, rise=1.5), "rise"),
        (lambda: schedules.inverse_sqrt(0), "warmup"),
        (lambda: schedules.warmup_stable_decay(10, 8, 8), "warmup"),
        (lambda: schedules.warmup_stable_decay(10, 1, 2, "square"), "shape"),
    ],
)
def test_bad_input_is_named(make, name):
    with pytest.raises(ValueError, match=name):
        make()
