"""Data sets as tensors in memory: `load("digits")` needs nothing, others come through torchvision."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from talweg.arguments import one_of
from talweg.data.dataset import DataError, Dataset, stratified_split

__all__ = ["NAMES", "DataError", "Dataset", "load", "stratified_split"]

TORCHVISION = ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100")
NAMES = ("digits", *TORCHVISION, "cifar10-jpeg")


def load(
    name: str = "digits",
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    root: str | os.PathLike | None = None,
) -> Dataset:
    """Load a data set.

    Images are N×C×H×W with values in [0, 1], labels N integers. The split into training, validation and test rows is
    fixed: digits 5/9, 2/9, 2/9 of each class; elsewhere the given test set, and a tenth of the training set, with its
    shares of the classes, for validation (MNIST: 54,000, 6,000, 10,000).

    Parameters
    ----------
    name : str
        "digits", "MNIST", "FashionMNIST", "CIFAR10", "CIFAR100" or "cifar10-jpeg", in any case.
    device : torch.device or str, optional
        By default cuda if there is one, else cpu.
    dtype : torch.dtype, optional
        Of the images; by default torch's.
    root : path, optional
        The folder of the files, else the environment's TALWEG_DATA, else a cache folder; what is not there is
        downloaded by torchvision.

    Raises
    ------
    ValueError
        For an unknown name.
    DataError
        For files that are damaged, or missing with no way to download them.

    Examples
    --------
    >>> from talweg import data
    >>> data.load("digits", device="cpu")
    Dataset(digits: 998 train, 400 val, 399 test; 1×8×8, 10 classes)
    """
    known = {known.casefold(): known for known in NAMES}
    one_of("name", name if not isinstance(name, str) else known.get(name.casefold(), name), NAMES)
    name = known[name.casefold()]
    folder = Path(root or os.environ.get("TALWEG_DATA") or cache_folder()).expanduser()
    dataset = _loader(name)(folder)
    return dataset.to(device or ("cuda" if torch.cuda.is_available() else "cpu"), dtype or torch.get_default_dtype())


def cache_folder() -> Path:
    """Where downloads go if no other folder is named."""
    return platformdirs.user_cache_path("talweg", appauthor=False)


def _loader(name: str) -> Callable[[Path], Dataset]:
    if name == "digits":
        return _digits
    if name == "cifar10-jpeg":
        from talweg.data.jpeg import cifar10_jpeg

        return cifar10_jpeg
    from talweg.data.vision import from_torchvision

    return lambda folder: from_torchvision(name, folder)


def _digits(_: Path) -> Dataset:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)  # rows of 64 pixels
    x = torch.from_numpy(images).view(-1, 1, 8, 8) / 16
    y: Tensor = torch.from_numpy(labels).long()
    rest, test = stratified_split(y, 2 / 9)
    train, val = stratified_split(y[rest], 2 / 7)
    train, val = rest[train], rest[val]
    return Dataset("digits", x[train], y[train], x[val], y[val], x[test], y[test], tuple("0123456789"))
