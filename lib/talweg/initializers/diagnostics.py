"""Looking at a network before training: signals through its layers, spectra, the Jacobian, the gradient quotient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from talweg.initializers.layers import weight_layers
from talweg.initializers.metainit import quotient_terms
from talweg.initializers.spectra import (
    condition_number,
    entropy_effective_rank,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    nuclear_to_spectral_ratio,
    singular_values,
    spectral_norm,
)
from talweg.models.modes import refuse_train_mode

__all__ = [
    "Moments",
    "Signal",
    "condition_number",
    "entropy_effective_rank",
    "gradient_quotient",
    "jacobian_singular_values",
    "marchenko_pastur_density",
    "marchenko_pastur_edges",
    "nuclear_to_spectral_ratio",
    "signals",
    "singular_values",
    "spectral_norm",
]


@dataclass(frozen=True)
class Moments:
    """Mean, variance (biased) and second moment of all entries of a tensor; second_moment = variance + mean²."""

    mean: float
    variance: float
    second_moment: float

    @staticmethod
    def of(tensor: Tensor) -> Moments:
        x = tensor.detach().double()
        return Moments(x.mean().item(), x.var(correction=0).item(), x.square().mean().item())


@dataclass(frozen=True)
class Signal:
    """One weight layer's signals: what comes in (h), what it puts out (z = W h + b), and the gradient that reaches z.

    The two recursions with depth are in *second moments*: E[z²] = fan_in·Var W·E[h²], and for ReLU E[h²] = ½E[z²],
    because h has a mean that is not zero. `gradient` is None where no loss was given.
    """

    layer: str
    input: Moments
    output: Moments
    gradient: Moments | None = None


def signals(model: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor] | None = None) -> list[Signal]:
    """The moments of activations, and with a loss of gradients, at every dense and convolution layer, in running order.

    x: a batch of inputs. loss: a function of the model's output, for example `lambda z: cross_entropy(z, y)`; the
    gradient is that of its value with respect to z. The model stays in its mode (batch norm: train shows batch
    statistics) and keeps its gradients and running statistics. ValueError for data that are not finite.
    """
    if x.is_floating_point() and not x.isfinite().all():
        raise ValueError("x must be finite; it holds NaN or infinite values.")
    names = {layer: name for name, layer in weight_layers(model)}
    seen: list[tuple[str, Tensor, Tensor]] = []

    def record(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        seen.append((names[layer], inputs[0].detach(), output))

    hooks = [layer.register_forward_hook(record) for layer in names]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with torch.set_grad_enabled(loss is not None):
            output = functional_call(model, buffers, (x,))  # clones, so that running statistics stay untouched
            gradients = _gradients(loss, output, [z for *_, z in seen])
    finally:
        for hook in hooks:
            hook.remove()
    return [Signal(name, Moments.of(h), Moments.of(z), g) for (name, h, z), g in zip(seen, gradients, strict=True)]


def _gradients(loss: Callable[[Tensor], Tensor] | None, output: Tensor, zs: list[Tensor]) -> list[Moments | None]:
    if loss is None:
        return [None] * len(zs)
    if not output.requires_grad:
        raise ValueError("model must have parameters that require gradients when a loss is given.")
    return [Moments.of(gradient) for gradient in torch.autograd.grad(loss(output), zs)]


@torch.no_grad()
def jacobian_singular_values(model: nn.Module, x: Tensor) -> Tensor:
    """Singular values of the input-output Jacobian ∂f/∂x at each sample, largest first: (N, …) → (N, min(out, in)).

    All equal to 1 is *dynamical isometry* (Saxe et al. 2014, arXiv:1312.6120; Pennington et al. 2017,
    arXiv:1711.04735): ‖J‖₂ = 1, and ‖J‖_F = √n. ValueError for a model with batch normalization or dropout in train
    mode, where a sample's output is not a function of the sample.
    """
    refuse_train_mode(model)
    if not x.isfinite().all():
        raise ValueError("x must be finite; it holds NaN or infinite values.")

    def f(sample: Tensor) -> Tensor:
        return model(sample.view(1, *x.shape[1:])).flatten()

    return torch.linalg.svdvals(vmap(jacrev(f))(x.flatten(1)))


class Differentiable(Protocol):
    """What the gradient quotient needs of an Objective."""

    theta: Tensor | None

    def grad(self, theta: Tensor) -> Tensor: ...

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor: ...


def gradient_quotient(f: Differentiable, theta: Tensor | None = None, eps: float = 1e-5) -> float:
    """How much a gradient step changes the gradient, relative to it: the mean of |(g - Hg)/(g + ε·sign g) - 1|.

    (Dauphin & Schoenholz, NeurIPS 2019, eq. 1.) 0 for a linear function; λ for a quadratic of curvature λ in every
    direction. f: an `Objective`; theta: the point, `f.theta` if not given. ValueError without a point.
    """
    theta = f.theta if theta is None else theta
    if theta is None:
        raise ValueError("theta must be given: this objective has no point to start from.")
    g = f.grad(theta)
    return quotient_terms(g, f.hvp(theta, g), eps).mean().item()
