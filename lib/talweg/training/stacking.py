"""Optimizers for parameters of several runs, stacked along a leading dimension."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Each entry's update depends on that entry's gradients alone, hence stacking changes nothing.
_ELEMENTWISE = {
    getattr(torch.optim, name)
    for name in ("SGD", "ASGD", "Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop", "Rprop")
}


class StackedOptimizer:
    """An optimizer over K stacked runs: one `Optimizer` if it works entry by entry, else one for each run.

    parameters: leaf tensors K×…; `set_factor` multiplies every learning rate by a schedule's value.
    """

    def __init__(self, Optimizer: Callable, parameters: list[Tensor], **hyperparameters):
        self.parameters = parameters
        self.together = getattr(Optimizer, "elementwise", Optimizer in _ELEMENTWISE)
        if self.together:
            self.slices = [parameters]
        else:  # leaves that share the stacked memory
            runs = range(len(parameters[0]))
            self.slices = [[p.detach()[k].requires_grad_() for p in parameters] for k in runs]
        self.optimizers = [Optimizer(part, **hyperparameters) for part in self.slices]
        self.lrs = [[group.get("lr") for group in optimizer.param_groups] for optimizer in self.optimizers]

    def set_factor(self, factor: float) -> None:
        for optimizer, lrs in zip(self.optimizers, self.lrs, strict=True):
            for group, lr in zip(optimizer.param_groups, lrs, strict=True):
                group["lr"] = lr * factor

    def step(self) -> None:
        """One update from the gradients of the stacked parameters."""
        if not self.together:
            for k, part in enumerate(self.slices):
                for own, stacked in zip(part, self.parameters, strict=True):
                    own.grad = None if stacked.grad is None else stacked.grad[k]
        for optimizer in self.optimizers:
            optimizer.step()
