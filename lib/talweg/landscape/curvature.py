"""The outermost eigenpairs of the curvature without its matrix, from products H v alone.

`eigenpairs` is called with an objective and a point, and is then of the Hessian ∇²f(θ); or with an `Operator` alone, such
as `talweg.objective.GaussNewton(f, theta)`. So are `trace` and `spectral_density` (`talweg.landscape.spectrum`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from talweg.arguments import finite, one_of, positive_int
from talweg.landscape.lanczos import ROUNDING, Chain, Product, gaussian
from talweg.objective import Objective, Operator
from talweg.objective.second_derivatives import in_own_precision

__all__ = ["Eigenpairs", "NotConverged", "eigenpairs", "operator_of", "refuse_half_precision"]

WHICH = ("largest", "smallest", "magnitude")


class Eigenpairs(NamedTuple):
    """Eigenpairs of a symmetric operator, as `eigenpairs` returns them.

    Parameters
    ----------
    values
        (k,).
    vectors
        Of norm 1, one in each row, (k, P).
    residuals
        ‖Hv − λv‖, (k,).
    products
        Number of products spent.

    Examples
    --------
    >>> from talweg.landscape import eigenpairs
    >>> from talweg.surfaces import Quadratic
    >>> found = eigenpairs(Quadratic([1.0, 2.0]), [0.0, 0.0])
    >>> found.vectors.abs().round(decimals=6).tolist(), found.products
    ([[0.0, 1.0]], 2)
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    products: int


class NotConverged(RuntimeError):
    """Lanczos did not reach the tolerance; `found` holds the eigenpairs as far as it came, with their residuals.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import NotConverged, eigenpairs
    >>> from talweg.surfaces import Quadratic
    >>> f = Quadratic(torch.arange(1.0, 101.0))
    >>> try:
    ...     eigenpairs(f, torch.zeros(100), max_products=3)
    ... except NotConverged as error:
    ...     print(error.found.products)
    3
    """

    def __init__(self, message: str, found: Eigenpairs):
        super().__init__(message)
        self.found = found


def eigenpairs(
    f: Objective | Operator,
    theta: Tensor | None = None,
    k: int = 1,
    tol: float = 1e-3,
    *,
    which: str = "largest",
    max_products: int | None = None,
    start: Tensor | None = None,
    seed: int = 0,
) -> Eigenpairs:
    """The k outermost eigenpairs of ∇²f(θ), each with ‖Hv − λv‖ ≤ tol |λ|, by Lanczos's method, fully reorthogonalized.

    The residual of an eigenvalue that is zero beside the largest is only asked to be at rounding, as |λ| cannot be
    resolved there. Values come from one Krylov space and so can miss copies of an eigenvalue that is repeated exactly,
    unless the space is exhausted.

    Parameters
    ----------
    f
        An objective, with theta; or an operator alone: `eigenpairs(GaussNewton(f, theta), k=3)`.
    theta
        The point, (P,).
    k
        Number of pairs.
    tol
        Relative residual, between 0 and 1.
    which
        "largest" values first, "smallest" (most negative) first, or largest "magnitude" first.
    max_products
        Limit of products (default max(20 k, 300), at most P); one vector is kept for each (P numbers).
    start
        A vector to start from, such as an eigenvector of a nearby point; the default is Gaussian, from `seed`.

    Returns
    -------
    Eigenpairs
        values (k,), vectors (k, P), residuals (k,), products.

    Raises
    ------
    ValueError
        k above the dimension, or a point in half precision, whose rounding hides eigenvalues.
    FloatingPointError
        A product is not finite.
    NotConverged
        The residuals are not reached; they are guaranteed in what is returned.

    Examples
    --------
    >>> from talweg.landscape import eigenpairs
    >>> from talweg.surfaces import Quadratic
    >>> eigenpairs(Quadratic([1.0, 5.0, -9.0]), [0.0, 0.0, 0.0], k=2).values.round(decimals=6).tolist()
    [5.0, 1.0]
    """
    operator = operator_of(f, theta)
    refuse_half_precision(operator.theta)
    dim = operator.shape[0]
    if positive_int("k", k) > dim:
        raise ValueError(f"k must be at most the number of parameters, {dim}; got {k}.")
    if not 0 < tol < 1:
        raise ValueError(f"tol must be between 0 and 1; got {tol!r}.")
    one_of("which", which, WHICH)
    limit = min(dim, max(k, max(20 * k, 300) if max_products is None else positive_int("max_products", max_products)))
    generator = torch.Generator().manual_seed(seed)
    start = gaussian(operator.theta, generator) if start is None else _direction(operator.vector(start, "start"))
    with in_own_precision(operator.device):
        return _lanczos(operator, start, k, tol, which, limit, generator)


def _lanczos(
    product: Product, start: Tensor, k: int, tol: float, which: str, limit: int, generator: torch.Generator
) -> Eigenpairs:
    chain = Chain(product, start, limit, generator)

    def tolerance(values: Tensor) -> Tensor:
        return tol * values.abs() + ROUNDING * torch.finfo(start.dtype).eps * chain.scale

    while chain.length < limit:
        chain.grow()
        if chain.length < k:
            continue
        values, s, residuals = _outermost(chain, 0, k, which)
        if (residuals <= tolerance(values)).all() and _nothing_beyond(chain, values[-1], which, tolerance):
            return _pairs(chain, values, s, residuals, start)
    values, s, residuals = _outermost(chain, 0, k, which)
    excess = (residuals / tolerance(values)).max()
    reason = (
        f"the largest residual is {excess:.2g} times what tol allows"
        if excess > 1
        else "they have converged, but the Krylov space ended early, and further copies may lie beyond"
    )
    raise NotConverged(
        f"{k} eigenpairs did not reach tol={tol} in {limit} products: {reason}. Raise max_products or tol.",
        _pairs(chain, values, s, residuals, start),
    )


def _outermost(chain: Chain, first: int, k: int, which: str) -> tuple[Tensor, Tensor, Tensor]:
    """The first k Ritz pairs of T from row `first` on, in the wanted order: values, coefficients (columns), residuals."""
    values, s, residuals = chain.ritz(first)
    order = _inwards(values, which).argsort()[:k]
    return values[order], s[:, order], residuals[order]


def _inwards(values: Tensor, which: str) -> Tensor:
    """What grows from the outermost of the wanted values inwards."""
    return {"largest": -values, "smallest": values, "magnitude": -values.abs()}[which]


def _nothing_beyond(chain: Chain, last: Tensor, which: str, tolerance: Callable[[Tensor], Tensor]) -> bool:
    """Whether no eigenvalue lies beyond the last one found, as further copies of some may where a block has ended.

    A block that began at a random vector and has ended holds an eigenvector of each distinct eigenvalue that the blocks
    before it left over. If its outermost is not beyond the last one found, nothing that is still left over is.
    """
    if chain.block < chain.length:
        values, _, residuals = _outermost(chain, chain.block, chain.length, which)
        if not (residuals <= tolerance(values)).all():
            return chain.block == 0 or bool(residuals[0] <= tolerance(values)[0])
        chain.begin_block()  # all of it has converged: in all but rounding the space is exhausted
    if chain.length == len(chain.vectors[0]):
        return True
    if chain.before == 0:  # it may have begun at a vector of the caller's, in an invariant space
        return False
    leading = _outermost(chain, chain.before, 1, which)[0]
    return bool(_inwards(leading, which) >= _inwards(last, which) - tolerance(last))


def _pairs(chain: Chain, values: Tensor, s: Tensor, residuals: Tensor, like: Tensor) -> Eigenpairs:
    vectors = s.T.to(like) @ chain.vectors[: chain.length]
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    # A sign that does not depend on rounding of the start: the entry of largest size is positive.
    signs = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    return Eigenpairs(values.to(like), vectors * signs, residuals.to(like), chain.length)


def operator_of(f: Objective | Operator, theta: Tensor | None) -> Operator:
    """The operator that is given, or the Hessian of the objective at theta."""
    if isinstance(f, Operator):
        if theta is not None:
            raise TypeError(f"theta must not be given with {type(f).__name__}, which belongs to a point already.")
        finite("theta", f.theta)
        return f
    if theta is None:
        raise TypeError(f"theta must be given: {type(f).__name__} is an objective, and its curvature that of a point.")
    return f.hessian_at(finite("theta", f.point(theta)))


def refuse_half_precision(theta: Tensor) -> None:
    """ValueError for a point of fewer digits than float32's, where rounding is as large as what would be measured."""
    if torch.finfo(theta.dtype).bits < 32:
        raise ValueError(
            f"theta is {theta.dtype}, too coarse for curvature: take theta.float(), and for a network an objective with "
            "dtype=torch.float32."
        )


def _direction(v: Tensor) -> Tensor:
    if not v.isfinite().all() or not v.any():
        raise ValueError("start must be a finite vector other than zero.")
    return v
