"""Data as a network's objective takes them: two tensors, samples along the first axis; else an error that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

__all__ = ["check_samples", "explain", "like", "tensor"]


def tensor(name: str, given: Any) -> Tensor:
    """A tensor or a NumPy array as a tensor; TypeError for anything else, with what to do about it."""
    if isinstance(given, Tensor):
        return given.detach()
    if isinstance(given, np.ndarray) and given.dtype.kind in "biufc":
        return torch.from_numpy(np.require(given, requirements="W"))
    what = f"an array of {given.dtype}" if isinstance(given, np.ndarray) else type(given).__name__
    raise TypeError(f"{name} must be a tensor or a NumPy array, samples first; got {what}{_advice(name, given)}")


def _advice(name: str, given: Any) -> str:
    if isinstance(given, DataLoader):
        return ": put its batches together, x, y = map(torch.cat, zip(*loader)), and let batch_size cut them again"
    if isinstance(given, Dataset):
        return ": take its tensors, such as x, y = map(torch.stack, zip(*dataset))"
    if isinstance(given, Mapping):
        return ": let a module that wraps the model take one tensor apart and hand it on by name"
    if isinstance(given, (list, tuple)):
        return f": torch.tensor({name}) makes one of numbers, torch.stack({name}) of tensors"
    if given is None:
        return ": where nothing is predicted but x itself, give y=x" if name == "y" else ""
    return ""


def check_samples(x: Tensor, y: Tensor, batch_size: int | None) -> None:
    """ValueError: lengths that differ, no samples, or no batch size."""
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"x and y must have as many samples, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    if len(x) == 0:
        raise ValueError("x must have at least one sample, got none")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1 or None, got {batch_size}")


def like(data: Tensor, theta: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Data where the model is; converted only if the caller asked for a precision."""
    if data.device != theta.device:
        raise ValueError(f"x and y must be on the model's device {theta.device}, got {data.device}")
    if dtype is not None and data.is_complex():
        return data.to(dtype.to_complex())
    return data.to(dtype) if dtype is not None and data.is_floating_point() else data


def explain(error: Exception, x: Tensor, y: Tensor, theta: Tensor) -> NoReturn:
    """Raise the error of a first evaluation; where a dtype is the likely reason, as a TypeError that says so."""
    for name, data in (("x", x), ("y", y)):
        if isinstance(error, RuntimeError) and _suspect(name, data, theta):
            raise TypeError(
                f"{name} is {data.dtype} and the model computes in {theta.dtype}, which fails ({error}). Convert {name}: "
                f"measurements and images to {theta.dtype}, tokens and labels to torch.int64; or give dtype="
            ) from error
    shapes = f"x {tuple(x.shape)} {x.dtype}, y {tuple(y.shape)} {y.dtype}"
    error.add_note(f"This is the first evaluation of an objective: {shapes}, parameters {theta.dtype}.")
    raise error


def _suspect(name: str, data: Tensor, theta: Tensor) -> bool:
    if data.is_floating_point():
        return data.dtype != theta.dtype
    return name == "x" or data.dtype != torch.int64
