"""Functions with known gradients, Hessians and minima, on which every method can be checked by hand."""

from .formula import Formula
from .gaussian import GaussianMixture, GaussianWell
from .interpolated import Interpolated
from .quadratic import LeastSquares, Quadratic, Saddle
from .valleys import Beale, Rosenbrock

__all__ = [
    "Beale",
    "Formula",
    "GaussianMixture",
    "GaussianWell",
    "Interpolated",
    "LeastSquares",
    "Quadratic",
    "Rosenbrock",
    "Saddle",
]
