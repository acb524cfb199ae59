"""Small and large batches, with and without weight decay: which side of the line between them looks sharper?

An attempt at the observation of Li et al. 2018 (arXiv:1712.09913): on the line between the two solutions the
sharper side changes with weight decay, because the scale of the weights does. Both batch sizes begin from the same
weights (those of a seed), with the same step size, and see the data equally often. Two set-ups, since what one says the
other may deny: SETUPS["flip_before"] is the one that was tried before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from talweg import schedules
from talweg.book.landscapes.experiment.measures import (
    digits,
    directions,
    even,
    mean_line,
    rise,
    scores,
    weight_norm,
    width,
)
from talweg.data import Dataset
from talweg.experiments.comparison import excludes_zero, paired
from talweg.experiments.tasks import Config, Parts
from talweg.initializers import initialize
from talweg.landscape import line, sharpness
from talweg.models import MLP
from talweg.objective import Objective
from talweg.objective.network import NetworkObjective
from talweg.optimizers import SGD
from talweg.training import train_seeds

ENDS = ("small", "large")
TS = even(1.0, 41)  # of the lines in random directions
ALPHAS = 0.5 + TS  # of the line: 0 small batch, 1 large batch
RAW_LENGTH = 2.0  # Euclidean, of the raw random directions
FILTER_STEP = 0.5  # in units of filter-normalised directions, where their rise is read off
SETUPS = {
    "flip_before": {"initializer": "torch", "epochs": 80, "lr": 0.05},
    "flip": {"initializer": "kaiming_normal", "epochs": 40, "lr": 0.1},
}


def protocol_for(config: Config, setup: str) -> dict[str, Any]:
    chosen = SETUPS[setup]
    return {
        "sizes": [64, 32, 32, 10],
        "initializer": chosen["initializer"],
        "dtype": "float64",
        "batch_sizes": {"small": 16, "large": 250},
        "epochs": 1 if config.tiny else chosen["epochs"],
        "weight_decays": [0.0, 0.01],
        "optimizer": "SGD",
        "hyperparameters": {"lr": chosen["lr"], "momentum": 0.9},
        "schedule": "cosine",
        "directions": 2 if config.tiny else 10,
        "raw_length": RAW_LENGTH,
        "filter_step": FILTER_STEP,
    }


def experiment(config: Config, dataset: Dataset, parts: Parts, seeds: list[int], setup: str) -> dict[str, Any]:
    """Both batch sizes for each weight decay; then differences small - large, and how they change with decay."""
    protocol = protocol_for(config, setup)
    tasks = {
        f"{setup} decay={decay}": (outcomes, dataset, decay, protocol, seeds) for decay in protocol["weight_decays"]
    }
    rows = list(parts.each(tasks).values())
    names = rows[0]["small"]
    differences = [{name: paired(row["small"][name], row["large"][name]) for name in names} for row in rows]
    for row, difference in zip(rows, differences, strict=True):
        row["difference"] = difference
    without, with_decay = rows[0], rows[-1]
    return {
        "protocol": protocol,
        "seeds": seeds,
        "alphas": digits(ALPHAS),
        "ts": digits(TS),
        "decays": rows,
        "flips": {name: flip(without, with_decay, name) for name in names},
    }


def flip(without: Mapping[str, Any], with_decay: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Whether the sign of small - large changes with decay: both intervals exclude 0, on opposite sides."""
    first, second = (row["difference"][name] for row in (without, with_decay))
    separated = excludes_zero(first) and excludes_zero(second)
    change = paired(gaps(with_decay, name), gaps(without, name))
    return {"flips": bool(separated and first["mean"] * second["mean"] < 0), "change": change}


def gaps(row: Mapping[str, Any], name: str) -> list[float | None]:
    """small - large of each seed."""
    pairs = zip(row["small"][name], row["large"][name], strict=True)
    return [None if None in pair else pair[0] - pair[1] for pair in pairs]


def outcomes(dataset: Dataset, decay: float, protocol: Mapping[str, Any], seeds: list[int]) -> dict[str, Any]:
    """What is recorded of one weight decay: for each end a list over the seeds of each measure, and the lines."""
    ends = {end: solutions(dataset, size, decay, protocol, seeds) for end, size in protocol["batch_sizes"].items()}
    found = [pair_outcome(dataset, small, large, protocol) for small, large in zip(*ends.values(), strict=True)]
    result: dict[str, Any] = {"weight_decay": decay}
    for end in ENDS:
        result[end] = {name: [one[end][name] for one in found] for name in found[0][end]}
    return result | {
        "lines": {part: [one["lines"][part] for one in found] for part in ("train_loss", "test_loss")},
        "random_lines": {
            kind: {end: digits(torch.stack([one["random"][kind][end] for one in found]).mean(0)) for end in ENDS}
            for kind in ("raw", "filter")
        },
    }


def solutions(
    dataset: Dataset, batch_size: int, decay: float, protocol: Mapping[str, Any], seeds: list[int]
) -> list[MLP]:
    """One network for each seed, trained together."""
    models = [begun(seed, protocol, dataset.x_train.dtype) for seed in seeds]
    steps = protocol["epochs"] * math.ceil(len(dataset.x_train) / batch_size)
    train_seeds(
        models, dataset, SGD, epochs=protocol["epochs"], batch_size=batch_size, seeds=seeds, record=(),
        schedule=schedules.cosine(steps), weight_decay=decay, **protocol["hyperparameters"],
    )  # fmt: skip
    return models


def begun(seed: int, protocol: Mapping[str, Any], dtype: torch.dtype) -> MLP:
    """A network before training; "torch": as PyTorch draws it."""
    torch.manual_seed(seed)
    model = MLP(protocol["sizes"], dtype=dtype)
    if protocol["initializer"] != "torch":
        initialize(model, protocol["initializer"], torch.Generator().manual_seed(seed))
    return model


def pair_outcome(dataset: Dataset, small: MLP, large: MLP, protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Measures at both ends, the line between them, and the mean lines in random directions, for one seed."""
    objectives = {
        end: Objective.of(model, F.cross_entropy, dataset.x_train, dataset.y_train)
        for end, model in zip(ENDS, (small, large), strict=True)
    }
    a, b = (objectives[end].theta for end in ENDS)
    test = Objective.of(small, F.cross_entropy, dataset.x_test, dataset.y_test)
    result: dict[str, Any] = {
        "lines": {
            "train_loss": digits(line(objectives["small"], a, b, ALPHAS)),
            "test_loss": digits(line(test, a, b, ALPHAS)),
        },
        "random": {"raw": {}, "filter": {}},
    }
    for end, model, outward in (("small", small, a - b), ("large", large, b - a)):
        f = objectives[end]
        spread = {kind: randoms(model, kind, protocol["directions"]) for kind in ("raw", "filter")}
        result[end] = measures(dataset, model, f, outward, spread)
        for kind, d in spread.items():
            result["random"][kind][end] = mean_line(f, f.theta, d, TS)
    return result


def randoms(model: MLP, kind: str, count: int) -> Tensor:
    """Filter-normalised directions, or raw ones, all of one Euclidean length."""
    if kind == "filter":
        return directions(model, count, "filter")
    d = directions(model, count, "none")
    return RAW_LENGTH * d / d.norm(dim=1, keepdim=True)


def measures(
    dataset: Dataset, model: MLP, f: NetworkObjective, outward: Tensor, spread: Mapping[str, Tensor]
) -> dict[str, float | None]:
    """Of one solution. outward: from the other solution to this one, the unit of `line_width`."""
    train, test = (scores(model, getattr(dataset, f"x_{p}"), getattr(dataset, f"y_{p}")) for p in ("train", "test"))
    values = {
        "weight_norm": weight_norm(model),
        "train_loss": train["loss"],
        "test_loss": test["loss"],
        "test_error": test["error"],
        "line_width": width(f, f.theta, outward),
        "raw_rise": rise(f, f.theta, spread["raw"], 1.0),
        "filter_rise": rise(f, f.theta, spread["filter"], FILTER_STEP),
        "sharpness": sharpness(f, f.theta).item(),
    }
    return {name: None if value is None else float(f"{value:.5g}") for name, value in values.items()}
