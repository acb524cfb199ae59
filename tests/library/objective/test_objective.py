"""`Objective` against exact derivatives, and a network's against the loop over its parameters."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.nn.utils import parameters_to_vector, vector_to_parameters

import talweg
from talweg import Objective
from talweg.objective.fast import chunks
from talweg.objective.fast.dense_chain import stacked_forward

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


class Quartic(Objective):
    """Σ θᵢ⁴/4 + θ₀θ₁: gradient and Hessian are written out in the tests."""

    dim = 3

    def value(self, theta):
        return (theta**4).sum() / 4 + theta[0] * theta[1]


def quartic_hessian(theta):
    H = torch.diag(3 * theta**2)
    H[0, 1] = H[1, 0] = 1
    return H


numbers = st.floats(-3, 3, allow_subnormal=False)
points = st.lists(numbers, min_size=3, max_size=3).map(lambda values: torch.tensor(values, dtype=F64))


@given(theta=points, v=points)
@settings(max_examples=40, deadline=None)
def test_derivatives_of_a_quartic_are_exact(theta, v):
    f, swap = Quartic(), torch.tensor([1, 0, 2])
    gradient = theta**3 + theta[swap] * torch.tensor([1.0, 1.0, 0.0])
    assert torch.allclose(f.grad(theta), gradient, rtol=1e-13, atol=1e-13)
    assert torch.allclose(f.hessian(theta), quartic_hessian(theta), rtol=1e-13, atol=1e-13)
    assert torch.allclose(f.hvp(theta, v), quartic_hessian(theta) @ v, rtol=1e-12, atol=1e-12)


@given(thetas=st.lists(points, min_size=1, max_size=5).map(torch.stack))
@settings(max_examples=25, deadline=None)
def test_many_points_are_the_loop_over_points(thetas):
    f = Quartic()
    assert torch.allclose(f.many(thetas), torch.stack([f(t) for t in thetas]), rtol=1e-12, atol=1e-12)
    assert torch.allclose(f.grads(thetas), torch.stack([f.grad(t) for t in thetas]), rtol=1e-12, atol=1e-12)


def test_the_value_can_be_differentiated_by_the_caller():
    theta = torch.tensor([1.0, 2.0, 3.0], dtype=F64, requires_grad=True)
    Quartic()(theta).backward()
    assert torch.equal(theta.grad, torch.tensor([3.0, 9.0, 27.0], dtype=F64))
    assert not Quartic().grad(theta).requires_grad


def test_lists_are_points_in_float64():
    assert Quartic()([1, 2, 3]).dtype == F64 and float(Quartic()([1, 2, 3])) == 26.5
    assert Quartic()(torch.ones(3)).dtype == torch.float32


@pytest.mark.parametrize("theta", [[1.0, 2.0], [[1.0, 2.0, 3.0]], 1.0, []])
def test_a_point_of_the_wrong_shape_is_named(theta):
    f = Quartic()
    for call in (f, f.grad, f.hessian):
        with pytest.raises(ValueError, match=r"theta must have shape \(3,\), got"):
            call(theta)
    with pytest.raises(ValueError, match=r"v must have shape \(3,\), got"):
        f.hvp([1.0, 2.0, 3.0], theta)


def test_many_refuses_a_single_point_and_none():
    with pytest.raises(ValueError, match=r"thetas must have shape \(K, 3\), got \(3,\)"):
        Quartic().many([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="at least one point"):
        Quartic().many(torch.empty(0, 3))


def test_a_hessian_too_large_to_hold_is_refused():
    class Long(Quartic):
        dim = 5000

    with pytest.raises(ValueError, match="limited to 4096 parameters, this has 5000: use hvp"):
        Long().hessian(torch.zeros(5000))


# Networks


def convolutional():
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3))


def shared_activation():
    act = nn.Tanh()
    return nn.Sequential(nn.Linear(6, 5), act, nn.Linear(5, 5, bias=False), act, nn.Linear(5, 3))


def tied():
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(6, 3))


def normalized():
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3)).eval()


def nested():
    return nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.3)), nn.GELU(), nn.Linear(4, 3)
    ).eval()


def single():
    return nn.Linear(6, 3)


def mlp():
    return talweg.models.MLP((6, 7, 5, 3), "tanh")


NETWORKS = [mlp, convolutional, shared_activation, tied, normalized, nested, single]
STACKED = {"mlp", "shared_activation", "nested", "single"}


def problem(make, n=23):
    torch.manual_seed(0)
    return make().double(), random(n, 6), torch.arange(n) % 3


def loop(model, theta, x, y):
    """The oracle: write the parameters into the model and call it."""
    model = copy.deepcopy(model)
    vector_to_parameters(theta, model.parameters())
    return cross_entropy(model(x), y)


@pytest.mark.parametrize("make", NETWORKS)
def test_a_network_is_its_loss_as_a_function_of_one_vector(make):
    model, x, y = problem(make)
    f = Objective.of(model, cross_entropy, x, y)
    assert torch.equal(f.theta, parameters_to_vector(model.parameters())) and f.dim == len(f.theta)
    theta = f.theta + 0.3 * random(f.dim, seed=1)
    assert torch.isclose(f(theta), loop(model, theta, x, y), rtol=1e-14)
    changed = copy.deepcopy(model)
    vector_to_parameters(theta, changed.parameters())
    cross_entropy(changed(x), y).backward()
    gradient = parameters_to_vector([p.grad for p in changed.parameters()])
    assert torch.allclose(f.grad(theta), gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("make", NETWORKS)
def test_many_networks_are_the_loop_over_networks(make, batch_size, monkeypatch):
    monkeypatch.setitem(chunks.ACTIVATIONS_AT_ONCE, "cpu", 500)  # several chunks
    model, x, y = problem(make)
    f = Objective.of(model, cross_entropy, x, y, batch_size=batch_size)
    thetas = f.theta + 0.3 * random(9, f.dim, seed=2)
    expected = torch.stack([loop(model, theta, x, y) for theta in thetas])
    assert torch.allclose(f.many(thetas), expected, rtol=1e-12)
    assert torch.allclose(f.grads(thetas), torch.stack([f.grad(t) for t in thetas]), rtol=1e-10, atol=1e-14)
    assert (stacked_forward(f.model, 2) is not None) == (make.__name__ in STACKED)


def test_linear_layers_on_sequences_are_not_taken_for_vectors():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 2)).double(), random(5, 3, 4)
    f = Objective.of(model, mse_loss, x, random(5, 3, 2, seed=1))
    assert torch.isclose(f.many(f.theta.unsqueeze(0))[0], f(f.theta), rtol=1e-14)


@pytest.mark.parametrize("make", [mlp, convolutional, normalized])
def test_curvature_of_a_network_agrees_with_the_difference_of_gradients(make):
    model, x, y = problem(make)
    f = Objective.of(model, cross_entropy, x, y)
    v, h = random(f.dim, seed=3), 1e-5
    theta = f.theta + 0.1 * random(f.dim, seed=4)
    difference = (f.grad(theta + h * v) - f.grad(theta - h * v)) / (2 * h)
    H = f.hessian(theta)
    assert torch.allclose(f.hvp(theta, v), difference, rtol=1e-5, atol=1e-7)
    assert torch.allclose(H @ v, f.hvp(theta, v), rtol=1e-10, atol=1e-12)
    assert torch.equal(H, H.T)


def test_the_hessian_of_least_squares_is_known():
    """A linear layer without bias under ½ mse has the Hessian XᵀX/n."""
    x, y = random(12, 4), random(12, 1, seed=1)
    model = nn.Linear(4, 1, bias=False).double()
    f = Objective.of(model, lambda out, y: (out - y).square().sum(1).mean() / 2, x, y)
    assert torch.allclose(f.hessian(f.theta), x.T @ x / 12, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 23, 100])
def test_uneven_batches_are_weighted_by_their_samples(batch_size):
    model, x, y = problem(mlp)
    whole, batched = (
        Objective.of(model, cross_entropy, x, y),
        Objective.of(model, cross_entropy, x, y, batch_size=batch_size),
    )
    theta, v = whole.theta, random(whole.dim, seed=5)
    assert torch.isclose(batched(theta), whole(theta), rtol=1e-13)
    assert torch.allclose(batched.grad(theta), whole.grad(theta), rtol=1e-10, atol=1e-15)
    assert torch.allclose(batched.hvp(theta, v), whole.hvp(theta, v), rtol=1e-10, atol=1e-14)


def test_the_model_is_neither_changed_nor_followed():
    model, x, y = problem(normalized)
    before = copy.deepcopy(model.state_dict())
    f = Objective.of(model, cross_entropy, x, y)
    first = f(f.theta)
    f.grad(f.theta + 1)
    f.many(f.theta + random(3, f.dim))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    model.train()(x)  # moves the running statistics
    assert f(f.theta) == first


def test_dtype_computes_a_float32_model_in_float64():
    torch.manual_seed(0)
    model, x, y = mlp().float(), random(20, 6).float(), torch.arange(20) % 3
    f = Objective.of(model, cross_entropy, x, y, dtype=F64)
    assert f.theta.dtype == F64 and next(model.parameters()).dtype == torch.float32
    assert torch.isclose(f(f.theta), cross_entropy(copy.deepcopy(model).double()(x.double()), y), rtol=1e-14)


def test_a_point_in_another_precision_is_refused_not_rounded():
    model, x, y = problem(mlp)
    f = Objective.of(model.float(), cross_entropy, x.float(), y)
    with pytest.raises(ValueError, match="theta is torch.float64, but this objective computes in torch.float32"):
        f(f.theta.double())


@pytest.mark.parametrize("layer", [nn.Dropout(0.1), nn.BatchNorm1d(5)])
def test_a_model_whose_output_depends_on_chance_or_batch_is_refused(layer):
    model = nn.Sequential(nn.Linear(6, 5), layer, nn.Linear(5, 3)).train()
    x, y = torch.zeros(4, 6), torch.zeros(4, dtype=torch.long)
    with pytest.raises(ValueError, match=rf"train mode and has {type(layer).__name__} \(1\).*model.eval\(\)"):
        Objective.of(model, cross_entropy, x, y)
    Objective.of(model.eval(), cross_entropy, x, y)


def test_data_and_loss_that_do_not_fit_are_named():
    model, x, y = problem(mlp)
    with pytest.raises(ValueError, match=r"as many samples, got shapes \(23, 6\) and \(22,\)"):
        Objective.of(model, cross_entropy, x, y[:-1])
    with pytest.raises(ValueError, match="x must have at least one sample"):
        Objective.of(model, cross_entropy, x[:0], y[:0])
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        Objective.of(model, cross_entropy, x, y, batch_size=0)
    with pytest.raises(ValueError, match="model has no parameters"):
        Objective.of(nn.Flatten(), cross_entropy, x, y)
    each = lambda out, y: cross_entropy(out, y, reduction="none")  # noqa: E731
    f = Objective.of(model, cross_entropy, x, y)
    for late in (lambda: Objective.of(model, each, x, y), lambda: f.with_loss(each)):
        with pytest.raises(ValueError, match=r"loss must return one number.*got shape \(23,\)"):
            late()
    f.loss = each
    with pytest.raises(ValueError, match=r"loss must return one number.*got shape \(23,\)"):
        f(f.theta)
    with pytest.raises(ValueError, match="loss must return one number"):
        f.many(f.theta.unsqueeze(0))
    with pytest.raises(ValueError, match="theta must have shape"):
        f(f.theta[:-1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("make", NETWORKS)
def test_a_gpu_changes_speed_not_meaning(make):
    model, x, y = problem(make)
    here = Objective.of(model, cross_entropy, x, y)
    there = Objective.of(copy.deepcopy(model).cuda(), cross_entropy, x.cuda(), y.cuda())
    thetas = here.theta + 0.3 * random(9, here.dim, seed=2)
    assert torch.allclose(there.many(thetas.cuda()).cpu(), here.many(thetas), rtol=1e-10)
    with pytest.raises(ValueError, match="theta is on cpu"):
        there(thetas[0])


def test_written_out_batch_norm_in_train_mode_is_refused_like_torchs():
    from talweg.normalization import BatchNorm1d

    model = nn.Sequential(nn.Linear(3, 3), BatchNorm1d(3))
    with pytest.raises(ValueError, match="train mode and has BatchNorm1d"):
        Objective.of(model, nn.functional.mse_loss, torch.zeros(4, 3), torch.zeros(4, 3))
