"""An objective on a family of points, as it is defined: the evaluators that work for every objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from talweg.objective.function import Objective

__all__ = ["ManyPoints", "OnePointAtATime"]

NUMBERS_AT_ONCE = 2**24  # in the matrix of points that is handed to `many` (128 MiB in float64)


class OnePointAtATime:
    """f(origin + Σᵢ wᵢ dᵢ) for one row of weights after another: (k, m) → (k,).

    All other evaluators give the same values, faster. This one is taken where none of them can be, for the reason it
    is given, and it is what they are tested against.
    """

    points_at_once = 1

    def __init__(self, f: Objective, origin: Tensor, directions: Tensor, reason: str = ""):
        self.f, self.origin, self.directions, self.reason = f, origin, directions, reason

    def __call__(self, weights: Tensor) -> Tensor:
        return torch.stack([self.f.value(self.origin + w @ self.directions) for w in weights])

    def __repr__(self) -> str:
        return f"OnePointAtATime({self.reason})"


class ManyPoints:
    """The same through `f.many`, with the points of a chunk in one matrix."""

    def __init__(self, f: Objective, origin: Tensor, directions: Tensor):
        self.f, self.origin, self.directions = f, origin, directions
        self.points_at_once = max(1, NUMBERS_AT_ONCE // f.dim)

    def __call__(self, weights: Tensor) -> Tensor:
        return self.f.many(self.origin + weights @ self.directions)

    def __repr__(self) -> str:
        return f"ManyPoints({self.points_at_once} at once)"
