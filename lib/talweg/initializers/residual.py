"""Initializers for residual networks: keep x + F(x) + F(x) + … from growing with the number of branches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Generator, nn

from talweg.initializers.fill import fill
from talweg.initializers.independent import kaiming_normal_
from talweg.initializers.layers import biases, weight_layers, weight_of
from talweg.models.convolutional import ScalarBias, ScalarMultiplier
from talweg.models.norms import is_norm


def residual_branches(model: nn.Module, branches: Sequence[nn.Module] | None = None) -> list[nn.Module]:
    """The residual branches of a model: those given, or what its method `residual_branches()` returns."""
    if branches is None:
        if not hasattr(model, "residual_branches"):
            raise ValueError(
                f"model must have a method residual_branches(), or branches must be given; got {type(model).__name__}."
            )
        branches = cast(Callable[[], Sequence[nn.Module]], model.residual_branches)()
    if not (found := list(branches)):
        raise ValueError("model must have residual branches; it has none (skip=False?).")
    return found


@torch.no_grad()
def residual_scaling_(
    model: nn.Module,
    *,
    start: str | None = "kaiming_normal",
    branches: Sequence[nn.Module] | None = None,
    generator: Generator | None = None,
) -> nn.Module:
    """Divides the last weight of each of N residual branches by √N, as GPT-2 does.

    N branches that each add the same variance then add it once in all.

    Parameters
    ----------
    model : nn.Module
    start : str, optional
        The method that draws the weights first; None keeps those there are.
    branches : modules, optional
        The modules F of x + F(x), if the model has no method `residual_branches()` (ResNet has).
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        If there are no branches, or one ends in normalization, which undoes any scaling.

    References
    ----------
    Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3.

    Examples
    --------
    >>> from torch import nn
    >>> from talweg.initializers import residual_scaling_
    >>> branches = nn.ModuleList(nn.Linear(100, 100) for _ in range(4))
    >>> branches = residual_scaling_(branches, start="orthogonal", branches=branches)
    >>> print(f"{branches[0].weight.norm().item():.2f}")  # √100 before
    5.00
    """
    branches = residual_branches(model, branches)
    last = [_last_weight(branch) for branch in branches]
    if start is not None:
        fill(model, start, generator)
    for layer in last:
        weight_of(layer).div_(math.sqrt(len(branches)))
    return model


@torch.no_grad()
def fixup_(model: nn.Module, *, mode: str = "fan_in", generator: Generator | None = None) -> nn.Module:
    """Fixup for `ResNet(fixup=True)`: deep residual nets without normalization.

    1. The classifier and the last weight of each residual branch are zero: the net starts as its shortcuts.
    2. All other weights are Kaiming normal, those inside the L branches times L^(-1/(2m-2)), where m is the number of
       weights in a branch.
    3. The model has scalar biases (0) and, in each branch, a scalar multiplier (1).

    Train with `fixup_groups`.

    Parameters
    ----------
    model : nn.Module
        With these scalars, a method `residual_branches()` and a dense classifier `head`.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Kaiming's fan; the authors' code takes "fan_out", the paper leaves it open.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For a model without these scalars, branches or head, or another mode; nothing is written then.

    References
    ----------
    Zhang, Dauphin & Ma 2019, arXiv:1901.09321.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import fixup_
    >>> from talweg.models import ResNet
    >>> model = fixup_(ResNet(fixup=True))
    >>> model(torch.ones(1, 3, 8, 8)).abs().max().item()
    0.0
    """
    _check_fixup(model)
    head = getattr(model, "head", None)
    if not isinstance(head, nn.Linear):
        raise ValueError(f"model must have a dense classifier, its attribute head; got {type(head).__name__}.")
    branches = [weight_layers(branch) for branch in residual_branches(model)]
    for _, layer in weight_layers(model):
        kaiming_normal_(weight_of(layer), mode=mode, generator=generator)
        for bias in biases(layer):
            bias.zero_()
    for *inner, last in branches:
        for _, layer in inner:
            weight_of(layer).mul_(len(branches) ** (-1 / (2 * len(inner))))  # m - 1 weights are inner: 2m - 2
        weight_of(last.module).zero_()
    head.weight.zero_()
    for module in model.modules():
        if isinstance(module, ScalarBias):
            module.bias.zero_()
        elif isinstance(module, ScalarMultiplier):
            module.scale.fill_(1)
    return model


def fixup_groups(model: nn.Module, lr: float) -> list[dict]:
    """Parameter groups for an optimizer, as Fixup's authors train: scalars and biases learn at a tenth of `lr`.

    Returns
    -------
    list of dict
        Two groups with "params", "lr" and "name".

    Raises
    ------
    ValueError
        For a model without Fixup's scalars, or a learning rate that is not positive and finite.

    References
    ----------
    Zhang, Dauphin & Ma 2019, arXiv:1901.09321.

    Examples
    --------
    >>> from talweg.initializers import fixup_groups
    >>> from talweg.models import ResNet
    >>> [(group["name"], group["lr"]) for group in fixup_groups(ResNet(fixup=True), lr=0.1)]
    [('weights', 0.1), ('scalars', 0.01)]
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
