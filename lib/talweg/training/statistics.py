"""Running statistics of batch normalization, estimated anew for the parameters that a model has now."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from talweg.models.norms import batch_norms


@torch.no_grad()
def estimate_statistics(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """The plain mean over `batches` of their statistics, as `torch.optim.swa_utils.update_bn`; our layers too."""
    norms = [
        norm
        for norm in batch_norms(model)
        if norm.running_mean is not None and not isinstance(norm, nn.modules.instancenorm._InstanceNorm)
    ]
    if not norms:
        return
    was_training, momenta = model.training, [norm.momentum for norm in norms]
    for norm in norms:
        norm.running_mean.zero_()
        norm.running_var.fill_(1)
        norm.num_batches_tracked.zero_()
        norm.momentum = None  # the mean of all batches
    try:
        model.train()
        for x in batches:
            model(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)
