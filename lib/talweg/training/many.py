"""`train_seeds`: one network for each seed, all trained together with stacked parameters."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.objective.fast.dense_chain import stacked_forward
from talweg.run import Run
from talweg.training.epochs import batch_length, config, placed
from talweg.training.loop import Listener, Training, run
from talweg.training.one import train
from talweg.training.recorder import Recorder
from talweg.training.stacked_optimizer import StackedOptimizer, asks_for_more
from talweg.training.trial import as_in_evaluation, recorded, tried


def train_seeds(
    models: Sequence[nn.Module] | Callable[[], nn.Module],
    dataset: Dataset,
    Optimizer: Callable,
    *,
    epochs: int,
    batch_size: int | None,
    seeds: Iterable[int],
    record: Iterable[str] | None = None,
    every: int = 1,
    loss: Callable[[Any, Tensor], Tensor] = F.cross_entropy,
    schedule: Callable[[int], float] | None = None,
    device: torch.device | str | None = None,
    listeners: Callable[[], Iterable[Listener]] = tuple,
    **hyperparameters,
) -> list[Run]:
    """Train one model for each seed, with `Optimizer(…, **hyperparameters)`; each run equals `train` with its seed.

    The parameters are stacked K×… and go through batched products, on digits several times faster than one after
    another. Models with dropout or running statistics, those that torch cannot map over (`torch.func.vmap`: recurrent
    layers, chance in functions such as `F.dropout`, outputs that are no tensor), and methods that need more than a
    gradient (SAM, Sophia, Schedule-Free) are trained one after another.

    Parameters
    ----------
    models : sequence of Module, or callable
        K models of one architecture, which are trained in place; or a function that makes one: it is called once for
        each seed, after `torch.manual_seed(seed)`.
    dataset : Dataset
        As in `train`.
    Optimizer : callable
        A class of optimizers, or a function of parameters that makes one.
    epochs, batch_size, record, every, loss, schedule, device
        As in `train`.
    seeds : iterable of int
        K different ones.
    listeners : callable
        Makes those of one training, as in `train`; those of stacked networks see all K at once.
    **hyperparameters
        Those of the optimizer.

    Returns
    -------
    list of Run
        One for each seed.

    Raises
    ------
    NonFiniteLoss
        If one run's loss is not finite; it names the step and the seeds.
    ValueError
        If the seeds are not different, or the models do not fit them or one another; and as in `train`.

    Examples
    --------
    >>> import torch
    >>> from talweg import data
    >>> from talweg.models import MLP
    >>> from talweg.optimizers import SGD
    >>> from talweg.training import train_seeds
    >>> make = lambda: MLP((64, 10))
    >>> runs = train_seeds(make, data.load("digits"), SGD, epochs=2, batch_size=64, seeds=[0, 1], lr=0.1)
    >>> [run.seed for run in runs], torch.stack([run["val_loss"] for run in runs]).shape
    ([0, 1], torch.Size([2, 3]))
    """
    seeds = list(seeds)
    models = _made(models, seeds)
    dataset = placed(dataset, device, models[0])
    shared: dict[str, Any] = dict(epochs=epochs, batch_size=batch_size, schedule=schedule)
    training = _stacked(models, dataset, Optimizer, loss, seeds, batch_size, hyperparameters)
    if training is None:
        return [
            train(
                model, dataset, Optimizer(model.parameters(), **hyperparameters), seed=seed, record=record, every=every,
                loss=loss, listeners=listeners(), **shared,
            )
            for model, seed in zip(models, seeds, strict=True)
        ]  # fmt: skip
    recorder = Recorder(recorded(record, tried(models[0], dataset, loss, batch_size), dataset), every)
    run(training, training.optimizer, [recorder, *listeners()], **shared)
    for model, state in zip(models, training.states(), strict=True):
        model.load_state_dict(state, strict=False)
    states = [{name: v.detach().cpu().clone() for name, v in model.state_dict().items()} for model in models]
    settings = config(dataset, models[0], training.optimizer.optimizers[0], epochs=epochs, batch_size=batch_size)
    return recorder.runs(training, states, settings)


class StackedModels(Training):
    """K models of one architecture whose parameters are stacked K×…."""

    stacked = True

    def __init__(
        self, models: list[nn.Module], dataset: Dataset, Optimizer: Callable, loss: Callable, seeds: list[int],
        hyperparameters: dict[str, Any],
    ):  # fmt: skip
        each = [dict(model.to(dataset.x_train.device).named_parameters()) for model in models]
        self.stack = {name: torch.stack([own[name].detach() for own in each]) for name in each[0]}
        for name, p in self.stack.items():
            p.requires_grad_(each[0][name].requires_grad)
        trainable = [p for p in self.stack.values() if p.requires_grad]
        self.optimizer = StackedOptimizer(Optimizer, trainable, **hyperparameters)
        super().__init__(dataset, loss, self.optimizer.held(), seeds)
        labels = dataset.y_train  # a negative one is ignored: such a mean is not over all samples
        self.loss_together = loss is F.cross_entropy and labels.ndim == 1 and int(labels.min()) >= 0
        chain = _chain(models[0], self.stack, dataset.x_train)
        self.base = nn.Module() if chain else copy.deepcopy(models[0])  # its own parameters are never read
        self.forward = chain or (lambda x: vmap(self._one)(self.stack, x))

    def _one(self, own: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(self.base, own, (x,))

    def learn(self) -> None:
        self.base.train()

    def show_answer(self) -> None:
        self.base.eval()

    def all_parameters(self) -> list[Tensor]:
        return list(self.stack.values())

    def outputs(self, x: Tensor) -> Tensor:
        return self.forward(x.expand(len(self.seeds), *x.shape))

    def batch_losses(self, index: Tensor) -> Tensor:
        outputs, y = self.forward(self.dataset.x_train[index]), self.dataset.y_train[index]
        if self.loss_together:  # one call for all; the general way costs K small ones
            each = F.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none")
            return each.view(y.shape).mean(1)
        return torch.stack([self.loss(one, target) for one, target in zip(outputs, y, strict=True)])

    def update(self, index: Tensor) -> None:
        for p in self.stack.values():
            p.grad = None
        values = self.batch_losses(index)
        self.check(values.detach())
        values.sum().backward()
        self.gradients_are_there(values)
        self.optimizer.step()

    def states(self) -> list[dict[str, Tensor]]:
        return [{name: p.detach()[k].clone() for name, p in self.stack.items()} for k in range(len(self.seeds))]

    def load(self, k: int, state: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self.stack.items():
                p[k].copy_(state[name])


def _chain(model: nn.Module, stack: dict[str, Tensor], x: Tensor) -> Callable[[Tensor], Tensor] | None:
    """K×B×… inputs to K×B×… outputs of the K networks by batched products; None if they are no chains of dense layers."""
    children = OrderedDict(model.named_children())
    if isinstance(model, nn.Sequential) and children and isinstance(next(iter(children.values())), nn.Flatten):
        # Flattened here, since a Flatten layer would take the K for the samples. The names of the rest stay.
        children.popitem(last=False)
        chain = stacked_forward(nn.Sequential(children), 2)
        if chain is not None:
            return lambda x: chain(stack, x.flatten(2))
    elif x.ndim == 2 and (chain := stacked_forward(model, 2)) is not None:
        return lambda x: chain(stack, x)
    return None


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


def _stacked(
    models: list[nn.Module], dataset: Dataset, Optimizer: Callable, loss: Callable, seeds: list[int],
    batch_size: int | None, hyperparameters: dict[str, Any],
) -> StackedModels | None:  # fmt: skip
    """The models stacked; None if they must be trained one after another.

    Dropout draws from torch's global generator, running statistics change in place: neither can be stacked. Nor can
    passes be shared where an optimizer needs more than a gradient.
    """
    model = models[0]
    dropout = any(isinstance(module, nn.modules.dropout._DropoutNd) for module in model.modules())
    if dropout or any(True for _ in model.buffers()):
        return None
    if asks_for_more(Optimizer(model.parameters(), **hyperparameters)):
        return None
    x = dataset.x_train[: batch_length(len(dataset.x_train), batch_size)]
    try:
        training = StackedModels(models, dataset, Optimizer, loss, seeds, hyperparameters)
        return training if _gives_the_same(training, models[-1], x) else None
    except Exception:  # of many kinds: whatever torch cannot map is trained one after another, where errors say more
        return None


def _gives_the_same(training: StackedModels, last: nn.Module, x: Tensor) -> bool:
    """Whether the last of the stacked networks is the last model; an error of torch if they cannot be mapped at all."""
    with as_in_evaluation(last), warnings.catch_warnings():
        warnings.filterwarnings("error", message="There is a performance drop")  # mapped, but one by one and loudly
        training.learn()
        training.outputs(x)  # with gradients; an error if chance is at work
        training.show_answer()
        with torch.no_grad():
            ours, expected = training.outputs(x), last(x)
    rounding = torch.finfo(expected.dtype).eps ** 0.5
    scale = float(expected.abs().max())
    return torch.allclose(ours[-1], expected, rtol=rounding, atol=rounding * scale, equal_nan=True)
