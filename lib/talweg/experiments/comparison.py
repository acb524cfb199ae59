"""A fair comparison: step sizes tuned on validation with seeds of their own, fresh seeds, intervals, paired differences.

Choi et al. 2019 (arXiv:1910.05446) and Schmidt, Schneider & Hennig 2021 (arXiv:2007.01547): how a comparison of
optimizers comes out depends on how their step sizes were chosen, so each of them gets the same search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data import Dataset
from ..models import MLP
from ..run import Run
from ..training import NonFiniteLoss, train_seeds
from ..uncertainty import t_interval
from .parts import Parts

TUNING_SEEDS = range(1000, 1003)  # never among those that are reported
FIRST_TRIES = 7
MOST_TRIES = 30


@dataclass(frozen=True)
class Search:
    """A step size to be tuned: the grid's `middle` is an exponent of 2.

    task: step size → (function, *arguments), whose result `score` turns into a number, the smaller the better
    (∞: diverged).
    """

    middle: int
    task: Callable[[float], tuple]
    score: Callable[[Any], float]

    def best(self, results: Mapping[float, Any]) -> float:
        """The step size of the least score; of equal ones the smallest."""
        return min(results, key=lambda lr: (self.score(results[lr]), lr))


def tune(searches: Mapping[str, Search], parts: Parts) -> dict[str, dict[float, Any]]:
    """Name → {step size: result of its task}, ascending; the best one is not at the edge.

    Seven powers of two around 2^middle; while the best is the smallest or the largest, one more beyond it.
    ArithmeticError: there is no best one inside, however wide the grid.
    """
    half = FIRST_TRIES // 2
    grids = {name: range(search.middle - half, search.middle + half + 1) for name, search in searches.items()}
    while True:
        keys = {(name, k): f"tune {name} lr=2^{k}" for name, grid in grids.items() for k in grid}
        found = parts.each({key: searches[name].task(2.0**k) for (name, k), key in keys.items()})
        results = {name: {2.0**k: found[keys[name, k]] for k in grid} for name, grid in grids.items()}
        wider = {name: _wider(name, grid, searches[name].best(results[name])) for name, grid in grids.items()}
        if wider == grids:
            return results
        grids = wider


def _wider(name: str, grid: range, best: float) -> range:
    """The grid, with one more exponent beyond the best step size if that is the first or the last."""
    if len(grid) >= MOST_TRIES:
        raise ArithmeticError(f"{name}: the best of {len(grid)} step sizes is still at the edge, {best:g}.")
    k = round(math.log2(best))
    return range(grid.start - (k == grid[0]), grid.stop + (k == grid[-1]))


def train_mlps(
    dataset: Dataset, sizes: Iterable[int], Optimizer: Callable, seeds: Iterable[int], **settings
) -> tuple[list[MLP | None], list[Run | None]]:
    """An MLP for each seed, trained together with `train_seeds(…, **settings)`; None for one that diverged.

    Where some diverge, the others are trained again without them.
    """
    seeds = list(seeds)
    models: dict[int, MLP] = {}
    runs: dict[int, Run] = {}
    alive = seeds
    while alive:
        with torch.random.fork_rng():
            models = {}
            for seed in alive:
                torch.manual_seed(seed)
                models[seed] = MLP(tuple(sizes), dtype=dataset.x_train.dtype)
        try:
            found = train_seeds(list(models.values()), dataset, Optimizer, seeds=alive, **settings)
            runs = dict(zip(alive, found, strict=True))
            break
        except NonFiniteLoss as error:
            alive = [seed for seed in alive if seed not in error.seeds]
            models = {}
    return [models.get(seed) for seed in seeds], [runs.get(seed) for seed in seeds]


@torch.no_grad()
def error_rate(model: torch.nn.Module, x: Tensor, y: Tensor) -> float:
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
    return found["low"] is not None and (found["low"] > 0 or found["high"] < 0)
