"""The rewritten network against the one it was made from: the same outputs, and rewritten where it should be."""

import copy

import pytest
import torch
from torch import fx, nn
from torch.func import functional_call
from torch.nn import functional as F

from talweg import Objective
from talweg.models import MLP, ConvNet, ResNet
from talweg.objective.fast.any_network import AnyNetwork, CannotPrepare
from talweg.objective.fast.choose import fastest
from talweg.objective.fast.one_by_one import OnePointAtATime
from talweg.objective.fast.rewritten import PATCHES_LIMIT, fused

F64 = torch.float64


def chain(*layers):
    return lambda: nn.Sequential(*layers)


def convolved(*arguments, then=(), **options):
    def make():
        conv = nn.Conv2d(*arguments, **options)
        return nn.Sequential(conv, *copy.deepcopy(then), nn.Flatten(), nn.LazyLinear(3))

    return make


class Functional(nn.Module):
    """Activations and sums written as functions; the input is read again at the end."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 1), nn.Linear(16, 3)

    def forward(self, x):
        h = F.relu(self.first(x))
        h = (torch.add(self.second(h), h) + 1).relu()
        return self.head(h.mean((2, 3))) + x.mean((1, 2, 3)).unsqueeze(1)


class ReadsTwice(nn.Module):
    """What is written over elsewhere is needed again here: the input of a ReLU, and both sides of a sum."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        h = self.conv(x)
        k = self.conv(x)
        total = h + k
        return self.head((torch.relu(h) * h + total * k + (h + h)).mean((2, 3)))


class Broadcasts(nn.Module):
    """A sum that is larger than the part it could be written over; a convolution read by its norm and by others."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.dense = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        h = self.conv(x)
        both = torch.stack([self.norm(h), h]).mean((3, 4))
        return (self.dense(h.amax((2, 3))) + self.dense(both)).sum(0)


class Branches(nn.Module):
    """Python that looks at numbers cannot be traced."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 16, 3), nn.Linear(16, 3)

    def forward(self, x):
        h = self.conv(x)
        return self.head((h if len(x) > 2 and h.sum() > 0 else -h).mean((2, 3)))


class LooksAtType(nn.Module):
    """Takes another way with a stand-in than with a tensor, and fails there."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)

    def forward(self, x):
        h = self.conv(x).mean((2, 3))
        return h if isinstance(x, torch.Tensor) else h.missing()


class Constant(nn.Module):
    """A parameter that tracing does not see becomes a number: right at one θ, wrong at all others."""

    def __init__(self):
        super().__init__()
        self.conv, self.scale = nn.Conv2d(3, 16, 3), nn.Parameter(torch.tensor([1.5]))

    def forward(self, x):
        return self.conv(x).mean((2, 3)) * dict(self.named_parameters())["scale"].item()


relu, bn = nn.ReLU(), nn.BatchNorm2d
MODELS = {
    "ConvNet": lambda: ConvNet((3, 9, 9), (16, 5), 3),
    "ConvNet, few channels out": lambda: ConvNet((3, 9, 9), (6, 5), 3, norm="batch", kernel_size=5),
    "ConvNet, batch norm": lambda: ConvNet((3, 9, 9), (16, 5), 3, norm="batch"),
    "ConvNet, group norm, tanh": lambda: ConvNet((3, 9, 9), (16, 8), 3, norm="group", activation="tanh"),
    "ResNet": lambda: ResNet(8, width=4),
    "ResNet 16": lambda: ResNet(8),
    "ResNet, no skip": lambda: ResNet(8, skip=False),
    "ResNet, Fixup": lambda: ResNet(8, fixup=True),
    "MLP": chain(nn.Flatten(), MLP((243, 8, 3))),
    "functional": Functional,
    "reads twice": ReadsTwice,
    "broadcasts": Broadcasts,
    "branches": Branches,
    "stride, dilation, padding": convolved(3, 16, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(2, 1)),
    "no bias, then pool": convolved(3, 16, 3, bias=False, then=(nn.MaxPool2d(2), relu)),
    "pool, then relu": convolved(3, 16, 2, padding=1, then=(relu, nn.MaxPool2d(2), bn(16))),
    "groups": convolved(3, 48, 3, groups=3, then=(relu,)),
    "reflecting": convolved(3, 16, 3, padding=1, padding_mode="reflect", then=(relu,)),
    "padding same": convolved(3, 16, 3, padding="same", then=(relu,)),
    "pool of 3": convolved(3, 16, 3, then=(bn(16), relu, nn.MaxPool2d(3))),
    "pool with a border": convolved(3, 16, 3, then=(relu, nn.MaxPool2d(2, padding=1))),
    "pool with steps of 1": convolved(3, 16, 3, then=(relu, nn.MaxPool2d(2, 1))),
    "pool beyond the edge": convolved(3, 16, 3, then=(relu, nn.MaxPool2d(2, ceil_mode=True))),
    "norm without scale": convolved(3, 5, 3, then=(bn(5, affine=False), nn.ReLU(inplace=True))),
    "norm by the batch": convolved(3, 5, 3, then=(bn(5, track_running_stats=False), relu)),
    "data changed first": chain(nn.ZeroPad2d(1), nn.AvgPool2d(2), nn.Conv2d(3, 16, 3), relu, nn.Flatten(), nn.LazyLinear(2)),
    "one module used twice": chain(nn.Conv2d(3, 3, 3, padding=1), relu, act := nn.Conv2d(3, 3, 1), relu, act, nn.Flatten()),
}  # fmt: skip
TAKEN_AS_THEY_ARE = {"branches", "norm by the batch"}


def made(make, n=37):
    torch.manual_seed(0)
    model, x = make().to(F64), torch.randn(n, 3, 9, 9, dtype=F64)
    with torch.no_grad():
        model.train()(x)  # running statistics that are not 0 and 1; sizes that wait for data
    return model.eval().requires_grad_(False), x


def family(model, x):
    """The model as an objective, a point and two directions, and weights of three points of their plane."""
    f = Objective.of(model, F.mse_loss, x, model(x) + 1)
    directions = 0.1 * torch.randn(2, f.dim, dtype=F64, generator=torch.Generator().manual_seed(1))
    return f, directions, torch.tensor([[0, 0], [0.7, -0.3], [-1, 2]], dtype=F64)


def outputs_at(model, f, theta):
    return functional_call(model, f.unflatten(theta), (f.x,))


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_the_outputs_are_those_of_the_model(name):
    model, x = made(MODELS[name])
    f, directions, weights = family(model, x)
    expected = [outputs_at(model, f, theta) for theta in f.theta + weights @ directions]
    if name == "norm by the batch":  # samples depend on each other: they cannot go through in parts
        with pytest.raises(CannotPrepare, match="other outputs"):
            AnyNetwork(f, f.theta, directions)
    else:
        prepared = AnyNetwork(f, f.theta, directions)
        assert isinstance(prepared.fused.model, fx.GraphModule) == (name not in TAKEN_AS_THEY_ARE)
        for found, outputs in zip(prepared.outputs(weights), expected, strict=True):
            torch.testing.assert_close(found[0], outputs, rtol=1e-9, atol=1e-9)
    losses = torch.stack([F.mse_loss(outputs, f.y) for outputs in expected])
    torch.testing.assert_close(f.slice(f.theta, directions, weights), losses, rtol=1e-9, atol=1e-9)


def operations(model, x):
    traced = fused(model, x).model
    called = [traced.get_submodule(node.target) for node in traced.graph.nodes if node.op == "call_module"]
    return {type(module) for module in called}, [node.target for node in traced.graph.nodes]


@pytest.mark.parametrize("name, folds", [("ConvNet, batch norm", 2), ("ResNet 16", 7), ("ResNet, no skip", 7)])
def test_what_was_measured_is_what_runs(name, folds):
    model, x = made(MODELS[name])
    assert len(fused(copy.deepcopy(model), x).folds) == folds
    kinds, targets = operations(model, x)
    assert not kinds & {nn.BatchNorm2d, nn.MaxPool2d, nn.ReLU}
    assert "patches" in targets and "relu" not in targets and "relu_" in targets
    skips = sum(getattr(target, "__name__", "") == "_add_to" for target in targets)
    assert skips == (3 if name == "ResNet 16" else 0)


def test_patches_are_cut_once_and_only_where_they_pay():
    model, x = made(MODELS["ConvNet"])
    assert fused(model, x).before(x).shape == (4, 37, 4, 4, 27)
    model, x = made(MODELS["ResNet 16"])
    assert fused(model, x).before(x).shape == (1, 37, 9, 9, 27)
    model, x = made(MODELS["ConvNet, few channels out"])
    assert fused(model, x).before(x) is x
    model, x = made(MODELS["data changed first"])
    assert fused(model, x).before(x).shape == (1, 37, 3, 3, 27)
    large = torch.empty(1, dtype=F64).expand(PATCHES_LIMIT // 9 + 1)
    model, x = made(MODELS["ResNet 16"])
    assert fused(model, large).before(x) is x


@pytest.mark.parametrize(
    "make, reason",
    [(LooksAtType, "fails with AttributeError"), (Constant, "other outputs"), (Branches, "cannot trace")],
)
@torch.no_grad()
def test_a_model_that_cannot_be_rewritten_is_taken_as_it_is_and_says_so(make, reason, caplog):
    model, x = made(make)
    f, directions, weights = family(model, x)
    caplog.set_level("DEBUG", "talweg.objective.fast")
    evaluator = fastest(f, f.theta, directions)
    if make is Branches:
        assert type(evaluator.fused.model) is make
    else:
        assert isinstance(evaluator, OnePointAtATime)
    assert reason in repr(evaluator) and reason in caplog.text
    thetas = f.theta + weights @ directions
    expected = torch.stack([F.mse_loss(outputs_at(model, f, theta), f.y) for theta in thetas])
    torch.testing.assert_close(evaluator(weights), expected)


def test_hooks_are_kept():
    model, x = made(MODELS["ConvNet, batch norm"])
    model.features[0].register_forward_hook(lambda module, inputs, output: output * 1.5)
    assert fused(model, x).model is model
