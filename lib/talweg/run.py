"""`Run`: what training leaves behind."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talweg.arguments import one_of
from talweg.atomic import whole_file
from talweg.plain import plain, unloadable

__all__ = ["Run"]

FORMAT = "talweg.Run/1"


@dataclass
class Run:
    """History, trajectory and final state of a training run.

    Parameters
    ----------
    history : dict of str to Tensor
        Name → values, one for each step ("loss", "grad_norm", "step_norm", "weight_norm") or each epoch ("val_loss",
        "val_accuracy"); T values, or T×K where K runs went together.
    trajectory : Tensor, optional
        Parameter vectors, T×P or T×K×P, each `config["every"]` steps; None if not recorded.
    state : dict of str to Tensor
        The trained model's `state_dict`, or {"theta": …}.
    seed, config : int, dict
        What is needed to repeat the run, in plain values: NumPy's numbers become Python's, classes and functions their
        names.
    diverged_at : int or list of int, optional
        The first step whose loss or gradient was not finite (a list where K runs went together), or None.

    Examples
    --------
    >>> from talweg.optimizers import SGD
    >>> from talweg.surfaces import Quadratic
    >>> from talweg.training import minimize
    >>> run = minimize(Quadratic([1.0, 4.0]), [1.0, 1.0], SGD, steps=20, lr=0.1)
    >>> run["loss"][:3]
    tensor([2.5000, 1.1250, 0.5873], dtype=torch.float64)
    >>> run.first("loss", below=0.1), run.steps
    (8, 20)
    """

    history: dict[str, Tensor]
    trajectory: Tensor | None = None
    state: dict[str, Tensor] = field(default_factory=dict)
    seed: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    diverged_at: int | None | list[int | None] = None

    def __post_init__(self):
        self.seed, self.config, self.diverged_at = plain(self.seed), plain(self.config), plain(self.diverged_at)

    def __getitem__(self, name: str) -> Tensor:
        """The history of that name."""
        return self.history[one_of("history", name, self.history)]

    @property
    def steps(self) -> int:
        """Number of updates made (in a run that diverged, also those that were frozen)."""
        return self.config["steps"]

    def first(self, name: str, *, below: float | None = None, above: float | None = None):
        """The first index at which the history `name` is below or above a value.

        Parameters
        ----------
        name : str
            One of the histories.
        below, above : float
            Exactly one of them.

        Returns
        -------
        int or None, or a list of them
            None: it never is. A list where K runs went together.

        Raises
        ------
        ValueError
            If there is no such history, or not exactly one of `below` and `above` is given.
        """
        values = self[name]
        if below is not None and above is None:
            hit = values < below
        elif above is not None and below is None:
            hit = values > above
        else:
            raise ValueError(f"first takes exactly one of below and above; got {below=}, {above=}.")
        if hit.ndim == 1:
            return _first_true(hit)
        return [_first_true(column) for column in hit.unbind(1)]

    def row(self, k: int) -> Run:
        """The k-th of K runs that went together, as a run of its own."""
        if self.history["loss"].ndim != 2:
            raise ValueError("row needs a run of several starts; this one has a single start.")
        pick = {name: values[:, k] if values.ndim == 2 else values for name, values in self.history.items()}
        trajectory = None if self.trajectory is None else self.trajectory[:, k]
        state = {name: value[k] for name, value in self.state.items()}
        diverged = self.diverged_at[k] if isinstance(self.diverged_at, list) else None
        return Run(pick, trajectory, state, self.seed, self.config, diverged)

    def save(self, path: str | os.PathLike) -> None:
        """Write the run to a file: whole, or not at all; TypeError, before anything is written, if `load` could not.

        `load` runs no code from the file, so that it takes tensors, numbers, strings, and lists, tuples and dicts of them.
        """
        self.__post_init__()  # what was put there since the run was made
        for own in fields(self):
            for place, value in unloadable(getattr(self, own.name), own.name):
                raise TypeError(
                    f"{place} must be a tensor, number, string, None, or a list, tuple or dict of them, to be saved; got "
                    f"{type(value).__module__}.{type(value).__qualname__}. Replace it in the run, then save again."
                )
        content = {"format": FORMAT, **{field.name: getattr(self, field.name) for field in fields(self)}}
        with whole_file(path) as file:
            torch.save(content, file)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Run:
        """Read a run that `save` wrote. Runs no code from the file; ValueError if it is damaged or something else."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no run at {str(path)!r}.")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise ValueError(
                f"{str(path)!r} cannot be read as a Run: the file is damaged or of another kind."
            ) from error
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise ValueError(f"{str(path)!r} is a torch file, but not a Run of this version ({FORMAT}).")
        return cls(**content)


def _first_true(hit: Tensor) -> int | None:
    indices = hit.nonzero()
    return int(indices[0]) if len(indices) else None
