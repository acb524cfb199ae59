"""The experiment with starts and norms: its networks, its search, and what was recorded."""

import copy
import math

import pytest
import torch
from scipy import stats
from torch import nn

from talweg import data, experiments, recorded
from talweg.book.normalization import experiment as normalization
from talweg.book.normalization.experiment import (
    NORMS,
    STARTS,
    network,
    outcomes,
    predictor,
    step_views,
    to_the_edges,
    working,
)
from talweg.experiments import Config, Parts
from talweg.experiments.comparison import TUNING_SEEDS, Search, interval
from talweg.optimizers import SGD
from talweg.training import train, train_seeds

pytestmark = pytest.mark.slow  # left out of `make check`

RECORDS = ("normalization-digits", "normalization-mnist")
SIZES = [64, 16, 16, 10]


@pytest.fixture(scope="module")
def digits():
    return data.load(device="cpu", dtype=torch.float64)


@pytest.fixture(scope="module")
def tiny():
    return experiments.run("normalization", Config(seeds=3, tiny=True))


@pytest.fixture(scope="module")
def results(tiny):
    return [tiny, *(recorded.load(name).data for name in RECORDS)]


def rows(result):
    return [(start, norm, row) for start, own in result["starts"].items() for norm, row in own["norms"].items()]


# networks


@pytest.mark.parametrize("norm", NORMS)
def test_starts_differ_in_the_hidden_weights_only_and_by_their_factor(norm):
    good, small = (
        [layer for layer in network(SIZES, norm, factor, 3) if isinstance(layer, nn.Linear)] for factor in (1.0, 0.1)
    )
    for a, b in zip(good[:-1], small[:-1], strict=True):
        torch.testing.assert_close(b.weight, 0.1 * a.weight)
    torch.testing.assert_close(good[-1].weight, small[-1].weight)


def test_norms_share_their_weights_and_stand_before_the_activation():
    first = [layer.weight for layer in network(SIZES, "none", 1.0, 3) if isinstance(layer, nn.Linear)]
    for norm, kind in {"BatchNorm": nn.BatchNorm1d, "LayerNorm": nn.LayerNorm, "RMSNorm": nn.RMSNorm}.items():
        layers = list(network(SIZES, norm, 1.0, 3))
        assert [type(layer) for layer in layers[1:4]] == [nn.Linear, kind, nn.ReLU]
        assert not isinstance(layers[-2], kind)
        for a, b in zip(first, [layer.weight for layer in layers if isinstance(layer, nn.Linear)], strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("norm", NORMS)
def test_seeds_together_are_seeds_one_by_one(digits, norm):
    """Stacked normalization; BatchNorm of one seed must not see the batches of another."""
    settings = dict(epochs=1, batch_size=64, record=("loss",))
    models = [network(SIZES, norm, 1.0, seed, tracked=False) for seed in (1, 2)]
    together = train_seeds(models, digits, SGD, seeds=[1, 2], lr=0.1, **settings)
    for seed, run in zip((1, 2), together, strict=True):
        alone = network(SIZES, norm, 1.0, seed)  # with running statistics: they change nothing in training
        expected = train(alone, digits, SGD(alone.parameters(), lr=0.1), seed=seed, **settings)
        torch.testing.assert_close(run["loss"][:-1], expected["loss"][:-1], rtol=1e-8, atol=0)


def test_prediction_uses_the_statistics_of_the_whole_training_set(digits):
    """Layer by layer, each under the statistics of those before: by hand for the first two."""
    model = network(SIZES, "BatchNorm", 1.0, 0, tracked=False)
    x = digits.x_train
    tracked = predictor(model, "BatchNorm", x)
    assert not tracked.training
    first = model[1](x.flatten(1))
    torch.testing.assert_close(tracked[2].running_mean, first.mean(0))
    torch.testing.assert_close(tracked[2].running_var, first.var(0))
    hidden = torch.relu((first - first.mean(0)) / torch.sqrt(first.var(0, correction=0) + 1e-5))
    torch.testing.assert_close(tracked[5].running_mean, model[4](hidden).mean(0))


def test_step_views_are_two_copies_after_a_step_of_sgd(digits):
    model = network(SIZES, "BatchNorm", 1.0, 0, tracked=False)
    x, y, lr = digits.x_train[:64], digits.y_train[:64], 0.1
    weight = [p for p in model.parameters() if p.shape == (16, 16)][0]

    def gradients(net):
        net.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        return {name: p.grad.clone() for name, p in net.named_parameters()}

    kept = {name: p.detach().clone() for name, p in model.named_parameters()}
    cosine, change = step_views(model, x, y, lr, weight, longer=3.0).tolist()
    assert all(torch.equal(p, kept[name]) for name, p in model.named_parameters())
    ahead, whole = copy.deepcopy(model), copy.deepcopy(model)
    before = gradients(model)
    gradients(ahead), gradients(whole)
    torch.optim.SGD([*ahead[1].parameters(), *ahead[2].parameters()], lr=lr).step()
    torch.optim.SGD(whole.parameters(), lr=3 * lr).step()
    after, far = gradients(ahead)["4.weight"].flatten(), gradients(whole)
    expected = nn.functional.cosine_similarity(after, before["4.weight"].flatten(), dim=0).item()
    assert cosine == pytest.approx(expected, rel=1e-9)
    squares = [sum((g[name] - before[name] * k).square().sum() for name in before) for g, k in ((far, 1), (before, 0))]
    assert change == pytest.approx((squares[0] / squares[1]).sqrt().item(), rel=1e-9)


# the range of step sizes


def test_the_search_goes_on_until_both_edges_fail():
    works = Search(0, task=lambda lr: (works_between, lr), score=lambda runs: runs[0]["error"])
    tuned = {2.0**k: works_between(2.0**k) for k in range(-3, 4)}
    found = to_the_edges({"a": works}, {"a": tuned}, Parts(None, {}))["a"]
    assert list(found) == [2.0**k for k in range(-6, 5)]
    assert working(found) == {"count": 9, "low": 2.0**-5, "high": 2.0**3}


def works_between(lr):
    return [{"error": 0.05 if 2.0**-5 <= lr <= 2.0**3 else 0.5}]


def test_a_diverged_run_does_not_work():
    assert working({0.5: [{"error": 0.01}, None]}) == {"count": 0, "low": None, "high": None}


# what was recorded


def test_every_case_was_tuned_alike_and_away_from_the_edge(results):
    for result in results:
        for start, norm, row in rows(result):
            tried = {entry["lr"]: entry["error"] for entry in row["tried"]}
            assert len(tried) >= 7 and {b / a for a, b in zip(tried, list(tried)[1:], strict=False)} == {2.0}
            if row["learned"]:
                assert row["lr"] not in (min(tried), max(tried)), (start, norm)
                assert tried[row["lr"]] == min(error for error in tried.values() if error is not None)
            else:
                assert len(tried) == 15


def test_the_range_that_works_ends_inside_the_grid(results):
    for result in results:
        for start, norm, row in rows(result):
            good = [e["lr"] for e in row["tried"] if e["error"] is not None and e["error"] <= 0.1]
            assert row["works"]["count"] == len(good)
            if good:
                assert (row["works"]["low"], row["works"]["high"]) == (min(good), max(good))
                grid = [entry["lr"] for entry in row["tried"]]
                assert grid[0] < min(good) and max(good) < grid[-1], (start, norm)


def test_reported_seeds_are_fresh_and_enough(results):
    for result in results:
        for _, _, row in rows(result):
            assert not set(row["seeds"]) & set(TUNING_SEEDS) and len(row["test_errors"]) == len(row["seeds"])
            assert row["diverged"] == row["test_errors"].count(None)
            assert row["test_error"] == interval([e for e in row["test_errors"] if e is not None])
    assert [len(rows(result)[0][2]["seeds"]) for result in results[1:]] == [20, 10]


def test_pairs_are_scipys_with_bonferroni(results):
    for result in results:
        families = [({k: v for k, v in own["norms"].items()}, own["pairs"]) for own in result["starts"].values()]
        families += [
            ({s: result["starts"][s]["norms"][norm] for s in STARTS}, result["across"][norm]) for norm in NORMS
        ]
        for methods, pairs in families:
            assert len(pairs) == math.comb(len(methods), 2)
            for pair in pairs:
                a, b = (methods[name]["test_losses"] for name in pair["methods"])
                both = [(x, y) for x, y in zip(a, b, strict=True) if None not in (x, y)]
                low, high = stats.ttest_rel(*zip(*both, strict=True)).confidence_interval(1 - 0.05 / len(pairs))
                found = pair["test_loss"]["simultaneous"]
                assert math.isclose(found["low"], low, rel_tol=1e-6, abs_tol=1e-9)
                assert math.isclose(found["high"], high, rel_tol=1e-6, abs_tol=1e-9)
                assert pair["test_loss"]["separated"] == (low > 0 or high < 0)


def test_a_recorded_case_runs_again(digits):
    record = recorded.load("normalization-digits").data
    for norm in ("BatchNorm", "LayerNorm"):
        row = record["starts"]["small"]["norms"][norm]
        found = outcomes(digits, "test", "small", norm, row["lr"], record["protocol"], [0])
        # At these step sizes the last bits grow: within a few test images, not to the last digit.
        assert abs(found[0]["error"] - row["test_errors"][0]) <= 0.0126
        assert math.isclose(found[0]["train_loss"][0], row["train_loss"][0], rel_tol=0.25)


def test_protocol_is_the_recorded_one(digits):
    assert normalization.protocol_for(Config(), digits) == recorded.load("normalization-digits").data["protocol"]
