"""Chapter "initialization": the sources' table of initializers redone, on a shallow ReLU network and, if data are few, a deep one."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Generator

from talweg.data import Dataset
from talweg.experiments.comparison import (
    TUNING_SEEDS,
    Search,
    interval,
    mean,
    measured,
    outcome,
    pairs_of,
    train_mlps,
    tried,
    tune,
    validation_error,
)
from talweg.experiments.tasks import Config, Parts
from talweg.initializers import diagnostics, initialize, weight_layers
from talweg.models import MLP
from talweg.optimizers import SGD

__all__ = ["METHODS", "experiment", "start"]

DEPTH = 16  # hidden layers of the deep network
THRESHOLD = 0.2  # of the training loss, averaged over the latest batches
LEARNED = 0.85  # of ten classes a guess misses 0.9: a mean validation error above this is no learning


class Method(NamedTuple):
    """An initializer with its options, and where the search of the step size begins (2^middle) for each network."""

    initializer: str
    options: dict[str, Any]
    middle: dict[str, int]


METHODS = {
    "LeCun": Method("lecun_normal", {}, {"shallow": -2, "deep": -4}),
    "Xavier": Method("xavier_normal", {}, {"shallow": -2, "deep": -4}),
    "Kaiming": Method("kaiming_normal", {}, {"shallow": -2, "deep": -6}),
    "orthogonal": Method("orthogonal", {}, {"shallow": -2, "deep": -4}),
    "orthogonal·√2": Method("orthogonal", {"gain": "relu"}, {"shallow": -2, "deep": -6}),
    "orthogonal·√(2/n)": Method("scaled_orthogonal", {}, {"shallow": -1, "deep": -1}),
    "α = 0.81": Method("fixed_variance", {}, {"shallow": -7, "deep": -40}),
}


def experiment(config: Config, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """Each network with each initializer: step size tuned on validation, then fresh seeds on test; the weights' spectra.

    A pair of methods is compared within its network, over the same seeds. The runner-up of each search is tested too:
    it shows how much of a difference between two methods the choice of their step sizes makes.
    """
    protocol = protocol_for(config, dataset)
    dataset = dataset.to(dtype=getattr(torch, protocol["dtype"]))
    seeds = list(range(config.seeds))
    cases = list(itertools.product(protocol["networks"], METHODS))
    searches = {
        f"{network} {name}": Search(
            METHODS[name].middle[network],
            task=lambda lr, case=(network, name): (outcomes, dataset, "val", *case, lr, protocol, list(TUNING_SEEDS)),
            score=validation_error,
            in_vain=LEARNED,
        )
        for network, name in cases
    }
    tuned = tune(searches, parts)
    rates = {key: search.ranked(tuned[key])[:2] for key, search in searches.items()}
    tasks = {
        f"{kind} {network} {name}": (outcomes, dataset, "test", network, name, lr, protocol, seeds)
        for network, name in cases
        for kind, lr in zip(("test", "runner-up"), rates[f"{network} {name}"], strict=True)
    }
    fresh = parts.each(tasks)
    networks = {}
    for network, sizes in protocol["networks"].items():
        rows = {}
        for name, method in METHODS.items():
            key = f"{network} {name}"
            lr, second = rates[key]
            rows[name] = {
                "initializer": method.initializer,
                "options": method.options,
                "tried": tried(tuned[key]),
                "learned": searches[key].finds(tuned[key]),
                "lr": lr,
                **measured(fresh[f"test {key}"], seeds),
                "runner_up": {"lr": second, **tested(fresh[f"runner-up {key}"], seeds)},
                "start": at_the_start(dataset, name, sizes, seeds),
            }
        networks[network] = {"sizes": sizes, "methods": rows, "pairs": pairs_of(rows)}
    return {"protocol": protocol, "networks": networks}


def tested(fresh: list[dict[str, Any] | None], seeds: list[int]) -> dict[str, Any]:
    """Of `measured` the errors and losses on test."""
    keys = ("diverged", "test_errors", "test_losses", "test_error", "test_loss")
    return {key: value for key, value in measured(fresh, seeds).items() if key in keys}


def protocol_for(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What all methods share, in plain values."""
    inputs, classes, n = dataset.x_train[0].numel(), len(dataset.classes), len(dataset.x_train)
    small = n <= 10_000
    batch_size, hidden = 32 if small else 128, [64, 32]
    steps = math.ceil(n / batch_size)
    networks = {"shallow": [inputs, *hidden, classes]}
    if small:
        networks["deep"] = [inputs, *[64] * (4 if config.tiny else DEPTH), classes]
    return {
        "networks": networks,
        "activation": "relu",
        "optimizer": "SGD",
        "dtype": "float64" if small else "float32",
        "batch_size": batch_size,
        "epochs": 1 if config.tiny else 20 if small else 3,
        "steps_per_epoch": steps,
        "chosen_by": "validation error",
        "tuning_seeds": list(TUNING_SEEDS),
        "learned_below": LEARNED,
        "threshold": {"train_loss": THRESHOLD, "mean_of_batches": min(steps, 100)},
    }


def start(name: str, model: MLP, seed: int) -> MLP:
    """The model initialized by the method of that name in `METHODS`; the same seed, the same normal numbers."""
    method = METHODS[name]
    initialize(model, method.initializer, Generator().manual_seed(seed), **method.options)
    return model


def outcomes(
    dataset: Dataset, part: str, network: str, name: str, lr: float, protocol: Mapping[str, Any], seeds: list[int]
) -> list[dict[str, Any] | None]:
    """For each seed: error and loss on `part` ("val", "test") after training, its curves; None: it diverged."""
    models, runs = train_mlps(
        dataset, protocol["networks"][network], SGD, seeds, start=lambda model, seed: start(name, model, seed),
        epochs=protocol["epochs"], batch_size=protocol["batch_size"], record=("loss", "val_loss"), lr=lr,
    )  # fmt: skip
    x, y = getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
    return [outcome(model, run, x, y, protocol) for model, run in zip(models, runs, strict=True)]


def at_the_start(dataset: Dataset, name: str, sizes: list[int], seeds: list[int]) -> dict[str, Any]:
    """The weights and the signal before training, over the seeds.

    Of the weight matrices: condition number (median over seeds and layers; interval of a network's mean log₁₀),
    spectral norm, and the two effective ranks as shares of the full rank (interval of a network's mean over layers).
    Of the signal: the second moment of each layer's output on the first 256 training images (geometric mean).
    """
    kappas, logs, norms, nuclear, entropy, moments = ([] for _ in range(6))
    for seed in seeds:
        model = start(name, MLP(tuple(sizes), dtype=torch.float64), seed)
        weights = [layer.get_parameter("weight") for _, layer in weight_layers(model)]
        own = [diagnostics.condition_number(w) for w in weights]
        kappas += own
        logs.append(mean([math.log10(kappa) for kappa in own]))
        norms.append(mean([diagnostics.spectral_norm(w) for w in weights]))
        nuclear.append(mean([diagnostics.nuclear_to_spectral_ratio(w) / min(w.shape) for w in weights]))
        entropy.append(mean([diagnostics.entropy_effective_rank(w) / min(w.shape) for w in weights]))
        signals = diagnostics.signals(model, dataset.x_train[:256].cpu().double())
        moments.append([math.log10(signal.output.second_moment) for signal in signals])
    return {
        "condition_number_median": statistics.median(kappas),
        "log10_condition_number": interval(logs),
        "spectral_norm": interval(norms),
        "nuclear_to_spectral_share": interval(nuclear),
        "entropy_rank_share": interval(entropy),
        "log10_second_moment": [mean(list(values)) for values in zip(*moments, strict=True)],
    }
