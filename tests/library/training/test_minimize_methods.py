"""`minimize` with methods that ask for more than a gradient, against their recursions written out by hand."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.models import MLP
from talweg.objective import Objective
from talweg.optimizers import SAM, Adam, ScheduleFreeAdamW, ScheduleFreeSGD, Sophia
from talweg.surfaces import LeastSquares, Quadratic, Rosenbrock
from talweg.training import minimize
from talweg.training.sampling import draw

float64 = torch.float64
CURVATURES = torch.tensor([1.0, 10.0], dtype=float64)
STARTS = torch.tensor([[10.0, 1.0], [-2.0, 0.5], [0.1, 3.0]], dtype=float64)
LINES = LeastSquares([[1.0, 0.0], [2.0, 1.0], [0.5, -1.0], [1.0, 1.0]], [1.0, 2.0, -1.0, 8.0])


def network():
    torch.manual_seed(0)
    x, y = torch.randn(12, 3, dtype=float64), torch.arange(12) % 2
    return Objective.of(MLP((3, 4, 2), "tanh", dtype=float64), F.cross_entropy, x, y)


def averages(gradient, start, steps, lr, beta=0.9):
    """Schedule-Free SGD: the points x, and the last y."""
    y, z, x = start, start, start
    path = [x]
    for t in range(1, steps + 1):
        y = (1 - beta) * z + beta * x
        z = z - lr * gradient(y)
        x = (1 - 1 / t) * x + z / t
        path.append(x)
    return torch.stack(path), (1 - beta) * z + beta * x


@pytest.mark.parametrize("start", [STARTS[0], STARTS], ids=["one start", "many"])
def test_schedule_free_gives_its_average_and_records_it(start):
    """y came out, where the gradients are taken, for x."""
    run = minimize(Quadratic(CURVATURES), start, ScheduleFreeSGD, steps=50, lr=0.15)
    path, y = averages(lambda theta: CURVATURES * theta, start, 50, 0.15)
    torch.testing.assert_close(run.trajectory, path, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(run.state["theta"], path[-1], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(run["loss"], (CURVATURES * path.square()).sum(-1) / 2, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(run["grad_norm"], (CURVATURES * path).norm(dim=-1), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(run["step_norm"], path.diff(dim=0).norm(dim=-1), rtol=1e-8, atol=1e-12)
    assert not torch.allclose(y, path[-1], rtol=1e-3)


@pytest.mark.parametrize(
    "Optimizer", [ScheduleFreeSGD, ScheduleFreeAdamW, functools.partial(SAM, base=ScheduleFreeSGD)]
)
@pytest.mark.parametrize("f", [Quadratic(CURVATURES), LINES, Rosenbrock()], ids=lambda f: type(f).__name__)
def test_schedule_free_is_what_its_own_eval_gives(Optimizer, f):
    run = minimize(f, [0.5, 1.0], Optimizer, steps=20, lr=1e-3)
    theta = nn.Parameter(torch.tensor([0.5, 1.0], dtype=float64))
    optimizer = Optimizer([theta], lr=1e-3)

    def closure():
        theta.grad = f.grad(theta.detach())
        return f(theta.detach())

    for _ in range(20):
        optimizer.step(closure)
    optimizer.answer()
    torch.testing.assert_close(run.state["theta"], theta.detach(), rtol=1e-10, atol=1e-12)


def test_a_schedule_free_run_that_diverges_stays_and_the_others_go_on():
    run = minimize(Quadratic(CURVATURES), torch.cat([STARTS, torch.zeros(1, 2)]), ScheduleFreeSGD, steps=400, lr=100.0)
    assert run.trajectory.isfinite().all() and run.diverged_at[3] is None and None not in run.diverged_at[:3]
    for k, at in enumerate(run.diverged_at[:3]):
        assert (run.trajectory[at:, k] == run.trajectory[at, k]).all()


@pytest.mark.parametrize("start", [STARTS[0], STARTS], ids=["one start", "many"])
@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_takes_the_gradient_at_the_worst_point_nearby(start, adaptive):
    """SAM failed with the advice to give a closure, which no caller of minimize can give."""
    run = minimize(Quadratic(CURVATURES), start, SAM, steps=5, lr=0.05, rho=0.3, adaptive=adaptive)
    theta = start.reshape(-1, 2)
    for _ in range(5):
        g = CURVATURES * theta
        scaled = theta.abs() * g if adaptive else g
        worst = 0.3 * (theta.abs() * scaled if adaptive else g) / scaled.norm(dim=1, keepdim=True)
        theta = theta - 0.05 * CURVATURES * (theta + worst)
    torch.testing.assert_close(run.state["theta"].view(-1, 2), theta, rtol=1e-9, atol=1e-12)
    assert run["loss"].shape[0] == 6 and run.config["optimizer"] == "SAM"


def test_sam_looks_twice_at_the_same_batch_with_the_same_noise():
    run = minimize(LINES, [0.0, 0.0], SAM, steps=8, lr=0.05, rho=0.2, batch_size=2, noise=0.1, seed=3)
    generator, theta = torch.Generator().manual_seed(3), torch.zeros(2, dtype=float64)
    for _ in range(8):
        batch = LINES.subset(draw(1, 4, 2, False, generator)[0])
        kick = 0.1 * torch.randn(1, 2, generator=generator, dtype=float64)[0]
        g = batch.grad(theta) + kick
        theta = theta - 0.05 * (batch.grad(theta + 0.2 * g / g.norm()) + kick)
    torch.testing.assert_close(run.state["theta"], theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("start", [STARTS[0], STARTS], ids=["one start", "many"])
def test_sophia_gets_the_curvature_of_the_objective(start):
    """With a diagonal Hessian its probes of signs give the curvatures without error."""
    options = dict(lr=0.01, betas=(0.0, 0.0), gamma=1.0, weight_decay=0.0, every=2)
    state = torch.get_rng_state()
    run = minimize(Quadratic(CURVATURES), start, Sophia, steps=6, **options)
    assert torch.equal(torch.get_rng_state(), state)
    theta = start
    for _ in range(6):
        theta = theta - 0.01 * (CURVATURES * theta / CURVATURES).clamp(-1, 1)
    torch.testing.assert_close(run.state["theta"], theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_sophia_repeats_itself_and_depends_on_the_seed(batch_size):
    f = network()

    def end(seed):
        run = minimize(f, f.theta, Sophia, steps=8, lr=0.05, gamma=1.0, batch_size=batch_size, seed=seed)
        assert run["loss"][-1] < run["loss"][0]
        return run.state["theta"]

    assert torch.equal(end(1), end(1)) and not torch.equal(end(1), end(2))


def with_labels_from_logits(parameters, **options):
    return Sophia(parameters, estimator="gauss-newton-bartlett", **options)


@pytest.mark.parametrize("Optimizer", [with_labels_from_logits, functools.partial(SAM, base=with_labels_from_logits)])
def test_an_estimator_that_needs_logits_is_refused(Optimizer):
    with pytest.raises(ValueError, match="estimator must be 'hutchinson' in minimize; got 'gauss-newton-bartlett'"):
        minimize(network(), network().theta, Optimizer, steps=3)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_of_torch_gets_its_closure(search):
    run = minimize(Quadratic(CURVATURES), STARTS, torch.optim.LBFGS, steps=4, lr=1.0, line_search_fn=search)
    theta = nn.Parameter(STARTS[1].clone())
    optimizer = torch.optim.LBFGS([theta], lr=1.0, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        value = (CURVATURES * theta.square()).sum() / 2
        value.backward()
        return value

    for _ in range(4):
        optimizer.step(closure)
    torch.testing.assert_close(run.row(1).state["theta"], theta.detach(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("Optimizer", [SAM, Sophia, ScheduleFreeSGD, ScheduleFreeAdamW])
def test_a_network_goes_down_with_every_method_and_float32_stays_float32(Optimizer):
    f = network()
    low = Objective.of(MLP((3, 4, 2), "tanh"), F.cross_entropy, f.x.float(), f.y)
    for objective in (f, low):
        run = minimize(objective, objective.theta, Optimizer, steps=30, lr=0.1, schedule=lambda t: 1.0)
        assert run["loss"][-1] < run["loss"][0] and run.state["theta"].dtype == objective.theta.dtype


def test_methods_that_need_a_gradient_only_are_stepped_as_before():
    """Bit by bit: the loop written out, with batches and noise from one generator."""
    run = minimize(LINES, [0.0, 0.0], Adam, steps=20, lr=0.1, batch_size=2, noise=0.3, seed=5)
    generator = torch.Generator().manual_seed(5)
    theta = torch.zeros(1, 2, dtype=float64, requires_grad=True)
    optimizer = Adam([theta], lr=0.1)
    for _ in range(20):
        indices = draw(1, 4, 2, False, generator)
        kick = torch.randn(1, 2, generator=generator, dtype=float64)
        theta.grad = LINES.batch_grads(theta.detach(), indices) + 0.3 * kick
        optimizer.step()
    assert torch.equal(run.state["theta"], theta.detach()[0])
