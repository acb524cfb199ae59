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
from talweg.initializers.layers import weight_layers
from talweg.initializers.plain import normal_


@torch.no_grad()
def mup_(
    model: nn.Module,
    base_width: int | Sequence[int],
    *,
    gain: float | str = "relu",
    zero_output: bool = False,
    generator: Generator | None = None,
) -> nn.Module:
    """µP's initialization of an MLP: std gain/√fan_in, for the output layer 1/√(fan_in·m); biases zero.

    Train with `mup_groups`.

    Parameters
    ----------
    model : nn.Module
    base_width : int or one for each hidden layer
        The hidden width at which learning rates were tuned.
    gain : float or str
        A number, or the name of the activation that follows (see `gain_of`).
    zero_output : bool
        Start the output layer at zero, as the paper recommends: at finite width the random output is noise that
        differs between widths.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For anything but an MLP, and for widths that do not fit it.

    References
    ----------
    Yang et al. 2022, arXiv:2203.03466, Table 3.

    Examples
    --------
    >>> from torch import nn
    >>> from talweg.initializers import mup_
    >>> model = mup_(nn.Sequential(nn.Linear(4, 256), nn.ReLU(), nn.Linear(256, 2)), base_width=64, zero_output=True)
    >>> model[2].weight.abs().max().item()
    0.0
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

    Parameters
    ----------
    model : nn.Module
    lr : float
        The learning rate tuned at `base_width`.
    base_width : int or one for each hidden layer
    optimizer : {"adam", "sgd"}
        "adam" stands for all that divide by the gradient's own size.

    Returns
    -------
    list of dict
        One group for each weight and bias, with "params", "lr" and "name".

    Raises
    ------
    ValueError
        For anything but an MLP, another optimizer, or a learning rate that is not positive and finite.

    References
    ----------
    Yang et al. 2022, arXiv:2203.03466, Table 3.

    Examples
    --------
    >>> from torch import nn
    >>> from talweg.initializers import mup_groups
    >>> model = nn.Sequential(nn.Linear(4, 256), nn.ReLU(), nn.Linear(256, 2))
    >>> {group["name"]: group["lr"] for group in mup_groups(model, 0.01, base_width=64)}
    {'weight 0': 0.01, 'bias 0': 0.01, 'weight 1': 0.0025, 'bias 1': 0.01}
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
    layers = [layer for _, layer in weight_layers(model) if isinstance(layer, nn.Linear)]
    chained = all(a.out_features == b.in_features for a, b in zip(layers, layers[1:], strict=False))
    owned = {id(p) for layer in layers for p in layer.parameters()}
    if len(layers) < 2 or not chained or any(id(p) not in owned for p in model.parameters()):
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
