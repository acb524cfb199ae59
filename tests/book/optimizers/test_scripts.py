"""The figures of momentum and of Adam's first steps against torch."""

import math

import numpy as np
import pytest
import torch

from talweg import optimizers
from talweg.surfaces import Quadratic

MOMENTUM, ADAM = "book/optimizers/momentum.js", "book/optimizers/adam.js"
GRID = [(x, mu) for x in (0.0, 0.05, 0.4, 1.0, 2.0, 2.7, 3.5, 4.0) for mu in (0.0, 0.2, 0.81, 0.99)]


def test_roots_are_those_of_the_polynomial(javascript):
    found = javascript(MOMENTUM, *(("roots", [x, mu]) for x, mu in GRID))
    for (x, mu), roots in zip(GRID, found, strict=True):
        expected = sorted(np.roots([1, -(1 + mu - x), mu]), key=lambda z: (z.real, z.imag))
        mine = sorted((complex(*root) for root in roots), key=lambda z: (z.real, z.imag))
        assert np.allclose(mine, expected, rtol=0, atol=2e-7), (x, mu)  # a double root is known to √ε only
        assert abs(mine[0] * mine[1] - mu) < 1e-12 and abs(mine[0] + mine[1] - (1 + mu - x)) < 1e-12


def test_response_is_the_heavy_balls(javascript):
    found = javascript(MOMENTUM, *(("response", [x, mu, 60]) for x, mu in GRID))
    for (x, mu), errors in zip(GRID, found, strict=True):
        f, theta = Quadratic([1.0]), torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = optimizers.SGD([theta], lr=x, momentum=mu)
        expected = [1.0]
        for _ in range(60):
            theta.grad = f.grad(theta)
            optimizer.step()
            expected.append(theta.item())
        assert errors == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(map(abs, expected)))


def test_measured_rate_is_the_spectral_radius(javascript):
    """Away from a double root, where t ρᵗ hides the rate."""
    cases = [(0.3, 0.8), (0.01, 0.5), (1.9, 0.0), (3.5, 0.9), (3.7, 0.6), (2.0, 0.2)]
    responses = javascript(MOMENTUM, *(("response", [x, mu, 200]) for x, mu in cases))
    measured = javascript(MOMENTUM, *(("measuredRate", [errors]) for errors in responses))
    predicted = javascript(MOMENTUM, *(("rate", [x, mu]) for x, mu in cases))
    assert measured == pytest.approx(predicted, rel=5e-3)
    companion = [np.abs(np.linalg.eigvals([[1 + mu - x, -mu], [1, 0]])).max() for x, mu in cases]
    assert predicted == pytest.approx(companion, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "mu", "expected"),
    [(0, 0.5, "still"), (0.01, 0.5, "monotone"), (0.3, 0.8, "oscillating"), (2.95, 0.5, "alternating"),
     (3.0, 0.5, "edge"), (3.2, 0.6, "edge"), (3.1, 0.5, "diverging"), (1.0, 0.0, "monotone"), (1.5, 0.0, "alternating")],
)  # fmt: skip
def test_regimes(javascript, x, mu, expected):
    assert javascript(MOMENTUM, ("regime", [x, mu])) == [expected]


def lengths(optimizer, theta, gs):
    steps = []
    for g in gs:
        before = theta.item()
        theta.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        steps.append(before - theta.item())
    return steps


@pytest.mark.parametrize("g", [1e-4, 1.0, 1e4])
def test_steps_are_those_of_the_optimizers(javascript, g):
    """With η = 1, up to the rounding of θ itself."""
    [gs] = javascript(ADAM, ("gradients", [g, 0.7, 200, 3]))
    found = javascript(
        ADAM, ("adamSteps", [gs, 0.9, 0.99, 1e-3, True]), ("rmspropSteps", [gs, 0.99, 1e-3]), ("sgdSteps", [gs])
    )
    kinds = [
        lambda p: optimizers.Adam(p, lr=1.0, betas=(0.9, 0.99), eps=1e-3),
        lambda p: optimizers.RMSprop(p, lr=1.0, alpha=0.99, eps=1e-3),
        lambda p: optimizers.SGD(p, lr=1.0),
    ]
    for steps, kind in zip(found, kinds, strict=True):
        theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        expected = lengths(kind([theta]), theta, gs)
        scale = max(1.0, max(map(abs, expected))) * 200
        assert [step["step"] for step in steps] == pytest.approx(expected, rel=1e-10, abs=1e-15 * scale)


def test_without_correction_adam_starts_three_times_too_long(javascript):
    biased, right = javascript(ADAM, *(("adamSteps", [[5.0] * 200, 0.9, 0.999, 1e-8, flag]) for flag in (False, True)))
    assert biased[0]["step"] == pytest.approx((1 - 0.9) / math.sqrt(1 - 0.999), rel=1e-6)
    assert [step["step"] for step in right] == pytest.approx([1.0] * 200, rel=1e-8)
    assert max(step["step"] for step in biased) > 6
