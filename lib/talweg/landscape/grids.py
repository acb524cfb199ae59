"""Large grids: evaluated in pieces, by several processes or machines (joblib), and saved as they come."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy
import torch
from torch import Tensor

from talweg.atomic import whole_file
from talweg.landscape.surface import UNREADABLE
from talweg.objective import Objective

__all__ = ["evaluate"]

PIECES = 32  # a grid that is saved, or shared among processes, is cut into at most so many
POINTS = 16  # in a piece, at least, since each call of `slice` begins with work that serves all its points


def evaluate(
    f: Objective, origin: Tensor, directions: Tensor, weights: Tensor, jobs: int | None, file: str | os.PathLike | None
) -> Tensor:
    """f(origin + Σᵢ wᵢ dᵢ) for K rows of weights, (K,), in one call or in pieces.

    jobs: processes; None: as many as an enclosing `joblib.parallel_config` says, else this one. file: a NumPy .npz of
    the values so far, written after each piece. If it exists, only what it lacks is computed; ValueError if it
    belongs to another function or grid.
    """
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    if jobs is None and file is None and get_active_backend()[1] in (None, 1):
        return f.slice(origin, directions, weights)
    key = None if file is None else _key(f, origin, directions, weights)
    values = _load(file, key, weights)
    pieces = torch.arange(len(weights)).tensor_split(max(1, min(PIECES, len(weights) // POINTS)))
    todo = [piece for piece in pieces if not values[1][piece].all()]
    calls = (delayed(_piece)(f, origin, directions, weights[piece]) for piece in todo)
    results = Parallel(n_jobs=jobs, return_as="generator")(calls)
    for piece, some in zip(todo, results, strict=True):
        values[0][piece], values[1][piece] = torch.as_tensor(some).to(values[0]), True
        if file is not None:
            _save(file, key, *values)
    return values[0]


def _piece(f: Objective, origin: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
    return f.slice(origin, directions, weights)


def _load(file: str | os.PathLike | None, key: str | None, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Values (K,) and which of them are known (K,)."""
    if file is None or not Path(file).exists():
        return weights.new_full((len(weights),), torch.nan), torch.zeros(len(weights), dtype=torch.bool)
    try:
        with numpy.load(file, allow_pickle=False) as saved:
            other, values, done = str(saved["key"]), saved["values"], saved["done"]
    except UNREADABLE as error:
        raise ValueError(f"{file} is not an unfinished grid saved by talweg: {error}") from error
    if other != key:
        raise ValueError(f"{file} holds a grid of another function, centre, span or resolution: name another file")
    return torch.from_numpy(values).to(weights), torch.from_numpy(done)


def _save(file: str | os.PathLike, key: str | None, values: Tensor, done: Tensor) -> None:
    with whole_file(file) as out:
        numpy.savez(out, key=numpy.array(key), values=_numpy(values), done=done.numpy())


def _numpy(numbers: Tensor) -> numpy.ndarray:
    """As an array; bfloat16, which NumPy does not have, as float32, which holds the same numbers."""
    return (numbers.float() if numbers.dtype == torch.bfloat16 else numbers).detach().cpu().numpy()


def _key(f: Objective, origin: Tensor, directions: Tensor, weights: Tensor) -> str:
    """What tells one grid from another: its points, and f at two of them, rounded, since machines round differently."""
    ends = f.slice(origin, directions, weights[[0, len(weights) // 2]])
    parts = [*(_numpy(part).tobytes() for part in (origin, directions, weights))]
    return hashlib.sha256(b"".join([*parts, " ".join(f"{v:.3e}" for v in ends.tolist()).encode()])).hexdigest()
