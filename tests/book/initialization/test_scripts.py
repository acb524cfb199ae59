"""The figures of the chapter on initialization against torch, scipy and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from talweg.initializers import diagnostics, gain_of
from talweg.models import MLP

SIGNAL, SINGULAR = "book/initialization/signal.js", "book/initialization/singular.js"
FUNCTIONS = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "selu": torch.nn.functional.selu,
}


def expectation(f, q):
    """E f(√q z) by scipy, in two halves: ReLU and SELU have a kink at 0."""
    density = lambda z: f(math.sqrt(q) * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    return sum(integrate.quad(density, *ends, epsabs=1e-13)[0] for ends in ((-9, 0), (0, 9)))


def slope(name, z):
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(FUNCTIONS[name](z), z)[0].item()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_theory_is_the_mean_field_recursion(javascript, name):
    gain, depth = 1.3, 4
    [found] = javascript(SIGNAL, ("theory", [name, gain, depth]))
    value = lambda z: FUNCTIONS[name](torch.tensor(z, dtype=torch.float64)).item() ** 2  # noqa: E731
    q = [gain**2]
    while len(q) < depth:
        q.append(gain**2 * expectation(value, q[-1]))
    assert found["q"] == pytest.approx(q, rel=3e-4)
    chi = [gain**2 * expectation(lambda z: slope(name, z) ** 2, each) for each in q[:-1]]
    assert found["gradient"] == pytest.approx([math.prod(chi[layer:]) for layer in range(depth)], rel=3e-4)


@pytest.mark.parametrize("gain", [0.5, 1.0, math.sqrt(2), 2.0])
def test_theory_has_the_closed_forms(javascript, gain):
    linear, relu = javascript(SIGNAL, ("theory", ["linear", gain, 50]), ("theory", ["relu", gain, 50]))
    for found, factor in ((linear, gain**2), (relu, gain**2 / 2)):
        assert found["q"] == pytest.approx([gain**2 * factor**layer for layer in range(50)], rel=1e-6)
        assert found["gradient"] == pytest.approx([factor ** (49 - layer) for layer in range(50)], rel=1e-6)


def test_the_gain_of_the_library_keeps_the_signal(javascript):
    for name in ("tanh", "sigmoid", "selu", "relu"):
        gain = gain_of(name, convention="second_moment")
        [(first, second)] = [found["q"] for found in javascript(SIGNAL, ("theory", [name, 1.0, 2]))]
        assert first == 1.0 and second * gain**2 == pytest.approx(1.0, rel=3e-4), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_network_is_torchs(javascript, name):
    """Signals and gradients of the same weights, in the network's order, by autograd."""
    gain, depth, n = 1.2, 6, 12
    [unit] = javascript(SIGNAL, ("draws", [depth, n, 3]))
    numbers = list(unit.values()) if isinstance(unit, dict) else unit
    [found] = javascript(SIGNAL, ("simulate", [name, gain, depth, n, numbers]))
    z = torch.tensor(numbers, dtype=torch.float64)
    x, weights, delta = z[:n], z[n : n + depth * n * n].view(depth, n, n), z[n + depth * n * n :]
    model = MLP((n,) * (depth + 1), name, dtype=torch.float64)
    with torch.no_grad():
        for layer, weight in zip([m for m in model if isinstance(m, torch.nn.Linear)], weights, strict=True):
            layer.weight.copy_(gain / math.sqrt(n) * weight)
            layer.bias.zero_()
    x, delta = x / x.square().mean().sqrt(), delta / delta.square().mean().sqrt()
    seen = diagnostics.signals(model, x[None], lambda out: (out * delta).sum())
    assert found["q"] == pytest.approx([signal.output.second_moment for signal in seen], rel=1e-9)
    assert found["gradient"] == pytest.approx([signal.gradient.second_moment for signal in seen], rel=1e-9)


def test_verdicts(javascript):
    assert javascript(SIGNAL, *(("verdict", [v]) for v in (1e3, 1.0, 1e-3))) == ["explodes", "stays", "vanishes"]


@pytest.mark.parametrize("method", ["lecun", "xavier", "kaiming", "orthogonal"])
@pytest.mark.parametrize(("rows", "columns"), [(7, 7), (4, 9), (30, 12), (40, 40), (1, 5)])
def test_singular_values_are_lapacks(javascript, method, rows, columns):
    [unit] = javascript(SINGULAR, ("gaussian", [rows, columns, 5]))
    [found] = javascript(SINGULAR, ("singularValues", [method, rows, columns, unit]))
    matrix = np.array(unit).reshape(rows, columns)
    if method == "orthogonal":
        expected = np.ones(min(rows, columns))
    else:
        std = {"lecun": columns**-0.5, "xavier": (2 / (rows + columns)) ** 0.5, "kaiming": (2 / columns) ** 0.5}[method]
        expected = np.linalg.svd(std * matrix, compute_uv=False)
    assert found == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-7)


def test_eigenvalues_of_matrices_with_equal_and_zero_ones(javascript):
    diagonal = np.diag([3.0, 3.0, 0.0, 0.0, -1.0])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    for matrix in (diagonal, turn @ diagonal @ turn.T, np.zeros((3, 3)), np.eye(4)):
        [found] = javascript(SINGULAR, ("eigenvalues", [matrix.tolist()]))
        assert found == pytest.approx(np.linalg.eigvalsh(matrix).tolist(), abs=1e-13)


@pytest.mark.parametrize(("rows", "columns"), [(50, 50), (20, 80), (80, 20)])
def test_law_is_a_density_and_the_librarys(javascript, rows, columns):
    variance = 2 / columns
    [(low, high)] = javascript(SINGULAR, ("edges", [rows, columns, variance]))
    assert (low**2, high**2) == pytest.approx(diagnostics.marchenko_pastur_edges(rows, columns, variance), abs=1e-12)
    sigma = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 801)[1:-1])) / 2
    found = np.array(javascript(SINGULAR, *(("law", [s, rows, columns, variance]) for s in sigma.tolist())))
    squared = torch.tensor(sigma**2)
    density = 2 * sigma * diagnostics.marchenko_pastur_density(squared, rows, columns, variance).numpy()
    assert found == pytest.approx(density, rel=1e-9)
    assert np.trapezoid(found, sigma) == pytest.approx(1, abs=5e-3)


def test_the_three_gaussian_methods_have_one_condition_number(javascript):
    [unit] = javascript(SINGULAR, ("gaussian", [30, 30, 1]))
    calls = [("singularValues", [method, 30, 30, unit]) for method in ("lecun", "xavier", "kaiming")]
    kappas = [values[0] / values[-1] for values in javascript(SINGULAR, *calls)]
    assert kappas == pytest.approx([kappas[0]] * 3, rel=1e-9) and kappas[0] > 10
