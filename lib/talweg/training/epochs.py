"""What `train` and `train_seeds` share: the order of the samples, evaluation, checks of the arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from talweg.arguments import positive_int
from talweg.data import Dataset
from talweg.training.recorder import Recorder

EVALUATED_AT_ONCE = 2000  # samples


def epoch_batches(
    n: int, epochs: int, batch_size: int | None, seeds: list[int], device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """For each epoch its batches: K×B indices, each of the K rows a permutation of its own seed, cut into pieces.

    The pieces are as few as can be and of equal size, give or take one sample. A short last batch would take a step
    as long as the others from a much noisier gradient: with 54,001 samples and B = 16, its single sample was seen to
    ruin one run in three.
    """
    size = n if batch_size is None else positive_int("batch_size", batch_size)
    if size > n:
        raise ValueError(f"batch_size must be at most the number of training samples, {n}; got {batch_size}.")
    # On the CPU, so that the order is the same on every device.
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(n, generator=generator) for generator in generators])
        yield orders.to(device).tensor_split(math.ceil(n / size), dim=1)


@torch.no_grad()
def evaluate(recorder: Recorder, dataset: Dataset, forward: Callable[[Tensor], Tensor], loss: Callable) -> None:
    """Note loss and accuracy on the sets that `recorder` wants. forward: B×… → K×B×classes."""
    for part in ("val", "train"):
        if not {f"{part}_loss", f"{part}_accuracy"} & recorder.names:
            continue
        x, y = getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
        total = right = 0
        for x_some, y_some in zip(x.split(EVALUATED_AT_ONCE), y.split(EVALUATED_AT_ONCE), strict=True):
            outputs = forward(x_some)
            total += torch.stack([loss(one, y_some) for one in outputs]) * len(y_some)
            if f"{part}_accuracy" in recorder.names:
                right += (outputs.argmax(-1) == y_some).sum(1)
        recorder.add(f"{part}_loss", total / len(y))
        recorder.add(f"{part}_accuracy", torch.as_tensor(right) / len(y))


def placed(dataset: Dataset, device: torch.device | str | None, model: nn.Module) -> Dataset:
    """The data on `device` (default: where they are); ValueError if the model cannot take them."""
    first = next(model.parameters(), None)
    if first is None or not any(p.requires_grad for p in model.parameters()):
        raise ValueError(f"model must have parameters to train; {type(model).__name__} has none.")
    if first.dtype != dataset.x_train.dtype:
        raise ValueError(
            f"model and dataset must have one dtype; the model has {first.dtype}, the data {dataset.x_train.dtype}. "
            "Use data.load(…, dtype=…) or model.to(dtype)."
        )
    return dataset if device is None else dataset.to(device)


def config(dataset: Dataset, model: nn.Module, optimizer: torch.optim.Optimizer, **settings) -> dict[str, Any]:
    """What a run says about itself, in plain values."""
    plain = (bool, int, float, str)
    hyperparameters = {
        name: value
        for name, value in optimizer.defaults.items()
        if isinstance(value, plain) or (isinstance(value, tuple | list) and all(isinstance(v, plain) for v in value))
    }
    names = {"dataset": dataset.name, "model": type(model).__name__, "optimizer": type(optimizer).__name__}
    return {**names, **hyperparameters, **settings}


def rng_devices(device: torch.device) -> list[torch.device]:
    """Accelerators whose generator training may use, for `torch.random.fork_rng`."""
    return [device] if device.type == "cuda" else []
