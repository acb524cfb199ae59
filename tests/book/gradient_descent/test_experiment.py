"""Experiments: the code behind the recorded results, run small, interrupted and resumed."""

import json
import math

import pytest
import torch

from talweg import data, experiments, recorded
from talweg.book.gradient_descent import experiment as gradient_descent
from talweg.book.gradient_descent.experiment import (
    NormalEquations,
    divergence_threshold,
    gradient_variance,
    least_squares,
    regression,
)
from talweg.experiments import Config, Parts
from talweg.experiments.__main__ import main

pytestmark = pytest.mark.slow  # left out of `make check`


@pytest.fixture(scope="module")
def tiny():
    return experiments.run("gradient-descent", Config(seeds=3, tiny=True))


def shape_of(value):
    """Keys and kinds of a result, whatever its numbers and the lengths of its lists."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape_of(value[0])]
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def test_a_tiny_run_has_the_shape_of_the_recorded_ones(tiny):
    for name in ("gradient-descent-digits", "gradient-descent-mnist"):
        assert shape_of(recorded.load(name).data) == shape_of(tiny)


def all_results(tiny):
    names = ("gradient-descent-digits", "gradient-descent-mnist")
    return [tiny, *(recorded.load(name).data for name in names)]


def test_gradient_descent_diverges_beyond_two_over_the_largest_eigenvalue(tiny):
    for result in all_results(tiny):
        for row in result["least_squares"].values():
            assert math.isclose(row["threshold"], 2 / row["lambda_max"], rel_tol=1e-3)
            assert math.isclose(row["condition_number"], row["lambda_max"] / row["lambda_min_nonzero"], rel_tol=1e-9)
        raw, standardised = result["least_squares"]["raw"], result["least_squares"]["standardised"]
        assert standardised["condition_number"] < raw["condition_number"]


def test_variance_follows_both_formulas(tiny):
    for result in all_results(tiny):
        table = result["variance"]
        n = table["samples"]
        for row in table["rows"]:
            for kind, factor in (("with", 1), ("without", (n - row["B"]) / (n - 1))):
                assert math.isclose(row[kind]["predicted"], table["sigma_squared"] / row["B"] * factor)
                assert abs(row[kind]["measured"] - row[kind]["predicted"]) <= 4 * row[kind]["standard_error"]


def test_variance_without_replacement_is_not_that_with_it():
    """Fails if both columns are drawn the same way."""
    table = gradient_variance(data.load(device="cpu"), (512,), draws=400)
    (row,) = table["rows"]
    assert row["without"]["measured"] < 0.6 * row["with"]["measured"]


def test_step_sizes_were_tuned_away_from_the_edge(tiny):
    for result in all_results(tiny):
        for row in result["batch_size"]:
            tried = {entry["lr"]: entry["error"] for entry in row["validation_errors"]}
            assert len(tried) >= 7 and row["lr"] not in (min(tried), max(tried))
            assert tried[row["lr"]] == min(error for error in tried.values() if error is not None)
            assert len(row["test_errors"]) == row["test_error"]["n"]
    assert all(row["test_error"]["n"] >= 10 for row in recorded.load("gradient-descent-mnist").data["batch_size"])


def test_curvature_is_that_of_the_loss():
    """Eigenvalues of the Hessian that autograd finds of (1/2n)‖Xθ - y‖²."""
    digits = data.load(device="cpu")
    row = least_squares(digits, standardise=True, steps=50)
    x, y = regression(digits.x_train, digits.y_train, standardise=True)
    assert set(y.tolist()) == {-1.0, 1.0} and (y > 0).sum() == (digits.y_train == 8).sum()
    loss = lambda theta: (x @ theta - y).square().mean() / 2  # noqa: E731
    hessian = torch.autograd.functional.hessian(loss, torch.zeros(x.shape[1], dtype=x.dtype))
    values = torch.linalg.eigvalsh(hessian)
    assert math.isclose(row["lambda_max"], values[-1].item(), rel_tol=1e-9)
    assert math.isclose(row["lambda_min_nonzero"], values[0].item(), rel_tol=1e-6)
    theta = torch.randn(x.shape[1], dtype=x.dtype)
    assert math.isclose(NormalEquations(x, y)(theta).item(), loss(theta).item(), rel_tol=1e-9)


def test_threshold_is_searched_not_assumed():
    """With a wrong λ the bisection still finds the true one; far off, it says so."""
    f = NormalEquations(torch.diag(torch.tensor([2.0, 1.0], dtype=torch.float64)), torch.ones(2, dtype=torch.float64))
    true = 2 / 2.0
    assert math.isclose(divergence_threshold(f, largest=1.5, steps=200), true, rel_tol=1e-3)
    with pytest.raises(ArithmeticError):
        divergence_threshold(f, largest=20.0, steps=200)


# parts


def square(x, log):
    with open(log, "a") as file:
        file.write(f"{x} ")
    if x < 0:
        raise KeyboardInterrupt
    return x * x


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, jobs):
    path, log = tmp_path / "out.json.partial.json", str(tmp_path / "log")
    with pytest.raises(KeyboardInterrupt):
        Parts(path, {"a": 1}).each({str(x): (square, x, log) for x in (1, 2, -3, 4)})
    assert json.loads(path.read_text())["done"] == {"1": 1, "2": 4}
    parts = Parts(path, {"a": 1}, jobs=jobs)
    assert parts.each({str(x): (square, x, log) for x in (1, 2, 3, 4)}) == {"1": 1, "2": 4, "3": 9, "4": 16}
    assert sorted((tmp_path / "log").read_text().split()) == ["-3", "1", "2", "3", "4"]
    parts.discard()
    assert not path.exists()


def test_parts_of_another_experiment_are_refused(tmp_path):
    path = tmp_path / "p.json"
    Parts(path, {"data": "one"}).one("x", square, 2, str(tmp_path / "log"))
    with pytest.raises(ValueError, match="p.json.*another experiment"):
        Parts(path, {"data": "two"})
    path.write_text("{")
    with pytest.raises(ValueError, match="p.json.*damaged"):
        Parts(path, {"data": "one"})


# command line


def test_command_line_writes_numbers_and_provenance(tmp_path, monkeypatch, capsys):
    calls = []

    def experiment(config, dataset, parts):
        calls.append(config)
        return {"x": parts.one("x", square, 3, str(tmp_path / "log"))}

    monkeypatch.setitem(experiments.EXPERIMENTS, "gradient-descent", experiment)
    out = tmp_path / "r.json"
    assert main(["gradient-descent", "--seeds", "4", "--out", str(out), "--device", "cpu"]) == 0
    content = json.loads(out.read_text())
    assert content["data"] == {"x": 9} and calls == [Config("digits", 4, "cpu")]
    source = content["provenance"]
    assert source["command"] == "python -m talweg.experiments gradient-descent --dataset digits --seeds 4 --device cpu"
    assert source["seeds"] == [0, 1, 2, 3] and source["data_sha256"] == data.load(device="cpu").sha256()
    assert not list(tmp_path.glob("*.partial.json"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["gradient-decent"], "Did you mean 'gradient-descent'"),
        (["gradient-descent", "--dataset", "mnits"], "Did you mean 'MNIST'"),
        (["gradient-descent", "--seeds", "0"], "seeds must be at least 1"),
        (["gradient-descent", "--device", "abacus"], "device must be one that torch can use"),
    ],
)
def test_command_line_names_what_is_wrong(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_registry_holds_the_experiments_of_the_chapters():
    assert experiments.EXPERIMENTS["gradient-descent"] is gradient_descent.experiment
