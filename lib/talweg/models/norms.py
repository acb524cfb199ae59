"""What a normalization layer is, PyTorch's or one of `talweg.normalization`: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase  # batch and instance normalization

from talweg.normalization import BatchNorm, Normalization

__all__ = ["batch_norms", "is_batch_norm", "is_norm", "running_statistics_kept"]


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a normalization layer."""
    return isinstance(module, (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, Normalization))


def is_batch_norm(module: nn.Module) -> bool:
    """Whether a module may keep running statistics, and depends on the other samples while it trains."""
    return isinstance(module, (_NormBase, BatchNorm))


def batch_norms(model: nn.Module) -> list[nn.Module]:
    """The layers of a model, itself included, that may keep running statistics."""
    return [module for module in model.modules() if is_batch_norm(module)]


@contextmanager
def running_statistics_kept(model: nn.Module) -> Iterator[None]:
    """Inside, however often the model is called, its running statistics come out as they went in."""
    kept = [(buffer, buffer.clone()) for module in batch_norms(model) for buffer in module.buffers(recurse=False)]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)
