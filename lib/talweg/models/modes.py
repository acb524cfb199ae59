"""Train and eval mode: whether a model's output is a function of its parameters and one sample alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from talweg.models.norms import is_batch_norm

__all__ = ["in_eval_mode", "refuse_train_mode"]


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Every module in eval mode, and afterwards each in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def refuse_train_mode(model: nn.Module) -> None:
    """ValueError if the model's output depends on chance or on the other samples: dropout, batch norm in train mode."""
    for name, module in model.named_modules():
        if module.training and (isinstance(module, _DropoutNd) or is_batch_norm(module)):
            raise ValueError(
                f"model is in train mode and has {type(module).__name__} ({name or 'the model itself'}), whose output "
                "depends on chance or on the batch: call model.eval() first"
            )
