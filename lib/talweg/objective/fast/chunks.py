"""How much is evaluated at once: enough to keep the machine busy, little enough for its cache and memory."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from talweg.bars import bar

__all__ = ["Evaluator", "activations_at_once", "evaluate", "raise_malloc_threshold", "with_origin"]

# Activations of one layer held at once: small enough for a processor's cache, large enough to fill a GPU.
ACTIVATIONS_AT_ONCE = {"cpu": 2**20, "cuda": 2**26}


class Evaluator(Protocol):
    """f on an affine family of points: weights (k, m) → f(origin + Σᵢ wᵢ dᵢ), (k,), for k up to `points_at_once`."""

    points_at_once: int

    def __call__(self, weights: Tensor) -> Tensor: ...


def evaluate(evaluator: Evaluator, weights: Tensor) -> Tensor:
    """The evaluator's values for any number K of rows of weights, (K, m) → (K,), in chunks that it can hold."""
    chunks = weights.split(evaluator.points_at_once)
    if len(chunks) == 1:
        return evaluator(weights)
    values = []
    with bar(len(weights)) as progress:
        for chunk in chunks:
            values.append(evaluator(chunk))
            progress.update(len(chunk))
    return torch.cat(values)


def with_origin(weights: Tensor) -> Tensor:
    """(1, w₁, …, wₘ) in each row: origin + Σᵢ wᵢ dᵢ is then a linear combination of m + 1 vectors."""
    return torch.cat([weights.new_ones(len(weights), 1), weights], dim=1)


def activations_at_once(device: torch.device) -> int:
    """How many numbers a layer may put out at once on this device."""
    return ACTIVATIONS_AT_ONCE.get(device.type, ACTIVATIONS_AT_ONCE["cpu"])


def raise_malloc_threshold(device: torch.device) -> None:
    """Let the C library keep freed blocks of memory below 31 MiB for itself, from now on in this process.

    glibc hands larger blocks back to the system at once, and takes their pages, cleared anew, for the next layer. Its
    threshold starts at 128 KiB and follows the largest block freed so far, up to 32 MiB: one block of 31 MiB sets it.
    Only time can change by it, never a value; how much it saves has not been measured on its own.
    """
    if device.type == "cpu":
        torch.empty(31 * 2**20, dtype=torch.uint8)
