"""Initializers for residual networks: keep x + F(x) + F(x) + … from growing with the number of branches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, nn

from talweg.initializers.fill import fill
from talweg.initializers.independent import kaiming_normal_
from talweg.initializers.layers import weight_layers
from talweg.models.convolutional import ScalarBias, ScalarMultiplier
from talweg.models.norms import is_norm


def residual_branches(model: nn.Module, branches: Sequence[nn.Module] | None = None) -> list[nn.Module]:
    """The residual branches of a model: those given, or what its method `residual_branches()` returns."""
    if branches is None:
        if not hasattr(model, "residual_branches"):
            raise ValueError(
                f"model must have a method residual_branches(), or branches must be given; got {type(model).__name__}."
            )
        branches = model.residual_branches()
    if not (branches := list(branches)):
        raise ValueError("model must have residual branches; it has none (skip=False?).")
    return branches


@torch.no_grad()
def residual_scaling_(
    model: nn.Module,
    *,
    start: str | None = "kaiming_normal",
    branches: Sequence[nn.Module] | None = None,
    generator: Generator | None = None,
) -> nn.Module:
    """Divides the last weight of each of N residual branches by √N (GPT-2: Radford et al. 2019, section 2.3).

    N branches that each add the same variance then add it once in all. `start`: the method that draws the weights
    first, None to keep those there are. `branches`: the modules F of x + F(x), if the model has no method
    `residual_branches()` (ResNet has). ValueError if a branch ends in normalization, which undoes any scaling.
    """
    branches = residual_branches(model, branches)
    last = [_last_weight(branch) for branch in branches]
    if start is not None:
        fill(model, start, generator)
    for layer in last:
        layer.weight.div_(math.sqrt(len(branches)))
    return model


@torch.no_grad()
def fixup_(model: nn.Module, *, mode: str = "fan_in", generator: Generator | None = None) -> nn.Module:
    """Fixup for `ResNet(fixup=True)` (Zhang, Dauphin & Ma 2019, arXiv:1901.09321): deep residual nets without norm.

    1. The classifier and the last weight of each residual branch are zero: the net starts as its shortcuts.
    2. All other weights are Kaiming normal, those inside the L branches times L^(-1/(2m-2)), where m is the number of
       weights in a branch.
    3. The model has scalar biases (0) and, in each branch, a scalar multiplier (1).

    `mode`: Kaiming's fan; the authors' code takes "fan_out", the paper leaves it open. Train with `fixup_groups`.
    ValueError for a model without these scalars.
    """
    _check_fixup(model)
    branches = residual_branches(model)
    for _, layer in weight_layers(model):
        kaiming_normal_(layer.weight, mode=mode, generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    for branch in branches:
        *inner, last = (layer for _, layer in weight_layers(branch))
        for layer in inner:
            layer.weight.mul_(len(branches) ** (-1 / (2 * len(inner))))  # m - 1 weights are inner: 2m - 2
        last.weight.zero_()
    model.head.weight.zero_()
    for module in model.modules():
        if isinstance(module, ScalarBias):
            module.bias.zero_()
        elif isinstance(module, ScalarMultiplier):
            module.scale.fill_(1)
    return model


def fixup_groups(model: nn.Module, lr: float) -> list[dict]:
    """Parameter groups for an optimizer, as Fixup's authors train: scalars and biases learn at a tenth of `lr`.

    Each group has "params", "lr" and "name". ValueError for a model without Fixup's scalars, or an lr that is not
    positive.
    """
    _check_fixup(model)
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"lr must be a positive finite number; got {lr!r}.")
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    slow = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": weights, "lr": lr, "name": "weights"}, {"params": slow, "lr": lr / 10, "name": "scalars"}]


def _check_fixup(model: nn.Module) -> None:
    if not any(isinstance(module, ScalarMultiplier) for module in model.modules()):
        raise ValueError("model must have Fixup's scalar biases and multipliers: build it with ResNet(fixup=True).")


def _last_weight(branch: nn.Module) -> nn.Module:
    """The last weight layer of a branch; ValueError if normalization follows it."""
    last = weight_layers(branch)[-1].module
    modules = list(branch.modules())
    if any(is_norm(module) for module in modules[modules.index(last) :]):
        raise ValueError(
            "model must have branches that end in a weight; these end in normalization, which undoes scaling."
        )
    return last
