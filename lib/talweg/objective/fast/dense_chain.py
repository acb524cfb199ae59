"""Forward passes of many networks of one shape at once: parameters stacked along a first axis, one product per layer.

On a line or plane of parameters, θ(w) = θ₀ + Σᵢ wᵢ dᵢ, the first layer is cheaper still: it is linear in its weights,
so its outputs there are the same combination of m + 1 outputs that are computed once (`DenseChain`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.nn import functional as F

from talweg.models.chain import NORMS, Layers, chain_layers
from talweg.objective.fast.chunks import activations_at_once, with_origin

if TYPE_CHECKING:
    from talweg.objective.network import NetworkObjective

__all__ = ["DenseChain", "losses", "stacked_forward"]

OUTPUTS_AT_ONCE = 2**18  # network outputs held before the loss is taken of them
POINTS_TOGETHER = 4  # points evaluated at once, at least; samples are split to make room for them
IN_PLACE = {nn.ReLU: Tensor.relu_, nn.Tanh: Tensor.tanh_, nn.Sigmoid: Tensor.sigmoid_}


def stacked_forward(model: nn.Module, x_dims: int) -> Callable[[dict[str, Tensor], Tensor], Tensor] | None:
    """A function (parameters by name, each (K, …); x with `x_dims` axes, samples first) → outputs (K, n, out), or None.

    None unless the model is a plain chain of layers on vectors, as in `talweg.models.chain`; normalization layers may
    be among them, batch normalization without running statistics only.
    """
    layers = chain_layers(model, x_dims, norms=True)
    if layers is None:
        return None

    def forward(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        h = x
        for name, module in layers:
            if isinstance(module, nn.Linear):
                h = _linear(h, parameters, name)
            elif isinstance(module, NORMS):
                h = _normalized(h, parameters, name, module)
            else:
                h = module(h)
        return h

    return forward


class DenseChain:
    """Losses of a chain of layers at origin + Σᵢ wᵢ dᵢ: weights (k, m) → (k,).

    layers: those of f's model, from `chain_layers`. The outputs of many points are kept, and the loss is taken of
    them together.
    """

    def __init__(self, f: NetworkObjective, origin: Tensor, directions: Tensor, layers: Layers):
        corners = f.unflatten(torch.cat([origin.unsqueeze(0), directions]))  # (m + 1, …), by name
        linear = [(name, module) for name, module in layers if isinstance(module, nn.Linear)]
        first = layers.index(linear[0])
        self.f, self.layers = f, layers[first + 1 :]
        self.corners = {
            name: p for name, p in corners.items() if name.startswith(tuple(f"{n}." for n, _ in linear[1:]))
        }
        widest, budget = max(len(p) for p in f.model.parameters()), activations_at_once(origin.device)
        samples = min(f.n, max(1, budget // (POINTS_TOGETHER * widest)))
        self.points_together = max(1, budget // (samples * widest))
        chunks = math.ceil(OUTPUTS_AT_ONCE / (self.points_together * f.n * linear[-1][1].out_features))
        self.points_at_once = self.points_together * chunks
        x = f.x
        for _, module in layers[:first]:
            x = module(x)
        products = _linear(x, corners, linear[0][0])  # (m + 1, n, hidden)
        parts = [part.contiguous() for part in products.split(samples, dim=1)]
        self.parts = [(part, _Rows(part)) for part in parts]
        self.buffers: dict[tuple, Tensor] = {}

    def __call__(self, weights: Tensor) -> Tensor:
        return self.f.losses([self._outputs(some) for some in with_origin(weights).split(self.points_together)])

    def __repr__(self) -> str:
        return f"DenseChain({self.points_together} points at once)"

    def _outputs(self, weights: Tensor) -> Tensor:
        """(k, m + 1) → (k, n, out)."""
        parameters = {name: _combined(weights, p) for name, p in self.corners.items()}
        columns = [self._forward(self._first(weights, *part), parameters) for part in self.parts]
        return torch.cat(columns, dim=2).mT

    def _first(self, weights: Tensor, products: Tensor, rows: _Rows) -> Tensor:
        h = self._buffer("", (len(weights), *products.shape[1:]))
        if weights.is_cuda:
            torch.mm(weights, products.flatten(1), out=h.view(len(weights), -1))
        else:
            rows.combine(weights, h)
        return h

    def _forward(self, h: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        """Outputs as columns, (k, out, n): see `losses`."""
        for name, module in self.layers:
            if isinstance(module, nn.Linear) and module is self.layers[-1][1]:
                return _linear_columns(h, parameters, name)
            if isinstance(module, nn.Linear):
                h = _linear(h, parameters, name, self._buffer(name, (*h.shape[:2], module.out_features)))
            else:  # h is ours alone: where there is an operation in place, it saves a pass through memory
                h = IN_PLACE.get(type(module), module)(h)
        return h.mT.clone()

    def _buffer(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Memory for a layer's outputs, used again for each chunk: new pages from the system were half of the time."""
        key = name, shape
        if key not in self.buffers:
            self.buffers[key] = self.parts[0][0].new_empty(shape)
        return self.buffers[key]


def _own(parameters: dict[str, Tensor], name: str) -> tuple[Any, Any]:
    """Weight and bias of the layer of that name, each (K, …); None for what it does not have."""
    return parameters.get(f"{name}.weight" if name else "weight"), parameters.get(f"{name}.bias" if name else "bias")


def _combined(weights: Tensor, corners: Tensor) -> Tensor:
    """Σᵢ wᵢ cᵢ: (k, m + 1), (m + 1, …) → (k, …)."""
    return (weights @ corners.flatten(1)).view(len(weights), *corners.shape[1:])


def _linear(h: Tensor, parameters: dict[str, Tensor], name: str, out: Tensor | None = None) -> Tensor:
    """h Wᵀ + b for all K networks: h is (n, in) before the first layer, then (K, n, in)."""
    weight, bias = _own(parameters, name)
    h = h.expand(len(weight), *h.shape) if h.ndim == 2 else h
    if bias is None:
        return torch.bmm(h, weight.mT, out=out)
    return torch.baddbmm(bias.unsqueeze(1), h, weight.mT, out=out)


def _normalized(h: Tensor, parameters: dict[str, Tensor], name: str, module: Any) -> Tensor:
    """The layer without its scale and shift, then those of each network; h as in `_linear`."""
    if isinstance(module, nn.RMSNorm):
        h = F.rms_norm(h, module.normalized_shape, eps=module.eps)
    elif isinstance(module, nn.LayerNorm):
        h = F.layer_norm(h, module.normalized_shape, eps=module.eps)
    else:  # over the samples of a column instead of the columns of a sample
        h = F.layer_norm(h.mT, h.shape[-2:-1], eps=module.eps).mT
    weight, bias = _own(parameters, name)
    h = h if weight is None else h * weight.unsqueeze(1)
    return h if bias is None else h + bias.unsqueeze(1)


class _Rows:
    """Combinations of one part's products; where neighbouring rows of weights differ in w₁ alone, the rest is kept.

    So it is in a row of a plane. Then one sum of two arrays is left for each point, about half the time of a product
    of matrices with so few rows (MKL).
    """

    def __init__(self, corners: Tensor):
        self.corners, self.key, self.rest = corners, None, torch.empty_like(corners[0])

    def combine(self, weights: Tensor, result: Tensor) -> None:
        for (first, second, *others), out in zip(weights.tolist(), result, strict=True):
            if self.key != (first, others):
                self.key = first, others
                torch.mul(self.corners[0], first, out=self.rest)
                for weight, corner in zip(others, self.corners[2:], strict=True):
                    self.rest.add_(corner, alpha=weight)
            torch.add(self.rest, self.corners[1], alpha=second, out=out)


def _linear_columns(h: Tensor, parameters: dict[str, Tensor], name: str) -> Tensor:
    """W hᵀ + b for all K networks: (K, n, in) → (K, out, n)."""
    weight, bias = _own(parameters, name)
    return torch.bmm(weight, h.mT) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, h.mT)


def losses(loss: Callable[[Tensor, Tensor], Tensor], outputs: Sequence[Tensor], y: Tensor) -> Tensor:
    """The mean loss of K networks, (K,), from their outputs on the same n samples, in pieces of shape (k, n, …).

    Cross-entropy is taken with the classes before the samples in memory: over the last of all axes, and ten numbers
    long, torch's logarithm of the softmax was measured to be twenty times slower.
    """
    if _is_cross_entropy(loss, y) and outputs[0].ndim == 3:
        columns = torch.cat([some.mT for some in outputs])
        return F.cross_entropy(columns, y.expand(len(columns), -1), reduction="none").mean(1)
    each = torch.cat([*outputs])
    try:
        return vmap(loss, in_dims=(0, None))(each, y)
    except RuntimeError:  # it branches on numbers, say, which `vmap` cannot follow
        return torch.stack([loss(one, y) for one in each])


def _is_cross_entropy(loss: Callable, y: Tensor) -> bool:
    """Whether the loss is the plain mean cross-entropy of n labels."""
    if type(loss) is nn.CrossEntropyLoss:
        plain = loss.weight is None and loss.reduction == "mean" and loss.ignore_index < 0 and not loss.label_smoothing
    else:
        plain = loss is F.cross_entropy
    return plain and y.ndim == 1 and y.dtype == torch.long and bool((y >= 0).all())
