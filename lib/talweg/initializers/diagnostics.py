"""Looking at a network before training: signals through its layers, spectra, the Jacobian, the gradient quotient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from talweg.initializers.layers import running_layers
from talweg.initializers.metainit import quotient_terms
from talweg.initializers.orthogonal import factored_dtype
from talweg.initializers.spectra import (
    condition_number,
    entropy_effective_rank,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    nuclear_to_spectral_ratio,
    singular_values,
    spectral_norm,
)
from talweg.models.buffers import buffers_kept
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
    """Mean, variance (biased) and second moment of all entries of a tensor; second_moment = variance + mean².

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers.diagnostics import Moments
    >>> Moments.of(torch.tensor([0.0, 2.0]))
    Moments(mean=1.0, variance=1.0, second_moment=2.0)
    """

    mean: float
    variance: float
    second_moment: float

    @staticmethod
    def of(tensor: Tensor) -> Moments:
        """The moments of a tensor of real numbers, computed in float64; ValueError for complex ones."""
        if tensor.is_complex():
            raise ValueError(
                f"tensor must hold real numbers; got {tensor.dtype}, whose moments are not one number each."
            )
        x = tensor.detach().double()
        return Moments(x.mean().item(), x.var(correction=0).item(), x.square().mean().item())


@dataclass(frozen=True)
class Signal:
    """One weight layer's signals: what comes in (h), what it puts out (z = W h + b), and the gradient that reaches z.

    The two recursions with depth are in *second moments*: E[z²] = fan_in·Var W·E[h²], and for ReLU E[h²] = ½E[z²],
    because h has a mean that is not zero.

    Parameters
    ----------
    layer : str
        The layer's name in the model.
    input, output : Moments
        Of h and z.
    gradient : Moments, optional
        None where no loss was given, or where the loss does not depend on z at all.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers.diagnostics import Moments, Signal
    >>> ones = Moments.of(torch.ones(3))
    >>> Signal("0", ones, ones).gradient is None
    True
    """

    layer: str
    input: Moments
    output: Moments
    gradient: Moments | None = None


def signals(model: nn.Module, x: Tensor, loss: Callable[[Any], Tensor] | None = None) -> list[Signal]:
    """The moments of activations, and with a loss of gradients, at every dense, convolution and attention layer.

    Of an attention layer h is the query and z the output. What is done in place to z afterwards does not count. The
    model stays in its mode (batch norm: train shows batch statistics) and keeps its gradients and running statistics.

    Parameters
    ----------
    model : nn.Module
    x : (N, …)
        A batch of inputs: a tensor, or a NumPy array.
    loss : function, optional
        Of the model's output, for example `lambda z: cross_entropy(z, y)`. The gradient is that of its value with
        respect to z, also where the layer is frozen.

    Returns
    -------
    list of Signal
        In the order in which the layers are run.

    Raises
    ------
    TypeError
        For inputs that are neither.
    ValueError
        For data that are not finite or not of the model's dtype, activations that are complex, a loss that is not one
        number, or a model without trainable parameters when a loss is given.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from talweg.initializers import diagnostics, initialize
    >>> model = initialize(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), "orthogonal")
    >>> [(signal.layer, round(signal.output.second_moment, 2)) for signal in diagnostics.signals(model, torch.eye(4))]
    [('0', 0.25), ('2', ...)]
    """
    x = _inputs(x)
    names = {layer: name for name, layer in running_layers(model)}
    if loss is not None and not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model must have parameters that require gradients when a loss is given.")
    seen: list[tuple[str, Moments, Moments]] = []
    zs: list[Tensor] = []

    def record(layer: nn.Module, args: tuple, kwargs: dict, output: Tensor | tuple) -> Tensor | tuple | None:
        h, z = _first_tensor((*args, *kwargs.values())), _first_tensor((output,))
        if h.is_complex() or z.is_complex():
            raise ValueError(f"layer {names[layer]!r} must work on real numbers; it is given {h.dtype}.")
        seen.append((names[layer], Moments.of(h), Moments.of(z)))  # now: what follows may change z in place
        if loss is None:
            return None
        zs.append(z if z.requires_grad else z.detach().requires_grad_())
        passed_on = zs[-1].clone()  # and may not change the z that the gradient is taken of
        return (passed_on, *output[1:]) if isinstance(output, tuple) else passed_on

    hooks = [layer.register_forward_hook(record, with_kwargs=True) for layer in names]
    try:
        with buffers_kept(), torch.set_grad_enabled(loss is not None):
            output = _outputs(model, x)
            gradients = [None] * len(seen) if loss is None else _gradients(loss(output), zs)
    finally:
        for hook in hooks:
            hook.remove()
    return [Signal(*moments, gradient) for moments, gradient in zip(seen, gradients, strict=True)]


def _inputs(x: Any) -> Tensor:
    x = torch.from_numpy(x) if isinstance(x, np.ndarray) else x
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor or a NumPy array, a batch of inputs; got {type(x).__name__}.")
    if x.is_floating_point() and not x.isfinite().all():
        raise ValueError("x must be finite; it holds NaN or infinite values.")
    return x


def _outputs(model: nn.Module, x: Tensor) -> Any:
    """What the model makes of x; torch's error about dtypes names matrices, this one x and the model."""
    try:
        return model(x)
    except RuntimeError as error:
        dtypes = {parameter.dtype for parameter in model.parameters()}
        if x.dtype in dtypes:
            raise
        held = ", ".join(sorted(map(str, dtypes)))
        raise ValueError(
            f"x is {x.dtype} and the model's parameters are {held}: convert one of them ({error})."
        ) from error


def _gradients(loss: Tensor, zs: list[Tensor]) -> list[Moments | None]:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"loss must return one number, a tensor with a single element; got {got}.")
    if not loss.requires_grad:
        raise ValueError("loss must depend on the model's output by operations that have gradients; it does not.")
    gradients = torch.autograd.grad(loss, zs, allow_unused=True)
    return [None if gradient is None else Moments.of(gradient) for gradient in gradients]


def _first_tensor(values: tuple) -> Tensor:
    """An attention layer is given query, key and value, by position or name, and puts out its weights beside z."""
    values = values[0] if isinstance(values[0], tuple) else values
    return next(value for value in values if isinstance(value, Tensor))


@torch.no_grad()
def jacobian_singular_values(model: nn.Module, x: Tensor) -> Tensor:
    """Singular values of the input-output Jacobian ∂f/∂x at each sample, largest first.

    All equal to 1 is *dynamical isometry*: ‖J‖₂ = 1, and ‖J‖_F = √n.

    Parameters
    ----------
    model : nn.Module
    x : (N, …)
        Floating-point inputs.

    Returns
    -------
    Tensor
        (N, min(out, in)).

    Raises
    ------
    ValueError
        For a model with batch normalization or dropout in train mode, where a sample's output is not a function of the
        sample, and for inputs that are not finite floating-point numbers.

    References
    ----------
    Saxe et al. 2014, arXiv:1312.6120. Pennington et al. 2017, arXiv:1711.04735.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from talweg.initializers import diagnostics, initialize
    >>> model = initialize(nn.Linear(3, 3), "orthogonal", gain=2.0)
    >>> diagnostics.jacobian_singular_values(model, torch.zeros(1, 3)).round(decimals=3)
    tensor([[2., 2., 2.]])
    """
    refuse_train_mode(model)
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x must be a tensor of floating-point inputs, to be differentiated by; got {got}.")
    if not x.isfinite().all():
        raise ValueError("x must be finite; it holds NaN or infinite values.")

    def f(sample: Tensor) -> Tensor:
        output = model(sample.view(1, *x.shape[1:]))
        if not isinstance(output, Tensor):
            raise ValueError(f"model must put out one tensor; it puts out {type(output).__name__}.")
        return output.flatten()

    jacobians = vmap(jacrev(f))(x.flatten(1))
    return torch.linalg.svdvals(jacobians.to(factored_dtype(jacobians.dtype)))


class Differentiable(Protocol):
    """What the gradient quotient needs of an Objective."""

    theta: Tensor | None

    def grad(self, theta: Tensor) -> Tensor: ...

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor: ...


def gradient_quotient(f: Differentiable, theta: Tensor | None = None, eps: float = 1e-5) -> float:
    """How much a gradient step changes the gradient, relative to it: the mean of |(g - Hg)/(g + ε·sign g) - 1|.

    It is 0 for a linear function, and λ for a quadratic of curvature λ in every direction.

    Parameters
    ----------
    f : Objective
    theta : (P,), optional
        The point, `f.theta` if not given.
    eps : float
        ε, which keeps the quotient finite where g is 0.

    Raises
    ------
    ValueError
        Without a point.

    References
    ----------
    Dauphin & Schoenholz, NeurIPS 2019, eq. 1.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> from talweg.surfaces import Quadratic
    >>> f = Quadratic(2.0 * torch.eye(3, dtype=torch.float64))
    >>> print(f"{diagnostics.gradient_quotient(f, torch.ones(3, dtype=torch.float64)):.3f}")
    2.000
    """
    theta = f.theta if theta is None else theta
    if theta is None:
        raise ValueError("theta must be given: this objective has no point to start from.")
    g = f.grad(theta)
    return quotient_terms(g, f.hvp(theta, g), eps).mean().item()
