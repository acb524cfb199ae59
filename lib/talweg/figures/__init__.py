"""Figures that readers drive: they compute in the browser, so they work on the published page without a kernel.

The update rules and the theory are pure functions in the `.js` modules; tests compare them with torch.
"""

from talweg.figures.curvature import Edge, Eigenplanes, Lanczos, edge_of_stability, eigenplanes, lanczos
from talweg.figures.driven import Noise, Ravine, Saddle, noise, ravine, saddle
from talweg.figures.initialization import SignalDepth, SingularValues, signal_depth, singular_values
from talweg.figures.landscapes import Rescaling, Slices, rescaling, slices
from talweg.figures.normalization import BatchColumn, Equilibrium, batch_column, equilibrium
from talweg.figures.optimizing import AdamStart, Momentum, adam_start, momentum
from talweg.playground import Playground, playground

__all__ = [
    "AdamStart",
    "BatchColumn",
    "Edge",
    "Eigenplanes",
    "Equilibrium",
    "Lanczos",
    "Momentum",
    "Noise",
    "Playground",
    "Ravine",
    "Rescaling",
    "Saddle",
    "SignalDepth",
    "SingularValues",
    "Slices",
    "adam_start",
    "batch_column",
    "edge_of_stability",
    "eigenplanes",
    "equilibrium",
    "lanczos",
    "momentum",
    "noise",
    "playground",
    "ravine",
    "rescaling",
    "saddle",
    "signal_depth",
    "singular_values",
    "slices",
]
