"""Which evaluator is taken for a network on a line or plane of parameters.

The gains are those of a 41×41 plane (convolutional nets: 9×9, ResNet-20: 5×5) over a loop that sets the parameters and
calls the model, on one thread of a CPU, 256 samples; `python -m benchmarks landscape` measures them anew.

    network                                evaluator          gain
    chain of linear layers, activations    DenseChain         7.6 (64-32-10) to 11 (784-512-64-10)
    any other, on a CPU                    AnyNetwork         2.3 to 2.6 (two convolutions), 1.3 (ResNet-20)
    any other, on a GPU                    ManyPoints         the launch of small kernels is shared (`torch.func.vmap`)
    one whose prepared copy differs        OnePointAtATime    1: the definition

On a GPU the last does not occur. Data in several batches: each batch has an evaluator of its own, so that memory is
bounded by a batch.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from torch import Tensor

from talweg.models.chain import chain_layers
from talweg.objective.fast.any_network import AnyNetwork, CannotPrepare
from talweg.objective.fast.chunks import Evaluator
from talweg.objective.fast.dense_chain import DenseChain
from talweg.objective.fast.one_by_one import ManyPoints, OnePointAtATime

if TYPE_CHECKING:
    from talweg.objective.network import NetworkObjective

__all__ = ["fastest"]

log = logging.getLogger(__name__)


def fastest(f: NetworkObjective, origin: Tensor, directions: Tensor) -> Evaluator:
    """The evaluator of one batch of data, f, at origin + Σᵢ wᵢ dᵢ; its repr says what was chosen, and why."""
    layers = None if f.frozen else chain_layers(f.model, f.x.ndim)
    if layers is not None:
        return DenseChain(f, origin, directions, layers)
    if origin.is_cuda:
        return ManyPoints(f, origin, directions)
    try:
        return AnyNetwork(f, origin, directions)
    except CannotPrepare as error:
        log.debug("%s is evaluated at one point at a time: %s", type(f.model).__name__, error)
        return OnePointAtATime(f, origin, directions, str(error))
