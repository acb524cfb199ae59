"""Time of one optimizer step beside torch (foreach, fused), pytorch_optimizer and timm, in interleaved runs.

`records()` returns the list that `make bench` writes; `python -m benchmarks.optimizers` prints a table.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from talweg import optimizers
from talweg.data.vision import torchvision_datasets

DIGITS = [(32, 64), (32,), (10, 32), (10,)]
MLP = [(512, 784), (512,), (64, 512), (64,), (10, 64), (10,)]


def resnet18() -> list[tuple[int, ...]]:
    """Shapes of a ResNet-18 with ten classes: 11.2 M numbers in 62 tensors."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    fan = 64
    for width in (64, 128, 256, 512):
        for _ in range(2):
            shapes += [(width, fan, 3, 3), (width,), (width,), (width, width, 3, 3), (width,), (width,)]
            if fan != width:
                shapes += [(width, fan, 1, 1), (width,), (width,)]
            fan = width
    return [*shapes, (10, 512), (10,)]


# name → shapes, steps in one timing, timings in a run
SETS = {"digits MLP 2.4 k": (DIGITS, 40, 4), "MLP 0.44 M": (MLP, 4, 4), "ResNet-18 11.2 M": (resnet18(), 1, 1)}

FUSED = {"SGD", "Adagrad", "Adam", "AdamW", "AMSGrad"}
ADAM = dict(lr=1e-3, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01)

# our name → (our hyperparameters, [(library, name there, hyperparameters there)])
TORCH = {
    "SGD": dict(lr=0.01, momentum=0.9, weight_decay=0.01),
    "Adagrad": dict(lr=0.01),
    "RMSprop": dict(lr=1e-3, alpha=0.9),
    "Adam": ADAM,
    "AMSGrad": ADAM,
    "AdamW": ADAM,
    "NAdam": ADAM,
    "RAdam": ADAM,
}
OTHERS: list[tuple[str, dict[str, Any], str, str, dict[str, Any]]] = [
    ("Lion", dict(lr=1e-4, weight_decay=0.1), "pytorch_optimizer", "Lion", {}),
    ("AdaBelief", ADAM, "pytorch_optimizer", "AdaBelief", dict(rectify=False)),
    ("LAMB", ADAM, "timm.optim", "Lamb", dict(max_grad_norm=None)),  # pytorch_optimizer's corrects m alone for bias
    ("LARS", dict(lr=0.1, weight_decay=0.01), "pytorch_optimizer", "LARS", {}),
    ("ScheduleFreeSGD", dict(lr=0.1), "pytorch_optimizer", "ScheduleFreeSGD", {}),
    ("ScheduleFreeAdamW", dict(lr=1e-3), "pytorch_optimizer", "ScheduleFreeAdamW", {}),
    ("Adafactor", dict(lr=1e-2, relative_step=False), "pytorch_optimizer", "AdaFactor", dict(betas=(None, 0.999))),
]
MATRICES_ONLY = {"LARS"}  # pytorch_optimizer leaves vectors out of the layer-wise rate


def parameters(shapes: list[tuple[int, ...]], device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    theta = [torch.randn(shape, generator=generator).mul_(0.005).to(device).requires_grad_() for shape in shapes]
    for p in theta:
        g = torch.randn(p.shape, generator=generator)
        p.grad = (0.1 * g + 0.01 * g.sign()).to(device)  # away from zero, where libraries place eps differently
    return theta


def contender(make: Callable, shapes: list[tuple[int, ...]], device: str) -> tuple[torch.optim.Optimizer, list[Tensor]]:
    theta = parameters(shapes, device)
    optimizer = make(theta)
    if hasattr(optimizer, "train"):
        optimizer.train()
    return optimizer, theta


def agreement(makes: list[Callable], shapes: list[tuple[int, ...]], device: str, steps: int = 5) -> float:
    """Largest difference between both updates after some steps, relative to the larger of parameter and update."""
    ends = []
    for make in makes:
        optimizer, theta = contender(make, shapes, device)
        gradients = [p.grad.clone() for p in theta]
        for t in range(1, steps + 1):
            for p, g in zip(theta, gradients, strict=True):
                p.grad = g * (-1) ** t / t
            optimizer.step()
        ends.append(torch.cat([p.detach().flatten() for p in theta]))
    return ((ends[0] - ends[1]).abs().max() / ends[1].abs().max()).item()


def compare(
    task: str, ours: Callable, peers: dict[str, tuple[str, Callable]], shapes: list, steps: int, runs: int, device: str
) -> Iterator[dict[str, Any]]:
    """One record for each peer; all contenders take turns."""
    makes = {"": ours, **{peer: make for peer, (_, make) in peers.items()}}
    stepping = {peer: contender(make, shapes, device)[0].step for peer, make in makes.items()}
    seconds: dict[str, list[float]] = {peer: [] for peer in makes}
    # One thread's own time leaves out what other programs do meanwhile; on an idle machine it is the clock's.
    clock = time.thread_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    gc.disable()
    for run in range(-2, runs):  # two to warm up
        for peer, step in stepping.items():
            start = clock()
            for _ in range(steps):
                step()
            if device == "cuda":
                torch.cuda.synchronize()
            if run >= 0:
                seconds[peer].append((clock() - start) / steps)
    gc.enable()
    for peer, (version, make) in peers.items():
        ratios = [theirs / own for own, theirs in zip(seconds[""], seconds[peer], strict=True)]
        yield {
            "task": task,
            "peer": peer,
            "peer_version": version,
            "ratio": statistics.median(seconds[peer]) / statistics.median(seconds[""]),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
            "ours_s": statistics.median(seconds[""]),
            "peer_s": statistics.median(seconds[peer]),
            "runs": runs,
            "threads": torch.get_num_threads(),
            "device": device,
            "agreement": agreement([ours, make], shapes, device),
        }


def torch_peers(name: str, h: dict[str, Any]) -> dict[str, tuple[str, Callable]]:
    kind, extra = (torch.optim.Adam, dict(amsgrad=True)) if name == "AMSGrad" else (getattr(torch.optim, name), {})
    peers = {"torch foreach": (torch.__version__, lambda p: kind(p, foreach=True, **extra, **h))}
    if name in FUSED:
        peers["torch fused"] = (torch.__version__, lambda p: kind(p, fused=True, **extra, **h))
    return peers


def tasks(name: str) -> Iterator[tuple[str, Callable, dict[str, tuple[str, Callable]]]]:
    """(method, ours, peers) for one of the sets of parameters."""
    for method, h in TORCH.items():
        kind = getattr(optimizers, method)
        yield method, lambda p, kind=kind, h=h: kind(p, **h), torch_peers(method, h)
    if "ResNet" not in name:  # on convolutions torch's Adafactor is another factoring
        h = dict(lr=1e-2, weight_decay=0.0)
        peers = {
            "torch": (torch.__version__, lambda p: torch.optim.Adafactor(p, **h)),
            "torch foreach": (torch.__version__, lambda p: torch.optim.Adafactor(p, foreach=True, **h)),
        }
        yield "Adafactor", lambda p: optimizers.Adafactor(p, **h), peers
    for method, h, library, other, extra in OTHERS:
        try:
            there = getattr(importlib.import_module(library), other)
        except ImportError:
            print(f"left out: {library} is not installed", flush=True)
            continue
        if method == "Adafactor" and "ResNet" in name:
            continue
        here, version = getattr(optimizers, method), importlib.metadata.version(library.split(".")[0])
        peers = {
            library: (version, lambda p, k=there, h=h, e=extra: k(p, **h, **e)),
            f"{library} foreach": (version, lambda p, k=there, h=h, e=extra: k(p, foreach=True, **h, **e)),
        }
        yield method, lambda p, k=here, h=h: k(p, **h), peers


def records(runs: int = 7, device: str = "cpu", threads: int = 1, only: str = "") -> list[dict[str, Any]]:
    """Measure every method on every set; `only` keeps the tasks whose name contains it."""
    torchvision_datasets()  # which makes torchvision, and so timm, importable beside a CPU build of torch
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    found = []
    for name, (shapes, steps, timings) in SETS.items():
        for method, ours, peers in tasks(name):
            task = f"optimizer step: {method}, {name}"
            if only in task:
                some = [shape for shape in shapes if len(shape) > 1] if method in MATRICES_ONLY else shapes
                found += compare(task, ours, peers, some, steps, runs * timings, device)
    torch.set_num_threads(before)
    return found


def main() -> None:
    import sys

    for r in records(only=sys.argv[1] if len(sys.argv) > 1 else ""):
        print(
            f"{r['task']:52} {r['peer']:26} {r['ratio']:6.2f} ({r['ratio_min']:.2f}-{r['ratio_max']:.2f})  "
            f"{r['ours_s'] * 1e3:8.3f} ms {r['peer_s'] * 1e3:8.3f} ms  {r['agreement']:.1e}"
        )


if __name__ == "__main__":
    main()
