"""What an objective is built from: nothing that is no function of θ alone, and no mini-batches of what is no mean."""

import copy
import functools
import random as chance

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from talweg import Objective
from talweg.landscape import connect, eigenpairs, line, random_directions
from talweg.models import MLP
from talweg.normalization import BatchNorm1d
from talweg.objective.fast.choose import fastest
from talweg.optimizers import SGD
from talweg.training import minimize, train

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


x, y = random(40, 6), torch.arange(40) % 3


class With(nn.Module):
    def __init__(self, forward, **held):
        super().__init__()
        self.call = forward
        for name, thing in held.items():
            setattr(self, name, thing)

    def forward(self, x):
        return self.call(self, x)


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def penalty(model, gate=lambda p: p):
    return lambda out, y: F.cross_entropy(out, y) + sum(gate(p).square().sum() for p in model.parameters()) / 2


# Parameters held by reference (kind 02)


def frozen(model):
    return model.requires_grad_(False)


def teacher(model):
    def loss(out, y):
        with torch.no_grad():
            target = model(x).softmax(1)
        return F.cross_entropy(out, target)

    return loss


HOLDING = {
    "a penalty in the loss": lambda m: (m, penalty(m)),
    "a penalty over frozen parameters": lambda m: (frozen(m), penalty(m)),
    "a penalty over what .data says": lambda m: (m, penalty(m, lambda p: p.data)),
    "a penalty over views": lambda m: (m, penalty(m, lambda p: p.detach().view(-1)[1:])),
    "the model as its own teacher": lambda m: (m, teacher(m)),
    "a parameter in a plain list": lambda m: (With(lambda s, x: s.net(x) * s.kept[0].sum(), net=m, kept=[m[0].weight]), F.cross_entropy),
    "a buffer that is a parameter": lambda m: (m.register_buffer("alias", m[0].weight.detach()), With(lambda s, x: s.net(x) + s.net.alias.sum(), net=m))[1:] + (F.cross_entropy,),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDING)
def test_what_holds_parameters_by_reference_is_refused_by_name(name):
    model, loss = HOLDING[name](net())
    with pytest.raises(
        ValueError, match=r"(loss|the forward of model) reads the parameter `.*weight` of the model itself"
    ):
        Objective.of(model, loss, x, y)


OUTSIDE = {
    "layers in a plain list": (With(lambda s, x: s.net(x) + s.layers[0](x), net=net(), layers=[nn.Linear(6, 3).double()]), F.cross_entropy),
    "an unfrozen teacher": (net(), lambda out, y, other=net(1): F.mse_loss(out, other(out.new_ones(1, 6)).expand_as(out))),  # noqa: B008
    "a temperature in the loss": (net(), lambda out, y, t=torch.ones((), dtype=F64, requires_grad=True): F.cross_entropy(out / t, y)),  # noqa: B008
    "a weight computed once": (With(lambda s, x: s.net(x) * s.scale, net=net(), scale=torch.ones(1, dtype=F64, requires_grad=True) * 2), F.cross_entropy),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_tensors_that_need_gradients_and_are_not_in_theta_are_refused(name):
    model, loss = OUTSIDE[name]
    with pytest.raises(ValueError, match="uses tensors that need gradients and are not in θ"):
        Objective.of(model, loss, x, y)


def test_constants_and_looks_at_shape_and_dtype_are_allowed():
    model, other = net(), net(1).requires_grad_(False)
    loss = lambda out, y: F.mse_loss(out, other(x[: len(out)])) + 0 * torch.zeros_like(model[0].weight).sum()  # noqa: E731
    wrapped = With(lambda s, x: s.net(x.to(next(s.net.parameters()).dtype)), net=model)
    f = Objective.of(wrapped, loss, x, y)
    torch.testing.assert_close(f(f.theta), loss(model(x), y).detach(), rtol=0.5, atol=1.0)
    assert not f(f.theta).requires_grad


def test_a_penalty_in_a_module_around_the_model_is_the_penalty():
    model = net()
    around = With(lambda s, x: (s.net(x), sum(p.square().sum() for p in s.net.parameters()) / 2), net=model)
    f = Objective.of(around, lambda out, y: F.cross_entropy(out[0], y) + out[1], x, y)
    plain = Objective.of(model, F.cross_entropy, x, y)
    v = random(f.dim, seed=1)
    torch.testing.assert_close(f(f.theta), plain(f.theta) + f.theta @ f.theta / 2)
    torch.testing.assert_close(f.hvp(f.theta, v), plain.hvp(f.theta, v) + v)
    torch.testing.assert_close(line(f, f.theta, 2 * f.theta, [1.0])[0], plain(2 * f.theta) + 2 * f.theta @ f.theta)


# Chance and state (kind 10)


def drops(s, x):
    return s.b(F.dropout(s.a(x), 0.5, s.training))


def rarely(s, x):  # StochasticDepth of a whole batch: both of two evaluations mostly agree
    return s.a(x) if s.training and torch.rand(()) < 0.01 else s.b(s.a(x).tanh())


def layers():
    torch.manual_seed(0)
    return {"a": nn.Linear(6, 6).double(), "b": nn.Linear(6, 3).double()}


RANDOM = {
    "F.dropout": lambda: With(drops, **layers()),
    "a branch taken rarely": lambda: With(lambda s, x: s.b(rarely(s, x)) if 0 else s.b(s.a(x)) + (torch.rand(()) < 0.001), **layers()),
    "nn.RReLU": lambda: nn.Sequential(nn.Linear(6, 5), nn.RReLU(), nn.Linear(5, 3)).double(),
    "nn.LSTM(dropout=)": lambda: With(lambda s, x: s.head(s.rnn(x[:, None])[0][:, -1]), rnn=nn.LSTM(6, 4, 2, dropout=0.5, batch_first=True).double(), head=nn.Linear(4, 3).double()),
    "nn.MultiheadAttention(dropout=)": lambda: With(lambda s, x: s.head(s.at(*[x[:, None]] * 3)[0].mean(1)), at=nn.MultiheadAttention(6, 2, dropout=0.3, batch_first=True).double(), head=nn.Linear(6, 3).double()),
    "spectral_norm": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 5).double()), nn.Linear(5, 3).double()),
    "the old spectral_norm": lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(6, 5).double()), nn.Linear(5, 3).double()),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_chance_and_state_in_train_mode_are_refused(name):
    with pytest.raises(ValueError, match=r"differ from call to call: call model.eval\(\) first"):
        Objective.of(RANDOM[name]().train(), F.cross_entropy, x, y)


@pytest.mark.parametrize("draw", [lambda: float(torch.randn(())), lambda: float(np.random.randn()), chance.random])
def test_chance_in_eval_mode_is_refused_wherever_it_comes_from(draw):
    model = With(lambda s, x: s.net(x) * (2 + draw()), net=net()).eval()
    with pytest.raises(ValueError, match=r"f\(θ\) (would differ from call to call|is no function of θ alone)"):
        Objective.of(model, F.cross_entropy, x, y)


def test_a_forward_that_sets_the_seed_itself_is_a_function():
    def seeded(s, x):
        torch.manual_seed(3)
        return s.net(x) + torch.randn(3, dtype=F64)

    f = Objective.of(With(seeded, net=net()).eval(), F.cross_entropy, x, y)
    assert torch.equal(f(f.theta), f(f.theta))


def test_the_callers_random_numbers_and_model_stay_as_they_are():
    model = With(lambda s, x: s.net(x), net=net())
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    Objective.of(model, F.cross_entropy, x, y)
    with pytest.raises(ValueError):
        Objective.of(With(drops, **layers()).train(), F.cross_entropy, x, y)
    torch.manual_seed(0)  # `layers` draws: only what an objective draws is asked here
    state = torch.get_rng_state()
    Objective.of(model, F.cross_entropy, x, y)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "model, data",
    [
        (nn.Sequential(nn.Embedding(9, 4, max_norm=0.1), nn.Flatten(), nn.Linear(8, 3)), torch.arange(80).reshape(40, 2) % 9),
        (nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 3)), x),
        (With(lambda s, x: s.a(x.clamp_(max=0)), a=nn.Linear(6, 3)), x),
    ],
)  # fmt: skip
def test_what_is_changed_in_place_is_refused_and_left_as_it_was(model, data):
    before = data.clone()
    with pytest.raises(ValueError, match="in place, and so f itself"):
        Objective.of(model.double(), F.cross_entropy, data, y)
    assert torch.equal(data, before)


# The loss of all samples is the mean of its batches (kind 24)

masked, few = torch.where(torch.arange(40) < 2, -100, y), torch.where(torch.arange(40) == 7, 1, 2 * (y > 0))
weights = torch.tensor([0.1, 1.0, 5.0], dtype=F64)
NO_MEAN = {
    "sum": (nn.CrossEntropyLoss(reduction="sum"), y),
    "sum of a function": (functools.partial(F.cross_entropy, reduction="sum"), y),
    "sum in a lambda": (lambda out, y: F.cross_entropy(out, y) * len(y), y),
    "class weights": (nn.CrossEntropyLoss(weights), y),
    "class weights in a lambda": (lambda out, y: F.cross_entropy(out, y, weights), y),
    "symmetric class weights": (nn.CrossEntropyLoss(torch.tensor([1.0, 5.0, 1.0], dtype=F64)), y),
    "ignored labels": (F.cross_entropy, masked),
    "an ignored class": (functools.partial(F.cross_entropy, ignore_index=1), few),
    "a contrast between samples": (lambda out, y: -(out - out.mean(0)).square().mean(), y),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_MEAN)
def test_batches_of_a_loss_that_is_no_mean_are_refused_everywhere(name):
    loss, labels = NO_MEAN[name]
    f = Objective.of(net(), loss, x, labels)
    torch.testing.assert_close(f(f.theta), loss(net()(x), labels).detach())  # all at once: as it is
    wanted = "needs a loss that is the mean over samples"
    for take in (
        lambda: Objective.of(net(), loss, x, labels, batch_size=10),
        lambda: f.subset(torch.arange(5)),
        lambda: f.sample(5),
        lambda: minimize(f, f.theta, SGD, steps=1, lr=0.1, batch_size=5, seed=0),
        lambda: connect(f, f.theta, 2 * f.theta, "bezier", steps=1, batch_size=5),
        lambda: Objective.of(net(), F.cross_entropy, x, y, batch_size=10).with_loss(lambda out, _: loss(out, labels[: len(out)])),
    ):  # fmt: skip
        if "with_loss" in take.__code__.co_names and labels is not y:
            continue
        with pytest.raises(ValueError, match=wanted):
            take()


MEANS = {
    "plain": (F.cross_entropy, y),
    "weights as factors": (lambda out, y: (weights[y] * F.cross_entropy(out, y, reduction="none")).mean(), y),
    "class weights of soft labels": (nn.CrossEntropyLoss(weights), F.one_hot(y).double()),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), y),
    "squares": (F.mse_loss, random(40, 3)),
    "labels that could be ignored": (nn.CrossEntropyLoss(ignore_index=7), y),
}


@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize("batch_size", [1, 7, 33])
def test_means_are_the_same_in_batches(name, batch_size):
    loss, labels = MEANS[name]
    f = Objective.of(net(), loss, x, labels, batch_size=batch_size)
    torch.testing.assert_close(f(f.theta), loss(net()(x), labels).detach())
    f.subset(torch.arange(5))


def test_samples_that_depend_on_each_other_are_not_cut_into_batches():
    model = With(lambda s, x: s.net(x - x.mean(0)), net=net())
    f = Objective.of(model, F.cross_entropy, x, y)
    torch.testing.assert_close(f(f.theta), F.cross_entropy(net()(x - x.mean(0)), y).detach())
    with pytest.raises(ValueError, match="depends on the other samples"):
        Objective.of(model, F.cross_entropy, x, y, batch_size=20)


def test_a_model_for_just_n_samples_works_with_all_of_them():
    graph = random(40, 40, seed=2) / 40
    f = Objective.of(With(lambda s, x: graph @ s.net(x), net=net()), F.cross_entropy, x, y)
    torch.testing.assert_close(f(f.theta), F.cross_entropy(graph @ net()(x), y).detach())
    torch.testing.assert_close(line(f, f.theta, 2 * f.theta, [0.0])[0], f(f.theta))
    with pytest.raises(ValueError, match="of fewer samples"):
        f.subset(torch.arange(10))


# Data (kinds 16 and 31)


def test_arrays_are_taken_and_what_is_no_tensor_is_refused_with_advice():
    f = Objective.of(net(), F.cross_entropy, x.numpy(), y.numpy())
    assert torch.equal(f(f.theta), F.cross_entropy(net()(x), y).detach())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 8)
    for data, labels, message in (
        (loader, None, r"got DataLoader: .*zip\(\*loader\)"),
        (loader.dataset, None, r"got TensorDataset: .*zip\(\*dataset\)"),
        ({"x": x}, y, "got dict: let a module"),
        (x.tolist(), y, r"x must be .* got list: torch.tensor\(x\)"),
        (x, [1, 2], "y must be .* got list"),
        (x, None, "y must be .*got NoneType: .*y=x"),
        (np.array(["a"] * 40), y, "got an array of <U1"),
    ):
        with pytest.raises(TypeError, match=message):
            Objective.of(net(), F.cross_entropy, data, labels)
    whole = [torch.cat(parts) for parts in zip(*loader, strict=True)]  # the advice
    assert torch.equal(Objective.of(net(), F.cross_entropy, *whole)(f.theta), f(f.theta))


@pytest.mark.parametrize(
    "data, labels, message",
    [
        (x.float(), y, "x is torch.float32 and the model computes in torch.float64"),
        (x.byte(), y, "x is torch.uint8"),
        (x, y.int(), "y is torch.int32"),
    ],
)
def test_a_dtype_that_does_not_work_is_named_at_construction(data, labels, message):
    with pytest.raises(TypeError, match=message):
        Objective.of(net(), F.cross_entropy, data, labels)


def test_what_fails_otherwise_fails_as_in_torch_and_says_with_what():
    with pytest.raises(IndexError) as caught:
        Objective.of(net(), F.cross_entropy, x, y + 5)
    assert "x (40, 6) torch.float64, y (40,) torch.int64" in caught.value.__notes__[0]


def rotary():
    torch.manual_seed(0)
    model = With(lambda s, x: s.b(torch.view_as_real(torch.view_as_complex(s.a(x).unflatten(1, (3, 2))) * s.turn).flatten(1)), a=nn.Linear(6, 6), b=nn.Linear(6, 3))  # fmt: skip
    model.register_buffer("turn", torch.polar(torch.ones(3), torch.arange(3.0)))
    return model


def test_complex_buffers_and_data_keep_their_imaginary_part_in_another_precision():
    there = Objective.of(rotary(), F.cross_entropy, x, y, dtype=F64)
    model = rotary()
    expected = model._apply(lambda t: t.to(torch.complex128 if t.is_complex() else F64))
    torch.testing.assert_close(there(there.theta), F.cross_entropy(expected(x), y).detach())
    assert there.model.turn.dtype == torch.complex128
    z = torch.complex(x, 2 * x).to(torch.complex64)
    spectrum = Objective.of(With(lambda s, z: s.a(z.imag), a=nn.Linear(6, 3)), F.cross_entropy, z, y, dtype=F64)
    assert spectrum.x.dtype == torch.complex128 and spectrum(spectrum.theta).dtype == F64


def test_parameters_that_make_no_real_vector_are_refused():
    with pytest.raises(ValueError, match="parameters must be real numbers.*`turn` is torch.complex64"):
        Objective.of(
            With(lambda s, x: x, turn=nn.Parameter(torch.ones(3, dtype=torch.complex64))), F.cross_entropy, x, y
        )
    with pytest.raises(ValueError, match="`0.weight` has no shape yet: call the model once"):
        Objective.of(nn.Sequential(nn.LazyLinear(3)), F.cross_entropy, x, y)


# Copies (kind 17), shared modules (07), outputs (08)


class Keeps(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.kept = nn.Linear(6, 5), nn.Linear(5, 3), {"maps": []}

    def forward(self, x):
        self.features = self.a(x).tanh()
        self.kept = {"maps": [self.features]}
        return self.b(self.features)


def test_a_model_that_keeps_activations_is_copied_and_stays_clean():
    torch.manual_seed(0)
    model = Keeps().double()
    expected = F.cross_entropy(model(x), y)
    f = Objective.of(model, F.cross_entropy, x, y)
    torch.testing.assert_close(f(f.theta), expected.detach())
    f.grad(f.theta), f.hvp(f.theta, f.theta)
    copy.deepcopy(f.model)  # nothing of a finished derivative is left in it
    assert "AnyNetwork" in repr(fastest(f, f.theta, f.theta[None]))
    torch.testing.assert_close(line(f, f.theta, 2 * f.theta, [0.0])[0], f(f.theta))
    assert model.features.grad_fn is not None  # the user's is as it was


@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.spectral_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated")
def test_weights_computed_in_each_forward_follow_theta(norm):
    torch.manual_seed(0)
    model = nn.Sequential(norm(nn.Linear(6, 5)), nn.Tanh(), nn.Linear(5, 3)).double()
    model(x), model.eval()
    f = Objective.of(model, F.cross_entropy, x, y)
    theta = f.theta + 0.3 * random(f.dim, seed=1)
    h = random(f.dim, seed=2)
    slope = (f(theta + 1e-6 * h) - f(theta - 1e-6 * h)) / 2e-6
    torch.testing.assert_close(f.grad(theta) @ h, slope, rtol=1e-6, atol=1e-8)
    expected = F.cross_entropy(functional_call(model, f.unflatten(theta), (x,)), y)
    torch.testing.assert_close(line(f, theta, f.theta, [0.0])[0], expected)


def test_an_attribute_that_cannot_be_copied_is_named():
    model = nn.Sequential(net())
    model[0].file = iter(open(__file__, encoding="utf-8"))  # noqa: SIM115
    with pytest.raises(TypeError, match="its attribute `0.file`, of type TextIOWrapper, cannot be"):
        Objective.of(model, F.cross_entropy, x, y)
    model[0].file.close()


def twice():
    torch.manual_seed(0)
    layer, norm = nn.Linear(6, 6), nn.LayerNorm(6)
    tied = nn.Linear(6, 6)
    tied.weight = layer.weight
    return nn.Sequential(layer, norm, nn.Tanh(), layer, norm, tied, nn.Linear(6, 3)).double()


def siamese():
    torch.manual_seed(0)
    return With(lambda s, x: s.one(x) - s.two(-x), one=(branch := nn.Linear(6, 3).double()), two=branch)


@pytest.mark.parametrize("make", [twice, siamese, lambda: nn.ModuleList([twice()]).append(siamese())])
def test_shared_modules_are_put_back_after_every_derivative(make):
    model = make()
    if isinstance(model, nn.ModuleList):
        model = With(lambda s, x: s.parts[0](x) + s.parts[1](x), parts=model)
    f = Objective.of(model, F.cross_entropy, x, y)
    v = random(f.dim, seed=1)
    g, curved = f.grad(f.theta), f.hvp(f.theta, v)
    expected = torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters()))
    torch.testing.assert_close(g, torch.cat([p.flatten() for p in expected]))
    slope = (f.grad(f.theta + 1e-6 * v) - f.grad(f.theta - 1e-6 * v)) / 2e-6
    torch.testing.assert_close(curved, slope, rtol=1e-5, atol=1e-6)
    copy.deepcopy(f.model)
    assert all(type(p) is nn.Parameter for module in f.model.modules() for p in module._parameters.values())
    torch.testing.assert_close(f.grads(torch.stack([f.theta] * 2))[1], g)
    torch.testing.assert_close(line(f, f.theta, f.theta + v, [1.0])[0], f(f.theta + v))


def test_a_loss_that_branches_on_numbers_is_followed_at_many_points():
    loss = lambda out, y: F.cross_entropy(out, y) if out.sum().item() > 0 else F.mse_loss(out, 0 * out)  # noqa: E731
    f = Objective.of(net(), loss, x, y)
    thetas = torch.stack([f.theta, -f.theta])
    expected = torch.stack([f(theta) for theta in thetas])
    assert (f.outputs(thetas[0]).sum() > 0) != (f.outputs(thetas[1]).sum() > 0)
    torch.testing.assert_close(f.many(thetas), expected)
    torch.testing.assert_close(f.slice(f.theta, f.theta[None], [[0.0], [-2.0]]), expected)
    torch.testing.assert_close(f.grads(thetas), torch.stack([f.grad(theta) for theta in thetas]))


# Statistics of the data (kind 15)


@pytest.mark.parametrize("blank", [0, 8, 40])
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, BatchNorm1d, "own"])
def test_slices_by_the_data_are_those_of_all_samples(blank, kind):
    """Samples in parts would have other statistics, also where the first of them coincide and do not show it."""
    torch.manual_seed(0)
    norm = With(lambda s, h: (h - h.mean(0)) / h.std(0)) if kind == "own" else kind(5)
    model = (
        With(lambda s, x: s.b(s.norm(s.a(x)).relu()), a=nn.Linear(6, 5), norm=norm, b=nn.Linear(5, 3)).double().eval()
    )
    data = torch.cat([x, 3 * x])
    data[:blank] = 0
    f = Objective.of(model, F.cross_entropy, data, torch.cat([y, y]), batch_norm="data")
    torch.testing.assert_close(line(f, f.theta, 2 * f.theta, [0.0, 1.0]), torch.stack([f(f.theta), f(2 * f.theta)]))


# Which parameters


def test_theta_of_the_trainable_parameters_is_a_slice_of_the_whole():
    model = net()
    model[0].requires_grad_(False)
    whole, f = (
        Objective.of(model, F.cross_entropy, x, y),
        Objective.of(model, F.cross_entropy, x, y, parameters="trainable"),
    )
    assert (whole.dim, f.dim) == (53, 18) and torch.equal(f.theta, whole.theta[35:])
    v = random(18, seed=1)
    padded = torch.cat([torch.zeros(35, dtype=F64), v])
    torch.testing.assert_close(f.selected(padded), v)
    torch.testing.assert_close(f(f.theta + v), whole(whole.theta + padded))
    torch.testing.assert_close(f.grad(f.theta), whole.grad(whole.theta)[35:])
    torch.testing.assert_close(f.hessian(f.theta), whole.hessian(whole.theta)[35:, 35:])
    top = torch.linalg.eigvalsh(whole.hessian(whole.theta)[35:, 35:])[-1]
    torch.testing.assert_close(eigenpairs(f, f.theta).values[0], top, rtol=1e-3, atol=0)
    some = torch.stack([f.theta, f.theta + v])
    torch.testing.assert_close(f.many(some), torch.stack([f(theta) for theta in some]))
    torch.testing.assert_close(f.grads(some), torch.stack([f.grad(theta) for theta in some]))
    d1, d2 = (f.selected(d) for d in random_directions(model))
    torch.testing.assert_close(
        f.slice(f.theta, torch.stack([d1, d2]), [[0.3, 0.1]])[0], f(f.theta + 0.3 * d1 + 0.1 * d2)
    )
    with pytest.raises(ValueError, match="vectors must have 53 entries"):
        f.selected(v)
    with pytest.raises(ValueError, match="no trainable parameters"):
        Objective.of(model.requires_grad_(False), F.cross_entropy, x, y, parameters="trainable")
    with pytest.raises(ValueError, match="parameters must be one of 'all', 'trainable'"):
        Objective.of(model, F.cross_entropy, x, y, parameters="frozen")


def test_minimize_moves_the_trainable_parameters_as_torch_does():
    model = MLP((6, 5, 3)).double()
    model[0].requires_grad_(False)
    f = Objective.of(model, F.cross_entropy, x, y, parameters="trainable")
    run = minimize(f, f.theta, SGD, steps=2, lr=0.1)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    held = torch.cat([p.detach().flatten() for p in model.parameters() if p.requires_grad])
    torch.testing.assert_close(run.trajectory[-1], held)


def test_a_trained_network_is_an_objective_again():
    """`train` leaves nothing in the model that keeps it from being one."""
    from talweg.data import Dataset

    model = Keeps().double()
    dataset = Dataset("d", x, y, x, y, x, y, ("a", "b", "c"))
    train(model, dataset, SGD(model.parameters(), lr=0.1), epochs=1, batch_size=8, seed=0)
    f = Objective.of(model.eval(), F.cross_entropy, x, y)
    torch.testing.assert_close(f(f.theta), F.cross_entropy(model(x), y).detach())
