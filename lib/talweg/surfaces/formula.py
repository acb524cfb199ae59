"""What surfaces given by a formula share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from talweg.objective import Objective

__all__ = ["Formula", "Numbers", "constant", "vector"]


Numbers = Tensor | Sequence[float] | Sequence[Sequence[float]]


class Formula(Objective):
    """An objective given by a formula: `value` works on (…, P) → (…), so that many points need no mapping.

    Constants are kept in float64 and enter the computation in the dtype and on the device of the point.

    Examples
    --------
    >>> from talweg.surfaces import Formula
    >>> class Cubes(Formula):
    ...     dim = 2
    ...     def value(self, theta):
    ...         return (theta**3).sum(-1)
    >>> Cubes().many([[1.0, 1.0], [2.0, 0.0]]).tolist()
    [2.0, 8.0]
    """

    def many(self, thetas: Tensor) -> Tensor:
        with torch.no_grad():
            return self.value(self.points(thetas))


def constant(numbers: Numbers, name: str, dims: tuple[int, ...]) -> Tensor:
    # Not as_tensor(numbers).double(): a list would pass through torch's default dtype, float32.
    tensor = torch.as_tensor(numbers, dtype=torch.float64).detach()
    if tensor.ndim not in dims or not tensor.numel():
        allowed = " or ".join("(" + ", ".join("nP"[-d:]) + ("," if d == 1 else "") + ")" for d in dims)
        raise ValueError(f"{name} must be numbers of shape {allowed}, got shape {tuple(tensor.shape)}")
    if not tensor.isfinite().all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return tensor


def vector(numbers: Numbers | None, name: str, dim: int) -> Tensor:
    if numbers is None:
        return torch.zeros(dim, dtype=torch.float64)
    vector = constant(numbers, name, (1,))
    if len(vector) != dim:
        raise ValueError(f"{name} must have {dim} numbers, got {len(vector)}")
    return vector
