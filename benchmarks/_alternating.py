"""Ours and a peer's in turn, with their ratio and their agreement."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talweg import data, models
from talweg.data import DataError

SIZES = (784, 512, 64, 10)


def record(
    task: str,
    peer: tuple[str, str],
    ours: Callable[[], Tensor],
    theirs: Callable[[], Tensor],
    runs: int,
    device: str,
    pointwise: bool = False,
) -> dict[str, Any]:
    """One record of results.json. ours, theirs: return what is compared.

    pointwise: each value's difference relative to itself, where both have one; else relative to the largest value.

    On one thread of a CPU, the thread's own time is taken, which leaves out what other programs do meanwhile.
    """
    clock = time.thread_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    seconds: tuple[list[float], list[float]] = ([], [])
    results: list[Tensor] = [torch.empty(0)] * 2
    gc.disable()
    for run in range(-1, runs):  # one to warm up
        for which in (0, 1) if run % 2 else (1, 0):
            start = clock()
            results[which] = (ours, theirs)[which]()
            if device == "cuda":
                torch.cuda.synchronize()
            if run >= 0:
                seconds[which].append(clock() - start)
    gc.enable()
    mine, other = (torch.as_tensor(result).double().cpu() for result in results)
    ratios = [p / o for o, p in zip(*seconds, strict=True)]
    return {
        "task": task,
        "peer": peer[0],
        "peer_version": peer[1],
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ours_s": statistics.median(seconds[0]),
        "peer_s": statistics.median(seconds[1]),
        "runs": runs,
        "threads": torch.get_num_threads(),
        "device": device,
        "agreement": _difference(mine, other, pointwise),
    }


def _difference(ours: Tensor, theirs: Tensor, pointwise: bool) -> float:
    both = theirs.isfinite()
    size = theirs[both].abs() if pointwise else theirs[both].abs().max()
    return ((ours - theirs)[both].abs() / size).max().item()


def mnist(n: int, device: str) -> tuple[Tensor, Tensor] | None:
    """The first n training images of MNIST and their labels; None, with a line that says so, where it is not there."""
    try:
        dataset = data.load("MNIST", device=device, dtype=torch.float32)
    except DataError as error:
        print(f"left out: {error}", flush=True)
        return None
    return dataset.x_train[:n], dataset.y_train[:n]


def trained(model: nn.Module, x: Tensor, y: Tensor, steps: int = 40) -> nn.Module:
    """After some steps of Adam on all samples: near a minimum, as the networks are whose surfaces one draws."""
    model = model.to(x.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


def mlp(x: Tensor, y: Tensor) -> nn.Module:
    """MLP 784-512-64-10."""
    torch.manual_seed(0)
    return trained(models.MLP(SIZES), x, y)
