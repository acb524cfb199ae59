"""Experiments behind the recorded results: `python -m talweg.experiments NAME`.

An experiment is a function of (Config, Dataset, Parts) that returns plain numbers. It does its work through
`parts.each`, which keeps what is finished in a file, so that an interrupted run goes on where it stopped, and spreads
the rest over processes by joblib. A cluster takes them instead, here one of Dask (its workers need talweg):

    with distributed.Client("tcp://…"), joblib.parallel_config(backend="dask"):
        experiments.run("optimizers", Config("MNIST"), out=Path("optimizers-mnist.json"))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import data, recorded
from ..errors import one_of
from . import curvature, gradient_descent, initializers, landscapes, normalization, optimizers
from .parts import Config, Parts

__all__ = ["EXPERIMENTS", "Config", "Parts", "run"]

EXPERIMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "curvature": curvature.experiment,
    "gradient-descent": gradient_descent.experiment,
    "initializers": initializers.experiment,
    "landscapes": landscapes.experiment,
    "normalization": normalization.experiment,
    "optimizers": optimizers.experiment,
}


def run(name: str, config: Config, *, out: Path | None = None, root: Path | None = None, jobs: int = 1) -> dict:
    """Run an experiment and return its numbers; with `out`, write them there with their provenance.

    Finished parts are kept in `out` + ".partial.json" until the result is written. ValueError: unknown name.
    """
    experiment = EXPERIMENTS[one_of("NAME", name, EXPERIMENTS)]
    dataset = data.load(config.dataset, device=config.device, root=root)
    kept = None if out is None else out.with_name(out.name + ".partial.json")
    parts = Parts(kept, signature={"experiment": name, **config.plain(), "data": dataset.sha256()}, jobs=jobs)
    # Taken before the work: the commit is that of the code which runs, whatever is committed meanwhile.
    source = recorded.provenance(config.command(name), dataset, list(range(config.seeds)), config.device)
    begin = time.perf_counter()
    result = experiment(config, dataset, parts)
    if out is not None:
        seconds = parts.seconds_before + time.perf_counter() - begin
        recorded.write(out, result, {**source, "seconds": round(seconds, 1)})
        parts.discard()
    return result
