"""Looking at an objective: slices along lines and planes, curvature, curves between minima, fits, pictures of paths."""

from __future__ import annotations

from talweg.landscape.alignment import align, permute
from talweg.landscape.connect import Curve, connect
from talweg.landscape.curvature import Eigenpairs, NotConverged, eigenpairs
from talweg.landscape.directions import random_directions
from talweg.landscape.paths import Projection, pca, random_walk, random_walk_variance, tsne
from talweg.landscape.saddle import saddle_index
from talweg.landscape.sharpness import sam_sharpness, sharpness
from talweg.landscape.slices import accuracy, line, plane
from talweg.landscape.spectrum import SpectralDensity, Trace, spectral_density, trace
from talweg.landscape.surface import Surface
from talweg.landscape.surrogates import Fit, fit_mixture, fit_well

__all__ = [
    "Curve",
    "Eigenpairs",
    "Fit",
    "NotConverged",
    "Projection",
    "SpectralDensity",
    "Surface",
    "Trace",
    "accuracy",
    "align",
    "connect",
    "eigenpairs",
    "fit_mixture",
    "fit_well",
    "line",
    "pca",
    "permute",
    "plane",
    "random_directions",
    "random_walk",
    "random_walk_variance",
    "saddle_index",
    "sam_sharpness",
    "sharpness",
    "spectral_density",
    "trace",
    "tsne",
]
