"""What is tried before a training begins: one pass without gradients, whose errors say what was given.

The first batch goes through the model in eval mode. No training is begun that could not go on, and whether an accuracy
means something is known before anything has changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from talweg.data import Dataset
from talweg.models.modes import in_eval_mode
from talweg.training.epochs import batch_length, rng_devices

DEFAULT_RECORD = ("loss", "val_loss", "val_accuracy")


def tried(model: nn.Module, dataset: Dataset, loss: Callable[[Any, Tensor], Tensor], batch_size: int | None) -> Any:
    """The model's outputs on the first samples; ValueError if model, data and loss do not go together."""
    size = batch_length(len(dataset.x_train), batch_size)
    x, y = dataset.x_train[:size], dataset.y_train[:size]
    with as_in_evaluation(model), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come again in the training
        try:
            outputs = model(x)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"model cannot take x of {_described(x)}{_advice(x)}: {error}") from error
        try:
            value = loss(outputs, y)
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
            raise ValueError(
                f"loss cannot take outputs of {_described(outputs)} with y of {_described(y)}; it failed with "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(value, Tensor) or value.ndim:
            raise ValueError(f"loss must return one number, the mean over the samples; got {_described(value)}.")
        _refuse_broadcasting(loss, outputs, y, value)
    return outputs


def recorded(record: Iterable[str] | None, outputs: Any, dataset: Dataset) -> tuple[str, ...]:
    """The names to record; accuracies by default where they mean something, ValueError where they do not."""
    names = DEFAULT_RECORD if record is None else (record,) if isinstance(record, str) else tuple(record)
    accuracies = [name for name in names if str(name).endswith("_accuracy")]
    if not accuracies or all(_classifies(outputs, getattr(dataset, f"y_{part}")) for part in ("train", "val")):
        return names
    rest = tuple(name for name in names if name not in accuracies)
    if record is None:
        return rest
    raise ValueError(
        f"record must leave out {accuracies[0]!r}: an accuracy needs outputs (n, classes) and class labels y, integers "
        f"(n,) from 0 to classes - 1; got outputs of {_described(outputs)} and y of {_described(dataset.y_train)}. "
        f"Use record={rest!r}."
    )


@contextmanager
def as_in_evaluation(model: nn.Module) -> Iterator[None]:
    """Inside, a model is in eval mode; afterwards its modules have their modes again, and torch's generators theirs."""
    with torch.random.fork_rng(rng_devices(next(model.parameters()).device)), in_eval_mode(model):
        yield


def _classifies(outputs: Any, y: Tensor) -> bool:
    """Whether the largest of a sample's outputs names its class."""
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or outputs.shape[1] < 2:
        return False
    if y.ndim != 1 or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        return False
    return 0 <= int(y.min()) and int(y.max()) < outputs.shape[1]  # a label to be ignored, -100 say, is no class


def _refuse_broadcasting(loss: Callable, outputs: Any, y: Tensor, value: Tensor) -> None:
    """(n, 1) against (n,) makes n×n differences out of n: a loss, but another one."""
    if not isinstance(outputs, Tensor) or outputs.shape == y.shape or outputs.numel() != y.numel() or len(y) < 2:
        return
    if not y.is_floating_point() or {outputs.ndim, y.ndim} != {1, 2}:
        return
    try:
        alike = loss(outputs.reshape(y.shape), y)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return  # it asks for the shapes that it got
    if not torch.allclose(alike, value, rtol=1e-3, equal_nan=True):
        raise ValueError(
            f"loss compares each output with every y, since they have shapes {tuple(outputs.shape)} and {tuple(y.shape)}: "
            "give them one shape, with y.unsqueeze(1) in the data or outputs.squeeze(1) in the loss."
        )


def _described(value: Any) -> str:
    return f"shape {tuple(value.shape)}, {value.dtype}" if isinstance(value, Tensor) else f"type {type(value).__name__}"


def _advice(x: Tensor) -> str:
    if x.is_floating_point() or x.is_complex():
        return ""
    return " (integers are for models that begin with an embedding; for others the data must hold x.float())"
