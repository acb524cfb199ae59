"""Functions with known gradients, Hessians and minima, on which every method can be checked by hand."""

from talweg.surfaces.formula import Formula
from talweg.surfaces.gaussian import GaussianMixture, GaussianWell
from talweg.surfaces.interpolated import Interpolated
from talweg.surfaces.quadratic import LeastSquares, Quadratic, Saddle
from talweg.surfaces.valleys import Beale, Rosenbrock

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
