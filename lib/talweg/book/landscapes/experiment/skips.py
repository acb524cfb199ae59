"""Skip connections at scale: a narrow ResNet-20 with and without them, and the planes around what it reaches.

After Li et al. 2018 (arXiv:1712.09913), whose networks begin with 16 channels and more, and train for longer.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from talweg import schedules
from talweg.book.landscapes.experiment.measures import (
    digits,
    directions,
    even,
    logarithms,
    objective,
    roughness,
    scores,
    weight_norm,
)
from talweg.data import Dataset
from talweg.experiments.comparison import interval, paired
from talweg.experiments.tasks import Config, Parts
from talweg.landscape import plane, sharpness
from talweg.models import ResNet
from talweg.optimizers import SGD
from talweg.training import train

KINDS = {"skip": True, "plain": False}


def protocol_for(config: Config) -> dict[str, Any]:
    """What all networks share, in plain values."""
    return {
        "depth": 8 if config.tiny else 20,
        "width": 2 if config.tiny else 8,
        "dtype": "float32",
        "batch_size": 8 if config.tiny else 64,
        "epochs": 2 if config.tiny else 8,
        "cropped_epochs": 1 if config.tiny else 6,
        "optimizer": "SGD",
        "hyperparameters": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
        "schedule": "one_cycle",
        "span": 1.0,
        "resolution": 3 if config.tiny else 25,
        "samples": 8 if config.tiny else 256,
        "batch_norm": "running",
        "augmentation": "horizontal flips; 24×24 crops in the first epochs, whole images in the last",
    }


def experiment(config: Config, dataset: Dataset, parts: Parts, seeds: list[int]) -> dict[str, Any]:
    """Both kinds over the seeds; then the paired differences plain - skip."""
    protocol = protocol_for(config)
    dataset = standardized(dataset)
    networks = train_all(dataset, seeds, protocol, parts)
    looks = parts.each(
        {
            f"look {kind} {seed}": (look, dataset, KINDS[kind], networks[f"train {kind} {seed}"]["weights"], protocol)
            for seed in seeds
            for kind in KINDS
        }
    )
    kinds = {
        kind: summary([looks[f"look {kind} {seed}"] | curves(networks[f"train {kind} {seed}"]) for seed in seeds])
        for kind in KINDS
    }
    axis = even(protocol["span"], protocol["resolution"])
    difference = {name: paired(kinds["plain"][name], kinds["skip"][name]) for name in kinds["skip"]["mean"]}
    return {"protocol": protocol, "seeds": seeds, "axis": digits(axis), **kinds, "difference": difference}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What is recorded of one kind: lists over the seeds, and the intervals of what is a number."""
    row: dict[str, Any] = {name: [run[name] for run in runs] for name in runs[0]}
    row["mean"] = {name: interval(row[name]) for name in runs[0] if not isinstance(row[name][0], list)}
    return row


def curves(run: Mapping[str, Any]) -> dict[str, list]:
    """Of a training, by epochs: the mean loss of the batches; loss and error on validation, from before training."""
    return {f"{name}_curve": digits(torch.tensor(run[name])) for name in ("train_loss", "val_loss", "val_error")}


class Augmentation(nn.Module):
    """While training: half of the images mirrored; the first `batches` batches cropped to 24×24 at a random place.

    Crops cost half of what whole images cost, and the network takes any size. In eval mode images pass unchanged.
    """

    def __init__(self, batches: int, size: int = 24):
        super().__init__()
        self.batches, self.size, self.seen = batches, size, 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        self.seen += 1
        if self.seen <= self.batches:
            top, left = torch.randint(x.shape[2] - self.size + 1, (2,)).tolist()
            x = x[:, :, top : top + self.size, left : left + self.size]
        mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
        return torch.where(mirrored, x.flip(3), x).contiguous(memory_format=torch.channels_last)


def standardized(dataset: Dataset) -> Dataset:
    """Each channel with mean 0 and deviation 1 over the training images; channels last in memory, which is faster."""
    mean, deviation = (getattr(dataset.x_train, name)((0, 2, 3), keepdim=True) for name in ("mean", "std"))
    parts = {
        f"x_{part}": ((getattr(dataset, f"x_{part}") - mean) / deviation).to(memory_format=torch.channels_last)
        for part in ("train", "val", "test")
    }
    return dataclasses.replace(dataset, **parts)


def network(dataset: Dataset, skip: bool, protocol: Mapping[str, Any]) -> ResNet:
    """The network of a kind, as torch's global generator initializes it."""
    channels, classes = dataset.x_train.shape[1], len(dataset.classes)
    model = ResNet(protocol["depth"], skip, in_channels=channels, width=protocol["width"], classes=classes)
    # torch's stubs know `memory_format` by itself only
    return model.to(dataset.x_train.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def trained(dataset: Dataset, skip: bool, seed: int, protocol: Mapping[str, Any]) -> dict[str, Any]:
    """One network after training: its curves, and its weights as text."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = network(dataset, skip, protocol)
    optimizer = SGD(model.parameters(), **protocol["hyperparameters"])
    per_epoch = math.ceil(len(dataset.x_train) / protocol["batch_size"])
    run = train(
        nn.Sequential(Augmentation(protocol["cropped_epochs"] * per_epoch), model), dataset, optimizer, epochs=protocol["epochs"],
        batch_size=protocol["batch_size"], seed=seed, record=("loss", "val_loss", "val_accuracy"),
        schedule=schedules.one_cycle(protocol["epochs"] * per_epoch),
    )  # fmt: skip
    batches = run["loss"][:-1].double().view(protocol["epochs"], -1).mean(1)  # of each epoch
    return {
        "train_loss": batches.tolist(),
        "val_loss": run["val_loss"].tolist(),
        "val_error": (1 - run["val_accuracy"]).tolist(),
        "weights": packed(model),
    }


def packed(model: nn.Module) -> str:
    """Parameters and running statistics as text, for the file of finished parts."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return base64.b64encode(file.getvalue()).decode()


def unpacked(model: nn.Module, weights: str) -> nn.Module:
    """The model with what `packed` kept, in eval mode."""
    model.load_state_dict(torch.load(io.BytesIO(base64.b64decode(weights)), weights_only=True))
    return model.eval()


def train_all(dataset: Dataset, seeds: list[int], protocol: Mapping[str, Any], parts: Parts) -> dict[str, dict]:
    """The part "train KIND SEED" of each network; the kinds take turns, so that an interrupted run has both."""
    tasks = {
        f"train {kind} {seed}": (trained, dataset, skip, seed, protocol)
        for seed in seeds
        for kind, skip in KINDS.items()
    }
    return parts.each(tasks)


def look(dataset: Dataset, skip: bool, weights: str, protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Errors, norm and sharpness of a trained network, and the plane around it."""
    model = unpacked(network(dataset, skip, protocol), weights)
    f = objective(model, dataset, protocol)
    d1, d2 = directions(model, 2, "filter")
    surface = plane(f, f.theta, d1, d2, protocol["span"], protocol["resolution"])
    test = scores(model, dataset.x_test, dataset.y_test)
    numbers = {
        "test_error": test["error"],
        "test_loss": test["loss"],
        "train_loss": f(f.theta).item(),
        "weight_norm": weight_norm(model),
        "sharpness": sharpness(f, f.theta).item(),
        **roughness(surface),
    }
    return {name: float(f"{value:.5g}") for name, value in numbers.items()} | {"log10_loss": logarithms(surface.z)}
