"""What a normalization layer is, PyTorch's or one of `talweg.normalization`: the one place that knows them all."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase  # batch and instance normalization
from torch.nn.modules.instancenorm import _InstanceNorm

from talweg.normalization import BatchNorm, Normalization

__all__ = ["batch_norms", "is_batch_norm", "is_norm", "uses_the_batch"]


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a normalization layer."""
    return isinstance(module, (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, Normalization))


def is_batch_norm(module: nn.Module) -> bool:
    """Whether a module may keep running statistics, and depends on the other samples while it trains."""
    return isinstance(module, (_NormBase, BatchNorm))


def uses_the_batch(module: nn.Module) -> bool:
    """Whether a module normalizes over the samples it is given, so that a part of them has other outputs."""
    by_sample = isinstance(module, _InstanceNorm)
    return is_batch_norm(module) and not by_sample and (module.training or module.running_mean is None)


def batch_norms(model: nn.Module) -> list[Any]:
    """The layers of a model, itself included, that may keep running statistics."""
    return [module for module in model.modules() if is_batch_norm(module)]
