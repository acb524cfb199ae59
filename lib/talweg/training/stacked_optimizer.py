"""Optimizers for parameters of several runs, stacked along a leading dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from talweg.optimizers import Method

# Each entry's update depends on that entry's gradients alone, hence stacking changes nothing.
_ELEMENTWISE = {
    getattr(torch.optim, name)
    for name in ("SGD", "ASGD", "Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop", "Rprop")
}


def asks_for_more(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a step needs more than a gradient: a closure, curvature, another point."""
    return getattr(optimizer, "needs_own_pass", False) or isinstance(optimizer, torch.optim.LBFGS)


class StackedOptimizer:
    """An optimizer over K stacked runs: one if it works entry by entry, else one for each run.

    make: parameters → optimizer: a class, or any function that makes one. parameters: leaf tensors K×….
    """

    def __init__(self, make: Callable[..., torch.optim.Optimizer], parameters: list[Tensor], **hyperparameters):
        self.parameters = parameters
        self.slices = [self._slice(0)]
        self.optimizers = [make(self.slices[0], **hyperparameters)]  # that of the first run, which says what kind it is
        first = self.optimizers[0]
        self.together = getattr(first, "elementwise", type(first) in _ELEMENTWISE)
        if self.together:
            self.optimizers = [make(parameters, **hyperparameters)]
            # A function may choose by the number of dimensions (no decay for vectors, say): stacked, there is one more.
            self.together = _groups(first, self.slices[0]) == _groups(self.optimizers[0], parameters)
        if not self.together:
            self.optimizers = [first]
            self.slices += [self._slice(k) for k in range(1, len(parameters[0]))]
            self.optimizers += [make(part, **hyperparameters) for part in self.slices[1:]]

    def _slice(self, k: int) -> list[Tensor]:
        """Run k's parameters: leaves that share the stacked memory."""
        return [p.detach()[k].requires_grad_() for p in self.parameters]

    def held(self) -> list[Tensor]:
        """Those of the stacked parameters that the optimizer was made to hold."""
        own = self.parameters if self.together else self.slices[0]
        held = {p for group in self.optimizers[0].param_groups for p in group["params"]}
        return [stacked for stacked, p in zip(self.parameters, own, strict=True) if p in held]

    @property
    def name(self) -> str:
        """The method's."""
        return type(self.optimizers[0]).__name__

    @property
    def param_groups(self) -> list[dict]:
        """The groups of all."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def parts(self) -> Iterator[tuple[torch.optim.Optimizer, Tensor, slice]]:
        """Each optimizer with its first parameter and the runs whose rows that holds."""
        if self.together:
            yield self.optimizers[0], self.parameters[0], slice(None)
        else:
            for k, (optimizer, part) in enumerate(zip(self.optimizers, self.slices, strict=True)):
                yield optimizer, part[0], slice(k, k + 1)

    @torch.no_grad()
    def answer(self) -> list[Tensor] | None:
        """Copies of the parameters where they are to be evaluated; None if that is where gradients are taken."""
        learning = [p.clone() for p in self.parameters]
        methods = [one for one in self.optimizers if isinstance(one, Method)]
        if not any([one.answer() for one in methods]):  # a list: all are asked
            return None
        answer = [p.clone() for p in self.parameters]
        for one in methods:
            one.resume()
        for p, value in zip(self.parameters, learning, strict=True):
            p.copy_(value)  # what `resume` gives, without its rounding
        return answer

    def step(self) -> None:
        """One update from the gradients of the stacked parameters."""
        if not self.together:
            for k, part in enumerate(self.slices):
                for own, stacked in zip(part, self.parameters, strict=True):
                    own.grad = None if stacked.grad is None else stacked.grad[k]
        for optimizer in self.optimizers:
            optimizer.step()


def _groups(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> list[dict]:
    """The groups with the numbers of their parameters."""
    number = {p: index for index, p in enumerate(parameters)}
    return [{**group, "params": [number.get(p) for p in group["params"]]} for group in optimizer.param_groups]
