"""Two classical test functions of two variables."""

from __future__ import annotations

import torch
from torch import Tensor

from talweg.surfaces.formula import Formula

__all__ = ["Beale", "Rosenbrock"]


class Rosenbrock(Formula):
    """Rosenbrock's curved valley (a − x)² + b (y − x²)², whose floor falls slowly to the minimum 0 at (a, a²).

    Parameters
    ----------
    a, b
        The place of the minimum, and how steep the walls are.

    References
    ----------
    Rosenbrock 1960, An automatic method for finding the greatest or least value of a function.

    Examples
    --------
    >>> from talweg.surfaces import Rosenbrock
    >>> f = Rosenbrock()
    >>> round(f(f.theta).item(), 6), f(f.minimizer()).item()
    (24.2, 0.0)
    """

    dim = 2

    def __init__(self, a: float = 1.0, b: float = 100.0):
        self.a, self.b = a, b
        self.theta = torch.tensor([-1.2, 1.0], dtype=torch.float64)  # the customary start

    def value(self, theta: Tensor) -> Tensor:
        x, y = theta.unbind(-1)
        return (self.a - x) ** 2 + self.b * (y - x**2) ** 2

    def gradient(self, theta: Tensor) -> Tensor:
        x, y = theta.unbind(-1)
        rise = y - x**2
        return torch.stack([-2 * (self.a - x) - 4 * self.b * x * rise, 2 * self.b * rise], dim=-1)

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())

    def minimizer(self) -> Tensor:
        """(a, a²)."""
        return torch.tensor([self.a, self.a**2], dtype=torch.float64)


class Beale(Formula):
    """Beale's function Σᵢ (cᵢ − x (1 − yⁱ))², i = 1, 2, 3: plains, steep edges, and the minimum 0 at (3, ½).

    The constants are c = (1.5, 2.25, 2.625).

    References
    ----------
    Beale 1958, On an iterative method for finding a local minimum of a function of more than one variable.

    Examples
    --------
    >>> from talweg.surfaces import Beale
    >>> f = Beale()
    >>> f(f.theta).item(), f(f.minimizer()).item()
    (14.203125, 0.0)
    """

    dim = 2
    constants = (1.5, 2.25, 2.625)

    def __init__(self):
        self.theta = torch.tensor([1.0, 1.0], dtype=torch.float64)  # the customary start

    def value(self, theta: Tensor) -> Tensor:
        x, y = theta.unbind(-1)
        return sum(((c - x * (1 - y**i)) ** 2 for i, c in enumerate(self.constants, start=1)), torch.zeros_like(x))

    def gradient(self, theta: Tensor) -> Tensor:
        x, y = theta.unbind(-1)
        residuals = [c - x * (1 - y**i) for i, c in enumerate(self.constants, start=1)]
        along_x = sum((-2 * r * (1 - y**i) for i, r in enumerate(residuals, start=1)), torch.zeros_like(x))
        along_y = sum((2 * r * x * i * y ** (i - 1) for i, r in enumerate(residuals, start=1)), torch.zeros_like(x))
        return torch.stack([along_x, along_y], dim=-1)

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())

    def minimizer(self) -> Tensor:
        """(3, ½)."""
        return torch.tensor([3.0, 0.5], dtype=torch.float64)
