"""MetaInit: tune the norms of the weights until gradients change little along their own direction."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from talweg.initializers.fill import fill
from talweg.initializers.layers import restored_on_error
from talweg.models.modes import in_eval_mode
from talweg.written_out import WrittenOut, refuse_fused

Batch = tuple[Tensor, Tensor]


def quotient(loss: Tensor, parameters: Sequence[Tensor], eps: float = 1e-5) -> Tensor:
    """The gradient quotient of a loss that was computed with a graph, differentiable; see `diagnostics`.

    A parameter on which the loss does not depend has gradient 0, and so counts 1 in the mean. ValueError for a loss with
    fused normalization, of which the third derivatives are wrong.
    """
    refuse_fused(loss)
    gradients = _gradients(loss, parameters, create_graph=True)
    # H g is the gradient of ½‖g‖²
    half_square = _sum(g.square().sum() / 2 for g in gradients)
    products = _gradients(half_square, parameters, create_graph=True)
    total = _sum(quotient_terms(g, h, eps).sum() for g, h in zip(gradients, products, strict=True))
    return total / sum(p.numel() for p in parameters)


def _sum(tensors: Iterable[Tensor]) -> Tensor:
    """Of at least one tensor, from the first to the last."""
    return functools.reduce(operator.add, tensors)


def _gradients(value: Tensor, parameters: Sequence[Tensor], create_graph: bool = False) -> Sequence[Tensor]:
    """∂value/∂p for each parameter, zeros for those on which the value does not depend."""
    if not value.requires_grad:
        return [torch.zeros_like(p) for p in parameters]
    return torch.autograd.grad(value, parameters, create_graph=create_graph, materialize_grads=True)


def quotient_terms(g: Tensor, hg: Tensor, eps: float) -> Tensor:
    """|(g - Hg)/(g + ε·sign g) - 1| in each coordinate, with sign 0 = 1."""
    shift = torch.where(g.detach() >= 0, eps, -eps)
    return ((g - hg) / (g + shift) - 1).abs()


def gaussian_batch(shape: Sequence[int], classes: int) -> Callable[[Generator | None], Batch]:
    """MetaInit's batches without data: inputs from N(0, 1), labels drawn at random.

    Parameters
    ----------
    shape : sizes
        Of the inputs, the batch first.
    classes : int

    Returns
    -------
    function
        Of a generator or None, which gives inputs of this shape and their labels (N,).

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import gaussian_batch
    >>> x, y = gaussian_batch((32, 1, 8, 8), classes=10)(torch.Generator().manual_seed(0))
    >>> x.shape, y.shape
    (torch.Size([32, 1, 8, 8]), torch.Size([32]))
    """

    def draw(generator: Generator | None) -> Batch:
        device = generator.device if generator is not None else None
        x = torch.randn(*shape, generator=generator, device=device)
        return x, torch.randint(classes, (shape[0],), generator=generator, device=device)

    return draw


def metainit_(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    batch: Batch | Callable[[Generator | None], Batch],
    *,
    start: str | None = "kaiming_normal",
    steps: int = 100,
    lr: float = 0.1,
    momentum: float = 0.9,
    eps: float = 1e-5,
    generator: Generator | None = None,
) -> Tensor:
    """MetaInit: minimise the gradient quotient over the norms of the weights.

    Each step moves the norm of every weight (of two or more dimensions) by signed gradient descent with momentum; the
    directions of the weights stay as they were drawn. A norm shrinks at most tenfold in a step. The model is used in
    eval mode and left in the mode it was in.

    Parameters
    ----------
    model : nn.Module
    loss : function
        Of the model's output and the targets.
    batch : pair or function
        Inputs and targets to use in every step, or a function of the generator that draws new ones, such as
        `gaussian_batch(shape, classes)`, which needs no data.
    start : str, optional
        The method that draws the weights; None keeps those there are.
    steps : int
    lr : float
        By how much a norm moves in the first step.
    momentum : float
    eps : float
        ε of the gradient quotient (see `diagnostics.gradient_quotient`).
    generator : torch.Generator, optional
        Makes the draws of weights and batches repeatable.

    Returns
    -------
    Tensor
        The gradient quotient before each step and after the last, (steps + 1,).

    Raises
    ------
    ValueError
        If the quotient is not finite, or the loss is not one number or does not depend on the trainable parameters.
        The weights are then left as they were.

    References
    ----------
    Dauphin & Schoenholz, NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from talweg.initializers import gaussian_batch, metainit_
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
    >>> metainit_(model, nn.functional.cross_entropy, gaussian_batch((32, 8), classes=4), steps=3).shape
    torch.Size([4])
    """
    draw = batch if callable(batch) else lambda generator: batch
    with torch.enable_grad(), restored_on_error(model), in_eval_mode(model):
        if start is not None:
            fill(model, start, generator)
        parameters = [p for p in model.parameters() if p.requires_grad]
        weights = [p for p in parameters if p.ndim >= 2]
        if not weights:
            raise ValueError("model must have trainable weights of two or more dimensions; it has none.")
        velocities, history = [0.0] * len(weights), []
        for step in range(steps + 1):
            x, y = (tensor.to(weights[0].device) for tensor in draw(generator))
            x = x.to(weights[0].dtype) if x.is_floating_point() else x
            gq = quotient(_loss(model, loss, x, y), parameters, eps)
            if not gq.isfinite():
                raise ValueError(
                    f"the gradient quotient is {gq.item()} at step {step}: data, loss or weights are not finite."
                )
            history.append(gq.detach())
            if step < steps:
                _move_norms(weights, _gradients(gq, weights), velocities, lr, momentum)
    return torch.stack(history)


def _loss(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """The loss of a batch, from operations whose third derivatives exist and are right."""
    with WrittenOut(), sdpa_kernel(SDPBackend.MATH):  # attention's fused kernels have no second derivative
        value = loss(model(x), y)
    if not isinstance(value, Tensor) or value.numel() != 1:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"loss must return one number, a tensor with a single element; got {got}.")
    if not value.requires_grad:
        raise ValueError("loss must depend on the model's trainable parameters; it does not.")
    return value


@torch.no_grad()
def _move_norms(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], velocities: list[float], lr: float, momentum: float
) -> None:
    """v ← µ v - η sign(∂GQ/∂‖W‖), ‖W‖ ← ‖W‖ + v; the derivative along the norm is ⟨W, ∂GQ/∂W⟩/‖W‖."""
    for i, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
        norm = weight.norm().item()
        velocities[i] = momentum * velocities[i] - lr * (weight * gradient).sum().sign().item()
        if norm:
            weight.mul_(max(norm + velocities[i], norm / 10) / norm)
