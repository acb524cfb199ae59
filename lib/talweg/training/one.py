"""`train`: a network on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.optimizers import Method
from talweg.run import Run
from talweg.training.epochs import config, placed, rng_devices
from talweg.training.loop import Listener, Training, run
from talweg.training.recorder import EVALUATED_AT_ONCE, Recorder
from talweg.training.statistics import estimate_statistics
from talweg.training.trial import recorded, tried


def train(
    model: nn.Module,
    dataset: Dataset,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int | None,
    seed: int,
    record: Iterable[str] | None = None,
    every: int = 1,
    loss: Callable[[Any, Tensor], Tensor] = F.cross_entropy,
    schedule: Callable[[int], float] | None = None,
    device: torch.device | str | None = None,
    listeners: Iterable[Listener] = (),
) -> Run:
    """Train `model` in place on `dataset`; every epoch visits each training sample once, in a new order.

    SAM gets its second pass, Sophia its curvature. A Schedule-Free method is evaluated at its average, with batch
    statistics estimated there; the model holds that in the end.

    Parameters
    ----------
    model : Module
        Trained in place, and moved to `device`.
    dataset : Dataset
        Of the model's dtype, or integers (tokens) for a model that begins with an embedding.
    optimizer : torch.optim.Optimizer
        Holds the model's parameters, or those of them that are to be trained.
    epochs : int
        How often each sample is visited.
    batch_size : int or None
        Samples of a step at most (None: all); an epoch is cut into equal batches, give or take one sample.
    seed : int
        Of the order (a CPU generator: the same on every device) and of dropout.
    record : str or iterable of str
        "loss" (of the batch, before each step; then of the last batch after the last step: steps + 1 values),
        "grad_norm" (of the batch, steps values), "step_norm" (length of the update, steps), "weight_norm" (steps + 1),
        "trajectory" (vectors of all parameters, frozen ones too, as the θ of `Objective.of`; each `every` steps, from
        step 0), and, before training and after each epoch (epochs + 1 values), "val_loss", "val_accuracy", "train_loss",
        "train_accuracy" over the whole set. The norms are over the parameters that are trained. Default: "loss",
        "val_loss", and "val_accuracy" if there is one: for outputs (n, classes) and class labels (n,).
    every : int
        Steps from one point of the trajectory to the next.
    loss : callable
        (outputs, y) → mean over the samples. The outputs are what the model returns, also a tuple or a dict.
    schedule : callable, optional
        t = 1, 2, … → the factor of lr in step t; afterwards lr is what it was.
    device : optional
        Where to train; default: where the data are.
    listeners : iterable of Listener
        What else is to happen (clipping, early stopping …).

    Returns
    -------
    Run
        Histories, trajectory and the trained state, on the CPU.

    Raises
    ------
    NonFiniteLoss
        If the loss becomes NaN or infinite, before an update is made from it; it names the step.
    ValueError
        If the optimizer does not hold the model's parameters, model and data differ in dtype, the model cannot take
        the data or the loss its outputs, or an accuracy is asked for where there is none. Nothing has changed then.
    TypeError
        If `dataset` is none.

    Examples
    --------
    >>> import torch
    >>> from talweg import data
    >>> from talweg.models import MLP
    >>> from talweg.optimizers import Adam
    >>> from talweg.training import train
    >>> model = MLP((64, 32, 10))
    >>> run = train(model, data.load("digits"), Adam(model.parameters(), lr=0.01), epochs=3, batch_size=64, seed=0)
    >>> run["val_accuracy"].shape, run["val_accuracy"][-1].item() > 0.8
    (torch.Size([4]), True)
    """
    dataset = placed(dataset, device, model)
    training = OneModel(model.to(dataset.x_train.device), dataset, optimizer, loss, seed)
    recorder = Recorder(recorded(record, tried(model, dataset, loss, batch_size), dataset), every)
    was_training = model.training
    with torch.random.fork_rng(rng_devices(dataset.x_train.device)):
        torch.manual_seed(seed)
        run(
            training, optimizer, [recorder, *listeners], epochs=epochs, batch_size=batch_size, schedule=schedule
        )  # fmt: skip
    model.train(was_training)
    states = [{name: value.cpu() for name, value in state.items()} for state in training.states()]
    settings = config(dataset, model, optimizer, epochs=epochs, batch_size=batch_size)
    return recorder.runs(training, states, settings)[0]


class OneModel(Training):
    """A single model, with any optimizer."""

    stacked = False

    def __init__(self, model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, loss: Callable, seed: int):
        super().__init__(dataset, loss, _held(model, optimizer), [seed])
        self.model, self.optimizer = model, optimizer
        held = set(self.parameters)
        self.left_out = [p for p in model.parameters() if p not in held]  # no optimizer clears their gradients

    def all_parameters(self) -> list[Tensor]:
        return list(self.model.parameters())

    def outputs(self, x: Tensor) -> Sequence[Any] | Tensor:
        outputs = self.model(x)
        return outputs[None] if isinstance(outputs, Tensor) else [outputs]

    def batch_losses(self, index: Tensor) -> Tensor:
        x, y = self.dataset.x_train[index[0]], self.dataset.y_train[index[0]]
        return self.loss(self.model(x), y)[None]

    def update(self, index: Tensor) -> None:
        """What listeners see belongs to the first pass; SAM asks for a second one."""
        x, y = self.dataset.x_train[index[0]], self.dataset.y_train[index[0]]
        first = True

        def closure() -> Tensor:
            nonlocal first
            self.optimizer.zero_grad()
            for p in self.left_out:
                p.grad = None
            value = self.loss(self.model(x), y)
            if first:
                self.check(value.detach()[None])
            value.backward()
            if first:
                self.gradients_are_there(value[None])
            first = False
            return value

        if isinstance(self.optimizer, Method):
            self.optimizer.prepare(lambda: self.model(x), lambda outputs: self.loss(outputs, y))
        self.optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType] (torch's types say float)

    def learn(self) -> None:
        if isinstance(self.optimizer, Method):
            self.optimizer.resume()
        self.model.train()

    def show_answer(self) -> None:
        if isinstance(self.optimizer, Method) and self.optimizer.answer():
            estimate_statistics(self.model, self.dataset.x_train.split(EVALUATED_AT_ONCE))
        self.model.eval()

    def states(self) -> list[dict[str, Tensor]]:
        return [{name: value.detach().clone() for name, value in self.model.state_dict().items()}]

    def load(self, k: int, state: dict[str, Tensor]) -> None:
        self.model.load_state_dict(state)


def _held(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters to train; ValueError if the optimizer holds none of them (a model made anew after it, say)."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad and id(p) in held]
    if not parameters:
        raise ValueError("optimizer must hold the model's parameters; it holds none of them.")
    return parameters
