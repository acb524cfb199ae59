"""Filling the weights of a ResNet-50 with each method that `torch.nn.init` has too, side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from talweg import initializers

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # width of the 3×3 convolutions, bottleneck blocks

Fill = Callable[[Tensor, torch.Generator], Tensor]
TASKS: dict[str, tuple[Fill, Fill]] = {
    "xavier_normal": (
        lambda w, g: initializers.xavier_normal_(w, generator=g),
        lambda w, g: nn.init.xavier_normal_(w, generator=g),
    ),
    "xavier_uniform": (
        lambda w, g: initializers.xavier_uniform_(w, generator=g),
        lambda w, g: nn.init.xavier_uniform_(w, generator=g),
    ),
    "kaiming_normal": (
        lambda w, g: initializers.kaiming_normal_(w, generator=g),
        lambda w, g: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=g),
    ),
    "kaiming_uniform": (
        lambda w, g: initializers.kaiming_uniform_(w, generator=g),
        lambda w, g: nn.init.kaiming_uniform_(w, nonlinearity="relu", generator=g),
    ),
    "truncated_normal": (
        lambda w, g: initializers.truncated_normal_(w, generator=g),
        lambda w, g: nn.init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04, generator=g),
    ),
    "orthogonal": (
        lambda w, g: initializers.orthogonal_(w, generator=g),
        lambda w, g: nn.init.orthogonal_(w, generator=g),
    ),
}


def resnet50_shapes() -> list[tuple[int, ...]]:
    """The 54 weights of ResNet-50 (He et al. 2016, table 1): 25.5 million numbers."""
    shapes, inputs = [(64, 3, 7, 7)], 64
    for width, blocks in STAGES:
        outputs = 4 * width
        shapes.append((outputs, inputs, 1, 1))  # the projection shortcut
        for _ in range(blocks):
            shapes += [(width, inputs, 1, 1), (width, width, 3, 3), (outputs, width, 1, 1)]
            inputs = outputs
    return [*shapes, (1000, 2048)]


def records(runs: int = 7, device: str = "cpu", tasks: tuple[str, ...] = tuple(TASKS)) -> list[dict]:
    """One record per method, in the schema of benchmarks/results.json. Runs of ours and the peer's alternate."""
    tensors = [torch.empty(shape, device=device) for shape in resnet50_shapes()]
    return [_record(name, *TASKS[name], tensors, runs, device) for name in tasks]


def _record(name: str, ours: Fill, peer: Fill, tensors: list[Tensor], runs: int, device: str) -> dict:
    ours_s, peer_s, agreement = [], [], 0.0
    _timed(ours, tensors, device), _timed(peer, tensors, device)
    for run in range(runs):
        order = [(peer, peer_s), (ours, ours_s)]
        for fill, seconds in order if run % 2 else order[::-1]:
            seconds.append(_timed(fill, tensors, device))
    for tensor in tensors:
        mine, theirs = (fill(tensor, _generator(device)).clone() for fill in (ours, peer))
        agreement = max(agreement, ((mine - theirs).abs().max() / theirs.abs().max()).item())
    ratios = [p / o for p, o in zip(peer_s, ours_s, strict=True)]
    return {
        "task": f"initialize ResNet-50's weights: {name}",
        "peer": "torch.nn.init",
        "peer_version": torch.__version__.split("+")[0],
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ours_s": statistics.median(ours_s),
        "peer_s": statistics.median(peer_s),
        "runs": runs,
        "threads": torch.get_num_threads(),
        "device": device,
        "agreement": agreement,
    }


def _timed(fill: Fill, tensors: list[Tensor], device: str) -> float:
    generator = _generator(device)
    start = time.perf_counter()
    for tensor in tensors:
        fill(tensor, generator)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _generator(device: str) -> torch.Generator:
    return torch.Generator(device).manual_seed(0)
