"""Configuration of an experiment, and its parts: computed once, kept, spread over processes."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import torch

from talweg.arguments import positive_int
from talweg.bars import bar
from talweg.recorded import write_json


@dataclass(frozen=True)
class Config:
    """What an experiment depends on.

    Parameters
    ----------
    dataset : str
        A name that `data.load` takes.
    seeds : int
        Fresh seeds for each result.
    device : str
        One that torch can use here.
    tiny : bool
        The same code with next to no work.

    Examples
    --------
    >>> from talweg.experiments import Config
    >>> Config(seeds=3).command("optimizers")
    'python -m talweg.experiments optimizers --dataset digits --seeds 3 --device cpu'
    """

    dataset: str = "digits"
    seeds: int = 10
    device: str = "cpu"
    tiny: bool = False

    def __post_init__(self):
        positive_int("seeds", self.seeds)
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device must be one that torch can use here; got {self.device!r} ({error}).") from error

    def plain(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def command(self, name: str) -> str:
        """The command that repeats the experiment."""
        tiny = " --tiny" if self.tiny else ""
        options = f"--dataset {self.dataset} --seeds {self.seeds} --device {self.device}{tiny}"
        return f"python -m talweg.experiments {name} {options}"


class Parts:
    """Named results of an experiment; those that were finished before are read from `path`.

    Parameters
    ----------
    path : Path or None
        The file that keeps what is finished; None: nothing is kept.
    signature : mapping
        What the parts depend on.
    jobs : int
        Processes.

    Raises
    ------
    ValueError
        If the file is damaged or has another signature: it belongs to another experiment.

    Examples
    --------
    >>> from pathlib import Path
    >>> from talweg.experiments import Parts
    >>> parts = Parts(Path("parts.json"), signature={"dataset": "digits"})
    >>> parts.each({"2^5": (pow, 2, 5), "2^6": (pow, 2, 6)})
    {'2^5': 32, '2^6': 64}
    >>> Parts(Path("parts.json"), signature={"dataset": "digits"}).done
    {'2^5': 32, '2^6': 64}
    >>> parts.discard()
    """

    def __init__(self, path: Path | None, signature: Mapping[str, Any], jobs: int = 1):
        self.path, self.signature, self.jobs = path, dict(signature), jobs
        self.done: dict[str, Any] = {}
        self.seconds_before = 0.0
        self._begin = time.perf_counter()
        if path is not None and path.exists():
            self._read(path)

    def each(self, tasks: Mapping[str, tuple]) -> dict[str, Any]:
        """The results of tasks: name → (function, *arguments); those not yet known are computed, in parallel."""
        missing = {name: task for name, task in tasks.items() if name not in self.done}
        calls = (joblib.delayed(_named)(name, *task) for name, task in missing.items())
        with bar(len(tasks)) as progress:
            progress.update(len(tasks) - len(missing))
            # In the order of completion: what is finished is kept at once, whatever else is still running.
            jobs = None if self.jobs == 1 else self.jobs  # None: what joblib.parallel_config says
            results: Any = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
            for name, value in results:
                self.done[name] = value
                self._keep()
                progress.set_postfix_str(name)
                progress.update()
        return {name: self.done[name] for name in tasks}

    def one(self, name: str, function: Callable, *arguments) -> Any:
        """A single result."""
        return self.each({name: (function, *arguments)})[name]

    def discard(self) -> None:
        """Remove the file: the whole result is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _keep(self) -> None:
        if self.path is not None:
            seconds = self.seconds_before + time.perf_counter() - self._begin
            write_json(self.path, {"signature": self.signature, "seconds": seconds, "done": self.done})

    def _read(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            signature, seconds, done = content["signature"], content["seconds"], content["done"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{str(path)!r} is damaged: delete it to begin anew.") from error
        if signature != self.signature:
            raise ValueError(
                f"{str(path)!r} belongs to another experiment or data set: delete it, or use another --out."
            )
        self.seconds_before, self.done = seconds, done


def _named(name: str, function: Callable, *arguments) -> tuple[str, Any]:
    return name, function(*arguments)
