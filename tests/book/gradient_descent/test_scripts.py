"""The update rules and the theory in the figures' JavaScript against torch and against simulation."""

import math
from pathlib import Path

import pytest
import torch

from talweg.i18n import number as written
from talweg.i18n import use

DRAWS = Path(__file__).with_name("draws.mjs")


@pytest.mark.parametrize(
    ("kappa", "eta", "momentum"), [(10, 0.18, 0.0), (100, 0.005, 0.9), (3, 0.9, 0.3), (1, 0.5, 0.0)]
)
def test_ravine_takes_torch_sgd_steps(javascript, kappa, eta, momentum):
    start, steps = [10.0, 1.0], 60
    [found] = javascript("book/gradient_descent/ravine.js", ("gdPath", [[1, kappa], start, eta, momentum, steps]))
    theta = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=eta, momentum=momentum)
    path, losses = [], []
    for _ in range(steps + 1):
        optimizer.zero_grad()
        loss = 0.5 * (theta[0] ** 2 + kappa * theta[1] ** 2)
        loss.backward()
        path.append(theta.detach().clone())
        losses.append(loss.item())
        optimizer.step()
    torch.testing.assert_close(
        torch.tensor(found["path"], dtype=torch.float64), torch.stack(path), rtol=1e-12, atol=1e-12
    )
    assert found["losses"] == pytest.approx(losses, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("eta", [0.002, 0.0181, 0.02, 0.03])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_predicted_rate_is_the_spectral_radius(javascript, eta, momentum):
    eigenvalue = 100.0
    [found] = javascript("book/gradient_descent/ravine.js", ("rate", [eigenvalue, eta, momentum]))
    step = torch.tensor([[1 + momentum - eta * eigenvalue, -momentum], [1, 0]], dtype=torch.float64)
    assert found == pytest.approx(torch.linalg.eigvals(step).abs().max().item(), rel=1e-12)


def test_measured_rate_of_a_geometric_path(javascript):
    path = [[3 * 0.8**t, 0.0] for t in range(61)]
    [found, at_once] = javascript(
        "book/gradient_descent/ravine.js", ("measuredRate", [path]), ("measuredRate", [[[1, 1]] + [[0, 0]] * 9])
    )
    assert found == pytest.approx(0.8, rel=1e-12)
    assert at_once == 0


def test_noise_takes_mini_batch_steps(javascript):
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    batches = [torch.randperm(12, generator=generator)[:5].tolist() for _ in range(40)]
    data = {"x": x.tolist(), "y": y.tolist()}
    [found] = javascript("book/gradient_descent/noise.js", ("sgdPath", [data, 0.5, 0.2, batches]))
    theta, path = torch.tensor(0.5, dtype=torch.float64, requires_grad=True), [0.5]
    for batch in batches:
        (g,) = torch.autograd.grad(0.5 * (theta * x[batch] - y[batch]).square().mean(), theta)
        theta = (theta - 0.2 * g).detach().requires_grad_()
        path.append(theta.item())
    assert found == pytest.approx(path, rel=1e-12)


def test_expected_error_is_the_mean_over_all_batches(javascript):
    """N = 5, B = 2, two steps: all 100 pairs of batches, one by one."""
    x, y, eta, start = [1.0, -0.5, 2.0, 0.3, -1.2], [2.0, -1.5, 3.0, 1.0, -3.0], 0.2, 0.0
    data = {"x": x, "y": y}
    [facts] = javascript("book/gradient_descent/noise.js", ("moments", [data]))
    pairs = [[i, j] for i in range(5) for j in range(i)]
    calls = [("sgdPath", [data, start, eta, [a, b]]) for a in pairs for b in pairs]
    expected_call = ("expected", [facts, 5, 2, eta, start - facts["best"], 2])
    *paths, expected = javascript("book/gradient_descent/noise.js", *calls, expected_call)
    squares = (torch.tensor(paths, dtype=torch.float64) - facts["best"]).square().mean(0)
    assert expected == pytest.approx(squares.tolist(), rel=1e-12)


def test_floor_is_the_fixed_point_and_is_first_order_in_eta(javascript):
    facts = {"lambda": 1.3, "noise": 0.7, "spread": 0.9, "cross": 0.2}
    calls = [("expected", [facts, 50, 4, 0.3, 2.0, 400]), ("floor", [facts, 50, 4, 0.3])]
    calls += [("floor", [facts, 50, 4, 1e-6]), ("floor", [facts, 50, 50, 0.3]), ("floor", [facts, 50, 1, 1.2])]
    expected, floor, small, full, unstable = javascript("book/gradient_descent/noise.js", *calls)
    assert expected[-1] == pytest.approx(floor, rel=1e-10)
    s2 = 0.7 / 4 * (50 - 4) / (50 - 1)
    assert small == pytest.approx(1e-6 * s2 / (2 * 1.3), rel=1e-5)
    assert full == 0
    assert unstable == math.inf


def test_batches_are_without_replacement_and_uniform(javascript):
    """Every one of the C(5, B) batches turns up equally often, also where the complement is drawn."""
    for size in (2, 4):
        [drawn] = javascript(DRAWS, ("drawBatches", [5, size, 6000, 7]))
        assert all(len(set(batch)) == size for batch in drawn)
        counts: dict[tuple, int] = {}
        for batch in drawn:
            counts[tuple(sorted(batch))] = counts.get(tuple(sorted(batch)), 0) + 1
        classes = math.comb(5, size)
        chi2 = sum((count - 6000 / classes) ** 2 / (6000 / classes) for count in counts.values())
        assert len(counts) == classes and chi2 < 28  # 9 degrees of freedom: p < 0.001


def test_saddle_without_noise_stays_on_its_axis(javascript):
    [path] = javascript("book/gradient_descent/saddle.js", ("saddlePath", [[2, 0], 0.1, 0, 300, None]))
    assert all(y == 0 for _, y in path)
    assert [x for x, _ in path] == pytest.approx([2 * 0.9**t for t in range(301)], rel=1e-12)


def test_saddle_spread_and_half_time(javascript):
    eta, sigma = 0.1, 0.03
    calls = [("spread", [eta, sigma, t]) for t in (1, 2, 50)] + [("halfTime", [eta, sigma]), ("halfTime", [eta, 0])]
    one, two, fifty, half, never = javascript("book/gradient_descent/saddle.js", *calls)
    assert one == pytest.approx((eta * sigma) ** 2, rel=1e-12)
    assert two == pytest.approx((eta * sigma) ** 2 * (1 + 1.1**2), rel=1e-12)
    generator = torch.Generator().manual_seed(0)
    y, left = torch.zeros(20000, dtype=torch.float64), torch.full((20000,), math.inf, dtype=torch.float64)
    for t in range(1, 120):
        y = 1.1 * y - eta * sigma * torch.randn(20000, dtype=torch.float64, generator=generator)
        left = torch.where((y.abs() > 1) & left.isinf(), t, left)
        if t == 50:
            assert y.square().mean().item() == pytest.approx(fifty, rel=0.04)
    assert abs(left.median().item() - half) <= 1
    assert never == math.inf


def test_random_numbers_are_mulberry32(javascript):
    """The reference sequence, computed with Python's integers."""

    def mulberry32(seed):
        mask = 0xFFFFFFFF
        while True:
            seed = (seed + 0x6D2B79F5) & mask
            t = ((seed ^ (seed >> 15)) * (seed | 1)) & mask
            t ^= (t + ((t ^ (t >> 7)) * (t | 61) & mask)) & mask
            yield ((t ^ (t >> 14)) & mask) / 2**32

    source = mulberry32(42)
    [found] = javascript(DRAWS, ("drawUniform", [42, 50]))
    assert found == [next(source) for _ in range(50)]


@pytest.mark.parametrize("code", ["es", "zh"])
def test_numbers_are_written_as_in_python(javascript, code):
    use(code)
    values = [0, 1, 0.82, 1.0, 12.5, 0.00276, 1.2e-7, -3.5e8, 999.7, 0.99999, 1e5, 1e6, -1e-9, 12345.6, 2e-5]
    mark = "," if code == "es" else "."
    found = javascript("widgets/plot.js", *(("number", [value, mark]) for value in values))
    assert found == [written(float(value)) for value in values]
