"""Initializers that do not look at a weight's shape: constants, and draws with a given spread.

`tensor` is filled in place and returned, as in `torch.nn.init`; `generator` (a torch.Generator) makes the draw
repeatable.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from talweg.initializers.fans import checked_weight

__all__ = ["zeros_", "constant_", "normal_", "uniform_", "truncated_normal_"]


@torch.no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """Fills a tensor of any shape with zeros.

    This is right for biases. For weights it demonstrates symmetry: every unit of a layer stays equal to the others.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import zeros_
    >>> zeros_(torch.ones(2, 3))
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return checked_weight(tensor).zero_()


@torch.no_grad()
def constant_(tensor: Tensor, value: float) -> Tensor:
    """Fills a tensor of any shape with one value; like zeros, it leaves the units of a layer equal for ever.

    Raises
    ------
    ValueError
        For a value that is not finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import constant_
    >>> constant_(torch.zeros(3), 0.5)
    tensor([0.5000, 0.5000, 0.5000])
    """
    if not math.isfinite(value):
        raise ValueError(f"value must be a finite number; got {value!r}.")
    return checked_weight(tensor).fill_(value)


@torch.no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 0.02, generator: Generator | None = None) -> Tensor:
    """Draws from N(mean, std²), whatever the fan; GPT-2 uses std = 0.02 for dense layers and embeddings.

    Parameters
    ----------
    tensor : any shape
    mean : float
    std : float
        Positive.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For a standard deviation that is not positive and finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import normal_
    >>> weight = normal_(torch.empty(200, 300), std=0.02, generator=torch.Generator().manual_seed(0))
    >>> print(f"{weight.std():.3f}")
    0.020
    """
    return checked_weight(tensor).normal_(mean, positive("std", std), generator=generator)


@torch.no_grad()
def uniform_(tensor: Tensor, low: float = -0.05, high: float = 0.05, generator: Generator | None = None) -> Tensor:
    """Draws from U(low, high), whatever the fan.

    Parameters
    ----------
    tensor : any shape
    low, high : float
        low must be below high.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For bounds in the wrong order.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import uniform_
    >>> weight = uniform_(torch.empty(200, 300), -0.1, 0.1, torch.Generator().manual_seed(0))
    >>> print(f"{weight.max():.2f}")
    0.10
    """
    if not low < high:
        raise ValueError(f"low must be below high; got low={low!r}, high={high!r}.")
    return checked_weight(tensor).uniform_(low, high, generator=generator)


@torch.no_grad()
def truncated_normal_(
    tensor: Tensor, std: float = 0.02, cut: float = 2.0, corrected: bool = False, generator: Generator | None = None
) -> Tensor:
    """Draws from N(0, std²) and redraws what falls outside ±cut·std (BERT, vision transformers: std = 0.02, cut = 2).

    Cutting takes variance away: with cut = 2 the entries have standard deviation 0.880 std. The draw is that of
    `torch.nn.init.trunc_normal_`.

    Parameters
    ----------
    tensor : any shape
    std : float
        Of the normal before the cut.
    cut : float
        In units of std.
    corrected : bool
        Widen the normal before the cut so that the entries have standard deviation `std` exactly (and reach
        cut·std/0.880).
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For std or cut that is not positive and finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import truncated_normal_
    >>> weight = truncated_normal_(torch.empty(200, 300), std=0.02, generator=torch.Generator().manual_seed(0))
    >>> print(f"{weight.std() / 0.02:.2f}")
    0.88
    """
    std, cut = positive("std", std), positive("cut", cut)
    if corrected:
        std /= truncated_std(cut)
    return nn.init.trunc_normal_(checked_weight(tensor), 0.0, std, -cut * std, cut * std, generator=generator)


def truncated_std(cut: float) -> float:
    """Standard deviation of a standard normal truncated to ±cut: √(1 - 2 cut φ(cut)/(2Φ(cut) - 1)); 0.880 at 2."""
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
    return math.sqrt(1 - 2 * cut * density / math.erf(cut / math.sqrt(2)))


def positive(argument: str, given: float) -> float:
    """`given` if it is positive and finite; else ValueError that names the argument."""
    if not (math.isfinite(given) and given > 0):
        raise ValueError(f"{argument} must be a positive finite number; got {given!r}.")
    return given
