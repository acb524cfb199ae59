"""What `train` and `train_seeds` share beside the loop: the order of the samples, checks of the arguments."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from talweg.arguments import positive_int
from talweg.data import Dataset
from talweg.plain import plain


def epoch_batches(
    n: int, epochs: int, batch_size: int | None, seeds: list[int], device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """For each epoch its batches: K×B indices, each of the K rows a permutation of its own seed, cut into pieces.

    The pieces are as few as can be and of equal size, give or take one sample. A short last batch would take a step
    as long as the others from a much noisier gradient: with 54,001 samples and B = 16, its single sample was seen to
    ruin one run in three.
    """
    size = batch_length(n, batch_size)
    # On the CPU, so that the order is the same on every device.
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(n, generator=generator) for generator in generators])
        yield orders.to(device).tensor_split(math.ceil(n / size), dim=1)


def batch_length(n: int, batch_size: int | None) -> int:
    """The number of samples in a batch, n for None; ValueError if there are not as many."""
    size = n if batch_size is None else positive_int("batch_size", batch_size)
    if size > n:
        raise ValueError(f"batch_size must be at most the number of training samples, {n}; got {batch_size}.")
    return size


def placed(dataset: Dataset, device: torch.device | str | None, model: nn.Module) -> Dataset:
    """The data on `device` (default: where they are); ValueError if the model cannot take them."""
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"dataset must be a talweg.data.Dataset; got {type(dataset).__name__}. Dataset(name, x_train, y_train, x_val, "
            "y_val, x_test, y_test, classes) makes one of tensors or NumPy arrays."
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(f"model must have parameters to train; {type(model).__name__} has none.")
    floating = dataset.x_train.is_floating_point()  # else tokens, say, which an embedding takes
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    if floating and first is not None and first.dtype != dataset.x_train.dtype:
        raise ValueError(
            f"model and dataset must have one dtype; the model has {first.dtype}, the data {dataset.x_train.dtype}. "
            "Use data.load(…, dtype=…) or model.to(dtype)."
        )
    return dataset if device is None else dataset.to(device)


def config(dataset: Dataset, model: nn.Module, optimizer: torch.optim.Optimizer, **settings) -> dict[str, Any]:
    """What a run says about itself, in plain values."""
    kinds = (bool, int, float, str)
    hyperparameters = {
        name: value
        for name, value in plain(optimizer.defaults).items()
        if isinstance(value, kinds) or (isinstance(value, tuple | list) and all(isinstance(v, kinds) for v in value))
    }
    names = {"dataset": dataset.name, "model": type(model).__name__, "optimizer": type(optimizer).__name__}
    return {**names, **hyperparameters, **settings}


def rng_devices(device: torch.device) -> list[torch.device]:
    """Accelerators whose generator training may use, for `torch.random.fork_rng`."""
    return [device] if device.type == "cuda" else []
