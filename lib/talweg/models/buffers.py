"""A pass through a model that leaves no trace in its buffers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["buffers_kept"]


@contextmanager
def buffers_kept() -> Iterator[None]:
    """Inside, the buffers of whatever modules are called come out as they went in.

    They are what a model keeps beside its parameters: running statistics, the vectors of spectral normalization,
    averages and counters of the user's own.
    """
    kept: dict[nn.Module, dict[str, tuple[Tensor, Tensor]]] = {}

    def keep(module: nn.Module, _inputs: object) -> None:
        if module in kept:
            return
        for part in module.modules():
            if part not in kept:
                buffers = part.named_buffers(recurse=False)
                kept[part] = {name: (buffer, buffer.clone()) for name, buffer in buffers}

    handle = nn.modules.module.register_module_forward_pre_hook(keep)
    try:
        yield
    finally:
        handle.remove()
        with torch.no_grad():
            for module, buffers in kept.items():
                for name, (buffer, value) in buffers.items():
                    buffer.copy_(value)
                    setattr(module, name, buffer)  # a pass may also have put another tensor there
