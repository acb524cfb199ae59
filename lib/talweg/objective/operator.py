"""Curvature as an operator: a symmetric matrix that is never formed, known by its products `H @ v`.

`Hessian`, ∇²f(θ), of every objective; the Gauss-Newton and the empirical Fisher matrix, of networks with their data, are
in `talweg.objective.gauss_newton`. `landscape.eigenpairs`, `trace` and `spectral_density` take each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import grad as gradient_of

from talweg.objective.fast.convolutions import ConvolutionsOfData

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

    from talweg.objective.function import Objective

__all__ = ["Hessian", "Operator", "hessian_product", "kept_products"]


class Operator:
    """A symmetric linear map of ℝᴾ that belongs to an objective f at a point θ: `A @ v`, or `A(v)`.

    `shape` (P, P), `dtype` and `device` are those of the matrix it stands for. Subclasses define `product`.

    Parameters
    ----------
    f
        The objective.
    theta
        The point, (P,).

    Examples
    --------
    >>> from talweg.objective import Operator
    >>> from talweg.surfaces import Quadratic
    >>> class GradientOuterProduct(Operator):
    ...     def product(self, v):
    ...         g = self.objective.grad(self.theta)
    ...         return g * (g @ v)
    >>> A = GradientOuterProduct(Quadratic([1.0, 2.0]), [1.0, 1.0])
    >>> (A @ [0.0, 1.0]).tolist()
    [2.0, 4.0]
    """

    def __init__(self, f: Objective, theta: Tensor):
        self.objective, self.theta = f, f.point(theta).detach()
        self.shape = (f.dim, f.dim)

    @property
    def dtype(self) -> torch.dtype:
        """Of the point, and of the products."""
        return self.theta.dtype

    @property
    def device(self) -> torch.device:
        """Of the point, and of the products."""
        return self.theta.device

    def product(self, v: Tensor) -> Tensor:
        """A v of a checked vector: (P,) → (P,)."""
        raise NotImplementedError

    def __matmul__(self, v: Tensor) -> Tensor:
        """A v of a vector, (P,) → (P,), or of each column of a matrix, (P, m) → (P, m); ValueError: another shape."""
        if isinstance(v, Tensor) and v.ndim == 2 and v.shape[1]:
            return torch.stack([self @ column for column in v.T], dim=1)
        return self.product(self.vector(v))

    def __call__(self, v: Tensor) -> Tensor:
        """A @ v."""
        return self @ v

    def vector(self, v: Tensor, name: str = "v") -> Tensor:
        """`v` as a vector that the operator can be multiplied with, or ValueError naming what is wrong."""
        return self.objective.point(v, name).detach().to(self.theta)

    def to_scipy(self) -> LinearOperator:
        """The same for `scipy.sparse.linalg`: vectors are NumPy's, and go to the device and back for each product."""
        from scipy.sparse.linalg import LinearOperator

        def matvec(v: Any) -> Any:
            return (self @ torch.as_tensor(v.reshape(-1)).to(self.theta)).cpu().numpy()

        dtype = torch.empty(0, dtype=self.dtype).numpy().dtype
        make: Any = LinearOperator  # its signature comes from __new__, which SciPy's types do not show
        return make(self.shape, matvec=matvec, rmatvec=matvec, dtype=dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.objective).__name__}, shape={self.shape}, dtype={self.dtype})"


class Hessian(Operator):
    """The Hessian ∇²f(θ) of an objective at a point; see `Objective.hessian_at`.

    Examples
    --------
    >>> from talweg.objective import Hessian
    >>> from talweg.surfaces import Rosenbrock
    >>> H = Hessian(Rosenbrock(), [1.0, 1.0])
    >>> (H @ [1.0, 0.0]).tolist(), H.shape
    ([802.0, -400.0], (2, 2))
    """

    def __init__(self, f: Objective, theta: Tensor):
        super().__init__(f, theta)
        self._products = f.hessian_products(self.theta)

    def product(self, v: Tensor) -> Tensor:
        return self._products(v)


def hessian_product(f: Callable[[Tensor], Tensor], theta: Tensor, v: Tensor) -> Tensor:
    """∇(∇f · v), by reverse mode twice: every operation of torch has a backward, and not all have a forward mode."""
    return gradient_of(lambda point: gradient_of(f)(point) @ v)(theta)


def kept_products(f: Callable[[Tensor], Tensor], theta: Tensor) -> Callable[[Tensor], Tensor]:
    """v ↦ ∇²f(θ) v with the graph of the gradient kept, by reverse mode twice as in `hessian_product`."""
    leaf = theta.clone().requires_grad_()
    with torch.enable_grad(), ConvolutionsOfData():
        (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True, materialize_grads=True)

    def product(v: Tensor) -> Tensor:
        if not gradient.requires_grad:  # f is linear
            return torch.zeros_like(v)
        return torch.autograd.grad(gradient, leaf, v, retain_graph=True, materialize_grads=True)[0]

    return product
