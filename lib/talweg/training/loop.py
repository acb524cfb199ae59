"""The training loop: one for a single model and for many stacked ones. Whatever else is to happen is a listener's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from talweg.arguments import positive_int
from talweg.bars import bar
from talweg.data import Dataset
from talweg.schedules import Schedule, scheduled
from talweg.training.epochs import epoch_batches
from talweg.training.stacked_optimizer import StackedOptimizer


class NonFiniteLoss(FloatingPointError):
    """The loss of a training became NaN or infinite.

    Parameters
    ----------
    step : int
        The number of updates made before.
    seeds : list of int
        The runs it happened to.
    value : float
        The first such loss.

    Examples
    --------
    >>> from talweg.training import NonFiniteLoss
    >>> raise NonFiniteLoss(12, [3, 5], float("inf"))
    Traceback (most recent call last):
        ...
    talweg.training.loop.NonFiniteLoss: the loss is inf at step 12 (seeds 3, 5); a smaller learning rate may help.
    """

    def __init__(self, step: int, seeds: list[int], value: float):
        self.step, self.seeds, self.value = step, seeds, value
        who = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
        super().__init__(f"the loss is {value} at step {step} ({who}); a smaller learning rate may help.")


class Listener:
    """Something that happens in the course of a training; override what is needed. All are called without gradients.

    The order of listeners is the order of their calls. The recorder is always the first: it sees gradients as they
    were computed, whatever a later listener makes of them.

    Examples
    --------
    Clipping each gradient's entries before the update:

    >>> import torch
    >>> from talweg import data
    >>> from talweg.models import MLP
    >>> from talweg.optimizers import SGD
    >>> from talweg.training import Listener, train
    >>> class Clip(Listener):
    ...     def before_step(self, training):
    ...         for parameter in training.parameters:
    ...             parameter.grad.clamp_(-1e-3, 1e-3)
    >>> model = MLP((64, 10))
    >>> run = train(
    ...     model, data.load("digits"), SGD(model.parameters(), lr=1.0), epochs=1, batch_size=None, seed=0,
    ...     record=["trajectory"], listeners=[Clip()],
    ... )
    >>> (run.trajectory[1] - run.trajectory[0]).abs().max().item() <= 1.001e-3
    True
    """

    def begin(self, training: Training) -> None:
        """Before anything else. A checkpoint is read here: it sets `training.epoch` and `training.step`."""

    def before_step(self, training: Training) -> None:
        """The gradients are in `parameter.grad`, the update is not made. What stands there then is what is used.

        A parameter whose gradient is None is not updated. With SAM this is the gradient at θ, from which it looks for
        the worst point nearby.
        """

    def after_step(self, training: Training) -> None:
        """The update is made and counted in `training.step`."""

    def end_epoch(self, training: Training) -> None:
        """Before the first epoch and after each; the parameters are those to be evaluated, the model in eval mode."""

    def end(self, training: Training) -> None:
        """After the last step. What is then in the parameters is the result."""


class Training(ABC):
    """K networks that learn on a data set (K = 1 for `train`): what the loop drives and what listeners see.

    `parameters` are leaf tensors, K×… if `stacked`; `rows` makes both cases alike. They are those that are trained:
    neither frozen, nor left out by the optimizer. `losses` are the K losses of the batch, from before its update.
    `epoch` and `step` say how many are over. A listener sets `stopped` to end the training after this epoch.

    Parameters
    ----------
    dataset : Dataset
        The data, where the training takes place.
    loss : callable
        (outputs, y) → mean over the samples.
    parameters : list of Tensor
        Those that are trained.
    seeds : list of int
        One for each network.
    """

    stacked: bool

    def __init__(
        self, dataset: Dataset, loss: Callable[[Tensor, Tensor], Tensor], parameters: list[Tensor], seeds: list[int]
    ):
        self.dataset, self.loss, self.parameters, self.seeds = dataset, loss, parameters, seeds
        self.listeners: list[Listener] = []
        self.epoch = self.step = 0
        self.losses = torch.empty(0)
        self.stopped = False

    @abstractmethod
    def all_parameters(self) -> list[Tensor]:
        """The models' parameters, also those that are not trained, in the order of `model.parameters()`; K×… alike."""

    @abstractmethod
    def outputs(self, x: Tensor) -> Sequence[Any] | Tensor:
        """B×… → the outputs of each of K networks on the same samples: K×B×…, or a list where they are no tensors."""

    @abstractmethod
    def batch_losses(self, index: Tensor) -> Tensor:
        """The K losses of a batch, index: K×B."""

    @abstractmethod
    def update(self, index: Tensor) -> None:
        """One update from a batch; calls `gradients_are_there` before it is made."""

    @abstractmethod
    def states(self) -> list[dict[str, Tensor]]:
        """The state dict of each network, copied."""

    @abstractmethod
    def load(self, k: int, state: dict[str, Tensor]) -> None:
        """Put one of those `states` back into network k."""

    def learn(self) -> None:  # noqa: B027 (a hook, empty on purpose)
        """Before an epoch: everything to where it learns."""

    def show_answer(self) -> None:  # noqa: B027 (a hook, empty on purpose)
        """After an epoch: everything to where it is evaluated."""

    def rows(self, tensors: list[Tensor]) -> list[Tensor]:
        """Views K×… of tensors like the parameters (their gradients, say)."""
        return tensors if self.stacked else [tensor[None] for tensor in tensors]

    def gradients(self) -> list[Tensor]:
        """Those of the parameters that have one, K×…."""
        return self.rows([p.grad for p in self.parameters if p.grad is not None])

    def check(self, losses: Tensor) -> None:
        """NonFiniteLoss if one of the K losses is not finite."""
        bad = ~losses.isfinite()
        if bad.any():
            seeds = [seed for seed, is_bad in zip(self.seeds, bad.tolist(), strict=True) if is_bad]
            raise NonFiniteLoss(self.step, seeds, losses[bad][0].item())

    @torch.no_grad()
    def gradients_are_there(self, losses: Tensor) -> None:
        """Between backward pass and update."""
        self.losses = losses.detach()
        for listener in self.listeners:
            listener.before_step(self)


def run(
    training: Training,
    optimizer: torch.optim.Optimizer | StackedOptimizer,
    listeners: Iterable[Listener],
    *,
    epochs: int,
    batch_size: int | None,
    schedule: Schedule | None,
) -> None:
    """Drive `training` through its epochs. The learning rates are afterwards what they were before."""
    training.listeners = list(listeners)
    n, device = len(training.dataset.x_train), training.dataset.x_train.device
    with bar(positive_int("epochs", epochs)) as progress, scheduled(optimizer, schedule) as set_rates:
        _tell(training, "begin")
        if training.epoch == 0:
            _end_epoch(training)
        for epoch, batches in enumerate(epoch_batches(n, epochs, batch_size, training.seeds, device)):
            last = batches[-1]
            if epoch >= training.epoch:  # else it was over when the checkpoint was written
                training.learn()
                for index in batches:
                    set_rates(training.step + 1)
                    training.update(index)
                    training.step += 1
                    _tell(training, "after_step")
                training.epoch += 1
                _end_epoch(training)
            progress.update()
            if training.stopped:
                break
        with torch.no_grad():
            training.losses = training.batch_losses(last)
        training.check(training.losses)
        _tell(training, "end")


def _end_epoch(training: Training) -> None:
    training.show_answer()
    _tell(training, "end_epoch")


@torch.no_grad()
def _tell(training: Training, event: str) -> None:
    for listener in training.listeners:
        getattr(listener, event)(training)
