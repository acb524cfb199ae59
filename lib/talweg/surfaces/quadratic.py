"""Quadratic functions: a bowl or ravine, a saddle, linear regression."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from talweg.objective.function import Mean, checked_indices
from talweg.surfaces.formula import Formula, Numbers, constant, vector

__all__ = ["LeastSquares", "Quadratic", "Saddle"]


class Quadratic(Formula):
    """A quadratic function ½ (θ − c)ᵀ H (θ − c) with a symmetric Hessian H.

    Parameters
    ----------
    hessian
        H, whole (P, P) or by its eigenvalues (P,) on the axes.
    center
        c, (P,). The default is the origin.

    Raises
    ------
    ValueError
        hessian is not symmetric.

    Examples
    --------
    >>> from talweg.surfaces import Quadratic
    >>> f = Quadratic([1.0, 10.0])
    >>> f([2.0, 1.0]).item(), f.grad([2.0, 1.0]).tolist()
    (7.0, [2.0, 10.0])
    """

    def __init__(self, hessian: Numbers, center: Numbers | None = None):
        H = constant(hessian, "hessian", (1, 2))
        H = torch.diag(H) if H.ndim == 1 else H
        if H.shape[0] != H.shape[1] or not torch.allclose(H, H.T):
            raise ValueError(f"hessian must be eigenvalues (P,) or a symmetric matrix (P, P), got {H.tolist()}")
        self.H = H
        self.dim = len(H)
        self.center = vector(center, "center", self.dim)

    def value(self, theta: Tensor) -> Tensor:
        d = theta - self.center.to(theta)
        return 0.5 * ((d @ self.H.to(theta)) * d).sum(-1)

    def gradient(self, theta: Tensor) -> Tensor:
        return (theta - self.center.to(theta)) @ self.H.to(theta)

    def hessian(self, theta: Tensor | None = None) -> Tensor:
        """H, the same at every point."""
        return self.H.clone() if theta is None else self.H.to(self.point(theta))

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor:
        return self.point(v, name="v") @ self.H.to(self.point(theta))

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())


class Saddle(Quadratic):
    """The simplest saddle ½ Σ λᵢ θᵢ², by default (x² − y²)/2, whose unstable direction is the y axis.

    Parameters
    ----------
    eigenvalues
        The λᵢ, (P,), at least one positive and one negative.
    angle
        Both axes are turned by so many radians (two variables only).

    Raises
    ------
    ValueError
        Eigenvalues of one sign, or an angle without two variables.

    Examples
    --------
    >>> from talweg.landscape import saddle_index
    >>> from talweg.surfaces import Saddle
    >>> f = Saddle()
    >>> f([1.0, 2.0]).item(), saddle_index(f, [0.0, 0.0])
    (-1.5, 1)
    """

    def __init__(self, eigenvalues: Numbers = (1.0, -1.0), angle: float = 0.0):
        values = constant(eigenvalues, "eigenvalues", (1,))
        if not (values.min() < 0 < values.max()):
            raise ValueError(f"eigenvalues of a saddle must have both signs, got {values.tolist()}")
        if angle and len(values) != 2:
            raise ValueError(f"angle needs two variables, got {len(values)} eigenvalues")
        cos, sin = math.cos(angle), math.sin(angle)
        turn = [[cos, -sin], [sin, cos]] if len(values) == 2 else torch.eye(len(values)).tolist()
        axes = torch.tensor(turn, dtype=torch.float64)
        super().__init__(axes @ torch.diag(values) @ axes.T)
        self.eigenvalues, self.axes = values, axes


class LeastSquares(Formula, Mean):
    """Linear regression, (1/2n) ‖Xθ − y‖², with the gradient of every sample.

    Parameters
    ----------
    x
        The design matrix X, (n, P), with a column of ones if there is to be an intercept.
    y
        (n,).

    Raises
    ------
    ValueError
        x and y do not have the same number of samples.

    Examples
    --------
    >>> from talweg.surfaces import LeastSquares
    >>> f = LeastSquares([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> f.minimizer().round(decimals=6).tolist(), f.sample_losses([1.0, 0.0]).tolist()
    ([1.0, 2.0], [0.0, 2.0, 8.0])
    """

    def __init__(self, x: Numbers, y: Numbers):
        self.x, self.y = constant(x, "x", (2,)), constant(y, "y", (1,))
        if len(self.x) != len(self.y) or not self.x.numel():
            raise ValueError(f"x (n, P) and y (n,) must share n ≥ 1, got {tuple(self.x.shape)}, {tuple(self.y.shape)}")
        self.n, self.dim = self.x.shape

    def residuals(self, theta: Tensor) -> Tensor:
        """Xθ − y, shape (…, n)."""
        return theta @ self.x.to(theta).T - self.y.to(theta)

    def value(self, theta: Tensor) -> Tensor:
        return self.residuals(theta).square().sum(-1) / (2 * self.n)

    def gradient(self, theta: Tensor) -> Tensor:
        return self.residuals(theta) @ self.x.to(theta) / self.n

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())

    def hessian(self, theta: Tensor | None = None) -> Tensor:
        """XᵀX/n, the same at every point."""
        return self.x.T @ self.x / self.n if theta is None else self.hessian().to(self.point(theta))

    def minimizer(self) -> Tensor:
        """The θ of smallest norm among those of smallest loss, shape (P,)."""
        return torch.linalg.lstsq(self.x, self.y.unsqueeze(1), driver="gelsd").solution.squeeze(1)

    def sample_losses(self, theta: Tensor) -> Tensor:
        """½ (xᵢᵀθ − yᵢ)² of every sample, shape (n,); f is their mean."""
        return self.residuals(self.point(theta)).square() / 2

    def sample_grads(self, theta: Tensor) -> Tensor:
        """Gradient of every sample's loss, shape (n, P); ∇f is their mean."""
        theta = self.point(theta)
        return self.residuals(theta).unsqueeze(1) * self.x.to(theta)

    def subset(self, indices: Tensor) -> LeastSquares:
        """Linear regression on some of the samples: a mini-batch as an objective."""
        return LeastSquares(self.x[indices], self.y[indices])

    def batch_grad(self, theta: Tensor, indices: Tensor) -> Tensor:
        """Gradient of the mean loss over the samples `indices` (B,), shape (P,)."""
        return self.batch_grads(self.point(theta).unsqueeze(0), torch.as_tensor(indices).unsqueeze(0))[0]

    def batch_grads(self, thetas: Tensor, indices: Tensor) -> Tensor:
        """A mini-batch gradient for each of K points: thetas (K, P), indices of samples (K, B) → (K, P)."""
        thetas, indices = self.points(thetas), checked_indices(indices, len(thetas))
        x, y = self.x.to(thetas)[indices], self.y.to(thetas)[indices]
        residuals = torch.einsum("kbp,kp->kb", x, thetas) - y
        return torch.einsum("kbp,kb->kp", x, residuals) / indices.shape[1]
