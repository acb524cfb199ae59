"""`train_seeds`: one network for each seed, all trained together with stacked parameters."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from talweg.arguments import positive_int
from talweg.bars import bar
from talweg.data import Dataset
from talweg.objective.fast.dense_chain import stacked_forward
from talweg.run import Run
from talweg.training.epochs import config, epoch_batches, evaluate, placed
from talweg.training.network import DEFAULT_RECORD, train
from talweg.training.recorder import Recorder
from talweg.training.stacking import StackedOptimizer
from talweg.training.steps import steps_alone


def train_seeds(
    models: Sequence[nn.Module] | Callable[[], nn.Module],
    dataset: Dataset,
    Optimizer: Callable,
    *,
    epochs: int,
    batch_size: int | None,
    seeds: Iterable[int],
    record: Iterable[str] = DEFAULT_RECORD,
    every: int = 1,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    schedule: Callable[[int], float] | None = None,
    device: torch.device | str | None = None,
    **hyperparameters,
) -> list[Run]:
    """Train one model for each seed, with `Optimizer(…, **hyperparameters)`; each run equals `train` with its seed.

    models: K models of one architecture (they are trained in place), or a function that makes one: it is called
    once for each seed, after `torch.manual_seed(seed)`. Everything else as in `train`.

    The parameters are stacked K×… and go through batched products, on digits several times faster than one after
    another. Models with dropout or running statistics, and methods that need more than a gradient (SAM, Sophia,
    Schedule-Free), are trained one after another. NonFiniteLoss if one run's loss is not finite: it names the step and
    the seeds.
    """
    seeds = list(seeds)
    models = _made(models, seeds)
    dataset = placed(dataset, device, models[0])
    shared = dict(epochs=epochs, batch_size=batch_size, record=record, every=every, loss=loss, schedule=schedule)
    if _needs_own_pass(models[0]) or steps_alone(Optimizer):
        return [
            train(model, dataset, Optimizer(model.parameters(), **hyperparameters), seed=seed, **shared)
            for model, seed in zip(models, seeds, strict=True)
        ]
    return _train_stacked(models, dataset, Optimizer, seeds, hyperparameters, **shared)


def _train_stacked(
    models, dataset, Optimizer, seeds, hyperparameters, *, epochs, batch_size, record, every, loss, schedule
) -> list[Run]:
    x_train, y_train, device = dataset.x_train, dataset.y_train, dataset.x_train.device
    each = [dict(model.to(device).named_parameters()) for model in models]
    stack = {name: torch.stack([own[name].detach() for own in each]) for name in each[0]}
    for name, p in stack.items():
        p.requires_grad_(each[0][name].requires_grad)
    leaves = [p for p in stack.values() if p.requires_grad]
    forward = _forward(models[0], stack, x_train)
    optimizer = StackedOptimizer(Optimizer, leaves, **hyperparameters)
    recorder = Recorder(record, every, leaves, seeds, stacked=True)

    def note_epoch() -> None:
        evaluate(recorder, dataset, lambda x: forward(x.expand(len(seeds), *x.shape)), loss)

    with bar(positive_int("epochs", epochs)) as progress:
        note_epoch()
        for batches in epoch_batches(len(x_train), epochs, batch_size, seeds, device):
            for index in batches:
                x, y = x_train[index], y_train[index]
                if schedule:
                    optimizer.set_factor(schedule(recorder.step + 1))
                for p in leaves:
                    p.grad = None
                values = losses(loss, forward(x), y)
                recorder.check(values.detach())
                values.sum().backward()
                recorder.before_step(values)
                optimizer.step()
                recorder.after_step()
            note_epoch()
            progress.update()
        with torch.no_grad():
            recorder.end(losses(loss, forward(x), y))
    for k, model in enumerate(models):
        model.load_state_dict({name: p.detach()[k] for name, p in stack.items()}, strict=False)
    states = [{name: v.detach().cpu().clone() for name, v in model.state_dict().items()} for model in models]
    settings = config(dataset, models[0], optimizer.optimizers[0], epochs=epochs, batch_size=batch_size)
    return recorder.runs(states, settings)


def losses(loss: Callable, outputs: Tensor, y: Tensor) -> Tensor:
    """The mean loss of each of K networks: outputs K×B×…, y K×B… → K."""
    if loss is F.cross_entropy and y.ndim == 2:  # one call for all; the general way costs K small ones
        each = F.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none")
        return each.view(y.shape).mean(1)
    return torch.stack([loss(one, target) for one, target in zip(outputs, y, strict=True)])


def _forward(model: nn.Module, stack: dict[str, Tensor], x: Tensor) -> Callable[[Tensor], Tensor]:
    """K×B×… inputs to K×B×… outputs of the K networks: batched products for a chain of dense layers, else vmap."""
    children = OrderedDict(model.named_children())
    if isinstance(model, nn.Sequential) and children and isinstance(next(iter(children.values())), nn.Flatten):
        # Flattened here, since a Flatten layer would take the K for the samples. The names of the rest stay.
        children.popitem(last=False)
        chain = stacked_forward(nn.Sequential(children), 2)
        if chain is not None:
            return lambda x: chain(stack, x.flatten(2))
    elif x.ndim == 2 and (chain := stacked_forward(model, 2)) is not None:
        return lambda x: chain(stack, x)
    base = copy.deepcopy(model).to(x.device)  # its own parameters are never read
    return lambda x: vmap(lambda own, some: functional_call(base, own, (some,)))(stack, x)


def _made(models: Sequence[nn.Module] | Callable[[], nn.Module], seeds: list[int]) -> list[nn.Module]:
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be one or more different integers; got {seeds}.")
    if isinstance(models, nn.Module):
        raise TypeError("models must be a list, one model for each seed, or a function that makes one; got one model.")
    if callable(models):
        made = []
        with torch.random.fork_rng():
            for seed in seeds:
                torch.manual_seed(seed)
                made.append(models())
        models = made
    models = list(models)
    if len(models) != len(seeds) or len({id(model) for model in models}) < len(models):
        raise ValueError(f"models must be {len(seeds)} different models, one for each seed; got {len(models)}.")
    shapes = [{name: (p.shape, p.dtype) for name, p in model.named_parameters()} for model in models]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("models must have one architecture; their parameters differ in names, shapes or dtype.")
    return models


def _needs_own_pass(model: nn.Module) -> bool:
    """Dropout draws from torch's global generator, running statistics change in place: neither can be stacked."""
    dropout = any(isinstance(module, nn.modules.dropout._DropoutNd) for module in model.modules())
    return dropout or any(True for _ in model.buffers())
