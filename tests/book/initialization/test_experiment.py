"""The table of initializers: its protocol, what was recorded, and the searches that find nothing."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from talweg import data, experiments, recorded
from talweg.book.initialization.experiment import METHODS, at_the_start, outcomes, start
from talweg.experiments import Config, Parts
from talweg.experiments.comparison import TUNING_SEEDS, VAIN_TRIES, Search, train_mlps, tune
from talweg.models import MLP
from talweg.optimizers import SGD
from talweg.training import train

pytestmark = pytest.mark.slow  # left out of `make check`

NAMES = ("initializers-digits", "initializers-mnist")


@pytest.fixture(scope="module")
def digits():
    return data.load(device="cpu", dtype=torch.float64)


@pytest.fixture(scope="module")
def tiny():
    return experiments.run("initializers", Config(seeds=3, tiny=True))


def rows_of(result):
    return [row for network in result["networks"].values() for row in network["methods"].values()]


def all_results(tiny):
    return [tiny, *(recorded.load(name).data for name in NAMES)]


# the search


def test_a_search_in_vain_looks_on_both_sides_and_ends():
    useless = Search(0, task=lambda lr: (float, lr), score=lambda lr: 0.9, in_vain=0.85)
    found = tune({"a": useless}, Parts(None, {}))["a"]
    assert list(found) == [2.0**k for k in range(-7, 8)] and len(found) == VAIN_TRIES and not useless.finds(found)


def test_what_is_found_late_is_still_found():
    narrow = Search(0, task=lambda lr: (float, lr), score=lambda lr: 0.1 if lr == 2.0**-6 else 0.9, in_vain=0.85)
    found = tune({"a": narrow}, Parts(None, {}))["a"]
    assert narrow.finds(found) and narrow.best(found) == 2.0**-6


def test_the_runner_up_is_the_second_and_never_one_that_diverged():
    scores = {0.5: math.inf, 0.25: 0.2, 0.125: 0.1, 1.0: 0.3}
    search = Search(0, task=lambda lr: (float, lr), score=lambda lr: lr)
    assert search.ranked(scores) == [0.125, 0.25, 1.0, 0.5]


# one method


def test_methods_are_torchs_where_torch_has_them():
    """Drawn with the same generator, layer after layer."""
    references = {
        "LeCun": lambda w, g: torch.nn.init.normal_(w, 0, 1 / math.sqrt(w.shape[1]), generator=g),
        "Xavier": lambda w, g: torch.nn.init.xavier_normal_(w, generator=g),
        "Kaiming": lambda w, g: torch.nn.init.kaiming_normal_(w, nonlinearity="relu", generator=g),
        "orthogonal": lambda w, g: torch.nn.init.orthogonal_(w, generator=g),
        "orthogonal·√2": lambda w, g: torch.nn.init.orthogonal_(w, math.sqrt(2), generator=g),
    }
    for name, reference in references.items():
        model = start(name, MLP((20, 12, 5), dtype=torch.float64), 4)
        generator = torch.Generator().manual_seed(4)
        for layer in (model[1], model[3]):
            torch.testing.assert_close(layer.weight.data, reference(torch.empty_like(layer.weight), generator))
            assert not layer.bias.any()


def test_outcomes_are_those_of_plain_training(digits, tiny):
    (ours,) = outcomes(digits, "test", "shallow", "Kaiming", 2.0**-3, tiny["protocol"], [5])
    model = MLP(tiny["protocol"]["networks"]["shallow"], dtype=torch.float64)
    generator = torch.Generator().manual_seed(5)
    for layer in (layer for layer in model if isinstance(layer, torch.nn.Linear)):
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        torch.nn.init.zeros_(layer.bias)
    train(model, digits, torch.optim.SGD(model.parameters(), 2.0**-3), epochs=1, batch_size=32, seed=5, record=())
    outputs = model(digits.x_test)
    assert math.isclose(ours["loss"], torch.nn.functional.cross_entropy(outputs, digits.y_test).item(), rel_tol=1e-9)
    assert math.isclose(ours["error"], 1 - (outputs.argmax(1) == digits.y_test).double().mean().item())


def test_a_start_is_given_to_each_seed(digits):
    seen = []
    settings = dict(epochs=1, batch_size=64, record=(), lr=0.1)
    train_mlps(digits, (64, 8, 10), SGD, [3, 1], lambda model, seed: seen.append((model.sizes, seed)), **settings)
    assert seen == [((64, 8, 10), 3), ((64, 8, 10), 1)]


def test_spectra_are_numpys(digits):
    found = at_the_start(digits, "Xavier", [64, 32, 10], [0, 1])
    kappas, shares = [], []
    for seed in (0, 1):
        model = start("Xavier", MLP((64, 32, 10), dtype=torch.float64), seed)
        sigmas = [np.linalg.svd(model[i].weight.detach().numpy(), compute_uv=False) for i in (1, 3)]
        kappas += [s[0] / s[-1] for s in sigmas]
        shares.append(np.mean([s.sum() / s[0] / len(s) for s in sigmas]))
    assert math.isclose(found["condition_number_median"], np.median(kappas), rel_tol=1e-9)
    assert math.isclose(found["log10_condition_number"]["mean"], np.log10(kappas).mean(), rel_tol=1e-9)
    assert math.isclose(found["nuclear_to_spectral_share"]["mean"], np.mean(shares), rel_tol=1e-9)
    x = digits.x_train[:256].flatten(1)
    first = [start("Xavier", MLP((64, 32, 10), dtype=torch.float64), seed)[1] for seed in (0, 1)]
    moments = [(x @ layer.weight.T).square().mean().log10().item() for layer in first]
    assert math.isclose(found["log10_second_moment"][0], np.mean(moments), rel_tol=1e-9)


# what was recorded


def test_every_method_was_tuned_alike_and_away_from_the_edge(tiny):
    for result in all_results(tiny):
        for row in rows_of(result):
            tried = {entry["lr"]: entry["error"] for entry in row["tried"]}
            known = [error for error in tried.values() if error is not None]
            assert len(tried) >= 7 and {b / a for a, b in zip(tried, list(tried)[1:], strict=False)} == {2.0}
            assert tried[row["lr"]] == min(known)
            assert row["learned"] == (min(known) < result["protocol"]["learned_below"])
            assert row["lr"] not in (min(tried), max(tried)) if row["learned"] else len(tried) >= VAIN_TRIES
            second = row["runner_up"]["lr"]
            rest = [math.inf if error is None else error for lr, error in tried.items() if lr != row["lr"]]
            assert second != row["lr"] and (math.inf if tried[second] is None else tried[second]) == min(rest)


def test_reported_seeds_are_fresh(tiny):
    for result in all_results(tiny):
        assert all(not set(row["seeds"]) & set(TUNING_SEEDS) for row in rows_of(result))
    for name, least in zip(NAMES, (20, 10), strict=True):
        assert all(len(row["test_errors"]) >= least for row in rows_of(recorded.load(name).data))


def test_pairs_follow_from_the_recorded_values(tiny):
    for result in all_results(tiny):
        for network in result["networks"].values():
            assert len(network["pairs"]) == 21 and list(network["methods"]) == list(METHODS)
            for pair in network["pairs"]:
                a, b = (network["methods"][name]["test_errors"] for name in pair["methods"])
                both = np.array([(x, y) for x, y in zip(a, b, strict=True) if None not in (x, y)])
                if len(both) < 2 or not np.ptp(both[:, 0] - both[:, 1]):
                    continue
                test = stats.ttest_rel(both[:, 0], both[:, 1])
                low, high = test.confidence_interval(1 - 0.05 / 21)
                found = pair["test_error"]["simultaneous"]
                assert math.isclose(found["low"], low, abs_tol=1e-12) and math.isclose(
                    found["high"], high, abs_tol=1e-12
                )
                assert pair["test_error"]["separated"] == (test.pvalue < 0.05 / 21)


def test_the_spectra_recorded_are_what_the_methods_promise():
    for name in NAMES:
        for network in recorded.load(name).data["networks"].values():
            starts = {method: row["start"] for method, row in network["methods"].items()}
            same = [starts[method]["condition_number_median"] for method in ("LeCun", "Xavier", "Kaiming")]
            assert same == pytest.approx([same[0]] * 3, rel=1e-6) and same[0] > 2
            for method, scale in (("orthogonal", 1.0), ("orthogonal·√2", math.sqrt(2))):
                assert starts[method]["spectral_norm"]["mean"] == pytest.approx(scale, rel=1e-9)
                assert starts[method]["entropy_rank_share"]["mean"] == pytest.approx(1, rel=1e-9)
