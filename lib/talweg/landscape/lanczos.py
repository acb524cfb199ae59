"""Lanczos's method on a symmetric linear map given by its products v ↦ Hv (Lanczos 1950).

A chain of orthonormal vectors v₁, v₂, … is grown, H V = V T + β v eᵀ with a small matrix T whose eigenpairs (λ, s) give
approximate ones (λ, V s) of H. Their error needs no further product: ‖H V s − λ V s‖ = β |s_last|.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["ROUNDING", "Chain", "gaussian", "tridiagonal"]

Product = Callable[[Tensor], Tensor]  # such as `talweg.objective.Operator`
ROUNDING = 32  # a number below 32 units of rounding of the largest product counts as zero


class Chain:
    """The orthonormal vectors V (m, P) and T = V H Vᵀ (m, m), grown by one product at a time.

    Full reorthogonalization, twice ("twice is enough": Kahan and Parlett). In exact arithmetic Hv has coefficients in
    the last two vectors only, so these are taken out first. Then what rounding has left in all vectors is taken out:
    without that, found eigenvectors come back again and again, as ghosts. All coefficients are kept in T, so that
    H V = V T + β v eᵀ holds to rounding, and so do the residuals taken from it. If the Krylov space is exhausted
    (β = 0), a new block begins at a random vector: only so are repeated eigenvalues found. `block` is its first row, and
    `before` that of the block that ended last.
    """

    def __init__(self, product: Product, start: Tensor, limit: int, generator: torch.Generator):
        self.product, self.generator = product, generator
        self.vectors = start.new_empty(min(limit, 16) + 1, len(start))
        self.vectors[0] = start / start.norm()
        self.T = torch.zeros(limit + 1, limit, dtype=torch.float64)
        self.length, self.before, self.block, self.beta, self.scale = 0, 0, 0, 0.0, 0.0

    def grow(self) -> None:
        """One product more; FloatingPointError if it is not finite."""
        j = self.length
        w = self.product(self.vectors[j])
        size = w.norm().item()
        if not size < float("inf"):
            raise FloatingPointError(f"the Hessian-vector product number {j + 1} is not finite at this point")
        self.scale = max(self.scale, size)
        V = self.vectors[: j + 1]
        recent = V[-2:] @ w
        w = torch.addmv(w, V[-2:].T, recent, alpha=-1)
        coefficients = V @ w
        w = torch.addmv(w, V.T, coefficients, alpha=-1)
        coefficients[-2:] += recent
        self.T[: j + 1, j] = coefficients.double().cpu()
        self.length, self.beta = j + 1, w.norm().item()
        # Below this, w is rounding: what the basis cannot express of Hv is zero.
        if self.beta <= ROUNDING * torch.finfo(w.dtype).eps * self.scale or self.length == len(w):
            self.begin_block()
        else:
            self.T[j + 1, j] = self.beta
            self._append(w / w.norm())

    def begin_block(self) -> None:
        """End the block at hand, as if β were zero, and go on at a random vector; in a full space there is none."""
        self.before, self.block, self.beta = self.block, self.length, 0.0
        self.T[self.length, self.length - 1] = 0.0
        w = self._random_orthogonal(self.vectors[0])
        if w is not None:
            self._append(w)

    def _random_orthogonal(self, like: Tensor) -> Tensor | None:
        """A random vector orthogonal to all others; None if they fill the space."""
        if self.length >= len(like):
            return None
        V, w = self.vectors[: self.length], gaussian(like, self.generator)
        for _ in range(3):
            w = w - V.T @ (V @ w)
            w = w / w.norm()
        return w

    def _append(self, v: Tensor) -> None:
        if self.length >= len(self.vectors):
            room = self.vectors.new_empty(min(2 * len(self.vectors), len(self.T)), self.vectors.shape[1])
            room[: self.length] = self.vectors
            self.vectors = room
        self.vectors[self.length] = v

    def ritz(self, first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvalues of T in ascending order, its eigenvectors (columns), residual norms; of the rows from `first`."""
        m = self.length
        T = self.T[first:m, first:m]
        values, s = torch.linalg.eigh((T + T.T) / 2)
        # T s − λ s is not quite zero: T is symmetric to the rounding of the products only.
        within = (T @ s - s * values).norm(dim=0)
        return values, s, torch.hypot(within, self.beta * s[-1].abs())


def tridiagonal(product: Product, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Diagonal (m,) and off-diagonal (m − 1,) of T after m ≤ steps products, in float64: a recurrence of three terms.

    Without reorthogonalization: enough for a spectral density, where a ghost shares the weight of its original, never
    for eigenpairs. Stops early where the space is exhausted. FloatingPointError if a product is not finite.
    """
    diagonal, off_diagonal = [], []
    previous, v, beta, scale = None, start / start.norm(), 0.0, 0.0
    for step in range(min(steps, len(start))):
        w = product(v)
        if previous is not None:
            w = torch.sub(w, previous, alpha=beta)
        alpha = (w @ v).item()
        if not abs(alpha) < float("inf"):
            raise FloatingPointError(f"the Hessian-vector product number {step + 1} is not finite at this point")
        w = torch.sub(w, v, alpha=alpha)
        diagonal.append(alpha)
        scale, beta = max(scale, abs(alpha), beta), w.norm().item()
        if beta <= ROUNDING * torch.finfo(w.dtype).eps * scale:
            break
        off_diagonal.append(beta)
        previous, v = v, w / beta
    off_diagonal = off_diagonal[: len(diagonal) - 1]
    return torch.tensor(diagonal, dtype=torch.float64), torch.tensor(off_diagonal, dtype=torch.float64)


def gaussian(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers in the shape of `like`, drawn on the CPU: the same on every device."""
    return torch.randn(like.shape, dtype=torch.float64, generator=generator).to(like)
