"""Data sets of torchvision, as tensors."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from talweg.data.dataset import DataError, Dataset, stratified_split

_library = None  # kept alive: operators vanish with their library


def torchvision_datasets() -> ModuleType:
    """`torchvision.datasets`, also where torchvision was built for another torch.

    A CUDA build of torchvision beside a CPU build of torch fails on import, because it registers fake kernels for
    `nms` and `qnms`, operators that it could not load. Only for that error: declare both, and import again.
    """
    global _library
    try:
        return importlib.import_module("torchvision.datasets")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    if _library is None:
        _library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[module]
    return importlib.import_module("torchvision.datasets")


def from_torchvision(name: str, folder: Path) -> Dataset:
    """MNIST, FashionMNIST, CIFAR10 or CIFAR100 from `folder`, downloaded to it if it is not there."""
    kind = getattr(torchvision_datasets(), name)
    parts = []
    for train in (True, False):
        source = _open(kind, folder, train)
        parts.append(_tensors(name, folder, source))
    (x, y), (x_test, y_test) = parts
    train, val = stratified_split(y, len(y) // 10)
    return Dataset(name, x[train], y[train], x[val], y[val], x_test, y_test, tuple(map(str, source.classes)))


def _open(kind: type, folder: Path, train: bool):
    try:
        return kind(folder, train=train, download=False)
    except RuntimeError as error:  # torchvision's "Dataset not found or corrupted"
        if "not found" not in str(error):
            raise _damaged(kind.__name__, folder, error) from error
    except Exception as error:
        raise _damaged(kind.__name__, folder, error) from error
    try:
        with _silent_in_batch():
            return kind(folder, train=train, download=True)
    except Exception as error:
        raise DataError(
            f"{kind.__name__} is not in {str(folder)!r} (or is damaged there), and downloading it failed: {_line(error)}. "
            "Connect to the network, or copy the files there in torchvision's layout, or name the folder that has "
            "them with root=… or the environment variable TALWEG_DATA."
        ) from error


def _silent_in_batch() -> contextlib.AbstractContextManager:
    batch = os.environ.get("TALWEG_BATCH") == "1"
    return contextlib.redirect_stderr(io.StringIO()) if batch else contextlib.nullcontext()


def _tensors(name: str, folder: Path, source) -> tuple[Tensor, Tensor]:
    """Images N×C×H×W in [0, 1] and labels, checked."""
    data, labels = torch.as_tensor(source.data), torch.as_tensor(source.targets).long()
    images = data.unsqueeze(1) if data.ndim == 3 else data.permute(0, 3, 1, 2)
    problem = None
    if data.dtype != torch.uint8:
        problem = f"images of type {data.dtype}"
    elif len(images) != len(labels) or len(images) == 0:
        problem = f"{len(images)} images and {len(labels)} labels"
    elif not 0 <= int(labels.min()) <= int(labels.max()) < len(source.classes):
        problem = f"labels from {int(labels.min())} to {int(labels.max())}"
    if problem:
        raise _damaged(name, folder, problem)
    return images.contiguous().float() / 255, labels


def _damaged(name: str, folder: Path, reason: object) -> DataError:
    return DataError(
        f"the files of {name} in {str(folder)!r} are damaged ({_line(reason)}). Delete them there and load again to download."
    )


def _line(reason: object) -> str:
    """The reason in one line; the type's name where an exception has no text."""
    return " ".join(str(reason).split()) or type(reason).__name__
