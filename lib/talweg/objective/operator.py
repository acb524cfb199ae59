"""Curvature as an operator: a symmetric matrix that is never formed, known by its products `H @ v`.

`Hessian`, ∇²f(θ), of every objective; the Gauss-Newton and the empirical Fisher matrix, of networks with their data, are
in `talweg.objective.gauss_newton`. `landscape.eigenpairs`, `trace` and `spectral_density` take each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from talweg.objective.second_derivatives import ASYMMETRY, NotSymmetric, in_own_precision

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

    from talweg.objective.function import Objective

__all__ = ["Hessian", "Operator"]


class Operator:
    """A symmetric linear map of ℝᴾ that belongs to an objective f at a point θ: `A @ v`, or `A(v)`.

    `shape` (P, P), `dtype` and `device` are those of the matrix it stands for. Subclasses define `product`. The first two
    products are compared, u·Av = v·Au, which costs no further one: where that fails, A is no matrix of second derivatives.

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
        self._first: tuple[Tensor, Tensor] | None = None
        self._compared = False

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
        """A v of a vector, (P,) → (P,), or of each column of a matrix, (P, m) → (P, m).

        ValueError: another shape. `NotSymmetric`: the first two products contradict each other.
        """
        if isinstance(v, Tensor) and v.ndim == 2 and v.shape[1]:
            return torch.stack([self @ column for column in v.T], dim=1)
        with in_own_precision(self.device):
            v = self.vector(v)
            product = self.product(v)
            if not self._compared:
                self._compare(v, product)
        return product

    def _compare(self, v: Tensor, product: Tensor) -> None:
        """Keep the first pair u, Au, and hold v, Av against it; NotSymmetric if rounding does not explain the difference."""
        if self._first is None:
            self._first = v.clone(), product.clone()  # a caller may go on to write over both
            return
        (u, other), self._first, self._compared = self._first, None, True
        size = torch.maximum(u.norm() * product.norm(), v.norm() * other.norm())
        asymmetry = float((u @ product - v @ other).abs() / size)
        if asymmetry > ASYMMETRY.get(self.dtype, torch.inf):
            raise NotSymmetric(asymmetry)

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
