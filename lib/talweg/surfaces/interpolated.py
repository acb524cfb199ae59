"""A surface through values on a grid: a bicubic spline, twice differentiable everywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from talweg.surfaces.formula import Formula, Numbers, constant

__all__ = ["Interpolated", "basis", "coefficients"]


class Interpolated(Formula):
    """The bicubic natural spline through values on a grid: a slice of a loss as a function of two variables.

    It is twice differentiable everywhere, and goes on as its tangents beyond the grid.

    Parameters
    ----------
    x, y
        Abscissae (nx,) and ordinates (ny,), equidistant and increasing, at least 3 each.
    z
        Values (ny, nx), as in `landscape.Surface`.

    Raises
    ------
    ValueError
        Axes that are too short or not equidistant, or a shape that does not fit.

    Examples
    --------
    >>> from talweg.surfaces import Interpolated
    >>> f = Interpolated([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    >>> f([0.5, 1.0]).round(decimals=6).item(), f.grad([3.0, 3.0]).round(decimals=6).tolist()
    (1.5, [1.0, 1.0])
    """

    dim = 2

    def __init__(self, x: Numbers, y: Numbers, z: Numbers):
        self.x, self.y, self.z = constant(x, "x", (1,)), constant(y, "y", (1,)), constant(z, "z", (2,))
        for name, axis in (("x", self.x), ("y", self.y)):
            gaps = axis.diff()
            if len(axis) < 3 or not (gaps > 0).all() or not torch.allclose(gaps, gaps.mean(), rtol=1e-4):
                raise ValueError(f"{name} must be at least 3 equidistant increasing numbers, got {axis.tolist()}")
        if self.z.shape != (len(self.y), len(self.x)):
            raise ValueError(
                f"z must have shape (len(y), len(x)) = {(len(self.y), len(self.x))}, got {tuple(self.z.shape)}"
            )
        self.origin = torch.stack([self.x[0], self.y[0]])
        self.spacing = torch.stack([(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (self.x, self.y)])
        self.c = coefficients(coefficients(self.z).T.contiguous())  # (nx + 2, ny + 2)

    def _sum(self, theta: Tensor, slope: int | None) -> Tensor:
        """Σ cᵢⱼ wᵢ(x) wⱼ(y), with the weights of the slope along axis `slope`."""
        t = (theta - self.origin.to(theta)) / self.spacing.to(theta)
        parts = [basis(t[..., axis], len(knots)) for axis, knots in enumerate((self.x, self.y))]
        (i, *in_x), (j, *in_y) = parts
        near = torch.arange(4, device=theta.device)
        c = self.c.to(theta)[(i[..., None] + near)[..., None], (j[..., None] + near)[..., None, :]]
        return torch.einsum("...i,...ij,...j->...", in_x[slope == 0], c, in_y[slope == 1])

    def value(self, theta: Tensor) -> Tensor:
        return self._sum(theta, None)

    def gradient(self, theta: Tensor) -> Tensor:
        return torch.stack([self._sum(theta, axis) for axis in (0, 1)], dim=-1) / self.spacing.to(theta)

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())


def coefficients(values: Tensor) -> Tensor:
    """B-spline coefficients (n + 2, …) of the natural spline through `values` (n, …), n ≥ 3, along the first axis.

    (cᵢ₋₁ + 4 cᵢ + cᵢ₊₁)/6 = zᵢ;   no curvature at the ends: c₀ = z₀ and c₋₁ = 2 c₀ − c₁, likewise at the other one.
    """
    n = len(values)
    if n < 3:
        raise ValueError(f"values must have at least 3 entries along each axis, got {n}")
    matrix = torch.eye(n, dtype=values.dtype, device=values.device)
    inside = torch.arange(1, n - 1, device=values.device)
    matrix[inside, inside - 1] = matrix[inside, inside + 1] = 1 / 6
    matrix[inside, inside] = 4 / 6
    c = torch.linalg.solve(matrix, values.reshape(n, -1)).reshape(values.shape)
    return torch.cat([(2 * c[0] - c[1])[None], c, (2 * c[-1] - c[-2])[None]])


def basis(t: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a natural spline is at t (…): the index of its first coefficient, four weights, four weights of its slope.

    Returns (…), (…, 4), (…, 4). Beyond the knots the spline goes on as its tangent.
    """
    near = t.clamp(0, n - 1)
    cell = near.detach().floor().clamp(max=n - 2).long()
    u = near - cell
    v = 1 - u
    weights = torch.stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3], dim=-1) / 6
    slopes = torch.stack([-(v**2), 3 * u**2 - 4 * u, -3 * v**2 + 4 * v, u**2], dim=-1) / 2
    return cell, weights + slopes * (t - near).unsqueeze(-1), slopes
