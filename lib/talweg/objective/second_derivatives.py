"""Second derivatives of a scalar function by automatic differentiation: products with its Hessian, and the whole matrix.

Reverse mode twice: every operation of torch has a backward, and not all have a forward mode. The function is evaluated
`twice_differentiable`; its values and first derivatives need nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.func import grad as gradient_of
from torch.func import vmap

from talweg.objective.fast.convolutions import ConvolutionsOfData
from talweg.written_out import WrittenOut, explained

__all__ = [
    "ASYMMETRY", "NotSymmetric", "hessian_product", "in_own_precision", "kept_products", "twice_differentiable",
    "whole_hessian",
]  # fmt: skip

# |u·Hv − v·Hu| beside ‖u‖‖Hv‖ that rounding may explain. On networks it was measured to be the unit of rounding, and a
# 300th of that unit divided by the loss where the fit is nearly perfect and the curvature a small difference of large
# numbers: 3e-4 in float32 and 4e-13 in float64 at a loss of 1e-6. In half precision it explains nearly everything.
ASYMMETRY = {torch.float64: 1e-5, torch.float32: 1e-2}


class NotSymmetric(ArithmeticError):
    """Second derivatives that are not symmetric, u·Hv ≠ v·Hu, and so are not those of a function of θ.

    Examples
    --------
    >>> from talweg.objective import Operator
    >>> from talweg.objective.second_derivatives import NotSymmetric
    >>> from talweg.surfaces import Saddle
    >>> class Turn(Operator):
    ...     def product(self, v):
    ...         return v.flip(0) * v.new_tensor([1.0, -1.0])
    >>> A = Turn(Saddle(), [0.0, 0.0])
    >>> try:
    ...     A @ [1.0, 0.0], A @ [0.0, 1.0]
    ... except NotSymmetric:
    ...     print("no curvature")
    no curvature
    """

    def __init__(self, asymmetry: float):
        super().__init__(
            f"second derivatives must be symmetric, but u·Hv and v·Hu differ by {asymmetry:.1g} of their size: the "
            "second derivative of some operation is wrong in PyTorch (compare f.hvp with differences of f.grad to find "
            "it), or f is not a function of θ alone (it has chance or state), or the fit is so nearly perfect that "
            "rounding outweighs the curvature (compute in float64)."
        )


@contextmanager
def in_own_precision(device: torch.device) -> Iterator[None]:
    """Inside, tensors keep their precision and can have gradients, whatever autocast or inference mode is around."""
    with torch.inference_mode(False), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def twice_differentiable(device: torch.device) -> Iterator[None]:
    """Inside, the graph of what is computed has second derivatives, and right ones."""
    with in_own_precision(device), WrittenOut(order=2), explained():
        yield


def hessian_product(f: Callable[[Tensor], Tensor], theta: Tensor, v: Tensor) -> Tensor:
    """∇²f(θ) v = ∇(∇f · v)."""
    with twice_differentiable(theta.device):
        return gradient_of(lambda point: gradient_of(f)(point) @ v)(theta)


def kept_products(f: Callable[[Tensor], Tensor], theta: Tensor) -> Callable[[Tensor], Tensor]:
    """v ↦ ∇²f(θ) v with the graph of the gradient kept, so that each product is one pass back through it."""
    with twice_differentiable(theta.device), torch.enable_grad(), ConvolutionsOfData():
        leaf = theta.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True, materialize_grads=True)

    def product(v: Tensor) -> Tensor:
        if not gradient.requires_grad:  # f is linear
            return torch.zeros_like(v)
        with explained():
            return torch.autograd.grad(gradient, leaf, v, retain_graph=True, materialize_grads=True)[0]

    return product


def whole_hessian(f: Callable[[Tensor], Tensor], theta: Tensor) -> Tensor:
    """∇²f(θ) from products with the unit vectors, some at a time; NotSymmetric beyond what rounding does to the rows."""
    units = torch.eye(len(theta), dtype=theta.dtype, device=theta.device)
    rows = vmap(lambda v: hessian_product(f, theta, v), chunk_size=256)(units)
    asymmetry = float((rows - rows.T).norm() / rows.norm())
    if asymmetry > 10 * ASYMMETRY.get(theta.dtype, torch.inf):  # the norms add up the rounding of all rows
        raise NotSymmetric(asymmetry)
    return (rows + rows.T) / 2
