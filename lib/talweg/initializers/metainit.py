"""MetaInit: tune the norms of the weights until gradients change little along their own direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from talweg.initializers.fill import fill
from talweg.initializers.layers import in_eval_mode, restored_on_error
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
    products = _gradients(sum(g.square().sum() / 2 for g in gradients), parameters, create_graph=True)
    total = sum(quotient_terms(g, h, eps).sum() for g, h in zip(gradients, products, strict=True))
    return total / sum(p.numel() for p in parameters)


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
    """The paper's data-free batches: inputs from N(0, 1) of this shape (batch first), labels drawn at random."""

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
    """MetaInit (Dauphin & Schoenholz, NeurIPS 2019): minimise the gradient quotient over the norms of the weights.

    Each step moves the norm of every weight (of two or more dimensions) by signed gradient descent with momentum; the
    directions of the weights stay as they were drawn. `batch`: inputs and targets to use in every step, or a function
    of the generator that draws new ones, such as `gaussian_batch(shape, classes)`, which needs no data. `start`: the
    method that draws the weights, None to keep those there are. A norm shrinks at most tenfold in a step.

    Returns the gradient quotient before each step and after the last, shape (steps + 1,). ValueError if it is not
    finite, or the loss is not one number or does not depend on the trainable parameters; the weights are then left as
    they were. The model is used in eval mode and left in the mode it was in.
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
