"""Means over samples: mini-batches of a network and of least squares, for whoever asks for them."""

import pytest
import torch
from torch.nn import functional as F

from talweg import Objective
from talweg.landscape import connect
from talweg.models import MLP, ConvNet
from talweg.objective import Mean
from talweg.optimizers import SGD
from talweg.surfaces import LeastSquares, Quadratic
from talweg.training import minimize

F64 = torch.float64
N = 24


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def network(model=None):
    torch.manual_seed(0)
    model = (model or MLP((4, 3, 3))).double()
    return Objective.of(model, F.cross_entropy, random(N, 4), torch.arange(N) % 3)


def regression():
    return LeastSquares(random(N, 4), random(N, seed=1))


def samples_alone(f, theta):
    """The mean of the gradients of single samples, each from its own formula or backward pass."""
    if isinstance(f, LeastSquares):
        return [(x @ theta - y) * x for x, y in zip(f.x, f.y, strict=True)]
    found = []
    for x, y in zip(f.x, f.y, strict=True):
        leaf = theta.clone().requires_grad_()
        named = {name: p.clone() for name, p in f.unflatten(leaf).items()}
        loss = F.cross_entropy(torch.func.functional_call(f.model, named, (x[None],)), y[None])
        found.append(torch.autograd.grad(loss, leaf)[0])
    return found


@pytest.mark.parametrize("make", [network, regression])
def test_mini_batch_gradients_are_means_of_samples(make):
    f, indices = make(), torch.tensor([[3, 3, 5], [0, 23, 7]])
    assert isinstance(f, Mean) and f.n == len(f) == N
    thetas = random(2, f.dim, seed=2)
    found = f.batch_grads(thetas, indices)
    for theta, batch, g in zip(thetas, indices, found, strict=True):
        alone = samples_alone(f, theta)
        expected = torch.stack([alone[i] for i in batch]).mean(0)
        torch.testing.assert_close(g, expected)
        torch.testing.assert_close(f.subset(batch).grad(theta), expected)
    with pytest.raises(ValueError, match=r"indices must be integers of shape \(2, B\), got \(3,\)"):
        f.batch_grads(thetas, [1, 2, 3])


@pytest.mark.parametrize("make", [network, regression])
def test_minimize_takes_mini_batches_of_both(make):
    f = make()
    start = random(2, f.dim, seed=3)
    run = minimize(f, start, SGD, steps=30, lr=0.05, batch_size=6, seed=0)
    assert (run["loss"][-1] < run["loss"][0]).all()
    first = f.batch_grads(start, torch.stack([torch.arange(N)] * 2))  # all samples: the full gradient
    torch.testing.assert_close(first, torch.stack([f.grad(theta) for theta in start]))
    assert not torch.allclose(run.trajectory[1] - run.trajectory[0], -0.05 * first)  # a batch is not all samples


@pytest.mark.parametrize("make", [network, regression])
def test_connect_takes_mini_batches_of_both(make):
    f = make()
    a, b = random(f.dim, seed=4), random(f.dim, seed=5)
    curve = connect(f, a, b, "bezier", steps=20, batch_size=6, resolution=5)
    assert len(curve.history) == 20 and torch.equal(curve.controls[0], a)
    assert torch.equal(curve.controls, connect(f, a, b, "bezier", steps=20, batch_size=6, resolution=5).controls)
    whole = connect(f, a, b, "bezier", steps=20, resolution=5)
    assert not torch.allclose(whole.controls, curve.controls)


@pytest.mark.parametrize("make", [network, regression])
def test_a_sample_is_drawn_without_replacement_and_repeatably(make):
    f = make()
    draw = lambda size, seed=0: f.sample(size, torch.Generator().manual_seed(seed))  # noqa: E731
    assert torch.equal(draw(6).x, draw(6).x) and not torch.equal(draw(6).x, draw(6, 1).x)
    rows = {tuple(row) for row in draw(N).x.tolist()}
    assert rows == {tuple(row) for row in f.x.tolist()}
    with pytest.raises(ValueError, match=f"batch_size must be at most the number of samples, {N}; got {N + 1}"):
        draw(N + 1)


def test_other_objectives_have_no_batches_and_are_named():
    f = Quadratic([1.0, 2.0])
    with pytest.raises(TypeError, match="batch_size needs a mean over samples.*got Quadratic"):
        connect(f, [0.0, 0.0], [1.0, 1.0], "bezier", steps=2, batch_size=2)
    with pytest.raises(TypeError, match="batch_size needs a sum over samples.*got Quadratic"):
        minimize(f, [1.0, 1.0], SGD, steps=2, lr=0.1, batch_size=2, seed=0)


@pytest.mark.parametrize(
    "model", [MLP((4, 3, 3)), torch.nn.Sequential(torch.nn.Unflatten(1, (1, 2, 2)), ConvNet((1, 2, 2), (2,), 3))]
)
def test_gradients_at_many_points_are_those_at_each(model):
    f = network(model)
    thetas = random(3, f.dim, seed=6)
    torch.testing.assert_close(f.grads(thetas), torch.stack([f.grad(theta) for theta in thetas]))


def test_a_seed_in_place_of_a_generator_is_refused_with_what_to_do():
    f = Objective.of(torch.nn.Linear(2, 2), torch.nn.functional.mse_loss, torch.randn(8, 2), torch.randn(8, 2))
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator or None; got 3.*manual_seed"):
        f.sample(4, generator=3)
