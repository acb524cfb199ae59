"""What a weight matrix does to lengths and directions: its singular values, and numbers made of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from talweg.initializers.fans import checked_matrix
from talweg.initializers.orthogonal import factored_dtype


@torch.no_grad()
def singular_values(weight: Tensor) -> Tensor:
    """The singular values of a weight read as a matrix (out, in · receptive field), largest first.

    Half precision is decomposed in float32, because LAPACK knows no other.

    Returns
    -------
    Tensor
        (min(out, in · receptive field),).

    Raises
    ------
    ValueError
        Below two dimensions, or for values that are not finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> diagnostics.singular_values(torch.tensor([[3.0, 0.0], [0.0, -4.0]])).round(decimals=3)
    tensor([4., 3.])
    """
    matrix = checked_matrix(weight).detach().flatten(1)
    if not matrix.isfinite().all():
        raise ValueError("weight must be finite; it holds NaN or infinite values.")
    return torch.linalg.svdvals(matrix.to(factored_dtype(matrix.dtype)))


def spectral_norm(weight: Tensor) -> float:
    """The largest singular value ‖W‖₂: the most by which W can stretch a vector.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> round(diagnostics.spectral_norm(torch.tensor([[3.0, 0.0], [0.0, -4.0]])), 3)
    4.0
    """
    return singular_values(weight)[0].item()


def condition_number(weight: Tensor) -> float:
    """σ_max/σ_min, ∞ for a matrix of deficient rank.

    Compare medians or logarithms: for square Gaussian matrices its mean is infinite (Edelman 1988).

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> round(diagnostics.condition_number(torch.tensor([[2.0, 0.0], [0.0, -4.0]])), 3)
    2.0
    """
    sigma = singular_values(weight)
    return (sigma[0] / sigma[-1]).item() if sigma[-1] > 0 else math.inf


def nuclear_to_spectral_ratio(weight: Tensor) -> float:
    """Σσ/σ_max: how many directions as strong as the strongest the spectrum amounts to. Between 1 and the rank.

    It is never above `entropy_effective_rank`, with which it is often confused; they are equal if all non-zero σ are
    equal.

    Raises
    ------
    ValueError
        For a zero matrix.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> round(diagnostics.nuclear_to_spectral_ratio(torch.diag(torch.tensor([4.0, 2.0, 2.0]))), 3)
    2.0
    """
    sigma = _nonzero(singular_values(weight))
    return (sigma.sum() / sigma[0]).item()


def entropy_effective_rank(weight: Tensor) -> float:
    """exp(-Σ p log p) with p = σ/Σσ. Between 1 and the rank.

    Raises
    ------
    ValueError
        For a zero matrix.

    References
    ----------
    Roy & Vetterli 2007, "The effective rank", EUSIPCO.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> print(f"{diagnostics.entropy_effective_rank(torch.diag(torch.tensor([4.0, 2.0, 2.0]))):.3f}")  # √8
    2.828
    """
    sigma = _nonzero(singular_values(weight))
    p = sigma / sigma.sum()
    return torch.special.entr(p).sum().exp().item()


def marchenko_pastur_edges(rows: int, columns: int, variance: float) -> tuple[float, float]:
    """Where the squared singular values of a large matrix of independent entries of this variance begin and end.

    variance·(√max ∓ √min)² of (rows, columns). A square matrix reaches down to 0.

    Raises
    ------
    ValueError
        For sizes below 1, or a variance that is not positive and finite.

    References
    ----------
    Marchenko & Pastur 1967.

    Examples
    --------
    >>> from talweg.initializers import diagnostics
    >>> diagnostics.marchenko_pastur_edges(100, 400, 1 / 400)
    (0.25, 2.25)
    """
    _check_law(rows, columns, variance)
    short, long = sorted((rows, columns))
    return variance * (math.sqrt(long) - math.sqrt(short)) ** 2, variance * (math.sqrt(long) + math.sqrt(short)) ** 2


def marchenko_pastur_density(squared: Tensor, rows: int, columns: int, variance: float) -> Tensor:
    """The Marchenko–Pastur density of the min(rows, columns) squared singular values λ = σ².

    √((λ₊ - λ)(λ - λ₋))/(2π·variance·min·λ) between the edges, 0 outside; it integrates to 1. For W with entries of
    variance 1/fan_in this is the law of the eigenvalues of W Wᵀ (or Wᵀ W, whichever is smaller).

    Parameters
    ----------
    squared : Tensor
        The points λ, of any shape.
    rows, columns : int
    variance : float

    Raises
    ------
    ValueError
        For sizes below 1, or a variance that is not positive and finite.

    References
    ----------
    Marchenko & Pastur 1967.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import diagnostics
    >>> diagnostics.marchenko_pastur_density(torch.tensor([0.1, 1.0, 3.0]), 100, 400, 1 / 400)
    tensor([0.0000, 0.6164, 0.0000])
    """
    low, high = marchenko_pastur_edges(rows, columns, variance)
    squared = torch.as_tensor(squared, dtype=torch.get_default_dtype()) if not isinstance(squared, Tensor) else squared
    inside = (squared > low) & (squared < high)
    root = ((high - squared) * (squared - low)).clamp(min=0).sqrt()
    scale = 2 * math.pi * variance * min(rows, columns)
    return torch.where(inside, root / (scale * torch.where(inside, squared, 1)), 0)


def _nonzero(sigma: Tensor) -> Tensor:
    if not sigma[0] > 0:
        raise ValueError("weight must not be zero: its effective rank is not defined.")
    return sigma


def _check_law(rows: int, columns: int, variance: float) -> None:
    if rows < 1 or columns < 1:
        raise ValueError(f"rows and columns must be at least 1; got {rows} and {columns}.")
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"variance must be a positive finite number; got {variance!r}.")
