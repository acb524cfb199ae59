"""Sharpness: the largest curvature at a point or along a path, and the worst loss in a ball around it (SAM)."""

from __future__ import annotations

import torch
from torch import Tensor

from talweg.arguments import positive_int
from talweg.landscape.curvature import eigenpairs, refuse_half_precision
from talweg.landscape.lanczos import gaussian
from talweg.objective import Objective

__all__ = ["sam_sharpness", "sharpness"]


def sharpness(
    f: Objective, theta: Tensor, tol: float = 1e-2, *, seed: int = 0, max_products: int | None = None
) -> Tensor:
    """The largest eigenvalue of ∇²f, to a relative residual of `tol`: (P,) → (), or along a path (T, P) → (T,).

    Along a path each search starts from the eigenvector found at the point before, which saves products where the
    path moves slowly (progressive sharpening).

    Parameters
    ----------
    f
        The objective.
    theta
        The point or path.
    tol, seed, max_products
        As in `eigenpairs`, whose errors are also those of this function.

    References
    ----------
    Cohen et al. 2021, arXiv:2103.00065.

    Examples
    --------
    >>> from talweg.landscape import sharpness
    >>> from talweg.surfaces import Quadratic
    >>> sharpness(Quadratic([1.0, 5.0]), [0.0, 0.0]).round(decimals=6).item()
    5.0
    """
    if not isinstance(theta, Tensor):
        theta = torch.as_tensor(theta, dtype=torch.float64)
    if theta.ndim != 2:
        return eigenpairs(f, theta, 1, tol, seed=seed, max_products=max_products).values[0]
    start, values = None, []
    generator = torch.Generator().manual_seed(seed)
    for point in f.points(theta):
        found = eigenpairs(f, point, 1, tol, start=start, seed=seed, max_products=max_products)
        values.append(found.values[0])
        # A little noise: a start that is an exact eigenvector would never see that another has overtaken it.
        noise = gaussian(point, generator)
        start = found.vectors[0] + 0.1 * noise / noise.norm()
    return torch.stack(values)


def sam_sharpness(f: Objective, theta: Tensor, rho: float = 0.05, *, steps: int = 1, seed: int = 0) -> Tensor:
    """max f(θ + ε) − f(θ) over ‖ε‖ ≤ ρ, a tensor without dimensions, as SAM looks for it: a lower bound of the maximum.

    Parameters
    ----------
    f, theta
        The objective and the point, (P,).
    rho
        The radius ρ > 0.
    steps
        1 is SAM's own ε = ρ ∇f(θ)/‖∇f(θ)‖; more repeat ε ← ρ ∇f(θ + ε)/‖∇f(θ + ε)‖, which never lowers a convex f, and
        the best value is returned.
    seed
        Where the gradient is zero, ε starts at random from it.

    Raises
    ------
    ValueError
        rho is not positive and finite, or the point in half precision.
    FloatingPointError
        The loss at theta is not finite.

    References
    ----------
    Foret et al. 2021, arXiv:2010.01412.

    Examples
    --------
    >>> from talweg.landscape import sam_sharpness
    >>> from talweg.surfaces import Quadratic
    >>> sam_sharpness(Quadratic([2.0, 2.0]), [1.0, 0.0], rho=0.5).item()
    1.25
    """
    theta = f.point(theta).detach()
    refuse_half_precision(theta)
    if not 0 < rho < float("inf"):
        raise ValueError(f"rho must be positive and finite; got {rho!r}.")
    here = f(theta)
    if not here.isfinite():
        raise FloatingPointError(f"the loss at theta is {here.item()}")
    g = f.grad(theta)
    best, begun = torch.zeros_like(here), False
    for _ in range(positive_int("steps", steps)):
        if not begun and not g.any():
            g = gaussian(theta, torch.Generator().manual_seed(seed))
        begun = True
        if not g.any():
            break
        epsilon = rho * g / g.norm()
        best = torch.maximum(best, f(theta + epsilon) - here)
        g = f.grad(theta + epsilon)
    return best
