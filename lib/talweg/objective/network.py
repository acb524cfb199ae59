"""A network with its loss and data, as a function of one flat parameter vector."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from talweg.arguments import one_of
from talweg.bars import bar
from talweg.normalization import BatchNorm
from talweg.objective.fast.any_network import PreparedSlice
from talweg.objective.fast.dense_chain import StackedSlice, losses, stacked_forward, stacked_layers
from talweg.objective.function import Objective

__all__ = ["NetworkObjective"]

# Activations held at once by `many`: small enough for the processor's cache, large enough to fill a GPU.
STACKED_ELEMENTS = {"cpu": 2**20, "cuda": 2**26}
POINTS_TOGETHER = 4  # points that `slice` takes at once, at least; samples are split to make room for them
OUTPUTS_AT_ONCE = 2**18  # network outputs held before the loss is taken of them


class NetworkObjective(Objective):
    """Mean loss of a network over data, f(θ) = Σ_b (n_b/n) loss(model_θ(x_b), y_b), θ = all parameters in one vector.

    The order of the parameters is that of `model.parameters()`, as in `torch.nn.utils.vector_to_parameters`. The
    model is copied: it is never changed, and changing it later changes nothing here. `theta` holds its parameters.

    model: in eval mode if it has dropout or batch normalization, whose value in train mode is not a function of θ.
    loss: (outputs, y) → mean over the samples given, such as `torch.nn.functional.cross_entropy`.
    x, y: n samples along the first axis. batch_size: samples evaluated at once (default: all).
    dtype: computes in this precision (float64, say) whatever the model's.
    batch_norm: "running", batch normalization by the model's running statistics, which are constants of f; or "data",
        by the mean and variance of each batch as f is evaluated, whatever mode the model is in: statistics re-estimated
        at every θ, from all the data if batch_size is None.
    ValueError: no data, lengths that differ, a model in train mode as above, a loss that is not a scalar.
    """

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
    ):
        _check_data(x, y, batch_size)
        self.model = copy.deepcopy(model).to(dtype=dtype).requires_grad_(False)
        if one_of("batch_norm", batch_norm, ("running", "data")) == "data":
            _forget_statistics(self.model)
        refuse_train_mode(self.model)
        parameters = dict(self.model.named_parameters())
        self.theta = _flat(parameters)
        self.dim = self.theta.numel()
        self.loss = loss
        self.x, self.y = (_like(data.detach(), self.theta, dtype) for data in (x, y))
        self.batch_size = batch_size or len(x)
        self._names = list(parameters)
        self._shapes = [p.shape for p in parameters.values()]
        self._sizes = [p.numel() for p in parameters.values()]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.x)

    def value(self, theta: Tensor) -> Tensor:
        return sum(term(theta) for term in self.terms())

    def terms(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """One function for each batch: its loss times its share of the samples."""
        return [partial(self._term, x=x, y=y) for x, y in self._batches()]

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """The parameters by name, as views of `theta`; leading axes of `theta` (…, P) are kept."""
        pieces = theta.split(self._sizes, dim=-1)
        shapes = (theta.shape[:-1] + shape for shape in self._shapes)
        return {name: p.reshape(shape) for name, p, shape in zip(self._names, pieces, shapes, strict=True)}

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
        if forward is None:
            return super().many(thetas) if thetas.is_cuda else self._one_by_one(thetas)
        values = [self._stacked(forward, chunk) for chunk in thetas.split(self._points_at_once(thetas))]
        return torch.cat(values)

    @torch.no_grad()
    def slice(self, origin: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
        """f(origin + Σᵢ wᵢ dᵢ) for K rows of weights: (P,), (m, P), (K, m) → (K,).

        Chains of linear layers: the first layer's outputs are combined from m + 1 products computed once, the others
        go through one batched product per layer for a chunk of points (`StackedSlice`). Other models on a CPU: a copy
        prepared for forward passes (`PreparedSlice`). In both, only the outputs of many points are kept, and the loss
        is taken of them together.
        """
        origin, directions, weights = self._family(origin, directions, weights)
        layers = stacked_layers(self.model, self.x.ndim)
        if layers is None and origin.is_cuda:
            return super().slice(origin, directions, weights)
        _keep_memory(origin.device)
        corners = self.unflatten(torch.cat([origin.unsqueeze(0), directions]))
        weights = torch.cat([weights.new_ones(len(weights), 1), weights], dim=1)
        values = 0
        for x, y in self._batches():
            if layers is None:
                outputs, at_once = PreparedSlice(self.model, corners, x), 1
            else:
                samples, at_once = self._chunk_sizes(len(x), origin.device)
                outputs = StackedSlice(layers, corners, x, samples)
            values = values + self._losses(outputs, weights.split(at_once), y) * (len(y) / len(self))
        return values

    def _losses(self, outputs: Callable[[Tensor], Tensor], chunks: Sequence[Tensor], y: Tensor) -> Tensor:
        """The loss of a batch for each row of weights, given in chunks, from its outputs (k, n, out)."""
        values, held, size = [], [], 0
        with bar(len(chunks)) as progress:
            for number, some in enumerate(chunks, start=1):
                held.append(outputs(some))
                size += held[-1].numel()
                if size >= OUTPUTS_AT_ONCE or number == len(chunks):
                    values.append(self._stacked_losses(held, y))
                    held, size = [], 0
                progress.update()
        return torch.cat(values)

    def _chunk_sizes(self, n: int, device: torch.device) -> tuple[int, int]:
        """Samples and points to evaluate at once, for activations that fit the cache (or fill the GPU)."""
        widest = max(shape[0] for shape in self._shapes)
        budget = STACKED_ELEMENTS.get(device.type, STACKED_ELEMENTS["cpu"])
        samples = min(n, max(1, budget // (POINTS_TOGETHER * widest)))
        return samples, max(1, budget // (samples * widest))

    def with_loss(self, loss: Callable[[Tensor, Tensor], Tensor]) -> NetworkObjective:
        """The same network and data under another loss or measure, such as `talweg.landscape.accuracy`."""
        other = copy.copy(self)
        other.loss = loss
        return other

    def subset(self, indices: Tensor | slice) -> NetworkObjective:
        """The same network and loss on some of the samples: a mini-batch as an objective."""
        other = copy.copy(self)
        other.x, other.y = self.x[indices], self.y[indices]
        _check_data(other.x, other.y, None)
        other.batch_size = min(self.batch_size, len(other.x))
        return other

    def _stacked(self, forward: Callable, thetas: Tensor) -> Tensor:
        parameters = self.unflatten(thetas)
        return sum(self._stacked_losses([forward(parameters, x)], y) * (len(x) / len(self)) for x, y in self._batches())

    def _one_by_one(self, thetas: Tensor) -> Tensor:
        return torch.stack([self.value(theta) for theta in thetas])

    def _points_at_once(self, thetas: Tensor) -> int:
        widest = max(shape[0] for shape in self._shapes)
        budget = STACKED_ELEMENTS.get(thetas.device.type, STACKED_ELEMENTS["cpu"])
        return max(1, budget // (min(self.batch_size, len(self)) * widest))

    def _chunk(self) -> int:
        samples = min(self.batch_size, len(self))
        widest = max(shape[0] for shape in self._shapes)
        return max(1, STACKED_ELEMENTS["cuda"] // (self.dim + samples * widest))

    def _batches(self):
        return zip(self.x.split(self.batch_size), self.y.split(self.batch_size), strict=True)

    def _term(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        outputs = functional_call(self.model, self.unflatten(theta), (x,))
        return self._scalar_loss(outputs, y) * (len(x) / len(self))

    def _stacked_losses(self, outputs: Sequence[Tensor], y: Tensor) -> Tensor:
        values = losses(self.loss, outputs, y)
        return self._one_number(values, values[0])

    def _scalar_loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        value = self.loss(outputs, y)
        return self._one_number(value, value)

    def _one_number(self, result: Tensor, value: Tensor) -> Tensor:
        if value.ndim:
            raise ValueError(f"loss must return one number, the mean over samples; got shape {tuple(value.shape)}")
        return result

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


def _keep_memory(device: torch.device) -> None:
    """Let the C library keep freed memory of up to 64 MiB instead of handing it back after each layer.

    glibc's limit follows the largest block freed so far, up to 32 MiB. Below it, the pages of every activation are
    taken from the system and cleared anew: half of the time of a plane, where that happens.
    """
    if device.type == "cpu":
        torch.empty(31 * 2**20, dtype=torch.uint8)


def _forget_statistics(model: nn.Module) -> None:
    """Batch normalization by the batch at hand from now on: without running statistics, and in eval mode."""
    for module in model.modules():
        if isinstance(module, (nn.modules.batchnorm._NormBase, BatchNorm)):
            module.eval()
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False


def _flat(parameters: dict[str, Tensor]) -> Tensor:
    if not parameters:
        raise ValueError("model has no parameters")
    kinds = {(p.dtype, p.device) for p in parameters.values()}
    if len(kinds) > 1:
        raise ValueError(f"model must have all parameters in one dtype on one device, got {sorted(map(str, kinds))}")
    return torch.cat([p.detach().reshape(-1) for p in parameters.values()])


def _like(data: Tensor, theta: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Data where the model is; converted only if the caller asked for a precision."""
    if data.device != theta.device:
        raise ValueError(f"x and y must be on the model's device {theta.device}, got {data.device}")
    return data.to(dtype) if dtype is not None and data.is_floating_point() else data


def _check_data(x: Tensor, y: Tensor, batch_size: int | None) -> None:
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"x and y must have as many samples, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    if len(x) == 0:
        raise ValueError("x must have at least one sample, got none")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1 or None, got {batch_size}")


def refuse_train_mode(model: nn.Module) -> None:
    """ValueError if the model's output depends on chance or on the other samples: dropout, batch norm in train mode."""
    stochastic = nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase, BatchNorm
    for name, module in model.named_modules():
        if module.training and isinstance(module, stochastic):
            raise ValueError(
                f"model is in train mode and has {type(module).__name__} ({name or 'the model itself'}), whose output "
                "depends on chance or on the batch: call model.eval() first"
            )
