"""What a weight matrix does to lengths and directions: its singular values, and numbers made of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from talweg.initializers.fans import checked_matrix
from talweg.initializers.orthogonal import factored_dtype


@torch.no_grad()
def singular_values(weight: Tensor) -> Tensor:
    """The singular values of a weight read as a matrix (out, in · receptive field), largest first; min(out, in) of them.

    Half precision is decomposed in float32, because LAPACK knows no other. ValueError below two dimensions or for values
    that are not finite.
    """
    matrix = checked_matrix(weight).detach().flatten(1)
    if not matrix.isfinite().all():
        raise ValueError("weight must be finite; it holds NaN or infinite values.")
    return torch.linalg.svdvals(matrix.to(factored_dtype(matrix.dtype)))


def spectral_norm(weight: Tensor) -> float:
    """The largest singular value ‖W‖₂: the most by which W can stretch a vector."""
    return singular_values(weight)[0].item()


def condition_number(weight: Tensor) -> float:
    """σ_max/σ_min, ∞ for a matrix of deficient rank.

    Compare medians or logarithms: for square Gaussian matrices its mean is infinite (Edelman 1988).
    """
    sigma = singular_values(weight)
    return (sigma[0] / sigma[-1]).item() if sigma[-1] > 0 else math.inf


def nuclear_to_spectral_ratio(weight: Tensor) -> float:
    """Σσ/σ_max: how many directions as strong as the strongest the spectrum amounts to. Between 1 and the rank.

    Never above `entropy_effective_rank`, with which it is often confused; equal if all non-zero σ are equal.
    ValueError for a zero matrix.
    """
    sigma = _nonzero(singular_values(weight))
    return (sigma.sum() / sigma[0]).item()


def entropy_effective_rank(weight: Tensor) -> float:
    """exp(-Σ p log p) with p = σ/Σσ (Roy & Vetterli 2007, "The effective rank", EUSIPCO). Between 1 and the rank.

    ValueError for a zero matrix.
    """
    sigma = _nonzero(singular_values(weight))
    p = sigma / sigma.sum()
    return torch.special.entr(p).sum().exp().item()


def marchenko_pastur_edges(rows: int, columns: int, variance: float) -> tuple[float, float]:
    """Where the squared singular values of a large matrix of independent entries of this variance begin and end.

    variance·(√max ∓ √min)² of (rows, columns) (Marchenko & Pastur 1967). A square matrix reaches down to 0.
    """
    _check_law(rows, columns, variance)
    short, long = sorted((rows, columns))
    return variance * (math.sqrt(long) - math.sqrt(short)) ** 2, variance * (math.sqrt(long) + math.sqrt(short)) ** 2


def marchenko_pastur_density(squared: Tensor, rows: int, columns: int, variance: float) -> Tensor:
    """The Marchenko–Pastur density of the min(rows, columns) squared singular values λ = σ², at the points `squared`.

    √((λ₊ - λ)(λ - λ₋))/(2π·variance·min·λ) between the edges, 0 outside; it integrates to 1. For W with entries of
    variance 1/fan_in this is the law of the eigenvalues of W Wᵀ (or Wᵀ W, whichever is smaller).
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
