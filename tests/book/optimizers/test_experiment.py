"""The comparison of optimizers: its protocol, what was recorded, and the rerun of the notebook."""

import json
import math

import pytest
import torch
from scipy import stats

from talweg import data, experiments, recorded
from talweg.book.optimizers import experiment as optimizers
from talweg.book.optimizers.experiment import METHODS, outcomes, pairs, rerun, summary
from talweg.experiments import Config, Parts, comparison
from talweg.experiments.comparison import TUNING_SEEDS, Search, interval, paired, steps_to, train_mlps, tune
from talweg.models import MLP
from talweg.optimizers import SGD
from talweg.training import NonFiniteLoss, train

pytestmark = pytest.mark.slow  # left out of `make check`

NAMES = ("optimizers-digits", "optimizers-mnist")


@pytest.fixture(scope="module")
def digits():
    return data.load(device="cpu", dtype=torch.float64)


@pytest.fixture(scope="module")
def tiny():
    return experiments.run("optimizers", Config(seeds=3, tiny=True))


def keys_of(value):
    """The keys of a result, however deep; of a list those of its first entry."""
    if isinstance(value, dict):
        return {key: keys_of(item) for key, item in value.items()}
    return [keys_of(value[0])] if isinstance(value, list) else "value"


# the search


def search(best, diverges_at=math.inf, middle=0):
    """A bowl in log₂ lr with its least value at 2^best."""
    return Search(
        middle,
        task=lambda lr: (float, lr),
        score=lambda lr: math.inf if lr >= 2.0**diverges_at else abs(math.log2(lr) - best),
    )


@pytest.mark.parametrize("best, low, high", [(0, -3, 3), (2, -3, 3), (3, -3, 4), (5, -3, 6), (-6, -7, 3)])
def test_the_grid_grows_until_the_best_is_inside(best, low, high):
    (found,) = tune({"a": search(best)}, Parts(None, {})).values()
    assert list(found) == [2.0**k for k in range(low, high + 1)]
    assert search(best).best(found) == 2.0**best


def test_the_edge_of_stability_is_no_edge_of_the_grid():
    """What is best just below divergence has a step size beyond it that was tried."""
    found = tune({"a": search(9, diverges_at=4)}, Parts(None, {}))["a"]
    assert search(9, diverges_at=4).best(found) == 2.0**3 and max(found) == 2.0**4


def test_searches_are_independent_and_each_counts_its_tries():
    found = tune({"near": search(0), "far": search(5)}, Parts(None, {}))
    assert {name: len(tried) for name, tried in found.items()} == {"near": 7, "far": 10}


def test_of_equal_step_sizes_the_smallest_is_taken():
    flat = Search(0, task=lambda lr: (float, lr), score=lambda lr: 0.0 if 0.5 <= lr <= 2 else 1.0)
    assert flat.best(tune({"a": flat}, Parts(None, {}))["a"]) == 0.5


def test_a_search_without_an_end_says_so():
    always_better = Search(0, task=lambda lr: (float, lr), score=lambda lr: lr)
    with pytest.raises(ArithmeticError, match="a: the best of 30 step sizes is still at the edge"):
        tune({"a": always_better}, Parts(None, {}))


# runs that diverge


def test_a_seed_that_diverges_is_none_and_the_others_are_what_they_would_be(digits, monkeypatch):
    settings = dict(epochs=1, batch_size=64, record=("loss",), lr=0.1)
    alone, _ = train_mlps(digits, (64, 8, 10), SGD, [0, 2], **settings)
    real = comparison.train_seeds

    def train_seeds(models, *arguments, seeds, **others):
        if 1 in seeds:
            raise NonFiniteLoss(3, [1], math.nan)
        return real(models, *arguments, seeds=seeds, **others)

    monkeypatch.setattr(comparison, "train_seeds", train_seeds)
    models, runs = train_mlps(digits, (64, 8, 10), SGD, [0, 1, 2], **settings)
    assert models[1] is None and runs[1] is None and [run.seed for run in (runs[0], runs[2])] == [0, 2]
    for ours, expected in ((models[0], alone[0]), (models[2], alone[1])):
        assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), expected.parameters(), strict=True))


def test_all_diverging_is_a_result(digits):
    models, runs = train_mlps(digits, (64, 8, 10), SGD, [0, 1], epochs=1, batch_size=64, record=(), lr=1e300)
    assert models == runs == [None, None]


def test_diverged_runs_are_counted_not_averaged():
    run = {"error": 0.5, "loss": 2.0, "val_loss": [3.0, 1.0], "train_loss": [2.5], "steps": 7}
    row = summary("SGD", 0.5, {0.5: [run, run], 1.0: [run, None]}, [run, None, run], [0, 1, 2])
    assert row["diverged"] == 1 and row["test_errors"] == [0.5, None, 0.5] and row["test_error"]["n"] == 2
    assert row["steps_to_threshold"] == [7, None, 7] and row["val_loss"] == [3.0, 1.0]
    assert row["tried"][1] == {"lr": 1.0, "error": None, "loss": None, "diverged": 1}


# numbers


def test_interval_is_students():
    found = interval([1.0, 2.0, 3.0, 4.0])
    half = 3.182446305 * math.sqrt(5 / 3 / 4)  # t(0.975; 3) from a table
    assert math.isclose(found["low"], 2.5 - half, rel_tol=1e-8)
    assert math.isclose(found["high"], 2.5 + half, rel_tol=1e-8)
    assert interval([0.5]) == {"mean": 0.5, "low": None, "high": None, "n": 1, "level": 0.95}
    assert interval([])["mean"] is None


def test_paired_intervals_are_those_of_scipy_and_leave_diverged_seeds_out():
    a, b = [0.3, 0.1, None, 0.4, 0.2], [0.25, 0.2, 0.3, 0.1, None]
    expected = stats.ttest_rel([0.3, 0.1, 0.4], [0.25, 0.2, 0.1]).confidence_interval(0.95)
    found = paired(a, b)
    assert found["n"] == 3 and math.isclose(found["low"], expected.low) and math.isclose(found["high"], expected.high)


def test_steps_to_a_threshold():
    losses = torch.tensor([4.0, 2.0, 1.0, 1.0, 0.5])
    assert steps_to(losses, 1.0, 2) == 4 and steps_to(losses, 1.0, 1) == 3 and steps_to(losses, 0.1, 2) is None


@pytest.mark.parametrize(
    "name, reference, settings",
    [
        ("SGD", torch.optim.SGD, {}),
        ("Momentum", torch.optim.SGD, {"momentum": 0.9}),
        ("RMSprop", torch.optim.RMSprop, {}),
        ("Adam", torch.optim.Adam, {}),
        ("AdamW", torch.optim.AdamW, {}),
    ],
)
def test_each_method_is_torchs_with_its_defaults(digits, tiny, name, reference, settings):
    (ours,) = outcomes(digits, "test", name, 2.0**-6, tiny["protocol"], [5])
    torch.manual_seed(5)
    model = MLP((64, 32, 10), dtype=torch.float64)
    optimizer = reference(model.parameters(), lr=2.0**-6, **settings)
    run = train(model, digits, optimizer, epochs=1, batch_size=32, seed=5, record=("loss", "val_loss"))
    outputs = model(digits.x_test)
    assert math.isclose(ours["loss"], torch.nn.functional.cross_entropy(outputs, digits.y_test).item(), rel_tol=1e-9)
    assert math.isclose(ours["error"], 1 - (outputs.argmax(1) == digits.y_test).double().mean().item())
    assert math.isclose(ours["train_loss"][0], run["loss"][:-1].mean().item(), rel_tol=1e-9)
    assert math.isclose(ours["val_loss"][1], run["val_loss"][1].item(), rel_tol=1e-9)


# what was recorded


def all_results(tiny):
    return [tiny, *(recorded.load(name).data for name in NAMES)]


def test_a_tiny_run_has_the_shape_of_the_recorded_ones(tiny):
    for name in NAMES:
        assert keys_of(recorded.load(name).data) == keys_of(tiny)


def test_every_method_was_tuned_alike_and_away_from_the_edge(tiny):
    for result in all_results(tiny):
        for row in result["methods"].values():
            tried = {entry["lr"]: entry["error"] for entry in row["tried"]}
            assert len(tried) >= 7 and row["lr"] not in (min(tried), max(tried))
            assert {b / a for a, b in zip(tried, list(tried)[1:], strict=False)} == {2.0}
            assert tried[row["lr"]] == min(error for error in tried.values() if error is not None)


def test_reported_seeds_are_fresh_and_ten_or_more(tiny):
    for result in all_results(tiny):
        for row in result["methods"].values():
            assert not set(row["seeds"]) & set(TUNING_SEEDS) and len(row["test_errors"]) == len(row["seeds"])
    for name in NAMES:
        assert all(len(row["seeds"]) >= 10 for row in recorded.load(name).data["methods"].values())


def test_intervals_and_pairs_follow_from_the_recorded_values(tiny):
    for result in all_results(tiny):
        rows = result["methods"]
        for row in rows.values():
            assert row["test_error"] == interval([e for e in row["test_errors"] if e is not None])
            assert row["diverged"] == row["test_errors"].count(None)
        assert len(result["pairs"]) == 10
        for pair in result["pairs"]:
            for key, values in (("test_error", "test_errors"), ("test_loss", "test_losses")):
                a, b = (rows[name][values] for name in pair["methods"])
                both = [(x, y) for x, y in zip(a, b, strict=True) if None not in (x, y)]
                test = stats.ttest_rel(*zip(*both, strict=True))
                for found, level in ((pair[key], 0.95), (pair[key]["simultaneous"], 0.995)):
                    low, high = test.confidence_interval(level)
                    assert math.isclose(found["low"], low, abs_tol=1e-12) and math.isclose(found["level"], level)
                    assert math.isclose(found["high"], high, abs_tol=1e-12)
                assert pair[key]["separated"] == (test.pvalue < 0.05 / 10)


def test_hyperparameters_are_named(tiny):
    for result in all_results(tiny):
        named = {name: row["hyperparameters"] for name, row in result["methods"].items()}
        assert list(named) == list(METHODS) and not any("lr" in values for values in named.values())
        assert named["SGD"]["momentum"] == 0 and named["Momentum"]["momentum"] == 0.9
        assert named["Adam"]["weight_decay"] == 0 and named["AdamW"]["weight_decay"] == 0.01


def test_the_recorded_network_learns_mnist():
    errors = [row["test_error"] for row in recorded.load("optimizers-mnist").data["methods"].values()]
    assert min(error["high"] for error in errors) <= 0.025


# resuming and running again


def test_an_interrupted_comparison_goes_on_where_it_stopped(tiny, tmp_path, monkeypatch):
    out, real, calls = tmp_path / "r.json", optimizers.outcomes, []

    def interrupted(*arguments):
        calls.append(arguments[2:4])
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(optimizers, "outcomes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiments.run("optimizers", Config(seeds=3, tiny=True), out=out)
    experiments.run("optimizers", Config(seeds=3, tiny=True), out=out)
    assert json.loads(out.read_text())["data"] == json.loads(json.dumps(tiny))
    tasks = sum(len(row["tried"]) for row in tiny["methods"].values()) + len(METHODS)
    assert len(calls) == tasks + 1  # only the interrupted one was begun again


def test_the_notebook_finds_what_was_recorded(digits):
    record = recorded.load("optimizers-digits").data
    found = rerun(record, digits, range(2))
    assert list(found) == list(record["methods"])
    for name, tensors in found.items():
        row, epochs = record["methods"][name], record["protocol"]["epochs"]
        # At these step sizes the last bits grow: within a few test images, not to the last digit.
        torch.testing.assert_close(tensors["test_error"].tolist(), row["test_errors"][:2], rtol=0, atol=0.0126)
        torch.testing.assert_close(tensors["test_loss"].tolist(), row["test_losses"][:2], rtol=0.1, atol=0)
        assert tensors["train_loss"].shape == (2, epochs) and tensors["val_loss"].shape == (2, epochs + 1)
    (pair,) = pairs({name: found[name] for name in ("SGD", "Adam")})
    difference = (found["SGD"]["test_loss"] - found["Adam"]["test_loss"]).mean().item()
    assert pair["methods"] == ["SGD", "Adam"] and math.isclose(pair["test_loss"]["mean"], difference)


def test_rerun_names_what_does_not_fit(tiny, digits):
    with pytest.raises(ValueError, match="Did you mean 'Adam'"):
        rerun(tiny, digits, [0], methods=["Adma"])
    other = {**tiny, "protocol": {**tiny["protocol"], "sizes": [784, 32, 10]}}
    with pytest.raises(ValueError, match="784 inputs and 10 classes; digits has 64 and 10"):
        rerun(other, digits, [0])


def test_rerun_marks_a_diverged_run_with_nan(tiny, digits):
    wild = {**tiny, "methods": {"SGD": {**tiny["methods"]["SGD"], "lr": 1e300}}}
    found = rerun(wild, digits, [0, 1])["SGD"]
    assert pairs({"a": found, "b": found})[0]["test_error"]["n"] == 0
    assert found["test_error"].isnan().all() and found["val_loss"].isnan().all() and len(found["val_loss"]) == 2
