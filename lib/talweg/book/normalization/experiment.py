"""Chapter "normalization": a deep ReLU network from a good and from two bad starts, without and with normalization."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from talweg.data import Dataset
from talweg.experiments.comparison import (
    MOST_TRIES,
    TUNING_SEEDS,
    Search,
    error_rate,
    measured,
    pairs_of,
    steps_to,
    train_all,
    tried,
    tune,
    validation_error,
)
from talweg.experiments.tasks import Config, Parts
from talweg.initializers import initialize
from talweg.models import MLP
from talweg.optimizers import SGD
from talweg.run import Run

__all__ = ["NORMS", "STARTS", "experiment", "network", "predictor", "step_views"]

DEPTH, WIDTH = 8, 64  # of the hidden layers
THRESHOLD = 0.2  # of the training loss, averaged over the latest batches
WINDOW = 16  # batches over which a training loss is averaged
WORKS = 0.1  # a step size works if the mean validation error is at most this
LEARNED = 0.85  # of ten classes a guess misses 0.9: a mean validation error above this is no learning

STARTS = {"good": 1.0, "small": 0.1, "large": 10.0}  # Kaiming's hidden weights times this
NORMS = {"none": None, "BatchNorm": "batch", "LayerNorm": "layer", "RMSNorm": "rms"}
MIDDLE = {  # where the searches of the step size begin, 2^middle
    "good": {"none": -4, "BatchNorm": -1, "LayerNorm": -4, "RMSNorm": -4},
    "small": {"none": -4, "BatchNorm": -7, "LayerNorm": -10, "RMSNorm": -10},
    "large": {"none": -26, "BatchNorm": 1, "LayerNorm": -2, "RMSNorm": -1},
}


def experiment(config: Config, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """Each start with each norm: step size tuned on validation, the range that works, then fresh seeds on test.

    A norm is compared with the others from the same start, and a start with the others under the same norm, each over
    the same seeds.
    """
    protocol = protocol_for(config, dataset)
    dataset = dataset.to(dtype=getattr(torch, protocol["dtype"]))
    cases = list(itertools.product(STARTS, NORMS))
    searches = {
        f"{start} {norm}": Search(
            MIDDLE[start][norm],
            task=lambda lr, case=(start, norm): (outcomes, dataset, "val", *case, lr, protocol, list(TUNING_SEEDS)),
            score=validation_error,
            in_vain=LEARNED,
        )
        for start, norm in cases
    }
    tuned = to_the_edges(searches, tune(searches, parts), parts)
    rates = {name: search.best(tuned[name]) for name, search in searches.items()}
    seeds = list(range(config.seeds))
    tests = {
        f"test {start} {norm}": (outcomes, dataset, "test", start, norm, rates[f"{start} {norm}"], protocol, seeds)
        for start, norm in cases
    }
    fresh = parts.each(tests)
    rows: dict[str, dict[str, Any]] = {start: {} for start in STARTS}
    for start, norm in cases:
        name = f"{start} {norm}"
        rows[start][norm] = {
            "tried": tried(tuned[name]),
            "learned": searches[name].finds(tuned[name]),
            "works": working(tuned[name]),
            "lr": rates[name],
            **measured(fresh[f"test {name}"], seeds),
        }
        del rows[start][norm]["val_loss"]
    return {
        "protocol": protocol,
        "starts": {
            start: {"factor": STARTS[start], "norms": own, "pairs": pairs_of(own)} for start, own in rows.items()
        },
        "across": {norm: pairs_of({start: rows[start][norm] for start in STARTS}) for norm in NORMS},
    }


def protocol_for(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What all cases share, in plain values."""
    n = len(dataset.x_train)
    small = n <= 10_000
    batch_size = 64 if small else 256
    steps = math.ceil(n / batch_size)
    hidden = [WIDTH] * (3 if config.tiny else DEPTH)
    return {
        "sizes": [dataset.x_train[0].numel(), *hidden, len(dataset.classes)],
        "activation": "relu",
        "initializer": "kaiming_normal, the hidden weights times the factor",
        "norm": "before each activation; BatchNorm predicts with the statistics of the whole training set",
        "optimizer": "SGD",
        "dtype": "float64" if small else "float32",
        "batch_size": batch_size,
        "epochs": 2 if config.tiny else 12 if small else 1,
        "steps_per_epoch": steps,
        "chosen_by": "validation error",
        "tuning_seeds": list(TUNING_SEEDS),
        "learned_below": LEARNED,
        "works_up_to": WORKS,
        "threshold": {"train_loss": THRESHOLD, "mean_of_batches": WINDOW},
    }


def network(
    sizes: list[int], norm: str, factor: float, seed: int, dtype: torch.dtype = torch.float64, *, tracked: bool = True
) -> MLP:
    """An MLP with Kaiming's start, its hidden weights multiplied by `factor`; the same seed, the same normal numbers.

    norm: a name of `NORMS`. tracked=False: BatchNorm without running statistics, so that seeds train together.
    """
    model = MLP(sizes, norm=NORMS[norm], dtype=dtype)
    initialize(model, "kaiming_normal", Generator().manual_seed(seed))
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer in dense[:-1]:
            layer.weight.mul_(factor)
    for i, layer in enumerate(model):
        if isinstance(layer, nn.BatchNorm1d) and not tracked:
            model[i] = nn.BatchNorm1d(layer.num_features, track_running_stats=False, dtype=dtype)
    return model


def outcomes(
    dataset: Dataset, part: str, start: str, norm: str, lr: float, protocol: Mapping[str, Any], seeds: list[int]
) -> list[dict[str, Any] | None]:
    """For each seed: error and loss on `part` ("val", "test") after training, the training loss; None: it diverged."""
    sizes, dtype = protocol["sizes"], dataset.x_train.dtype
    models, runs = train_all(
        lambda seed: network(sizes, norm, STARTS[start], seed, dtype, tracked=False), dataset, SGD, seeds,
        epochs=protocol["epochs"], batch_size=protocol["batch_size"], record=("loss",), lr=lr,
    )  # fmt: skip
    x, y = getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
    found = []
    for model, run in zip(models, runs, strict=True):
        if model is None or run is None:
            found.append(None)
            continue
        assert isinstance(model, MLP)  # as `network` makes them
        found.append(_outcome(predictor(model, norm, dataset.x_train), run, x, y, protocol))
    return found


def predictor(model: MLP, norm: str, x: Tensor) -> MLP:
    """The network as it predicts: BatchNorm with its statistics over all of x, layer by layer, once the weights rest."""
    if norm != "BatchNorm":
        return model
    tracked = MLP(model.sizes, norm="batch", dtype=x.dtype).to(x.device)
    tracked.load_state_dict(model.state_dict(), strict=False)
    update_bn([x], tracked)
    return tracked.eval()


@torch.no_grad()
def _outcome(model: MLP, run: Run, x: Tensor, y: Tensor, protocol: Mapping[str, Any]) -> dict[str, Any] | None:
    batches = run["loss"][:-1].double()  # the last value is that of the last batch once more
    threshold = protocol["threshold"]
    loss = F.cross_entropy(model(x), y).item()
    if not math.isfinite(loss):
        return None
    return {
        "error": error_rate(model, x, y),
        "loss": loss,
        "val_loss": [],  # during training BatchNorm has no statistics to predict with
        "train_loss": batches.unfold(0, WINDOW, WINDOW).mean(1).tolist(),
        "steps": steps_to(batches, threshold["train_loss"], threshold["mean_of_batches"]),
    }


def step_views(model: nn.Module, x: Tensor, y: Tensor, lr: float, weight: Tensor, longer: float = 4.0) -> Tensor:
    """What a step of gradient descent does to the gradient: two numbers, after Santurkar et al. 2018 (arXiv:1805.11604).

    Cosine of the gradient of `weight`, one of the model's parameters, before and after the parameters ahead of it have
    taken their step (1: no internal covariate shift); and ‖g(θ − longer·lr·g) − g‖/‖g‖ for the whole gradient g (0:
    the gradient says what comes). All on the batch (x, y); the model is left as it was.
    """
    parameters = list(model.parameters())
    ahead = [p is weight for p in parameters].index(True)
    before = [p.detach().clone() for p in parameters]

    def gradient() -> tuple[Tensor, ...]:
        return torch.autograd.grad(F.cross_entropy(model(x), y), parameters)

    def moved(count: int, length: float) -> tuple[Tensor, ...]:
        with torch.no_grad():
            for p, g in zip(parameters[:count], old, strict=False):
                p -= length * g
        new = gradient()
        with torch.no_grad():
            for p, kept in zip(parameters, before, strict=True):
                p.copy_(kept)
        return new

    old = gradient()
    shifted = F.cosine_similarity(moved(ahead, lr)[ahead].flatten(), old[ahead].flatten(), dim=0)
    far, here = (torch.cat([g.flatten() for g in group]) for group in (moved(len(old), longer * lr), old))
    return torch.stack([shifted, (far - here).norm() / here.norm()])


def to_the_edges(
    searches: Mapping[str, Search], tuned: Mapping[str, Mapping[float, Any]], parts: Parts
) -> dict[str, dict[float, Any]]:
    """The searches, continued on both sides until the step sizes at the edges no longer work."""
    tuned = {name: dict(results) for name, results in tuned.items()}
    while True:
        keys = {}
        for name, results in tuned.items():
            ends = {min(results): 0.5, max(results): 2.0}
            for lr, ratio in ends.items():
                if validation_error(results[lr]) <= WORKS and len(results) < MOST_TRIES:
                    keys[name, lr * ratio] = f"tune {name} lr=2^{round(math.log2(lr * ratio))}"
        if not keys:
            return {name: dict(sorted(results.items())) for name, results in tuned.items()}
        found = parts.each({key: searches[name].task(lr) for (name, lr), key in keys.items()})
        for (name, lr), key in keys.items():
            tuned[name][lr] = found[key]


def working(tuned: Mapping[float, list[dict[str, Any] | None]]) -> dict[str, Any]:
    """The step sizes that work: how many of the powers of two, the least and the greatest."""
    good = [lr for lr, runs in tuned.items() if validation_error(runs) <= WORKS]
    return {"count": len(good), "low": min(good, default=None), "high": max(good, default=None)}
