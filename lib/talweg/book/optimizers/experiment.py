"""Chapter "optimizers": five methods on one network, each with a tuned step size, compared over fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from talweg.arguments import one_of
from talweg.data import Dataset
from talweg.experiments.comparison import (
    TUNING_SEEDS,
    Search,
    measured,
    outcome,
    pairs,
    pairs_of,
    train_mlps,
    tried,
    tune,
    validation_error,
)
from talweg.experiments.tasks import Config, Parts
from talweg.optimizers import SGD, Adam, AdamW, RMSprop, Rule

__all__ = ["METHODS", "experiment", "pairs", "rerun"]

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
            score=validation_error,
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
        "pairs": pairs_of(methods),
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
    return [outcome(model, run, x, y, protocol) for model, run in zip(models, runs, strict=True)]


def summary(
    name: str, lr: float, tuned: Mapping[float, list], fresh: list[dict[str, Any] | None], seeds: list[int]
) -> dict[str, Any]:
    """What is recorded of one method."""
    method = METHODS[name]
    hyperparameters = {**method.optimizer.defaults, **method.hyperparameters}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in hyperparameters.items()}
    return {
        "optimizer": method.optimizer.__name__,
        "hyperparameters": {key: value for key, value in plain.items() if key != "lr"},
        "tried": tried(tuned),
        "lr": lr,
        **measured(fresh, seeds),
    }


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
