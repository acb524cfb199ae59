"""µP: initial variances and learning rates that let a narrow network's best learning rate serve a wide one.

Yang & Hu 2021, arXiv:2011.14522; Yang et al. 2022, arXiv:2203.03466, in the form of its Table 3 (no multipliers in the
forward pass). Relative to a base width, m is how many times wider a layer is:

                        input weights, biases    hidden weights    output weights
    initial variance    1/fan_in                 1/fan_in          1/(fan_in·m)
    Adam                lr                       lr/m              lr/m
    SGD                 lr·m                     lr                lr/m

At the base width (m = 1) this is the ordinary parametrisation, which has variance 1/fan_in and one learning rate
everywhere, whatever the width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, nn

from talweg.arguments import one_of, positive_int
from talweg.initializers.gains import number
from talweg.initializers.independent import normal_
from talweg.initializers.layers import weight_layers


@torch.no_grad()
def mup_(
    model: nn.Module,
    base_width: int | Sequence[int],
    *,
    gain: float | str = "relu",
    zero_output: bool = False,
    generator: Generator | None = None,
) -> nn.Module:
    """µP's initialization of an MLP: std gain/√fan_in, for the output 1/√(fan_in·m); biases zero.

    `base_width`: the hidden width at which learning rates were tuned (or one for each hidden layer).
    `zero_output=True` starts the output layer at zero, as the paper recommends: at finite width the
    random output is noise that differs between widths. Train with `mup_groups`. ValueError for anything but an MLP.
    """
    layers, widening = _mlp(model, base_width)
    for layer, (m_in, _) in zip(layers, widening, strict=True):
        is_output = layer is layers[-1]
        std = (1.0 if is_output else number(gain)) / math.sqrt(layer.in_features * (m_in if is_output else 1))
        layer.weight.zero_() if is_output and zero_output else normal_(layer.weight, 0.0, std, generator)
        if layer.bias is not None:
            layer.bias.zero_()
    return model


def mup_groups(model: nn.Module, lr: float, base_width: int | Sequence[int], *, optimizer: str = "adam") -> list[dict]:
    """µP's learning rates of an MLP, as parameter groups for an optimizer: `Adam(mup_groups(model, 1e-2, 64))`.

    `lr`: the learning rate tuned at `base_width`. `optimizer`: "adam" (and all that divide by the gradient's own
    size) or "sgd". Each group has "params", "lr" and "name". ValueError for anything but an MLP.
    """
    one_of("optimizer", optimizer, ("adam", "sgd"))
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"lr must be a positive finite number; got {lr!r}.")
    layers, widening = _mlp(model, base_width)
    groups = []
    for index, (layer, (m_in, m_out)) in enumerate(zip(layers, widening, strict=True)):
        # m_in = 1 for input weights, m_out = 1 for output weights: three rules in one formula
        weight_lr = lr / m_in if optimizer == "adam" else lr * m_out / m_in
        bias_lr = lr if optimizer == "adam" else lr * m_out
        groups.append({"params": [layer.weight], "lr": weight_lr, "name": f"weight {index}"})
        if layer.bias is not None:
            groups.append({"params": [layer.bias], "lr": bias_lr, "name": f"bias {index}"})
    return groups


def _mlp(model: nn.Module, base_width: int | Sequence[int]) -> tuple[list[nn.Linear], list[tuple[float, float]]]:
    """The dense layers of an MLP, and how many times wider than the base each one's input and output are."""
    layers = [layer for _, layer in weight_layers(model)]
    chained = all(a.out_features == b.in_features for a, b in zip(layers, layers[1:], strict=False) if _dense(a, b))
    owned = {id(p) for layer in layers for p in layer.parameters()}
    if len(layers) < 2 or not _dense(*layers) or not chained or any(id(p) not in owned for p in model.parameters()):
        raise ValueError(
            "model must be an MLP for µP here: dense layers in a row, at least one of them hidden, no other parameters."
        )
    hidden = [layer.out_features for layer in layers[:-1]]
    bases = [base_width] * len(hidden) if isinstance(base_width, int) else list(base_width)
    if len(bases) != len(hidden):
        raise ValueError(
            f"base_width must be one number, or one for each of {len(hidden)} hidden layers; got {len(bases)}."
        )
    wider = [1.0, *(width / positive_int("base_width", base) for width, base in zip(hidden, bases, strict=True)), 1.0]
    return layers, list(zip(wider, wider[1:], strict=False))


def _dense(*layers: nn.Module) -> bool:
    return all(isinstance(layer, nn.Linear) for layer in layers)
