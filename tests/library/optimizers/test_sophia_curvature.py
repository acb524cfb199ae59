"""Sophia's Hutchinson estimate where PyTorch's second derivatives are wrong or missing."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from talweg.landscape import random_directions
from talweg.optimizers import Sophia
from talweg.optimizers.sophia import gauss_newton_bartlett, hutchinson

F64 = torch.float64


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.last = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.attention(x, x, x, need_weights=False)[0].mean(1))


def normalized():
    return nn.Sequential(nn.Flatten(), parametrizations.weight_norm(nn.Linear(20, 6)), nn.Tanh(), nn.Linear(6, 3))


def hard():
    return nn.Sequential(nn.Flatten(), nn.Linear(20, 6), nn.Hardsigmoid(), nn.Linear(6, 3))


@pytest.mark.parametrize("make", [normalized, Attention, hard])
def test_the_estimate_is_a_difference_of_gradients_along_the_probe(make):
    """u ⊙ (H u), with u drawn again and H u from gradients, which are right."""
    torch.manual_seed(0)
    model = make().double()
    x, y = torch.randn(8, 5, 4, dtype=F64), torch.arange(8) % 3
    parameters = list(model.parameters())
    optimizer = Sophia(parameters, betas=(0.9, 0.0))
    assert optimizer.update_curvature(lambda: F.cross_entropy(model(x), y), torch.Generator().manual_seed(5))
    generator, h = torch.Generator().manual_seed(5), 1e-5
    u = [(torch.randint(0, 2, p.shape, generator=generator) * 2 - 1).double() for p in parameters]

    def gradients(sign):
        with torch.no_grad():
            torch._foreach_add_(parameters, u, alpha=sign * h)
        found = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
        with torch.no_grad():
            torch._foreach_sub_(parameters, u, alpha=sign * h)
        return found

    for p, probe, above, below in zip(parameters, u, gradients(1), gradients(-1), strict=True):
        expected = probe * (above - below) / (2 * h)
        torch.testing.assert_close(optimizer.state[p]["h"], expected, rtol=1e-5, atol=1e-7)


def test_what_has_no_second_derivative_is_named():
    model = nn.Linear(4, 3)
    optimizer = Sophia(model.parameters())
    with pytest.raises(NotImplementedError, match="curvature needs the second derivative of cdist"):
        optimizer.update_curvature(lambda: torch.cdist(model(torch.randn(6, 4)), torch.randn(6, 3)).mean())


def test_a_graph_that_holds_a_wrong_second_derivative_is_refused():
    model, x = normalized(), torch.randn(8, 5, 4)
    with pytest.raises(ValueError, match="WrittenOut"):
        hutchinson(F.cross_entropy(model(x), torch.arange(8) % 3), model.parameters())


def test_a_seed_is_no_generator():
    model = nn.Linear(4, 3)
    message = (
        r"generator must be a torch.Generator or None; got 0. A seed becomes one by torch.Generator\(\).manual_seed"
    )
    with pytest.raises(TypeError, match=message):
        Sophia(model.parameters()).update_curvature(lambda: model(torch.ones(2, 4)).sum(), 0)
    with pytest.raises(TypeError, match=message):
        random_directions(model, "filter", 0)


@pytest.mark.parametrize("logits", [{"logits": torch.ones(2, 3)}, (torch.ones(2, 3),), torch.ones(3)])
def test_the_estimator_of_gauss_newton_says_that_it_needs_logits(logits):
    with pytest.raises(ValueError, match="logits must have shape .B, classes., for the estimator of Gauss-Newton; got"):
        gauss_newton_bartlett(logits, [torch.ones(3, requires_grad=True)])
