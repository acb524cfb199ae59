"""The figures of the chapter on curvature against torch and NumPy."""

import numpy as np
import pytest
import torch

from talweg import optimizers

KRYLOV, LANCZOS, EDGE = "book/curvature/krylov.js", "book/curvature/lanczos.js", "book/curvature/edge.js"


@pytest.mark.parametrize("m", [1, 2, 3, 17, 40])
def test_ritz_values_and_last_entries_are_those_of_numpy(javascript, m):
    generator = np.random.default_rng(m)
    diagonal, beside = generator.normal(size=m), np.abs(generator.normal(size=m)) + 0.1
    [found] = javascript(KRYLOV, ("ritz", [diagonal.tolist(), beside.tolist()]))
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[: m - 1], 1) + np.diag(beside[: m - 1], -1))
    assert np.allclose(found["values"], values[::-1], rtol=0, atol=1e-13)
    assert np.allclose(np.abs(found["last"]), np.abs(vectors[-1, ::-1]), rtol=0, atol=1e-12)


def test_a_chain_kept_orthogonal_finds_every_eigenvalue_once(javascript):
    [found] = javascript(LANCZOS, ("search", [5, 1.0, 60, True, 0]))
    assert max(found["lost"]) < 1e-14
    assert found["values"] == sorted(found["values"], reverse=True) and len(found["values"]) == 200
    assert np.allclose(found["rows"][-1]["values"][:5], [10 * 0.75**i for i in range(5)], rtol=1e-12)
    assert found["rows"][-1]["values"][5] <= 1.0 + 1e-12
    [tally] = javascript(LANCZOS, ("tally", [found, 5]))
    assert tally == {"found": 5, "copies": 1}


def test_without_it_ghosts_appear(javascript):
    [found] = javascript(LANCZOS, ("search", [5, 1.0, 60, False, 0]))
    [tally] = javascript(LANCZOS, ("tally", [found, 5]))
    assert max(found["lost"]) > 0.1 and tally["copies"] >= 2


@pytest.mark.parametrize("again", [True, False])
def test_the_residual_bounds_the_distance_to_the_nearest_eigenvalue(javascript, again):
    [found] = javascript(LANCZOS, ("search", [3, 2.0, 40, again, 4]))
    [pairs] = javascript(LANCZOS, ("certificate", [found]))
    values = np.array(found["values"])
    for row, pair in zip(found["rows"], pairs, strict=True):
        assert np.abs(values - row["values"][0]).min() <= pair["residual"] + 1e-12


class Chebyshev:
    """The network of the figure in torch: 12 tanh units, 20 points of T₄."""

    x = torch.linspace(-1, 1, 20, dtype=torch.float64)
    y = torch.cos(4 * torch.arccos(x))

    def __call__(self, theta):
        w, b, a = theta[:36].reshape(3, 12)
        return (torch.tanh(self.x[:, None] * w + b) @ a + theta[36] - self.y).square().mean() / 2


@pytest.mark.parametrize(("eta", "momentum", "nesterov"), [(0.4, 0.0, False), (0.3, 0.5, False), (0.2, 0.9, True)])
def test_steps_and_sharpness_are_torchs(javascript, eta, momentum, nesterov):
    """Before the edge: past it rounding decides."""
    [begin, run] = javascript(EDGE, ("begin", [3]), ("descend", [eta, momentum, nesterov, 3, 60]))
    f, theta = Chebyshev(), torch.nn.Parameter(torch.tensor(begin, dtype=torch.float64))
    optimizer = optimizers.SGD([theta], lr=eta, momentum=momentum, nesterov=nesterov)
    losses, sharp = [], []
    for t in range(61):
        loss = f(theta)
        losses.append(loss.item())
        if t % 20 == 0:
            hessian = torch.autograd.functional.hessian(f, theta.detach())
            sharp.append([t, torch.linalg.eigvalsh(hessian)[-1].item()])
        (theta.grad,) = torch.autograd.grad(loss, theta)
        optimizer.step()
    assert run["losses"] == pytest.approx(losses, rel=1e-9)
    assert np.allclose(run["sharp"], sharp, rtol=1e-6)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.5, False), (0.9, False), (0.5, True), (0.9, True)])
def test_the_border_is_where_a_root_of_the_recursion_is_minus_one(javascript, momentum, nesterov):
    [limit] = javascript(EDGE, ("border", [0.3, momentum, nesterov]))

    def radius(curvature):
        x = 0.3 * curvature
        pull = (1 + momentum) * (1 - x) if nesterov else 1 + momentum - x
        back = momentum * (1 - x) if nesterov else momentum
        return np.abs(np.linalg.eigvals([[pull, -back], [1, 0]])).max()

    assert radius(0.999 * limit) < 1 < radius(1.001 * limit)


def test_states_are_told_apart(javascript):
    runs = [
        ("descend", [eta, mu, nesterov, 0]) for eta, mu, nesterov in [(0.1, 0, False), (0.4, 0, False), (0.9, 0, False)]
    ]
    found = javascript(EDGE, *runs)
    limits = [20.0, 5.0, 2 / 0.9]
    told = javascript(EDGE, *(("facts", [run, limit]) for run, limit in zip(found, limits, strict=True)))
    assert [entry["state"] for entry in told] == ["below", "edge", "above"]
    assert told[0]["ratio"] < 0.5 and 0.9 < told[1]["ratio"] < 1.15 and told[1]["rises"] > 0.01
