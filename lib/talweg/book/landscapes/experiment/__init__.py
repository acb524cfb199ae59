"""Chapter "landscapes": what decides how a slice looks.

On digits "flip" (batch size and weight decay; "flip_before" the same in another set-up) and "depth" (networks with and
without skips, over seeds); on cifar10-jpeg "skips" (a ResNet-20 of width 8 with and without skips, at scale).
"""

from __future__ import annotations

from typing import Any

import torch

from talweg.arguments import one_of
from talweg.book.landscapes.experiment import depth, flip, skips
from talweg.data import Dataset
from talweg.experiments.tasks import Config, Parts

__all__ = ["experiment"]

DATASETS = ("digits", "cifar10-jpeg")


def experiment(config: Config, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """Its parts depend on the data set. ValueError: another one than digits or cifar10-jpeg."""
    name = one_of("dataset", config.dataset.casefold(), DATASETS)
    seeds = list(range(config.seeds))
    if name == "cifar10-jpeg":
        return skips.experiment(config, dataset.to(dtype=torch.float32), parts, seeds)
    return {
        **{name: flip.experiment(config, dataset.to(dtype=torch.float64), parts, seeds, name) for name in flip.SETUPS},
        "depth": depth.experiment(config, dataset.to(dtype=torch.float32), parts, seeds),
    }
