"""A data set in memory, and how it is split."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SPLIT_SEED = 20_240_229  # of every split: changing it changes every number of the book


class DataError(RuntimeError):
    """Files of a data set are missing or damaged.

    Examples
    --------
    >>> from talweg import data
    >>> try:
    ...     data.load("cifar10-jpeg", root="/nowhere")
    ... except data.DataError:
    ...     print("no archive")
    no archive
    """


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test rows of a data set, as tensors in memory.

    Parameters
    ----------
    name : str
    x_train, x_val, x_test : (N, …)
        Inputs: tensors, or NumPy arrays, of which tensors are made.
    y_train, y_val, y_test : (N,)
        Labels: indices into `classes`. Or targets (N, …).
    classes : tuple of str

    Raises
    ------
    TypeError
        For a part that is neither a tensor nor an array of numbers.
    ValueError
        For a part that is empty, has not as many labels as inputs, or lies on another device than the others.

    Examples
    --------
    >>> import torch
    >>> from talweg.data import Dataset
    >>> x, y = torch.eye(2), torch.tensor([0, 1])
    >>> Dataset("two points", x, y, x, y, x, y, classes=("left", "right"))
    Dataset(two points: 2 train, 2 val, 2 test; 2, 2 classes)
    """

    name: str
    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: tuple[str, ...]

    def __post_init__(self):
        for part in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
            object.__setattr__(self, part, _tensor(f"{self.name}: {part}", getattr(self, part)))
        for part in ("train", "val", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if len(x) != len(y) or len(x) == 0:
                raise ValueError(f"{self.name}: x_{part} and y_{part} must have as many rows; got {len(x)}, {len(y)}.")
        devices = {value.device for value in self._tensors().values()}
        if len(devices) > 1:
            raise ValueError(
                f"{self.name}: all parts must lie on one device; got {', '.join(sorted(map(str, devices)))}."
            )

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Dataset:
        """The same data on another device, in another floating-point type (labels keep theirs)."""
        moved = {
            name: value.to(device=device, dtype=dtype if value.is_floating_point() else None)
            for name, value in self._tensors().items()
        }
        return dataclasses.replace(self, **moved)

    def sha256(self) -> str:
        """Hash of all values, the same for every device; of x in float32."""
        digest = hashlib.sha256()
        for name, value in self._tensors().items():
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() else value
            digest.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
            digest.update(value.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def __sizeof__(self) -> int:
        # Dask asks for it: what is large is sent to its workers once, not with every task.
        return object.__sizeof__(self) + sum(value.nbytes for value in self._tensors().values())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(getattr(self, f'x_{part}'))} {part}" for part in ("train", "val", "test"))
        shape = "×".join(map(str, self.x_train.shape[1:]))
        return f"Dataset({self.name}: {sizes}; {shape}, {len(self.classes)} classes)"

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _tensor(name: str, value: object) -> Tensor:
    """A tensor as it is, an array of numbers as a tensor of its own; its integers as torch's losses take them."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc" and value.ndim:
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("="), copy=True))
        return value.long() if value.dtype in (torch.int16, torch.int32, torch.uint16, torch.uint32) else value
    if isinstance(value, Tensor) and value.ndim:
        return value
    raise TypeError(
        f"{name} must be a tensor or a NumPy array with one row for each sample; got {_kind(value)}. Samples of a "
        "DataLoader, a list or a dict are to be put together first, as with torch.stack or torch.cat."
    )


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}, shape {value.shape}"
    return "a tensor without dimensions" if isinstance(value, Tensor) else type(value).__name__


def stratified_split(labels: Tensor, part: float | int, seed: int = SPLIT_SEED) -> tuple[Tensor, Tensor]:
    """Row numbers of the rest and of a part of each class, drawn at random from `seed`.

    Parameters
    ----------
    labels : (N,)
    part : float or int
        A fraction of each class (rounded class by class), or the number of rows in all, shared among the classes in
        proportion (largest remainders).
    seed : int

    Returns
    -------
    rest, part : Tensor
        Row numbers, both ascending.

    Raises
    ------
    ValueError
        For a part that is not between 0 and 1, or 0 and the number of rows.

    Examples
    --------
    >>> import torch
    >>> from talweg.data import stratified_split
    >>> labels = torch.tensor([0] * 8 + [1] * 4)
    >>> rest, part = stratified_split(labels, 0.25)
    >>> labels[part]
    tensor([0, 0, 1])
    """
    if not 0 < part < (len(labels) if isinstance(part, int) else 1):
        raise ValueError(f"part must lie between 0 and 1, or be a number of rows below {len(labels)}; got {part!r}.")
    generator = torch.Generator().manual_seed(seed)
    taken = torch.zeros(len(labels), dtype=torch.bool)
    sizes = labels.bincount()
    for label, count in enumerate(_share(sizes, part) if isinstance(part, int) else _round(sizes, part)):
        rows = (labels == label).nonzero().squeeze(1)
        order = torch.randperm(len(rows), generator=generator)
        taken[rows[order[:count]]] = True
    return (~taken).nonzero().squeeze(1), taken.nonzero().squeeze(1)


def _round(sizes: Tensor, fraction: float) -> list[int]:
    """Of each class its fraction, and neither none nor all of it if it has two rows."""
    return [min(max(1, round(fraction * size)), max(size - 1, 0)) for size in sizes.tolist()]


def _share(sizes: Tensor, total: int) -> list[int]:
    """Integers near total · sizes / Σ sizes that add up to total."""
    exact = total * sizes.double() / sizes.sum()
    counts = exact.floor().long()
    order = (exact - counts).argsort(descending=True, stable=True)
    counts[order[: total - int(counts.sum())]] += 1
    return counts.tolist()
