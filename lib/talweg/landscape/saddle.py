"""How many directions of descent a point has."""

from __future__ import annotations

import torch
from torch import Tensor

from talweg.arguments import finite
from talweg.landscape.curvature import NotConverged, eigenpairs, refuse_half_precision
from talweg.objective import Objective
from talweg.objective.function import HESSIAN_LIMIT

__all__ = ["saddle_index"]


def saddle_index(
    f: Objective, theta: Tensor, *, threshold: float = 1e-3, limit: int = 64, tol: float = 1e-2, seed: int = 0
) -> int:
    """The number of directions of descent at θ: eigenvalues below −threshold·(largest |λ|), 0 at a minimum.

    The bulk of a network's spectrum lies around zero, on both sides: without a threshold the index would count
    rounding. Up to 4096 parameters it comes from the exact Hessian; above, from Lanczos's method.

    Parameters
    ----------
    f, theta
        The objective and the point, (P,).
    threshold
        At least 0.
    limit
        Largest number that is counted by Lanczos's method.
    tol, seed
        As in `eigenpairs`.

    Raises
    ------
    ValueError
        A point in half precision, or more than `limit` eigenvalues lie below the border.

    Examples
    --------
    >>> from talweg.landscape import saddle_index
    >>> from talweg.surfaces import Saddle
    >>> saddle_index(Saddle([1.0, -1.0, -2.0]), [0.0, 0.0, 0.0])
    2
    """
    theta = finite("theta", f.point(theta))
    refuse_half_precision(theta)
    if not threshold >= 0:
        raise ValueError(f"threshold must be at least 0; got {threshold!r}.")
    if f.dim <= HESSIAN_LIMIT:
        values = torch.linalg.eigvalsh(f.hessian(theta))
        return int((values < -threshold * values.abs().max()).sum())
    border = -threshold * eigenpairs(f, theta, 1, tol, which="magnitude", seed=seed).values[0].abs()
    k = 4
    while k <= 2 * limit:
        try:
            values = eigenpairs(f, theta, k, tol, which="smallest", seed=seed).values
        except NotConverged as error:  # eigenvalues near zero need not converge, those below the border have to
            found = error.found
            if not (found.residuals[found.values < border] <= tol * found.values[found.values < border].abs()).all():
                raise
            values = found.values
        if (values >= border).any():
            return int((values < border).sum())
        k *= 2
    raise ValueError(f"limit must be larger: more than {limit} eigenvalues lie below {border:.3g}.")
