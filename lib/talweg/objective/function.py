"""`Objective`: a scalar function of a parameter vector, f: ℝᴾ → ℝ, and what optimizers and landscapes ask of it.

A surface overrides `value`, and `gradient` or `hessian` where a closed form reads better. A network with its data is
made with `Objective.of`. Speed lives in two places: the evaluation of many points (`many`; `slice`, where they lie on a
line or plane), and repeated products with one Hessian (`hessian_at`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import grad as gradient_of
from torch.func import vmap

from talweg.objective.fast.convolutions import ConvolutionsOfData

if TYPE_CHECKING:
    from talweg.objective.network import NetworkObjective

__all__ = ["Objective"]

HESSIAN_LIMIT = 4096  # a full Hessian of that size is 128 MiB in float64
POINTS_AT_ONCE = 2**24  # numbers in the matrix of points that `slice` hands to `many` (128 MiB in float64)
ELEMENTS_AT_ONCE = 2**22  # numbers that `many` and `grads` hold for one chunk of points


class Objective:
    """A scalar function of a vector of `dim` numbers. Subclasses define `value(theta)`.

    `value` must be differentiable and without side effects (torch.func maps and differentiates it). Points are
    tensors of shape (P,), or lists of numbers (taken as float64); results have the dtype and device of the point.
    """

    dim: int
    theta: Tensor | None = None  # a point to start from, where there is a natural one

    def value(self, theta: Tensor) -> Tensor:
        """f(θ): a vector of P numbers to a tensor without dimensions."""
        raise NotImplementedError

    def terms(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Functions whose sum is f: one for each batch of data, so that memory is bounded by a batch."""
        return [self.value]

    @staticmethod
    def of(
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        x: Tensor,
        y: Tensor,
        *,
        batch_size: int | None = None,
        dtype: torch.dtype | None = None,
        batch_norm: str = "running",
    ) -> NetworkObjective:
        """The loss of a network on data, as a function of all its parameters in one vector; see `NetworkObjective`."""
        from talweg.objective.network import NetworkObjective

        return NetworkObjective(model, loss, x, y, batch_size=batch_size, dtype=dtype, batch_norm=batch_norm)

    def __call__(self, theta: Tensor) -> Tensor:
        """f(θ), a tensor without dimensions; differentiable if `theta` requires gradients."""
        return self.value(self.point(theta))

    def grad(self, theta: Tensor) -> Tensor:
        """The gradient ∇f(θ), shape (P,)."""
        return self.gradient(self.point(theta).detach())

    def gradient(self, theta: Tensor) -> Tensor:
        """∇f at a checked point: by autograd, unless a subclass knows the formula."""
        return _sum(gradient_of(term)(theta) for term in self.terms())

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor:
        """The Hessian-vector product ∇²f(θ) v, shape (P,), without the Hessian (Pearlmutter 1994)."""
        theta = self.point(theta).detach()
        v = self.point(v, name="v").detach().to(theta)
        return _sum(_hvp(term, theta, v) for term in self.terms())

    def hessian_at(self, theta: Tensor) -> Callable[[Tensor], Tensor]:
        """v ↦ ∇²f(θ) v for many products at one point: the graph of ∇f(θ) is built once and kept.

        Each product then costs one backward pass through that graph instead of a forward and two backward passes. A
        sum of several terms (batches of data) is done anew each time, since all their graphs might not fit in memory.
        """
        theta = self.point(theta).detach()
        terms = self.terms()
        if type(self).hvp is not Objective.hvp or len(terms) > 1:
            return lambda v: self.hvp(theta, v)
        return _products(terms[0], theta, lambda v: self.point(v, name="v").detach().to(theta))

    def hessian(self, theta: Tensor) -> Tensor:
        """The full Hessian ∇²f(θ), shape (P, P); ValueError above 4096 parameters (use `hvp`)."""
        theta = self.point(theta).detach()
        if self.dim > HESSIAN_LIMIT:
            raise ValueError(f"a full Hessian is limited to {HESSIAN_LIMIT} parameters, this has {self.dim}: use hvp")
        return _sum(_hessian(term, theta) for term in self.terms())

    @torch.no_grad()
    def many(self, thetas: Tensor) -> Tensor:
        """f at K points at once: (K, P) → (K,)."""
        thetas = self.points(thetas)
        return _sum(vmap(term, chunk_size=self._chunk())(thetas) for term in self.terms())

    @torch.no_grad()
    def slice(self, origin: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
        """f at K points of a line, plane or space: f(origin + Σᵢ wᵢ dᵢ). (P,), (m, P), (K, m) → (K,).

        The same as `many` of these points, without holding them all; networks also save work (`NetworkObjective`).
        """
        origin, directions, weights = self._family(origin, directions, weights)
        rows = max(1, POINTS_AT_ONCE // self.dim)
        return torch.cat([self.many(origin + some @ directions) for some in weights.split(rows)])

    def _family(self, origin: Tensor, directions: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        origin = self.point(origin, "origin").detach()
        directions = self.points(directions, "directions").detach().to(origin)
        weights = torch.as_tensor(weights).detach().to(origin)
        if weights.ndim != 2 or weights.shape[1] != len(directions) or not len(weights):
            raise ValueError(f"weights must have shape (K, {len(directions)}), got {tuple(weights.shape)}")
        return origin, directions, weights

    def grads(self, thetas: Tensor) -> Tensor:
        """∇f at K points at once: (K, P) → (K, P)."""
        thetas = self.points(thetas).detach()
        return _sum(vmap(gradient_of(term), chunk_size=self._chunk())(thetas) for term in self.terms())

    def _chunk(self) -> int:
        return max(1, ELEMENTS_AT_ONCE // self.dim)

    def point(self, theta: Tensor, name: str = "theta") -> Tensor:
        """`theta` as a floating-point vector of `dim` numbers, or ValueError naming what is wrong."""
        return self._checked(theta, name, ndim=1)

    def points(self, thetas: Tensor, name: str = "thetas") -> Tensor:
        """`thetas` as a floating-point matrix, one point of `dim` numbers in each row, or ValueError."""
        return self._checked(thetas, name, ndim=2)

    def _checked(self, theta: Tensor, name: str, ndim: int) -> Tensor:
        if not isinstance(theta, Tensor):
            theta = torch.as_tensor(theta, dtype=torch.float64)
        if theta.ndim != ndim or theta.shape[-1] != self.dim:
            wanted = f"({self.dim},)" if ndim == 1 else f"(K, {self.dim})"
            raise ValueError(f"{name} must have shape {wanted}, got {tuple(theta.shape)}")
        if not theta.numel():
            raise ValueError(f"{name} must hold at least one point, got shape {tuple(theta.shape)}")
        return theta if theta.is_floating_point() else theta.double()


def _sum(tensors: Iterable[Tensor]) -> Tensor:
    """Sum of tensors, added as they come: only one batch's result is alive at a time."""
    total = None
    for tensor in tensors:
        total = tensor if total is None else total + tensor
    return total


def _hvp(f: Callable[[Tensor], Tensor], theta: Tensor, v: Tensor) -> Tensor:
    """∇(∇f · v): reverse over reverse, because every torch operation has a backward and not all a forward mode."""
    return gradient_of(lambda point: gradient_of(f)(point) @ v)(theta)


def _products(f: Callable[[Tensor], Tensor], theta: Tensor, checked: Callable) -> Callable[[Tensor], Tensor]:
    """v ↦ ∇²f(θ) v with the graph of the gradient kept: reverse over reverse, as in `_hvp`."""
    leaf = theta.clone().requires_grad_()
    with torch.enable_grad(), ConvolutionsOfData():
        (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True, materialize_grads=True)

    def product(v: Tensor) -> Tensor:
        v = checked(v)
        if not gradient.requires_grad:  # f is linear
            return torch.zeros_like(v)
        return torch.autograd.grad(gradient, leaf, v, retain_graph=True, materialize_grads=True)[0]

    return product


def _hessian(f: Callable[[Tensor], Tensor], theta: Tensor) -> Tensor:
    """Products with the unit vectors, some at a time; symmetrised, since rounding differs between rows."""
    units = torch.eye(len(theta), dtype=theta.dtype, device=theta.device)
    rows = vmap(lambda v: _hvp(f, theta, v), chunk_size=256)(units)
    return (rows + rows.T) / 2
