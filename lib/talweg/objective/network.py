"""A network with its loss and data, as a function of one flat parameter vector."""

from __future__ import annotations

import builtins
import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from talweg.arguments import one_of
from talweg.models.chain import chain_layers
from talweg.models.modes import refuse_train_mode
from talweg.models.norms import batch_norms
from talweg.objective import defences
from talweg.objective.fast.choose import fastest
from talweg.objective.fast.chunks import activations_at_once, evaluate, raise_malloc_threshold
from talweg.objective.fast.dense_chain import losses, stacked_forward
from talweg.objective.function import Mean, added
from talweg.objective.samples import check_samples, like, tensor
from talweg.objective.stateless import Stateless, copied

__all__ = ["NetworkObjective"]

MAPPED_AT_ONCE = 2**26  # parameters and activations that `vmap` holds at once


class NetworkObjective(Mean):
    """The mean loss of a network over data, as a function of its parameters in one vector θ.

    f(θ) = Σ_b (n_b/n) loss(model_θ(x_b), y_b) over the batches b of the data. The order of the parameters is that of
    `model.parameters()`, as in `torch.nn.utils.vector_to_parameters`. The model is copied: it is never changed, and
    changing it later changes nothing here. `theta` holds its parameters. Two evaluations of a few samples look at
    construction whether f is a function of θ alone, and a mean over samples (`talweg.objective.defences`); which models,
    data and losses have been tried is told in `talweg.objective.tried`.

    Parameters
    ----------
    model
        In eval mode if it has dropout or batch normalization, whose value in train mode is not a function of θ.
    loss
        (outputs, y) → mean over the samples given, such as `torch.nn.functional.cross_entropy`. What is no such mean (a
        sum, class weights, ignored labels) is taken over all samples only, and refused where there are batches.
    x, y
        n samples along the first axis, as tensors or NumPy arrays.
    batch_size
        Number of samples evaluated at once. The default is all.
    dtype
        The precision to compute in (float64, say), whatever the model's.
    batch_norm
        "running": batch normalization by the model's running statistics, which are constants of f. "data": by the mean
        and variance of each batch as f is evaluated, whatever mode the model is in. Statistics are then re-estimated
        at every θ, from all the data if batch_size is None.
    parameters
        "all", or "trainable": θ of those that require gradients, the others being constants. `selected` takes from
        vectors over all parameters, such as random directions, the entries that θ then has.

    Raises
    ------
    ValueError
        No data, lengths that differ, a model in train mode as above, a loss that is not a scalar, or what is not a
        function of θ alone: chance, a forward or loss that reads parameters or tensors with gradients past θ, or
        changes in place what it is given. Batches of a loss that is no mean over samples.
    TypeError
        Data that are no tensors, or of a dtype the model fails with; a model that cannot be copied.

    Examples
    --------
    >>> import torch
    >>> from torch.nn.functional import mse_loss
    >>> from talweg.objective import NetworkObjective
    >>> model = torch.nn.Linear(2, 1, dtype=torch.float64)
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64)
    >>> f = NetworkObjective(model, mse_loss, x, y)
    >>> f.dim, f([1.0, 3.0, 0.0]).item(), f.grad([1.0, 3.0, 0.0]).tolist()
    (3, 2.0, [0.0, 2.0, 2.0])
    """

    theta: Tensor  # pyright: ignore[reportIncompatibleVariableOverride]  # a network always has a point to start from

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        x: Tensor,
        y: Tensor,
        *,
        batch_size: int | None = None,
        dtype: torch.dtype | None = None,
        batch_norm: str = "running",
        parameters: str = "all",
    ):
        x, y = tensor("x", x), tensor("y", y)
        check_samples(x, y, batch_size)
        self.by_batch = one_of("batch_norm", batch_norm, ("running", "data")) == "data"
        self.model = copied(model, dtype)
        if self.by_batch:
            _forget_statistics(self.model)
        refuse_train_mode(self.model)
        self._take(dict(self.model.named_parameters()), one_of("parameters", parameters, ("all", "trainable")))
        self.network = Stateless(self.model.requires_grad_(False))
        self.loss = loss
        self.x, self.y = (like(data, self.theta, dtype) for data in (x, y))
        self.n, self.batch_size = len(x), batch_size or len(x)
        self.no_mean = defences.check(self, model)
        if self.batch_size < self.n:
            self._refuse_batches(f"batch_size={self.batch_size}")

    def _take(self, parameters: Mapping[str, nn.Parameter], which: str) -> None:
        """θ of all parameters, or of those that require gradients; the others are constants."""
        chosen = {name: p for name, p in parameters.items() if which == "all" or p.requires_grad}
        self.theta: Tensor = _flat(chosen, "parameters" if which == "all" else "trainable parameters")
        self.dim = self.theta.numel()
        self.names = list(chosen)
        self.frozen = {name: p.detach() for name, p in parameters.items() if name not in chosen}
        self._shapes = [p.shape for p in chosen.values()]
        self._sizes = [p.numel() for p in chosen.values()]
        self._held = [(p.numel(), name in chosen) for name, p in parameters.items()]

    def value(self, theta: Tensor) -> Tensor:
        return added(term(theta) for term in self.terms())

    def terms(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """One function for each batch: its loss times its share of the samples."""
        return [partial(batch._share, n=self.n) for batch in self.batches()]

    def _share(self, theta: Tensor, n: int) -> Tensor:
        return self.loss_of(self.outputs(theta)) * (self.n / n)

    def outputs(self, theta: Tensor) -> Tensor:
        """The network's outputs for all samples, (n, …)."""
        return self.network(self.unflatten(theta), self.x)

    def loss_of(self, outputs: Tensor) -> Tensor:
        """The loss of outputs for all samples, a tensor without dimensions; ValueError if it is none."""
        value = self.loss(outputs, self.y)
        _check_scalar(value)
        return value

    def losses(self, outputs: Sequence[Tensor]) -> Tensor:
        """The loss of each of K networks, (K,), from their outputs for all samples, in pieces (k, n, …)."""
        values = losses(self.loss, outputs, self.y)
        _check_scalar(values[0])
        return values

    def batches(self) -> list[NetworkObjective]:
        """One objective for each batch of at most `batch_size` samples, in order."""
        pairs = zip(self.x.split(self.batch_size), self.y.split(self.batch_size), strict=True)
        return [self._on(x, y) for x, y in pairs]

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """The parameters by name, as views of `theta`; leading axes of `theta` (…, P) are kept."""
        pieces, axes = theta.split(self._sizes, dim=-1), theta.shape[:-1]
        named = {name: p.reshape(axes + shape) for name, p, shape in zip(self.names, pieces, self._shapes, strict=True)}
        return named | {name: p.expand(axes + p.shape) for name, p in self.frozen.items()}

    def selected(self, vectors: Tensor) -> Tensor:
        """Of vectors over all parameters of the model, (…, P_all), such as `random_directions(model)`, what θ holds."""
        total = sum(size for size, _ in self._held)
        if vectors.shape[-1] != total:
            raise ValueError(
                f"vectors must have {total} entries, all the model's parameters; got {tuple(vectors.shape)}"
            )
        pieces = vectors.split([size for size, _ in self._held], dim=-1)
        return torch.cat([piece for piece, (_, held) in zip(pieces, self._held, strict=True) if held], dim=-1)

    @property
    def running_statistics(self) -> bool:
        """Whether the model normalizes by running statistics, which belong to one θ."""
        return any(getattr(module, "running_mean", None) is not None for module in self.model.modules())

    @torch.no_grad()
    def many(self, thetas: Tensor) -> Tensor:
        """f at K points at once: (K, P) → (K,).

        Chains of linear layers and activations go through one batched product per layer for a chunk of points.
        Other models: one point after another on a CPU, where mapping over weights was measured to be slower than
        that, and `vmap` on a GPU, where small products are bound by their launch.
        """
        thetas = self.points(thetas)
        forward = stacked_forward(self.model, self.x.ndim)
        if forward is not None:
            return torch.cat([self._stacked(forward, some) for some in thetas.split(self._stacked_at_once(thetas))])
        return super().many(thetas) if thetas.is_cuda else torch.stack([self.value(theta) for theta in thetas])

    def grads(self, thetas: Tensor) -> Tensor:
        """∇f at K points at once: (K, P) → (K, P).

        Mapped over the points (`vmap`): on a CPU two to five times faster for chains of linear layers, but slower
        than one point after another where convolutions are mapped over their weights.
        """
        thetas = self.points(thetas).detach()
        if thetas.is_cuda or chain_layers(self.model, self.x.ndim, norms=True) is not None:
            with contextlib.suppress(RuntimeError):  # a loss that branches on numbers, say, which `vmap` cannot follow
                return super().grads(thetas)
        return torch.stack([self.gradient(theta) for theta in thetas])

    @torch.no_grad()
    def slice(self, origin: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
        """f(origin + Σᵢ wᵢ dᵢ) for K rows of weights: (P,), (m, P), (K, m) → (K,).

        Each batch of the data has the evaluator that is fastest for the model: see `talweg.objective.fast.choose`.
        """
        origin, directions, weights = self._family(origin, directions, weights)
        raise_malloc_threshold(origin.device)
        values = (
            evaluate(fastest(batch, origin, directions), weights) * (batch.n / self.n) for batch in self.batches()
        )
        return added(values)

    def with_loss(self, loss: Callable[[Tensor, Tensor], Tensor]) -> NetworkObjective:
        """The same network and data under another loss or measure, such as `talweg.landscape.accuracy`."""
        other = copy.copy(self)
        other.loss = loss
        other.no_mean = defences.check(other)
        if self.batch_size < self.n:
            other._refuse_batches(f"batch_size={self.batch_size}")
        return other

    def subset(self, indices: Tensor | builtins.slice) -> NetworkObjective:
        """The same network and loss on some of the samples: a mini-batch as an objective.

        ValueError: no samples, or a loss that is no mean over samples.
        """
        self._refuse_batches("a mini-batch")
        x, y = self.x[indices], self.y[indices]
        check_samples(x, y, None)
        return self._on(x, y)

    def _refuse_batches(self, what: str) -> None:
        if self.no_mean:
            raise ValueError(
                f"{what} needs a loss that is the mean over samples, and this one is not: {self.no_mean}. Take all samples "
                "at once, or write the loss as a mean, such as (weights[y] * cross_entropy(out, y, reduction='none')).mean()"
            )

    def _on(self, x: Tensor, y: Tensor) -> NetworkObjective:
        other = copy.copy(self)
        other.x, other.y, other.n = x, y, len(x)
        other.batch_size = min(self.batch_size, len(x))
        return other

    def _stacked(self, forward: Callable, thetas: Tensor) -> Tensor:
        parameters = self.unflatten(thetas)
        return added(batch.losses([forward(parameters, batch.x)]) * (batch.n / self.n) for batch in self.batches())

    def _stacked_at_once(self, thetas: Tensor) -> int:
        return max(1, activations_at_once(thetas.device) // self._activations())

    def _chunk(self) -> int:
        return max(1, MAPPED_AT_ONCE // (self.dim + self._activations()))

    def _activations(self) -> int:
        """Numbers that the widest layer puts out for a batch, by the first axis of its parameters."""
        return min(self.batch_size, self.n) * max(shape[0] for shape in self._shapes)

    def _checked(self, theta: Tensor, name: str, ndim: int) -> Tensor:
        theta = super()._checked(theta, name, ndim)
        if theta.dtype != self.theta.dtype:
            raise ValueError(
                f"{name} is {theta.dtype}, but this objective computes in {self.theta.dtype}: "
                f"convert {name}, or build the objective with dtype={theta.dtype}"
            )
        if theta.device != self.theta.device:
            raise ValueError(f"{name} is on {theta.device}, but the model and data are on {self.theta.device}")
        return theta


def _forget_statistics(model: nn.Module) -> None:
    """Batch normalization by the batch at hand from now on: without running statistics, and in eval mode."""
    for module in batch_norms(model):
        module.eval()
        module.running_mean = module.running_var = module.num_batches_tracked = None
        module.track_running_stats = False


def _flat(parameters: Mapping[str, Tensor], what: str) -> Tensor:
    if not parameters:
        raise ValueError(f"model has no {what}")
    for name, p in parameters.items():
        if is_lazy(p):
            raise ValueError(f"parameter `{name}` has no shape yet: call the model once on data first")
        if not p.is_floating_point():
            raise ValueError(
                f"parameters must be real numbers, since θ is a vector of them; `{name}` is {p.dtype}: hold real and "
                "imaginary part (torch.view_as_real), and make the complex tensor of them in forward"
            )
    kinds = {(p.dtype, p.device) for p in parameters.values()}
    if len(kinds) > 1:
        raise ValueError(f"model must have all parameters in one dtype on one device, got {sorted(map(str, kinds))}")
    return torch.cat([p.detach().reshape(-1) for p in parameters.values()])


def _check_scalar(value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"loss must return a tensor without dimensions, the mean over samples; got {type(value).__name__}"
        )
    if value.ndim:
        raise ValueError(f"loss must return one number, the mean over samples; got shape {tuple(value.shape)}")
