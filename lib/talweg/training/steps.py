"""What optimizers ask of a training loop beyond a gradient: second passes, curvature, a point to be judged at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from talweg.optimizers import SAM, Sophia
from talweg.optimizers.schedule_free import ScheduleFree
from talweg.training.recorder import Recorder


def take_step(
    model: nn.Module, x: Tensor, y: Tensor, loss: Callable, optimizer: torch.optim.Optimizer, recorder: Recorder
) -> None:
    """One update from the batch (x, y). What is recorded belongs to the first pass; SAM asks for a second one."""
    first = True

    def closure() -> Tensor:
        nonlocal first
        optimizer.zero_grad()
        value = loss(model(x), y)
        if first:
            recorder.check(value.detach()[None])
        value.backward()
        if first:
            recorder.before_step(value[None])
        first = False
        return value

    if isinstance(optimizer, Sophia):
        logits = optimizer.defaults["estimator"] == "gauss-newton-bartlett"
        optimizer.update_curvature(lambda: model(x) if logits else loss(model(x), y))
    optimizer.step(closure)
    recorder.after_step()


def show_answer(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Tensor]) -> None:
    """Put `model` in eval mode, with the parameters that are the optimizer's answer.

    For a Schedule-Free method that is the average, and batch normalization's running statistics are estimated there
    anew, from `batches` of inputs.
    """
    if isinstance(optimizer, ScheduleFree):
        optimizer.eval()
        torch.optim.swa_utils.update_bn(batches, model)
    model.eval()


def resume(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put both back to where they learn."""
    if isinstance(optimizer, ScheduleFree):
        optimizer.train()
    model.train()


def steps_alone(Optimizer: object) -> bool:
    """Whether a method needs more than a gradient, so that runs cannot share their passes."""
    return isinstance(Optimizer, type) and issubclass(Optimizer, SAM | Sophia | ScheduleFree)
