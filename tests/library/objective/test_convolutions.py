"""Convolutions of data against torch's own: the same values, gradients and Hessian-vector products."""

import pytest
import torch
from torch import nn

from talweg import Objective
from talweg.models import ConvNet, ResNet
from talweg.objective.fast.convolutions import ConvolutionsOfData, _Convolved

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


CONVOLUTIONS = [
    {"out_channels": 4, "kernel_size": 3},
    {"out_channels": 4, "kernel_size": (3, 2), "stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)},
    {"out_channels": 6, "kernel_size": 3, "groups": 3, "padding": 1},
    {"out_channels": 4, "kernel_size": 1, "bias": False},
]


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_values_and_derivatives_of_every_order_are_torchs(options):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(3, **options).double(), random(5, 3, 7, 8)

    def derivatives():
        parameters = list(conv.parameters())
        found = [conv(x)]
        for order in range(1, 4):  # sums of powers, so that each derivative depends on the parameters
            gradient = torch.autograd.grad((found[-1] ** 3).sum(), parameters, create_graph=True)
            found.append(torch.cat([part.flatten() for part in gradient]) / 10**order)
        return found

    expected = derivatives()
    with ConvolutionsOfData():
        found = derivatives()
    assert type(found[0].grad_fn).__name__ == "_ConvolvedBackward"
    for ours, torchs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-10, atol=1e-10)


def test_the_derivative_is_the_one_of_finite_differences():
    weight, bias = random(4, 3, 2, 2).requires_grad_(), random(4, seed=1).requires_grad_()
    x, options = random(2, 3, 5, 4, seed=2), [(1, 2), (1, 0), (1, 1), 1]
    of = lambda w, b: _Convolved.apply(w, b, x, options)  # noqa: E731
    assert torch.autograd.gradcheck(of, (weight, bias)) and torch.autograd.gradgradcheck(of, (weight, bias))


@pytest.mark.parametrize("padding", ["same", 1])
def test_convolutions_of_anything_else_are_torchs(padding):
    conv = nn.Conv2d(3, 4, 3, padding=padding).double()
    with ConvolutionsOfData():
        assert "Convolved" not in type(conv(random(2, 3, 5, 5).requires_grad_()).grad_fn).__name__
        assert ("Convolved" in type(conv(random(2, 3, 5, 5)).grad_fn).__name__) == (padding == 1)
        assert conv(random(3, 5, 5)).shape == (4, 5, 5)  # one image without an axis of samples


@pytest.mark.parametrize(
    "arguments, options",
    [((), {}), ((), {"padding": 1}), ((None, 2), {"groups": 1}), ((), {"bias": torch.ones(4, dtype=F64)})],
)
def test_a_convolution_may_be_called_in_every_way_there_is(arguments, options):
    x, weight = random(2, 3, 5, 5), random(4, 3, 2, 2).requires_grad_()
    expected = nn.functional.conv2d(x, weight, *arguments, **options)
    with ConvolutionsOfData():
        found = nn.functional.conv2d(x, weight, *arguments, **options)
        by_name = nn.functional.conv2d(input=x, weight=weight, **options) if not arguments else found
    assert type(found.grad_fn).__name__ == "_ConvolvedBackward"
    assert torch.equal(found, expected) and torch.equal(by_name, expected)


class Mapped(nn.Module):
    """A model that maps over its samples."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 2, 2), nn.Linear(18, 5)

    def forward(self, x):
        return torch.func.vmap(lambda one: self.head(self.conv(one[None]).tanh().flatten()))(x)


@pytest.mark.parametrize(
    "model", [ConvNet((1, 4, 4), (3, 4), 5), ResNet(8, in_channels=1, width=4, classes=5), Mapped()]
)
def test_products_with_a_kept_graph_are_those_without(model):
    x, y = random(20, 1, 4, 4), torch.arange(20) % 5
    f = Objective.of(model.double().eval(), nn.functional.cross_entropy, x, y)
    product = f.hessian_at(f.theta)
    for seed in range(3):
        v = random(f.dim, seed=seed)
        torch.testing.assert_close(product(v), f.hvp(f.theta, v), rtol=1e-9, atol=1e-11)
