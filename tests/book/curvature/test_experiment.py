"""The recorded experiment on curvature: its numbers against the exact Hessian, and what was recorded."""

import numpy as np
import pytest
import torch

from talweg import data, experiments, recorded
from talweg.book.curvature import experiment as curvature
from talweg.book.curvature.experiment import LOSSES, SETTINGS, border, centred, objective, protocol_for, share, subspace
from talweg.experiments import Config

pytestmark = pytest.mark.slow  # left out of `make check`

CONFIG = Config(seeds=2, tiny=True)


@pytest.fixture(scope="module")
def small():
    digits = data.load(device="cpu")
    protocol = protocol_for(CONFIG, digits)
    return centred(digits, protocol), protocol


@pytest.fixture(scope="module")
def tiny():
    return experiments.run("curvature", CONFIG)


def keys_of(value):
    """The keys of a result, however deep; of a list those of its first entry."""
    if isinstance(value, dict):
        return {key: keys_of(item) for key, item in value.items()}
    return [keys_of(value[0])] if isinstance(value, list) else "value"


@pytest.mark.parametrize("name", SETTINGS)
def test_borders_are_where_a_root_leaves_the_unit_circle(name):
    setting = SETTINGS[name]
    mu, nesterov = setting.get("momentum", 0.0), setting.get("nesterov", False)

    def radius(curvature):
        x = setting["lr"] * curvature
        pull, back = ((1 + mu) * (1 - x), mu * (1 - x)) if nesterov else (1 + mu - x, mu)
        return np.abs(np.linalg.eigvals([[pull, -back], [1, 0]])).max()

    assert radius(0.999 * border(**setting)) < 1 < radius(1.001 * border(**setting))


def test_sharpness_is_that_of_the_exact_hessian(small, tiny):
    found = tiny["edge"]["gd-long"]
    for seed in range(2):
        f = objective(*small, "squared_error", seed)
        theta = f.theta
        for at in range(2):
            exact = torch.linalg.eigvalsh(f.hessian(theta))[-1] / 2.5
            assert found["ratio"][at][seed] == pytest.approx(exact.item(), rel=1e-3)
            for _ in range(10):
                theta = theta - 0.8 * f.grad(theta)


def test_the_same_start_whatever_happened_before(small):
    torch.manual_seed(5)
    first = objective(*small, "squared_error", 1).theta
    torch.rand(3)
    assert torch.equal(first, objective(*small, "squared_error", 1).theta)
    assert len(objective(*small, "squared_error", 1, classes=3).y.unique()) == 3


def test_the_mean_image_is_gone_and_only_the_first_samples_are_there(small):
    digits, protocol = small
    assert len(digits.x_train) == protocol["samples"] == 100
    raw = data.load(device="cpu", dtype=torch.float64)
    assert torch.allclose(digits.x_train[7] + raw.x_train.mean(0), raw.x_train[7])


def test_share_is_the_length_of_the_projection():
    vectors = torch.linalg.qr(torch.randn(5, 2, dtype=torch.float64)).Q.T
    assert share(vectors[1] * 3, vectors) == pytest.approx(1)
    g = torch.ones(5, dtype=torch.float64)
    assert share(g, vectors) == pytest.approx(((vectors.T @ vectors @ g).norm() / g.norm()).item() ** 2)


def test_the_two_parts_of_the_update_share_out_one_step(small):
    """To first order the whole step lowers the loss by what its two parts do together."""
    digits, protocol = small
    one = {**protocol, "restricted_steps": 1, "lr": dict.fromkeys(LOSSES, 1e-4), "gd_steps": 0}
    rows = [subspace(digits, one, "squared_error", seed) for seed in range(2)]
    for row in rows:
        down = {kind: row["before"] - row[kind] for kind in curvature.UPDATES}
        assert down["all"] == pytest.approx(down["dominant"] + down["rest"], abs=3e-5)


@pytest.mark.parametrize("name", [name for name in recorded.names() if name.startswith("curvature-")])
def test_records_have_the_form_of_a_run(name, tiny):
    record = recorded.load(name)
    found = keys_of(record.data)
    assert set(found) == set(tiny) and set(record.data["edge"]) == set(SETTINGS)
    assert found["edge"]["gd-long"] == keys_of(tiny)["edge"]["gd-long"]
    assert found["subspace"] == keys_of(tiny)["subspace"] and found["shares"] == keys_of(tiny)["shares"]
    seeds = len(record.provenance["seeds"])
    assert all(len(row["hovers"]) == seeds for row in record.data["edge"].values())
    assert all(len(rows) == seeds for rows in record.data["subspace"].values())
