"""Fast evaluation on lines and planes against the point-by-point loop, for each way it is done."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import vector_to_parameters

import talweg
from talweg import Objective
from talweg.landscape import accuracy, line, plane, random_directions
from talweg.models import MLP, ConvNet, ResNet
from talweg.objective.fast import chunks
from talweg.objective.fast.choose import fastest
from talweg.objective.fast.dense_chain import DenseChain
from talweg.objective.fast.one_by_one import OnePointAtATime

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def naive(model, loss, x, y, thetas):
    model, values = copy.deepcopy(model), []
    with torch.no_grad():
        for theta in thetas:
            vector_to_parameters(theta, model.parameters())
            values.append(loss(model(x), y))
    return torch.stack(values)


def no_bias():
    return nn.Sequential(nn.Linear(16, 12, bias=False), nn.GELU(), nn.Linear(12, 5, bias=False))


def activated_end():
    return nn.Sequential(nn.Linear(16, 12), nn.Sigmoid(), nn.Linear(12, 5), nn.Tanh())


def activated_start():
    return nn.Sequential(nn.Tanh(), nn.Linear(16, 5))


def one_layer():
    return nn.Linear(16, 5)


def mlp():
    return MLP((16, 12, 9, 5))


def convolutional():
    return ConvNet((1, 4, 4), (3, 4), 5)


def batch_normalized():
    return ConvNet((1, 4, 4), (3, 4), 5, norm="batch")


def no_statistics():
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3, affine=False), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3, 5),
    )  # fmt: skip


def residual():
    return nn.Sequential(nn.Unflatten(1, (1, 4, 4)), ResNet(8, in_channels=1, width=4, classes=5))


def hooked():
    model = batch_normalized()
    model.features[0].register_forward_hook(lambda module, inputs, output: output * 1.5)
    return model


def shared():
    act = nn.ReLU()
    layer = nn.Linear(16, 16)
    return nn.Sequential(layer, act, layer, act, nn.Linear(16, 5))


class ReadsTwice(nn.Module):
    """The input of an activation is needed again: working in place would spoil it."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(16, 12), nn.Sequential(nn.ReLU()), nn.Linear(24, 5)

    def forward(self, x):
        h = self.first(x)
        return self.last(torch.cat([self.act(h), h], dim=1))


STACKED = [mlp, no_bias, activated_end, activated_start, one_layer]
OTHERS = [convolutional, batch_normalized, no_statistics, residual, hooked, shared, ReadsTwice]


def problem(make, dtype, n=70):
    torch.manual_seed(0)
    model = make().to(dtype)
    x, y = random(n, 16).to(dtype), torch.arange(n) % 5
    with torch.no_grad():
        model.train()(x)  # running statistics that are not 0 and 1
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.uniform_(module.weight, 0.5, 1.5), nn.init.normal_(module.bias)
    return model.eval(), x, y


@pytest.mark.parametrize("make", STACKED + OTHERS)
@pytest.mark.parametrize("dtype, rtol", [(F64, 1e-10), (torch.float32, 1e-5)])
def test_a_plane_is_the_loop_over_its_points(make, dtype, rtol):
    model, x, y = problem(make, dtype)
    f = Objective.of(model, F.cross_entropy, x, y)
    directions = 0.3 * random(2, f.dim, seed=1).to(dtype)  # biases and norm layers move, too
    weights = torch.cartesian_prod(*torch.linspace(-1, 1, 10, dtype=F64).split(5)).flip(1).to(dtype)
    found = f.slice(f.theta, directions, weights)
    expected = naive(model, F.cross_entropy, x, y, f.theta + weights @ directions)
    assert ((found - expected).abs() / expected).max() < rtol
    assert isinstance(fastest(f, f.theta, directions), DenseChain) == (make in STACKED)
    assert torch.allclose(OnePointAtATime(f, f.theta, directions)(weights), expected, rtol=rtol, atol=0)


@pytest.mark.parametrize("make", [mlp, batch_normalized])
@pytest.mark.parametrize("batch_size", [1, 33, 64, None])
def test_batches_and_chunks_do_not_matter(make, batch_size, monkeypatch):
    model, x, y = problem(make, F64)
    monkeypatch.setattr("talweg.objective.fast.dense_chain.OUTPUTS_AT_ONCE", 900)
    monkeypatch.setitem(chunks.ACTIVATIONS_AT_ONCE, "cpu", 500)
    monkeypatch.setattr("talweg.objective.fast.any_network.AnyNetwork.points_at_once", 4)
    f = Objective.of(model, F.cross_entropy, x, y, batch_size=batch_size)
    directions, weights = random(3, f.dim, seed=1) / 5, random(11, 3, seed=2)
    expected = naive(model, F.cross_entropy, x, y, f.theta + weights @ directions)
    assert torch.allclose(f.slice(f.theta, directions, weights), expected, rtol=1e-10)


def labels_left_out(y):
    return torch.where(y == 0, -100, y)


LOSSES = [
    (F.cross_entropy, lambda y: y),
    (F.cross_entropy, labels_left_out),
    (F.cross_entropy, lambda y: F.one_hot(y).double() * 0.9 + 0.02),
    (nn.CrossEntropyLoss(), lambda y: y),
    (nn.CrossEntropyLoss(label_smoothing=0.2), lambda y: y),
    (nn.CrossEntropyLoss(weight=torch.arange(1.0, 6.0, dtype=F64)), lambda y: y),
    (nn.CrossEntropyLoss(ignore_index=2), lambda y: y),
    (F.mse_loss, lambda y: F.one_hot(y).double()),
    (accuracy, lambda y: y),
]


@pytest.mark.parametrize("loss, labels", LOSSES)
def test_every_loss_is_the_one_given(loss, labels):
    model, x, y = problem(mlp, F64)
    f = Objective.of(model, loss, x, labels(y))
    directions, weights = random(2, f.dim, seed=1) / 5, random(7, 2, seed=2)
    thetas = f.theta + weights @ directions
    expected = naive(model, loss, x, labels(y), thetas)
    assert torch.allclose(f.slice(f.theta, directions, weights), expected, rtol=1e-10)
    assert torch.allclose(f.many(thetas), expected, rtol=1e-10)


def test_a_sum_over_samples_is_refused_as_elsewhere():
    model, x, y = problem(mlp, F64)
    each = lambda out, y: F.cross_entropy(out, y, reduction="none")  # noqa: E731
    with pytest.raises(ValueError, match=r"loss must return one number.*shape \(70,\)"):
        Objective.of(model, each, x, y)
    f = Objective.of(model, F.cross_entropy, x, y)
    f.loss = each
    with pytest.raises(ValueError, match=r"loss must return one number.*shape \(70,\)"):
        f.slice(f.theta, f.theta.unsqueeze(0), [[0.1], [0.2]])


def test_losses_that_overflow_are_kept_and_counted():
    model, x, y = problem(mlp, torch.float32)
    f = Objective.of(model, F.cross_entropy, x, y)
    surface = plane(f, f.theta, *random_directions(model), span=1e25, resolution=3)
    assert surface.nonfinite == 8 and surface.z[1, 1].isfinite()
    with pytest.raises(ValueError, match="finite for a wavelet"):
        talweg.wavelets.decompose(surface)


def test_accuracy_lies_on_the_same_plane():
    model, x, y = problem(mlp, F64)
    f = Objective.of(model, F.cross_entropy, x, y, batch_size=30)
    d1, d2 = random_directions(model)
    found = plane(f.with_loss(accuracy), f.theta, d1, d2, resolution=3)
    assert torch.isclose(found.z[1, 1], (model(x).argmax(1) == y).double().mean(), rtol=1e-12)
    assert f.loss is F.cross_entropy


def test_a_line_is_the_loop_over_its_points():
    model, x, y = problem(mlp, F64)
    f = Objective.of(model, F.cross_entropy, x, y)
    other = f.theta + random(f.dim, seed=4)
    alphas = torch.linspace(-0.5, 1.5, 9, dtype=F64)
    points = (1 - alphas[:, None]) * f.theta + alphas[:, None] * other
    assert torch.allclose(line(f, f.theta, other, alphas), naive(model, F.cross_entropy, x, y, points), rtol=1e-10)


@pytest.mark.parametrize(
    "directions, weights, message",
    [
        (torch.ones(2, 3, dtype=F64), [[1.0, 2.0]], r"directions must have shape \(K, "),
        (None, [[1.0]], r"weights must have shape \(K, 2\), got \(1, 1\)"),
        (None, torch.empty(0, 2), r"weights must have shape \(K, 2\), got \(0, 2\)"),
    ],
)
def test_a_family_that_does_not_fit_is_named(directions, weights, message):
    model, x, y = problem(mlp, F64)
    f = Objective.of(model, F.cross_entropy, x, y)
    with pytest.raises(ValueError, match=message):
        f.slice(f.theta, torch.ones(2, f.dim, dtype=F64) if directions is None else directions, weights)


@pytest.mark.parametrize("make", [batch_normalized, residual])
def test_preparing_a_model_leaves_the_original_alone(make):
    model, x, y = problem(make, F64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    f = Objective.of(model, F.cross_entropy, x, y)
    inside = copy.deepcopy(f.model.state_dict())
    f.slice(f.theta, random(1, f.dim), [[0.5], [1.0]])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(torch.equal(inside[name], value) for name, value in f.model.state_dict().items())
    convolutions = [module for module in model.modules() if type(module) is nn.Conv2d]
    assert convolutions and all(conv.weight.is_contiguous() for conv in convolutions)
    assert any(type(module) is nn.BatchNorm2d for module in model.modules())


def test_batch_norm_by_the_data_is_train_mode_on_the_whole_batch():
    model, x, y = problem(batch_normalized, F64)
    f = Objective.of(model, F.cross_entropy, x, y, batch_norm="data")
    theta = f.theta + 0.2 * random(f.dim, seed=3)
    other = copy.deepcopy(model).train()
    assert torch.isclose(f(theta), naive(other, F.cross_entropy, x, y, [theta])[0], rtol=1e-12)
    assert torch.isclose(f.slice(f.theta, random(1, f.dim, seed=3), [[0.2]])[0], f(theta), rtol=1e-10)
    assert not f.running_statistics and Objective.of(model, F.cross_entropy, x, y).running_statistics
    # a mean over batches, each with its own statistics
    halves = Objective.of(model.train(), F.cross_entropy, x, y, batch_norm="data", batch_size=35)
    expected = [naive(other, F.cross_entropy, x[part], y[part], [theta])[0] for part in (slice(35), slice(35, 70))]
    assert torch.isclose(halves(theta), sum(expected) / 2, rtol=1e-12)
    h = random(f.dim, seed=5)
    slope = (f(theta + 1e-6 * h) - f(theta - 1e-6 * h)) / 2e-6
    assert torch.isclose(f.grad(theta) @ h, slope, rtol=1e-5)
    with pytest.raises(ValueError, match="batch_norm must be one of 'running', 'data'"):
        Objective.of(model, F.cross_entropy, x, y, batch_norm="batch")


@pytest.mark.parametrize("n", [2, 65, 70, 129])
def test_dense_batch_norm_by_the_data_survives_one_sample_left_over(n):
    """Between 64 samples and one more a chunk of one would have no variance; and chunks must not be normalized apart."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5)).double().train()
    x, y = random(n, 16), torch.arange(n) % 5
    f = Objective.of(model, F.cross_entropy, x, y, batch_norm="data")
    step = 0.2 * random(f.dim, seed=3)
    expected = naive(model, F.cross_entropy, x, y, [f.theta, f.theta + step])
    assert torch.allclose(f.slice(f.theta, step[None], [[0.0], [1.0]]), expected, rtol=1e-10)


def test_a_mini_batch_is_an_objective():
    model, x, y = problem(mlp, F64)
    f = Objective.of(model, F.cross_entropy, x, y)
    some = torch.tensor([3, 10, 11])
    assert torch.isclose(f.subset(some)(f.theta), F.cross_entropy(model(x[some]), y[some]), rtol=1e-12)
    with pytest.raises(ValueError, match="at least one sample"):
        f.subset(torch.tensor([], dtype=torch.long))
