"""Curvature without its matrix: eigenpairs, spectral density, trace and saddle index, all from products H v.

Each is called with an objective and a point, and is then that of the Hessian ∇²f(θ); or with an `Operator` alone, such as
`talweg.objective.GaussNewton(f, theta)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from talweg.arguments import finite, one_of, positive_int
from talweg.landscape.lanczos import ROUNDING, Chain, Product, gaussian, tridiagonal
from talweg.objective import Objective, Operator
from talweg.objective.function import HESSIAN_LIMIT

__all__ = [
    "Eigenpairs", "NotConverged", "SpectralDensity", "Trace", "eigenpairs", "saddle_index", "spectral_density",
    "trace",
]  # fmt: skip

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


class Trace(NamedTuple):
    """An estimated trace: its value, its standard error, and the samples vᵀHv it is the mean of.

    Examples
    --------
    >>> from talweg.landscape import trace
    >>> from talweg.surfaces import Quadratic
    >>> found = trace(Quadratic([1.0, 2.0]), [0.0, 0.0], samples=4)
    >>> found.samples.tolist(), found.standard_error.item()
    ([3.0, 3.0, 3.0, 3.0], 0.0)
    """

    value: Tensor
    standard_error: Tensor
    samples: Tensor


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
        k above the dimension.
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
    operator = _operator(f, theta)
    dim = operator.shape[0]
    if positive_int("k", k) > dim:
        raise ValueError(f"k must be at most the number of parameters, {dim}; got {k}.")
    if not 0 < tol < 1:
        raise ValueError(f"tol must be between 0 and 1; got {tol!r}.")
    one_of("which", which, WHICH)
    limit = min(dim, max(k, max(20 * k, 300) if max_products is None else positive_int("max_products", max_products)))
    generator = torch.Generator().manual_seed(seed)
    start = gaussian(operator.theta, generator) if start is None else _direction(operator.vector(start, "start"))
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
    found = _pairs(chain, values, s, residuals, start)
    if chain.length == len(start) and (residuals <= tolerance(values)).all():
        return found
    worst = (residuals / values.abs()).max()
    raise NotConverged(
        f"{k} eigenpairs did not reach tol={tol} in {limit} products: the largest relative residual is {worst:.2g}. "
        "Raise max_products or tol.",
        found,
    )


def _outermost(chain: Chain, first: int, k: int, which: str) -> tuple[Tensor, Tensor, Tensor]:
    """The first k Ritz pairs of T from row `first` on, in the wanted order: values, coefficients (columns), residuals."""
    values, s, residuals = chain.ritz(first)
    key = {"largest": -values, "smallest": values, "magnitude": -values.abs()}[which]
    order = key.argsort()[:k]
    return values[order], s[:, order], residuals[order]


def _nothing_beyond(chain: Chain, last: Tensor, which: str, tolerance: Callable[[Tensor], Tensor]) -> bool:
    """Whether the last block has converged, too: after a breakdown, copies of a found eigenvalue may still come."""
    if chain.block == chain.length:
        return chain.length == len(chain.vectors[0])
    if chain.block == 0:
        return True
    leading, _, residual = _outermost(chain, chain.block, 1, which)
    return bool(residual[0] <= tolerance(leading)[0])


def _pairs(chain: Chain, values: Tensor, s: Tensor, residuals: Tensor, like: Tensor) -> Eigenpairs:
    vectors = s.T.to(like) @ chain.vectors[: chain.length]
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    # A sign that does not depend on rounding of the start: the entry of largest size is positive.
    signs = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    return Eigenpairs(values.to(like), vectors * signs, residuals.to(like), chain.length)


class SpectralDensity(NamedTuple):
    """A density by stochastic Lanczos quadrature: `probes` spectra of Dirac masses.

    Each row of weights sums to 1; rows shorter than others are filled with weights of 0.

    Parameters
    ----------
    nodes, weights
        Where the masses are, and how large, (probes, steps) each.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import SpectralDensity
    >>> found = SpectralDensity(torch.tensor([[0.0, 4.0]]), torch.tensor([[0.75, 0.25]]))
    >>> found.moment(1).item(), found.share_below(1.0).item()
    (1.0, 0.75)
    """

    nodes: Tensor
    weights: Tensor

    def moment(self, p: int) -> Tensor:
        """Estimate of tr(Hᵖ)/P, the p-th moment of the spectrum."""
        return (self.weights * self.nodes**p).sum(1).mean()

    def density(self, grid: Tensor, width: float | None = None) -> Tensor:
        """The density at the points of `grid` (G,), each mass spread by a Gaussian of the given standard deviation.

        width: default 1/100 of the spectrum's range.
        """
        grid = torch.as_tensor(grid).to(self.nodes)
        width = float(self.nodes.max() - self.nodes.min()) / 100 if width is None else width
        if not 0 < width < math.inf:
            raise ValueError(f"width must be positive and finite; got {width!r}.")
        masses = torch.exp(-(((grid[:, None] - self.nodes.reshape(1, -1)) / width) ** 2) / 2)
        return masses @ self.weights.reshape(-1) / (len(self.nodes) * width * math.sqrt(2 * math.pi))

    def share_below(self, threshold: float) -> Tensor:
        """Estimated share of eigenvalues below a threshold."""
        return torch.where(self.nodes < threshold, self.weights, 0).sum(1).mean()


def spectral_density(
    f: Objective | Operator, theta: Tensor | None = None, *, probes: int = 4, steps: int = 80, seed: int = 0
) -> SpectralDensity:
    """The density of the eigenvalues of ∇²f(θ), by stochastic Lanczos quadrature.

    In expectation the first 2·steps − 1 moments are those of the spectrum.

    Parameters
    ----------
    f, theta
        As in `eigenpairs`.
    probes
        Random vectors (Gaussian), averaged over.
    steps
        Products for each, at most P.
    seed
        Of the probes.

    Raises
    ------
    FloatingPointError
        A product is not finite.

    References
    ----------
    Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159.

    Examples
    --------
    >>> from talweg.landscape import spectral_density
    >>> from talweg.surfaces import Quadratic
    >>> found = spectral_density(Quadratic([1.0, 1.0, 4.0]), [0.0, 0.0, 0.0], probes=2)
    >>> round(found.nodes.min().item(), 6), round(found.nodes.max().item(), 6)
    (1.0, 4.0)
    """
    operator, generator = _operator(f, theta), torch.Generator().manual_seed(seed)
    steps = min(positive_int("steps", steps), operator.shape[0])
    nodes, weights = torch.zeros(2, positive_int("probes", probes), steps, dtype=torch.float64)
    for row in range(probes):
        diagonal, off_diagonal = tridiagonal(operator, gaussian(operator.theta, generator), steps)
        T = torch.diag(diagonal) + torch.diag(off_diagonal, 1) + torch.diag(off_diagonal, -1)
        values, s = torch.linalg.eigh(T)
        nodes[row, : len(values)], weights[row, : len(values)] = values, s[0] ** 2
        nodes[row, len(values) :] = values[-1]
    return SpectralDensity(nodes, weights)


def trace(
    f: Objective | Operator,
    theta: Tensor | None = None,
    *,
    samples: int = 100,
    rtol: float | None = None,
    seed: int = 0,
) -> Trace:
    """The trace of ∇²f(θ) with its standard error: the mean of vᵀHv over random signs v.

    Parameters
    ----------
    f, theta
        As in `eigenpairs`.
    samples
        Number of products, at least 2.
    rtol
        Stop earlier, once the standard error is at most rtol·|trace| (after 8 samples).
    seed
        Of the signs.

    Returns
    -------
    Trace
        value, standard_error and samples.

    Raises
    ------
    FloatingPointError
        A product is not finite.

    References
    ----------
    Hutchinson 1990, A stochastic estimator of the trace of the influence matrix.

    Examples
    --------
    >>> from talweg.landscape import trace
    >>> from talweg.surfaces import Quadratic
    >>> trace(Quadratic([1.0, 2.0, 3.0]), [0.0, 0.0, 0.0]).value.item()  # exact where the Hessian is diagonal
    6.0
    """
    operator, generator = _operator(f, theta), torch.Generator().manual_seed(seed)
    if positive_int("samples", samples) < 2:
        raise ValueError(f"samples must be at least 2, for a standard error; got {samples}.")
    found: list[Tensor] = []
    for _ in range(samples):
        v = torch.randint(2, operator.shape[:1], generator=generator).to(operator.theta) * 2 - 1
        found.append((operator @ v) @ v)
        if not found[-1].isfinite():
            raise FloatingPointError(f"the Hessian-vector product number {len(found)} is not finite at this point")
        if rtol is not None and len(found) >= 8:
            values = torch.stack(found)
            if _standard_error(values) <= rtol * values.mean().abs():
                break
    values = torch.stack(found)
    return Trace(values.mean(), _standard_error(values), values)


def _standard_error(values: Tensor) -> Tensor:
    return values.std() / len(values) ** 0.5


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
        More than `limit` eigenvalues lie below the border.

    Examples
    --------
    >>> from talweg.landscape import saddle_index
    >>> from talweg.surfaces import Saddle
    >>> saddle_index(Saddle([1.0, -1.0, -2.0]), [0.0, 0.0, 0.0])
    2
    """
    theta = finite("theta", f.point(theta))
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


def _operator(f: Objective | Operator, theta: Tensor | None) -> Operator:
    """The operator that is given, or the Hessian of the objective at theta."""
    if isinstance(f, Operator):
        if theta is not None:
            raise TypeError(f"theta must not be given with {type(f).__name__}, which belongs to a point already.")
        finite("theta", f.theta)
        return f
    if theta is None:
        raise TypeError(f"theta must be given: {type(f).__name__} is an objective, and its curvature that of a point.")
    return f.hessian_at(finite("theta", f.point(theta)))


def _direction(v: Tensor) -> Tensor:
    if not v.isfinite().all() or not v.any():
        raise ValueError("start must be a finite vector other than zero.")
    return v
