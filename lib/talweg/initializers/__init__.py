"""Initializers: one function per method, `initialize(model, name)` for a whole model, and diagnostics of the result.

`initialize(model, "kaiming_normal", torch.Generator().manual_seed(0))` fills a model,
`kaiming_normal_(layer.weight, gain="tanh")` one tensor, `diagnostics.signals(model, x)` says what came of it.
"""

from talweg.initializers import diagnostics, independent, orthogonal, plain
from talweg.initializers.fans import Fans, fan, fans
from talweg.initializers.gains import gain_of
from talweg.initializers.independent import *  # noqa: F403
from talweg.initializers.layers import kernels, weight_layers
from talweg.initializers.lsuv import lsuv_
from talweg.initializers.metainit import gaussian_batch, metainit_
from talweg.initializers.methods import METHODS, initialize
from talweg.initializers.mup import mup_, mup_groups
from talweg.initializers.orthogonal import *  # noqa: F403
from talweg.initializers.plain import *  # noqa: F403
from talweg.initializers.residual import fixup_, fixup_groups, residual_scaling_

__all__ = [
    "METHODS",
    "Fans",
    "diagnostics",
    "fan",
    "fans",
    "fixup_",
    "fixup_groups",
    "gain_of",
    "gaussian_batch",
    "initialize",
    "kernels",
    "lsuv_",
    "metainit_",
    "mup_",
    "mup_groups",
    "residual_scaling_",
    "weight_layers",
]
__all__ += plain.__all__
__all__ += independent.__all__
__all__ += orthogonal.__all__
