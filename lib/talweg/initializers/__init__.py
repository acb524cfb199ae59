"""Initializers: one function per method, `initialize(model, name)` for a whole model, and diagnostics of the result.

`initialize(model, "kaiming_normal", torch.Generator().manual_seed(0))` fills a model,
`kaiming_normal_(layer.weight, gain="tanh")` one tensor, `diagnostics.signals(model, x)` says what came of it.
"""

from talweg.initializers import diagnostics
from talweg.initializers.fans import Fans, fan, fans
from talweg.initializers.gains import gain_of
from talweg.initializers.independent import (
    constant_,
    fixed_variance_,
    kaiming_normal_,
    kaiming_uniform_,
    lecun_normal_,
    lecun_uniform_,
    normal_,
    truncated_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from talweg.initializers.layers import kernels, weight_layers
from talweg.initializers.lsuv import lsuv_
from talweg.initializers.metainit import gaussian_batch, metainit_
from talweg.initializers.methods import METHODS, initialize
from talweg.initializers.mup import mup_, mup_groups
from talweg.initializers.orthogonal import delta_orthogonal_, orthogonal_, scaled_orthogonal_
from talweg.initializers.residual import fixup_, fixup_groups, residual_scaling_

__all__ = [
    "METHODS",
    "Fans",
    "constant_",
    "delta_orthogonal_",
    "diagnostics",
    "fan",
    "fans",
    "fixed_variance_",
    "fixup_",
    "fixup_groups",
    "gain_of",
    "gaussian_batch",
    "initialize",
    "kaiming_normal_",
    "kaiming_uniform_",
    "kernels",
    "lecun_normal_",
    "lecun_uniform_",
    "lsuv_",
    "metainit_",
    "mup_",
    "mup_groups",
    "normal_",
    "orthogonal_",
    "residual_scaling_",
    "scaled_orthogonal_",
    "truncated_normal_",
    "uniform_",
    "weight_layers",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
