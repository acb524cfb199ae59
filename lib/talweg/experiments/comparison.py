"""A fair comparison: step sizes tuned on validation with seeds of their own, fresh seeds, intervals, paired differences.

Choi et al. 2019 (arXiv:1910.05446) and Schmidt, Schneider & Hennig 2021 (arXiv:2007.01547): how a comparison of
optimizers comes out depends on how their step sizes were chosen, so each of them gets the same search.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.experiments.tasks import Parts
from talweg.models import MLP
from talweg.run import Run
from talweg.training import NonFiniteLoss, train_seeds
from talweg.uncertainty import t_interval

Network = TypeVar("Network", bound=Module)

TUNING_SEEDS = range(1000, 1003)  # never among those that are reported
FIRST_TRIES = 7
MOST_TRIES = 30
VAIN_TRIES = 15  # where no step size learns anything
QUANTITIES = ("test_error", "test_loss")


@dataclass(frozen=True)
class Search:
    """A step size to be tuned: the grid's `middle` is an exponent of 2.

    task: step size → (function, *arguments), whose result `score` turns into a number, the smaller the better
    (∞: diverged). in_vain: a score that is no better than guessing, with which no step size has been found.
    """

    middle: int
    task: Callable[[float], tuple]
    score: Callable[[Any], float]
    in_vain: float = math.inf

    def best(self, results: Mapping[float, Any]) -> float:
        """The step size of the least score; of equal ones the smallest."""
        return self.ranked(results)[0]

    def ranked(self, results: Mapping[float, Any]) -> list[float]:
        """All step sizes by their scores, the least first."""
        return sorted(results, key=lambda lr: (self.score(results[lr]), lr))

    def finds(self, results: Mapping[float, Any]) -> bool:
        """Whether some step size does better than `in_vain`."""
        return self.score(results[self.best(results)]) < self.in_vain


def tune(searches: Mapping[str, Search], parts: Parts) -> dict[str, dict[float, Any]]:
    """Name → {step size: result of its task}, ascending; the best one is not at the edge.

    Seven powers of two around 2^middle; while the best is the smallest or the largest, one more beyond it. Where none
    does better than `in_vain`, one more on both sides, up to fifteen: then the best may be anywhere.
    ArithmeticError: there is no best one inside, however wide the grid.
    """
    half = FIRST_TRIES // 2
    grids = {name: range(search.middle - half, search.middle + half + 1) for name, search in searches.items()}
    while True:
        keys = {(name, k): f"tune {name} lr=2^{k}" for name, grid in grids.items() for k in grid}
        found = parts.each({key: searches[name].task(2.0**k) for (name, k), key in keys.items()})
        results = {name: {2.0**k: found[keys[name, k]] for k in grid} for name, grid in grids.items()}
        wider = {name: _wider(name, grid, searches[name], results[name]) for name, grid in grids.items()}
        if wider == grids:
            return results
        grids = wider


def _wider(name: str, grid: range, search: Search, results: Mapping[float, Any]) -> range:
    """The grid, with one more exponent beyond the best step size if that is the first or the last."""
    if not search.finds(results):
        return range(grid.start - 1, grid.stop + 1) if len(grid) < VAIN_TRIES else grid
    best = search.best(results)
    if len(grid) >= MOST_TRIES:
        raise ArithmeticError(f"{name}: the best of {len(grid)} step sizes is still at the edge, {best:g}.")
    k = round(math.log2(best))
    return range(grid.start - (k == grid[0]), grid.stop + (k == grid[-1]))


def train_mlps(
    dataset: Dataset,
    sizes: Iterable[int],
    Optimizer: Callable,
    seeds: Iterable[int],
    start: Callable[[MLP, int], object] | None = None,
    **settings,
) -> tuple[list[MLP | None], list[Run | None]]:
    """`train_all` with an MLP for each seed. start(model, seed): initializes it; default: as PyTorch does."""

    def make(seed: int) -> MLP:
        model = MLP(tuple(sizes), dtype=dataset.x_train.dtype)
        if start is not None:
            start(model, seed)
        return model

    return train_all(make, dataset, Optimizer, seeds, **settings)


def train_all(
    make: Callable[[int], Network], dataset: Dataset, Optimizer: Callable, seeds: Iterable[int], **settings
) -> tuple[list[Network | None], list[Run | None]]:
    """A network for each seed, trained together with `train_seeds(…, **settings)`; None for one that diverged.

    make(seed): the network before training; torch's generator holds that seed. Where some diverge, the others are
    trained again without them.
    """
    seeds = list(seeds)
    models: dict[int, Network] = {}
    runs: dict[int, Run] = {}
    alive = seeds
    while alive:
        with torch.random.fork_rng():
            models = {}
            for seed in alive:
                torch.manual_seed(seed)
                models[seed] = make(seed)
        try:
            found = train_seeds(list(models.values()), dataset, Optimizer, seeds=alive, **settings)
            runs = dict(zip(alive, found, strict=True))
            break
        except NonFiniteLoss as error:
            alive = [seed for seed in alive if seed not in error.seeds]
            models = {}
    return [models.get(seed) for seed in seeds], [runs.get(seed) for seed in seeds]


@torch.no_grad()
def error_rate(model: Module, x: Tensor, y: Tensor) -> float:
    """Share of wrong answers."""
    return (model(x).argmax(1) != y).double().mean().item()


def interval(values: list[float], level: float = 0.95) -> dict[str, float | None]:
    """Mean and Student's t interval of independent values; without an interval for a single one."""
    n = len(values)
    if n < 2:
        return {"mean": values[0] if n else None, "low": None, "high": None, "n": n, "level": level}
    mean, half = (number.item() for number in t_interval(torch.tensor(values, dtype=torch.float64), level))
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n, "level": level}


def paired(first: list[float | None], second: list[float | None], level: float = 0.95) -> dict[str, float | None]:
    """Interval for the mean of first - second over the seeds that both have; None stands for a run that diverged."""
    pairs = zip(first, second, strict=True)
    return interval([a - b for a, b in pairs if a is not None and b is not None], level)


def excludes_zero(found: Mapping[str, float | None]) -> bool:
    """Whether an interval lies on one side of 0."""
    low, high = found["low"], found["high"]
    return low is not None and high is not None and (low > 0 or high < 0)


@torch.no_grad()
def outcome(model: MLP | None, run: Run | None, x: Tensor, y: Tensor, protocol: Mapping[str, Any]) -> dict | None:
    """Error and loss on (x, y) after training, the curves, and the steps to the protocol's threshold; None: diverged."""
    if model is None or run is None:
        return None
    batches = run["loss"][:-1].double()  # the last value is that of the last batch once more
    return {
        "error": error_rate(model, x, y),
        "loss": F.cross_entropy(model(x), y).item(),
        "val_loss": run["val_loss"].tolist(),
        "train_loss": batches.view(protocol["epochs"], -1).mean(1).tolist(),
        "steps": steps_to(batches, protocol["threshold"]["train_loss"], protocol["threshold"]["mean_of_batches"]),
    }


def steps_to(losses: Tensor, threshold: float, window: int) -> int | None:
    """Steps until the mean loss of the latest `window` batches is at most `threshold`; None: never."""
    reached = (losses.unfold(0, window, 1).mean(1) <= threshold).nonzero()
    return int(reached[0]) + window if len(reached) else None


def validation_error(runs: list[dict[str, Any] | None]) -> float:
    """The score of a step size: the mean error over the tuning seeds, infinite if one of them diverged."""
    finished = [run for run in runs if run is not None]
    return mean([run["error"] for run in finished]) if len(finished) == len(runs) else math.inf


def tried(tuned: Mapping[float, list[dict[str, Any] | None]]) -> list[dict[str, Any]]:
    """The step sizes of a search: validation error and loss over the tuning seeds, None if one of them diverged."""
    rows = []
    for lr, runs in tuned.items():
        finished = [run for run in runs if run is not None]
        diverged = len(runs) - len(finished)
        error, loss = (None if diverged else mean([run[key] for run in finished]) for key in ("error", "loss"))
        rows.append({"lr": lr, "error": error, "loss": loss, "diverged": diverged})
    return rows


def measured(fresh: list[dict[str, Any] | None], seeds: list[int]) -> dict[str, Any]:
    """What is recorded of the fresh runs. Those that diverged are counted, and None in the lists."""
    finished = [run for run in fresh if run is not None]
    errors, losses, steps = ([None if run is None else run[key] for run in fresh] for key in ("error", "loss", "steps"))
    return {
        "seeds": seeds,
        "diverged": len(fresh) - len(finished),
        "test_errors": errors,
        "test_losses": losses,
        "test_error": interval([run["error"] for run in finished]),
        "test_loss": interval([run["loss"] for run in finished]),
        "steps_to_threshold": steps,
        "train_loss": mean_curve([run["train_loss"] for run in finished]),
        "val_loss": mean_curve([run["val_loss"] for run in finished]),
    }


def pairs_of(methods: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`pairs` of the rows that `measured` gives."""
    return pairs(
        {name: {"test_error": row["test_errors"], "test_loss": row["test_losses"]} for name, row in methods.items()}
    )


def pairs(results: Mapping[str, Mapping[str, Iterable[float | None]]]) -> list[dict[str, Any]]:
    """For each pair of methods the mean differences of test error and loss, first - second, over the same seeds.

    results: method → "test_error", "test_loss", a value for each seed (None or NaN: diverged), as `rerun` gives them.
    Each interval alone has 95 %; those of "simultaneous" hold for all pairs together with at least 95 % (Bonferroni).
    "separated": the latter excludes 0.
    """
    couples = list(itertools.combinations(results, 2))
    return [
        {"methods": [a, b]} | {key: _difference(results[a][key], results[b][key], len(couples)) for key in QUANTITIES}
        for a, b in couples
    ]


def _difference(first: Iterable[float | None], second: Iterable[float | None], comparisons: int) -> dict[str, Any]:
    first, second = ([None if v is None or math.isnan(v) else float(v) for v in values] for values in (first, second))
    simultaneous = paired(first, second, 1 - 0.05 / comparisons)
    return {**paired(first, second), "simultaneous": simultaneous, "separated": excludes_zero(simultaneous)}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def mean_curve(curves: list[list[float]]) -> list[float]:
    """Mean over the seeds at each point, to 5 significant digits."""
    return [float(f"{mean(list(values)):.5g}") for values in zip(*curves, strict=True)]
