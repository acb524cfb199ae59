"""The figures of normalization against torch's layers and against walking there."""

import math

import pytest
import torch
from torch import nn

COLUMN, EQUILIBRIUM = "book/normalization/column.js", "book/normalization/equilibrium.js"
VALUES = [2.0, 3.5, -1.0, 4.0, 1.5, 2.0]


def layer(gamma, beta, eps):
    own = nn.BatchNorm1d(1, eps=eps, dtype=torch.float64)
    nn.init.constant_(own.weight, gamma)
    nn.init.constant_(own.bias, beta)
    return own


@pytest.mark.parametrize(("gamma", "beta", "eps"), [(1, 0, 1e-5), (-2.5, 0.7, 3.0), (0, 1, 1e-3)])
@pytest.mark.parametrize("steps", [0, 1, 3, 60])
def test_column_is_torchs_batch_norm(javascript, gamma, beta, eps, steps):
    moved = [*VALUES[:3], 9.0, *VALUES[4:]]
    own, x = layer(gamma, beta, eps), torch.tensor(moved, dtype=torch.float64)[:, None]
    batch, kept = javascript(COLUMN, *(("used", [moved, VALUES, training, steps, 0.1]) for training in (True, False)))
    found = javascript(
        COLUMN, *(("normalize", [moved, s["mean"], s["variance"], gamma, beta, eps]) for s in (batch, kept))
    )
    assert found[0] == pytest.approx(own(x).flatten().tolist(), rel=1e-12, abs=1e-12)
    own = layer(gamma, beta, eps)
    for _ in range(steps):
        own(torch.tensor(VALUES, dtype=torch.float64)[:, None])
    assert found[1] == pytest.approx(own.eval()(x).flatten().tolist(), rel=1e-12, abs=1e-12)


def test_both_variances_are_torchs(javascript):
    x = torch.tensor(VALUES, dtype=torch.float64)
    [found] = javascript(COLUMN, ("statistics", [VALUES]))
    expected = {"mean": x.mean(), "biased": x.var(correction=0), "unbiased": x.var()}
    assert found == pytest.approx({name: value.item() for name, value in expected.items()}, rel=1e-14)


@pytest.mark.parametrize(("eta", "decay", "start"), [(0.1, 0.01, 5.0), (1.0, 0.1, 0.1), (0.3, 0.0, 1.0)])
def test_norms_are_those_of_a_weight_with_perpendicular_gradients(javascript, eta, decay, start):
    """SGD in eight dimensions with random gradients, perpendicular to w and 1/‖w‖ long."""
    [found] = javascript(EQUILIBRIUM, ("norms", [eta, decay, start, 50]))
    generator = torch.Generator().manual_seed(0)
    w = nn.Parameter(torch.zeros(8, dtype=torch.float64))
    with torch.no_grad():
        w[0] = start
    optimizer = torch.optim.SGD([w], lr=eta, weight_decay=decay)
    expected = [start]
    for _ in range(50):
        g = torch.randn(8, generator=generator, dtype=torch.float64)
        g -= (g @ w.detach()) / (w.detach() @ w.detach()) * w.detach()
        w.grad = g / g.norm() / w.detach().norm()
        optimizer.step()
        expected.append(w.detach().norm().item())
    assert found == pytest.approx(expected, rel=1e-10)


def test_fixed_point_is_where_the_norm_stays(javascript):
    for eta, decay in ((0.1, 0.01), (1.0, 0.1), (0.02, 0.05)):
        [rest] = javascript(EQUILIBRIUM, ("fixedPoint", [eta, decay]))
        [path] = javascript(EQUILIBRIUM, ("norms", [eta, decay, rest, 5]))
        assert path == pytest.approx([rest] * 6, rel=1e-12)
        [turn] = javascript(EQUILIBRIUM, ("turn", [eta, decay, rest]))
        assert math.radians(turn) == pytest.approx(math.sqrt(2 * eta * decay), rel=0.1)
    [none] = javascript(EQUILIBRIUM, ("fixedPoint", [0.1, 0]))
    assert none in (None, math.inf)  # JSON has no infinity


def test_without_decay_the_fourth_power_grows_evenly(javascript):
    [path] = javascript(EQUILIBRIUM, ("norms", [0.1, 0.0, 1.0, 2000]))
    [law] = javascript(EQUILIBRIUM, ("growth", [0.1, 1.0, 2000]))
    assert path[-1] == pytest.approx(law, rel=2e-3)
    assert all(b > a for a, b in zip(path, path[1:], strict=False))
