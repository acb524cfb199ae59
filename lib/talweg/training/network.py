"""`train`: a network on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talweg.arguments import positive_int
from talweg.bars import bar
from talweg.data import Dataset
from talweg.run import Run
from talweg.training.epochs import EVALUATED_AT_ONCE, config, epoch_batches, evaluate, placed, rng_devices
from talweg.training.recorder import Recorder
from talweg.training.steps import resume, show_answer, take_step

DEFAULT_RECORD = ("loss", "val_loss", "val_accuracy")


def train(
    model: nn.Module,
    dataset: Dataset,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int | None,
    seed: int,
    record: Iterable[str] = DEFAULT_RECORD,
    every: int = 1,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    schedule: Callable[[int], float] | None = None,
    device: torch.device | str | None = None,
) -> Run:
    """Train `model` in place on `dataset`; every epoch visits each training sample once, in a new order.

    batch_size: samples of a step at most (None: all); an epoch is cut into equal batches, give or take one sample.
    seed: of the order (a CPU generator: the same on every device) and of dropout.
    record: "loss" (of the batch, before each step; then of the last batch after the last step: steps + 1 values),
        "grad_norm" (of the batch, steps values), "step_norm" (length of the update, steps), "weight_norm" (steps + 1),
        "trajectory" (parameter vectors each `every` steps, from step 0), and, before training and after each epoch
        (epochs + 1 values), "val_loss", "val_accuracy", "train_loss", "train_accuracy" over the whole set.
    loss: (outputs, y) → mean over the samples. schedule: t = 1, 2, … → the factor of lr in step t.
    device: where to train; default: where the data are. The model is moved there.

    SAM gets its second pass, Sophia its curvature. A Schedule-Free method is evaluated at its average, with batch
    statistics estimated there; the model holds that in the end.

    NonFiniteLoss, naming the step, if the loss becomes NaN or infinite: before an update is made from it.
    """
    dataset = placed(dataset, device, model)
    x_train, y_train = dataset.x_train, dataset.y_train
    parameters = _held(model.to(x_train.device), optimizer)
    recorder = Recorder(record, every, parameters, [seed], stacked=False)
    rates = [group["lr"] for group in optimizer.param_groups] if schedule else []
    was_training = model.training

    def note_epoch() -> None:
        show_answer(model, optimizer, x_train.split(EVALUATED_AT_ONCE))
        evaluate(recorder, dataset, lambda x: model(x)[None], loss)

    with torch.random.fork_rng(rng_devices(x_train.device)), bar(positive_int("epochs", epochs)) as progress:
        torch.manual_seed(seed)
        note_epoch()
        for batches in epoch_batches(len(x_train), epochs, batch_size, [seed], x_train.device):
            resume(model, optimizer)
            for (index,) in batches:
                x, y = x_train[index], y_train[index]
                for group, lr in zip(optimizer.param_groups, rates, strict=False):
                    group["lr"] = lr * schedule(recorder.step + 1)
                take_step(model, x, y, loss, optimizer, recorder)
            note_epoch()
            progress.update()
        with torch.no_grad():
            recorder.end(loss(model(x), y)[None])
    model.train(was_training)
    state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    settings = config(dataset, model, optimizer, epochs=epochs, batch_size=batch_size)
    return recorder.runs([state], settings)[0]


def _held(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters to train; ValueError if the optimizer holds none of them (a model made anew after it, say)."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not any(id(p) in held for p in parameters):
        raise ValueError("optimizer must hold the model's parameters; it holds none of them.")
    return parameters
