"""Chapter "optimizers": five methods on one network, each with a tuned step size, compared over fresh seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..data import Dataset
from ..errors import one_of
from ..models import MLP
from ..optimizers import SGD, Adam, AdamW, RMSprop, Rule
from ..run import Run
from .comparison import TUNING_SEEDS, Search, error_rate, excludes_zero, interval, paired, train_mlps, tune
from .parts import Config, Parts

__all__ = ["METHODS", "experiment", "pairs", "rerun"]

QUANTITIES = ("test_error", "test_loss")
THRESHOLD = 0.1  # of the training loss, averaged over the latest batches


class Method(NamedTuple):
    """An optimizer, what of its hyperparameters is not at its default, and where its search begins (2^middle)."""

    optimizer: type[Rule]
    hyperparameters: dict[str, Any]
    middle: int


METHODS = {
    "SGD": Method(SGD, {}, -1),
    "Momentum": Method(SGD, {"momentum": 0.9}, -4),
    "RMSprop": Method(RMSprop, {}, -8),
    "Adam": Method(Adam, {}, -7),
    "AdamW": Method(AdamW, {}, -7),
}


def experiment(config: Config, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """Each method: step size by validation error over the tuning seeds; then errors and losses of fresh seeds on test."""
    protocol = protocol_for(config, dataset)
    dataset = dataset.to(dtype=getattr(torch, protocol["dtype"]))
    searches = {
        name: Search(
            method.middle,
            task=lambda lr, name=name: (outcomes, dataset, "val", name, lr, protocol, list(TUNING_SEEDS)),
            score=lambda runs: math.inf if None in runs else mean([run["error"] for run in runs]),
        )
        for name, method in METHODS.items()
    }
    tuned = tune(searches, parts)
    rates = {name: search.best(tuned[name]) for name, search in searches.items()}
    seeds = list(range(config.seeds))
    tests = {f"test {name}": (outcomes, dataset, "test", name, lr, protocol, seeds) for name, lr in rates.items()}
    fresh = dict(zip(rates, parts.each(tests).values(), strict=True))
    methods = {name: summary(name, rates[name], tuned[name], fresh[name], seeds) for name in METHODS}
    return {
        "protocol": protocol,
        "methods": methods,
        "pairs": pairs(
            {name: {"test_error": row["test_errors"], "test_loss": row["test_losses"]} for name, row in methods.items()}
        ),
    }


def protocol_for(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What all methods share, in plain values."""
    inputs, n = dataset.x_train[0].numel(), len(dataset.x_train)
    small = n <= 10_000
    batch_size, hidden = (32, [32]) if small else (128, [128, 64])
    steps = math.ceil(n / batch_size)
    return {
        "sizes": [inputs, *hidden, len(dataset.classes)],
        "dtype": "float64" if small else "float32",
        "batch_size": batch_size,
        "epochs": 1 if config.tiny else 20 if small else 8,
        "steps_per_epoch": steps,
        "chosen_by": "validation error",
        "tuning_seeds": list(TUNING_SEEDS),
        "threshold": {"train_loss": THRESHOLD, "mean_of_batches": min(steps, 100)},
    }


def outcomes(
    dataset: Dataset, part: str, name: str, lr: float, protocol: Mapping[str, Any], seeds: list[int]
) -> list[dict[str, Any] | None]:
    """For each seed: error and loss on `part` ("val", "test") after training, its curves; None: it diverged."""
    method = METHODS[name]
    models, runs = train_mlps(
        dataset, protocol["sizes"], method.optimizer, seeds, epochs=protocol["epochs"],
        batch_size=protocol["batch_size"], record=("loss", "val_loss"), lr=lr, **method.hyperparameters,
    )  # fmt: skip
    x, y = getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
    return [
        None if model is None else _outcome(model, run, x, y, protocol) for model, run in zip(models, runs, strict=True)
    ]


@torch.no_grad()
def _outcome(model: MLP, run: Run, x: Tensor, y: Tensor, protocol: Mapping[str, Any]) -> dict[str, Any]:
    batches = run["loss"][:-1].double()  # the last value is that of the last batch once more
    return {
        "error": error_rate(model, x, y),
        "loss": F.cross_entropy(model(x), y).item(),
        "val_loss": run["val_loss"].tolist(),
        "train_loss": batches.view(protocol["epochs"], -1).mean(1).tolist(),
        "steps": steps_to(batches, protocol["threshold"]["train_loss"], protocol["threshold"]["mean_of_batches"]),
    }


def steps_to(losses: Tensor, threshold: float, window: int) -> int | None:
    """Steps until the mean loss of the latest `window` batches is at most `threshold`; None: never."""
    reached = (losses.unfold(0, window, 1).mean(1) <= threshold).nonzero()
    return int(reached[0]) + window if len(reached) else None


def summary(
    name: str, lr: float, tuned: Mapping[float, list], fresh: list[dict[str, Any] | None], seeds: list[int]
) -> dict[str, Any]:
    """What is recorded of one method. Runs that diverged are counted, and None in the lists."""
    method = METHODS[name]
    finished = [run for run in fresh if run is not None]
    errors, losses, steps = ([None if run is None else run[key] for run in fresh] for key in ("error", "loss", "steps"))
    hyperparameters = {**method.optimizer.defaults, **method.hyperparameters}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in hyperparameters.items()}
    return {
        "optimizer": method.optimizer.__name__,
        "hyperparameters": {key: value for key, value in plain.items() if key != "lr"},
        "tried": [_tried(rate, runs) for rate, runs in tuned.items()],
        "lr": lr,
        "seeds": seeds,
        "diverged": len(fresh) - len(finished),
        "test_errors": errors,
        "test_losses": losses,
        "test_error": interval([run["error"] for run in finished]),
        "test_loss": interval([run["loss"] for run in finished]),
        "steps_to_threshold": steps,
        "train_loss": mean_curve([run["train_loss"] for run in finished]),
        "val_loss": mean_curve([run["val_loss"] for run in finished]),
    }


def _tried(lr: float, runs: list[dict[str, Any] | None]) -> dict[str, Any]:
    """One step size of the search: validation error and loss over the tuning seeds, None if one of them diverged."""
    diverged = runs.count(None)
    error, loss = (None if diverged else mean([run[key] for run in runs]) for key in ("error", "loss"))
    return {"lr": lr, "error": error, "loss": loss, "diverged": diverged}


def pairs(results: Mapping[str, Mapping[str, Iterable[float | None]]]) -> list[dict[str, Any]]:
    """For each pair of methods the mean differences of test error and loss, first - second, over the same seeds.

    results: method → "test_error", "test_loss", a value for each seed (None or NaN: diverged), as `rerun` gives them.
    Each interval alone has 95 %; those of "simultaneous" hold for all pairs together with at least 95 % (Bonferroni).
    "separated": the latter excludes 0.
    """
    couples = list(itertools.combinations(results, 2))
    return [
        {"methods": [a, b]} | {key: _difference(results[a][key], results[b][key], len(couples)) for key in QUANTITIES}
        for a, b in couples
    ]


def _difference(first: Iterable[float | None], second: Iterable[float | None], comparisons: int) -> dict[str, Any]:
    first, second = ([None if v is None or math.isnan(v) else float(v) for v in values] for values in (first, second))
    simultaneous = paired(first, second, 1 - 0.05 / comparisons)
    return {**paired(first, second), "simultaneous": simultaneous, "separated": excludes_zero(simultaneous)}


def rerun(
    record: Mapping[str, Any], dataset: Dataset, seeds: Iterable[int], methods: Iterable[str] | None = None
) -> dict[str, dict[str, Tensor]]:
    """Train the methods of a record again, with its step sizes: method → tensors by name, one row for each seed.

    record: the data of a recorded result. methods: default: all. "test_error", "test_loss" (S), "train_loss"
    (S×epochs, the mean over the batches of an epoch), "val_loss" (S×(epochs + 1), from before training); float64, NaN
    where a run diverged. ValueError: a data set of another shape, a method that is not in the record.
    """
    protocol = record["protocol"]
    shape = [dataset.x_train[0].numel(), len(dataset.classes)]
    if shape != [protocol["sizes"][0], protocol["sizes"][-1]]:
        raise ValueError(
            f"dataset must have the record's {protocol['sizes'][0]} inputs and {protocol['sizes'][-1]} classes; "
            f"{dataset.name} has {shape[0]} and {shape[1]}."
        )
    dataset = dataset.to(dtype=getattr(torch, protocol["dtype"]))
    chosen = [
        one_of("methods", name, record["methods"]) for name in (record["methods"] if methods is None else methods)
    ]
    seeds = list(seeds)
    found = {}
    for name in chosen:
        runs = outcomes(dataset, "test", name, record["methods"][name]["lr"], protocol, seeds)
        sources = {"test_error": "error", "test_loss": "loss", "train_loss": "train_loss", "val_loss": "val_loss"}
        found[name] = {
            key: _rows([None if run is None else run[source] for run in runs]) for key, source in sources.items()
        }
    return found


def _rows(values: list[Any]) -> Tensor:
    """The values of each seed, stacked; NaN in place of None."""
    known = [torch.as_tensor(value, dtype=torch.float64) for value in values if value is not None]
    missing = torch.full_like(known[0], math.nan) if known else torch.tensor(math.nan, dtype=torch.float64)
    return torch.stack([missing if v is None else torch.as_tensor(v, dtype=torch.float64) for v in values])


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def mean_curve(curves: list[list[float]]) -> list[float]:
    """Mean over the seeds at each point, to 5 significant digits."""
    return [float(f"{mean(list(values)):.5g}") for values in zip(*curves, strict=True)]
