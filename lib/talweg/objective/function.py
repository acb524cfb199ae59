"""`Objective`: a scalar function of a parameter vector, f: ℝᴾ → ℝ, and what optimizers and landscapes ask of it.

A surface overrides `value`, and `gradient` or `hessian` where a closed form reads better. A network with its data is
made with `Objective.of`; one that is a mean over samples is a `Mean`, of which mini-batches can be taken. Speed lives in
two places: the evaluation of many points (`many`; `slice`, where they lie on a line or plane: `talweg.objective.fast`),
and repeated products with one Hessian (`hessian_at`: `talweg.objective.operator`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import grad as gradient_of
from torch.func import vmap

from talweg.arguments import generator_or_none, positive_int
from talweg.objective.fast.chunks import evaluate
from talweg.objective.fast.one_by_one import ManyPoints
from talweg.objective.operator import Hessian
from talweg.objective.second_derivatives import hessian_product, kept_products, whole_hessian

if TYPE_CHECKING:
    from talweg.objective.network import NetworkObjective

__all__ = ["Mean", "Objective"]

HESSIAN_LIMIT = 4096  # a full Hessian of that size is 128 MiB in float64
ELEMENTS_AT_ONCE = 2**22  # numbers that `many` and `grads` hold for one chunk of points


class Objective:
    """A scalar function f of a vector of `dim` numbers, f: ℝᴾ → ℝ. Subclasses define `value(theta)`.

    `value` must be differentiable and without side effects (torch.func maps and differentiates it). Points are
    tensors of shape (P,), or lists of numbers (taken as float64); results have the dtype and device of the point.
    A point of another shape is a ValueError.

    Examples
    --------
    >>> from talweg.objective import Objective
    >>> class Bowl(Objective):
    ...     dim = 2
    ...     def value(self, theta):
    ...         return theta[0] ** 2 + 2 * theta[1] ** 2
    >>> f = Bowl()
    >>> f([1.0, 1.0]).item(), f.grad([1.0, 1.0]).tolist(), f.hvp([1.0, 1.0], [0.0, 1.0]).tolist()
    (3.0, [2.0, 4.0], [0.0, 4.0])
    >>> f.hessian([1.0, 1.0]).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
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
        parameters: str = "all",
    ) -> NetworkObjective:
        """The loss of a network on data, as a function of all its parameters in one vector; see `NetworkObjective`."""
        from talweg.objective.network import NetworkObjective

        return NetworkObjective(
            model, loss, x, y, batch_size=batch_size, dtype=dtype, batch_norm=batch_norm, parameters=parameters
        )

    def __call__(self, theta: Tensor) -> Tensor:
        """f(θ), a tensor without dimensions; differentiable if `theta` requires gradients."""
        return self.value(self.point(theta))

    def grad(self, theta: Tensor) -> Tensor:
        """The gradient ∇f(θ), shape (P,)."""
        return self.gradient(self.point(theta).detach())

    def gradient(self, theta: Tensor) -> Tensor:
        """∇f at a checked point: by autograd, unless a subclass knows the formula."""
        return added(gradient_of(term)(theta) for term in self.terms())

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor:
        """The Hessian-vector product ∇²f(θ) v without the Hessian.

        Parameters
        ----------
        theta, v
            The point and the vector, (P,) each.

        Returns
        -------
        Tensor
            Shape (P,).

        References
        ----------
        Pearlmutter 1994, Fast exact multiplication by the Hessian.
        """
        theta = self.point(theta).detach()
        v = self.point(v, name="v").detach().to(theta)
        return added(hessian_product(term, theta, v) for term in self.terms())

    def hessian_at(self, theta: Tensor) -> Hessian:
        """∇²f(θ) as an operator, H @ v, for many products at one point: the graph of ∇f(θ) is built once and kept.

        Each product then costs one backward pass through that graph instead of a forward and two backward passes. A
        sum of several terms (batches of data) is done anew each time, since all their graphs might not fit in memory.
        """
        return Hessian(self, theta)

    def hessian_products(self, theta: Tensor) -> Callable[[Tensor], Tensor]:
        """v ↦ ∇²f(θ) v at a checked point, for checked v: what `hessian_at` multiplies with."""
        terms = self.terms()
        if type(self).hvp is not Objective.hvp or len(terms) > 1:
            return lambda v: self.hvp(theta, v)
        return kept_products(terms[0], theta)

    def hessian(self, theta: Tensor) -> Tensor:
        """The full Hessian ∇²f(θ).

        Returns
        -------
        Tensor
            Shape (P, P), symmetric.

        Raises
        ------
        ValueError
            Above 4096 parameters: use `hvp` or `hessian_at`.
        """
        theta = self.point(theta).detach()
        if self.dim > HESSIAN_LIMIT:
            raise ValueError(f"a full Hessian is limited to {HESSIAN_LIMIT} parameters, this has {self.dim}: use hvp")
        return added(whole_hessian(term, theta) for term in self.terms())

    @torch.no_grad()
    def many(self, thetas: Tensor) -> Tensor:
        """f at K points at once: (K, P) → (K,)."""
        thetas = self.points(thetas)
        return added(vmap(term, chunk_size=self._chunk())(thetas) for term in self.terms())

    @torch.no_grad()
    def slice(self, origin: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
        """f at K points of a line, plane or space, f(origin + Σᵢ wᵢ dᵢ).

        The values are those of `many` at these points, which are not all held at once; networks also save work
        (`NetworkObjective`).

        Parameters
        ----------
        origin
            (P,).
        directions
            The dᵢ, (m, P).
        weights
            The wᵢ, one row for each point, (K, m).

        Returns
        -------
        Tensor
            Shape (K,).

        Raises
        ------
        ValueError
            A shape that does not fit.
        """
        origin, directions, weights = self._family(origin, directions, weights)
        return evaluate(ManyPoints(self, origin, directions), weights)

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
        return added(vmap(gradient_of(term), chunk_size=self._chunk())(thetas) for term in self.terms())

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


class Mean(Objective):
    """An objective that is the mean of n functions, one of each sample: f(θ) = (1/n) Σᵢ fᵢ(θ).

    Subclasses define `value`, `subset`, and the number `n`; `batch_grads` where a closed form reads better.

    Examples
    --------
    >>> import torch
    >>> from talweg.surfaces import LeastSquares
    >>> f = LeastSquares([[1.0], [2.0], [3.0], [4.0]], [1.0, 2.0, 3.0, 8.0])
    >>> batch = f.sample(2, torch.Generator().manual_seed(0))
    >>> len(f), len(batch)
    (4, 2)
    >>> f([0.0]).item(), f.subset(torch.tensor([0, 1])).value(torch.zeros(1)).item()
    (9.75, 1.25)
    """

    n: int

    def __len__(self) -> int:
        """Number of samples."""
        return self.n

    def subset(self, indices: Tensor) -> Mean:
        """The mean over some of the samples, (B,): a mini-batch as an objective. ValueError: no samples."""
        raise NotImplementedError

    def sample(self, size: int, generator: torch.Generator | None = None) -> Mean:
        """A mini-batch of `size` samples drawn without replacement; ValueError: more than there are."""
        if positive_int("batch_size", size) > self.n:
            raise ValueError(f"batch_size must be at most the number of samples, {self.n}; got {size}.")
        generator_or_none("generator", generator)
        return self.subset(torch.randperm(self.n, generator=generator)[:size])

    def batch_grads(self, thetas: Tensor, indices: Tensor) -> Tensor:
        """A mini-batch gradient for each of K points: thetas (K, P), indices of samples (K, B) → (K, P)."""
        thetas, indices = self.points(thetas), checked_indices(indices, len(thetas))
        return torch.stack([self.subset(batch).grad(theta) for theta, batch in zip(thetas, indices, strict=True)])


def checked_indices(indices: Tensor, rows: int) -> Tensor:
    """`indices` as a matrix of integers with so many rows, at least one in each; else ValueError."""
    indices = torch.as_tensor(indices)
    if indices.ndim != 2 or len(indices) != rows or not indices.shape[1] or indices.is_floating_point():
        raise ValueError(f"indices must be integers of shape ({rows}, B), got {tuple(indices.shape)}")
    return indices


def added(tensors: Iterable[Tensor]) -> Tensor:
    """Sum of tensors, added as they come: only one batch's result is alive at a time."""
    total = None
    for tensor in tensors:
        total = tensor if total is None else total + tensor
    assert total is not None  # an objective has at least one term
    return total
