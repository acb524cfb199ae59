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
from functools import cache
from pathlib import Path
from typing import Any

from talweg import data, recorded
from talweg.arguments import one_of
from talweg.chapters import chapters, module
from talweg.experiments.tasks import Config, Parts

__all__ = ["EXPERIMENTS", "Config", "Parts", "run"]

EXPERIMENTS: dict[str, Callable[..., dict[str, Any]]]

FORMERLY = {"initializers": "initialization"}  # the name under which the results of that chapter were recorded


@cache
def _experiments() -> dict[str, Callable[..., dict[str, Any]]]:
    """The experiments by the names of their chapters."""
    modules = {chapter: module(chapter, "experiment") for chapter in chapters()}
    found = {chapter: one.experiment for chapter, one in modules.items() if one}
    return found | {old: found[new] for old, new in FORMERLY.items()}


def __getattr__(name: str) -> Any:
    """`EXPERIMENTS` is gathered from the chapters on first use."""
    if name == "EXPERIMENTS":
        return _experiments()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(name: str, config: Config, *, out: Path | None = None, root: Path | None = None, jobs: int = 1) -> dict:
    """Run an experiment and return its numbers; with `out`, write them there with their provenance.

    Finished parts are kept in `out` + ".partial.json" until the result is written.

    Parameters
    ----------
    name : str
        The name of its chapter.
    config : Config
        Data, seeds, device.
    out : Path, optional
        The result file.
    root : Path, optional
        The folder of the data files.
    jobs : int
        Processes.

    Returns
    -------
    dict
        Plain numbers, as the file has them.

    Raises
    ------
    ValueError
        If there is no such experiment, or the parts that are kept belong to another one.
    """
    experiment = _experiments()[one_of("NAME", name, _experiments())]
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
