"""Depth and skips on small images: what still trains, and how rough the plane around it is, over seeds.

Li et al. 2018 (arXiv:1712.09913) show single pictures; here each network has several seeds and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from talweg import schedules
from talweg.book.landscapes.experiment.measures import (
    digits,
    directions,
    even,
    logarithms,
    objective,
    roughness,
    scores,
)
from talweg.data import Dataset
from talweg.experiments.comparison import interval, paired
from talweg.experiments.tasks import Config, Parts
from talweg.landscape import plane
from talweg.models import ResNet
from talweg.optimizers import SGD
from talweg.training import train

KINDS = {"skip": True, "plain": False}


def protocol_for(config: Config) -> dict[str, Any]:
    return {
        "depths": [8] if config.tiny else [8, 20, 32],
        "width": 4,
        "dtype": "float32",
        "batch_size": 64,
        "epochs": 1 if config.tiny else 12,
        "optimizer": "SGD",
        "hyperparameters": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
        "schedule": "one_cycle",
        "span": 1.0,
        "resolution": 5 if config.tiny else 15,
        "samples": 32 if config.tiny else 128,
        "batch_norm": "running",
    }


def experiment(config: Config, dataset: Dataset, parts: Parts, seeds: list[int]) -> dict[str, Any]:
    """Each depth with and without skips; then the paired differences plain - skip."""
    protocol = protocol_for(config)
    tasks = {
        (depth, kind, seed): f"depth {depth} {kind} {seed}"
        for depth in protocol["depths"]
        for kind in KINDS
        for seed in seeds
    }
    found = parts.each(
        {name: (outcome, dataset, key[0], KINDS[key[1]], key[2], protocol) for key, name in tasks.items()}
    )
    rows = [
        summary(depth, {kind: [found[tasks[depth, kind, seed]] for seed in seeds] for kind in KINDS})
        for depth in protocol["depths"]
    ]
    axis = even(protocol["span"], protocol["resolution"])
    return {"protocol": protocol, "seeds": seeds, "axis": digits(axis), "depths": rows}


def summary(depth: int, kinds: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What is recorded of one depth; the plane is that of the first seed."""
    names = [name for name in kinds["skip"][0] if name != "log10_loss"]
    row: dict[str, Any] = {"depth": depth}
    for kind, runs in kinds.items():
        row[kind] = {name: [run[name] for run in runs] for name in names}
        row[kind]["mean"] = {name: interval(row[kind][name]) for name in names}
        row[kind]["log10_loss"] = runs[0]["log10_loss"]
    row["difference"] = {name: paired(row["plain"][name], row["skip"][name]) for name in names}
    return row


def outcome(dataset: Dataset, depth: int, skip: bool, seed: int, protocol: Mapping[str, Any]) -> dict[str, Any]:
    """One network: what it learned, and its plane."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ResNet(depth, skip, in_channels=1, width=protocol["width"], classes=len(dataset.classes))
    steps = protocol["epochs"] * -(-len(dataset.x_train) // protocol["batch_size"])
    train(
        model, dataset, SGD(model.parameters(), **protocol["hyperparameters"]), epochs=protocol["epochs"],
        batch_size=protocol["batch_size"], seed=seed, record=(), schedule=schedules.one_cycle(steps),
    )  # fmt: skip
    model.eval()
    before = scores(model, dataset.x_train, dataset.y_train)
    test = scores(model, dataset.x_test, dataset.y_test)
    f = objective(model, dataset, protocol)
    d1, d2 = directions(model, 2, "filter")
    surface = plane(f, f.theta, d1, d2, protocol["span"], protocol["resolution"])
    learned = {"train_loss": before["loss"], "test_loss": test["loss"], "test_error": test["error"]}
    numbers = {**learned, **roughness(surface)}
    return {name: float(f"{v:.5g}") for name, v in numbers.items()} | {"log10_loss": logarithms(surface.z)}
