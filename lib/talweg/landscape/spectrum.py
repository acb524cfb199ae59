"""The spectrum of the curvature as a whole, without its matrix: its density and its sum, from products with random vectors."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from talweg.arguments import positive_int
from talweg.landscape.curvature import operator_of
from talweg.landscape.lanczos import gaussian, tridiagonal
from talweg.objective import Objective, Operator
from talweg.objective.second_derivatives import in_own_precision

__all__ = ["SpectralDensity", "Trace", "spectral_density", "trace"]


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
    operator, generator = operator_of(f, theta), torch.Generator().manual_seed(seed)
    steps = min(positive_int("steps", steps), operator.shape[0])
    nodes, weights = torch.zeros(2, positive_int("probes", probes), steps, dtype=torch.float64)
    for row in range(probes):
        with in_own_precision(operator.device):
            diagonal, off_diagonal = tridiagonal(operator, gaussian(operator.theta, generator), steps)
        T = torch.diag(diagonal) + torch.diag(off_diagonal, 1) + torch.diag(off_diagonal, -1)
        values, s = torch.linalg.eigh(T)
        nodes[row, : len(values)], weights[row, : len(values)] = values, s[0] ** 2
        nodes[row, len(values) :] = values[-1]
    return SpectralDensity(nodes, weights)


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
    operator, generator = operator_of(f, theta), torch.Generator().manual_seed(seed)
    if positive_int("samples", samples) < 2:
        raise ValueError(f"samples must be at least 2, for a standard error; got {samples}.")
    found: list[Tensor] = []
    for _ in range(samples):
        v = torch.randint(2, operator.shape[:1], generator=generator).to(operator.theta) * 2 - 1
        with in_own_precision(operator.device):
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
