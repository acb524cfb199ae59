"""LSUV, residual scaling, Fixup, MetaInit and µP, each by what it promises."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg import initializers as I
from talweg.initializers import diagnostics, initialize
from talweg.models import MLP, ConvNet, ResNet

F64 = torch.float64
DATA = torch.randn(128, 1, 8, 8, generator=torch.Generator().manual_seed(9))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def parameters(model):
    return nn.utils.parameters_to_vector(model.parameters())


def within(sample_mean, expected, standard_error, sigmas=6):
    """Six standard errors: a false alarm once in 5·10⁸ draws."""
    assert abs(sample_mean - expected) <= sigmas * standard_error


# ---------------------------------------------------------------- LSUV


@pytest.mark.parametrize(
    "model", [MLP([64] + [50] * 20 + [10]), MLP((64, 30, 10), "tanh"), ConvNet(), ConvNet(norm="batch")]
)
def test_lsuv_reaches_unit_variance(model):
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    initialize(model, "lsuv", seeded(), data=DATA, tolerance=1e-3)
    assert model.training and all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    variances = [signal.output.variance for signal in diagnostics.signals(model.eval(), DATA)]
    assert len(variances) == len(I.weight_layers(model)) and all(abs(variance - 1) < 1e-3 for variance in variances)


def test_lsuv_follows_the_order_of_execution():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(30, 5), nn.Linear(64, 30)

        def forward(self, x):
            return self.last(self.first(x.flatten(1)).relu())

    model = initialize(Backwards(), "lsuv", seeded(), data=DATA)
    assert [signal.layer for signal in diagnostics.signals(model, DATA)] == ["first", "last"]
    assert all(abs(signal.output.variance - 1) < 0.01 for signal in diagnostics.signals(model, DATA))


def test_lsuv_names_the_dead_layer():
    class Negative(nn.Module):
        def forward(self, x):
            return -x.abs()

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), Negative(), nn.ReLU(), nn.Linear(8, 4))
    with pytest.raises(ValueError, match="layer '4' puts out variance 0 .*dead"):
        initialize(model, "lsuv", seeded(), data=DATA)
    assert not model[1]._forward_hooks and model.training  # nothing left behind


# ---------------------------------------------------------------- depth: residual scaling, Fixup


def test_residual_scaling_divides_by_the_root_of_the_branches():
    plain = initialize(ResNet(20, norm=False, width=4), "kaiming_normal", seeded())
    scaled = initialize(ResNet(20, norm=False, width=4), "residual_scaling", seeded())
    for a, b in zip(plain.residual_branches(), scaled.residual_branches(), strict=True):
        assert torch.equal(a[0].weight, b[0].weight)
        assert torch.allclose(a[2].weight, b[2].weight * 3, rtol=1e-6)  # nine branches


def test_residual_scaling_stops_growth_with_depth():
    x = torch.randn(8, 3, 8, 8, generator=seeded())

    def output(depth, method):
        model = initialize(ResNet(depth, norm=False, width=8), method, seeded())
        return model.blocks(model.stem(x)).square().mean()

    assert output(62, "kaiming_normal") > 1e4 * output(8, "kaiming_normal")
    assert output(62, "residual_scaling") < 3 * output(8, "residual_scaling")


def test_fixup_follows_its_three_rules():
    model = initialize(ResNet(20, fixup=True, width=16), "fixup", seeded())
    assert not model.head.weight.any() and not model.head.bias.any()
    for branch in model.residual_branches():
        first, last = (layer for layer in branch if isinstance(layer, nn.Conv2d))
        assert not last.weight.any()
        fan_in = first.weight[0].numel()
        # m = 2 weights in each of L = 9 branches: L^(-1/(2m-2)) = 1/3
        within(
            first.weight.square().mean().item(), 2 / fan_in / 9, 2 / fan_in / 9 * math.sqrt(2 / first.weight.numel())
        )
    assert all(parameter.item() in (0, 1) for parameter in model.parameters() if parameter.numel() == 1)


@pytest.mark.parametrize("head", [None, nn.Identity()])
def test_fixup_refuses_a_model_without_a_classifier_before_it_writes(head):
    model = ResNet(8, fixup=True, width=4)
    model.head = head
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="head"):
        I.fixup_(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_fixup_refuses_a_branch_without_weights_before_it_writes():
    model = ResNet(8, fixup=True, width=4)
    branches = [*model.residual_branches(), nn.Identity()]
    model.residual_branches = lambda: branches
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="Identity has none"):
        I.fixup_(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_fixup_groups_slow_the_scalars_and_biases():
    model = ResNet(8, fixup=True, width=4)
    weights, slow = I.fixup_groups(model, 0.1)
    assert (weights["lr"], slow["lr"]) == (0.1, pytest.approx(0.01))
    assert len(weights["params"]) + len(slow["params"]) == len(list(model.parameters()))
    assert sorted({parameter.numel() for parameter in slow["params"]}) == [1, 10]  # scalars; the classifier's bias


def test_fixup_updates_do_not_grow_with_depth():
    """One SGD step changes the outputs by about as much at depth 62 as at depth 8; with Kaiming it does not."""
    x = torch.randn(8, 3, 8, 8, generator=seeded())
    y = torch.arange(8) % 10

    def change(depth, fixup):
        model = ResNet(depth, norm=False, fixup=fixup, width=4)
        initialize(model, "fixup" if fixup else "kaiming_normal", seeded())
        before = model(x)
        gradients = torch.autograd.grad(F.cross_entropy(before, y), list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= 1e-3 * gradient
        return (model(x) - before).norm().item()

    assert change(62, True) < 2 * change(8, True)
    assert not change(62, False) < 100 * change(8, False)  # large, or not finite


# ---------------------------------------------------------------- MetaInit


def test_metainit_lowers_the_gradient_quotient():
    model = MLP([64] + [32] * 6 + [10]).double()
    initialize(model, "fixed_variance", seeded(), alpha=0.5)  # explodes: the norms are far too large
    before = parameters(model).clone()
    history = I.metainit_(
        model, F.cross_entropy, I.gaussian_batch((64, 64), 10), start=None, steps=80, generator=seeded()
    )
    assert history.shape == (81,)
    assert history[-10:].max() < 1 < history[:10].min() / 100
    ratios = (parameters(model) / before)[: 64 * 32]
    assert ratios.std() / ratios.mean().abs() < 1e-6  # only the norm of a weight moves


def test_metainit_reports_the_gradient_quotient_of_diagnostics():
    from talweg import Objective

    model = initialize(MLP((8, 6, 4), "tanh").double(), "xavier_normal", seeded())
    x, y = torch.randn(20, 8, dtype=F64, generator=seeded()), torch.arange(20) % 4
    expected = diagnostics.gradient_quotient(Objective.of(model, F.cross_entropy, x, y))
    history = I.metainit_(model, F.cross_entropy, (x, y), start=None, steps=0)
    assert history.item() == pytest.approx(expected, rel=1e-9)


# ---------------------------------------------------------------- µP


def test_mup_at_base_width_is_the_ordinary_parametrisation():
    model = initialize(MLP((64, 32, 32, 10)), "mup", seeded(), base_width=32)
    assert {group["lr"] for group in I.mup_groups(model, 0.01, 32)} == {0.01}
    within(model[-1].weight.square().mean().item(), 1 / 32, 1 / 32 * math.sqrt(2 / 320))


def test_mup_initial_variances():
    model = initialize(MLP((64, 256, 256, 10)), "mup", seeded(), base_width=32)  # m = 8
    for layer, variance in zip(list(model)[1::2], (2 / 64, 2 / 256, 1 / (256 * 8)), strict=True):
        within(layer.weight.square().mean().item(), variance, variance * math.sqrt(2 / layer.weight.numel()))
    assert not initialize(model, "mup", base_width=32, zero_output=True)[-1].weight.any()


def test_mup_moves_every_layer_by_the_same_amount_at_any_width():
    """The coordinate check of the paper: typical change of each layer's output after three Adam steps."""

    def changes(width, base_width):
        model = initialize(MLP((64, width, width, 10)), "mup", seeded(), base_width=base_width, zero_output=True)
        optimizer = torch.optim.Adam(I.mup_groups(model, 0.01, base_width))
        x, y = DATA.flatten(1), torch.arange(128) % 10
        prefixes = [nn.Sequential(*list(model)[:k]) for k in (2, 4, 6)]  # up to each dense layer
        before = [prefix(x).detach() for prefix in prefixes]
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        return [(prefix(x) - b).square().mean().sqrt().item() for prefix, b in zip(prefixes, before, strict=True)]

    narrow, wide, ordinary = changes(64, 64), changes(1024, 64), changes(1024, 1024)
    assert all(0.5 < b / a < 2 for a, b in zip(narrow, wide, strict=True))
    assert all(b / a > 4 for a, b in zip(narrow[1:], ordinary[1:], strict=True))  # without µP: grows with width


def test_mup_table():
    model = MLP((64, 128, 256, 10))
    adam = {g["name"]: g["lr"] for g in I.mup_groups(model, 1.0, (32, 32))}
    assert [adam[f"weight {i}"] for i in range(3)] == [1, 1 / 4, 1 / 8]
    assert all(adam[f"bias {i}"] == 1 for i in range(3))
    sgd = {g["name"]: g["lr"] for g in I.mup_groups(model, 1.0, 32, optimizer="sgd")}
    assert [sgd[f"weight {i}"] for i in range(3)] == [4, 8 / 4, 1 / 8]
    assert [sgd[f"bias {i}"] for i in range(3)] == [4, 8, 1]


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = torch.tensor(x / 16, dtype=torch.float32)
    return x - x.mean(0), torch.tensor(y)


def loss_after(digits, width, base_width, lr, seed, steps=8, batch=128):
    """Cross-entropy on all digits after a few Adam steps; base_width = width is the ordinary parametrisation."""
    x, y = digits
    generator = seeded(seed)
    model = initialize(MLP((64, width, width, 10)), "mup", generator, base_width=base_width, zero_output=True)
    optimizer = torch.optim.Adam(I.mup_groups(model, lr, base_width))
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(model(x), y).item()


@pytest.mark.slow
def test_mup_best_learning_rate_stays_put_as_width_grows_eightfold(digits):
    exponents = range(-11, -2)

    def best(width, base_width):
        losses = [sum(loss_after(digits, width, base_width, 2.0**k, seed) for seed in range(3)) for k in exponents]
        k = min(range(len(losses)), key=losses.__getitem__)
        assert 0 < k < len(losses) - 1  # the best is not at the edge of the sweep
        return exponents[k]

    narrow = best(64, 64)
    assert abs(best(512, 64) - narrow) <= 1
    assert best(512, 512) <= narrow - 2  # without µP it falls at least fourfold
