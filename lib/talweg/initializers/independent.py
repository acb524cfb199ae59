"""Initializers with independent entries whose variance a fan rule sets.

`tensor` has shape (out, in, *receptive field), is filled in place and returned, as in `torch.nn.init`; `generator`
(a torch.Generator) makes the draw repeatable. `gain` is a number or the name of the activation that follows.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from talweg.initializers.fans import checked_matrix, checked_weight, fan, fans
from talweg.initializers.gains import number
from talweg.initializers.plain import positive

__all__ = [
    "lecun_normal_", "lecun_uniform_", "xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_",
    "fixed_variance_",
]  # fmt: skip


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Draws from N(0, 1/fan_in), so that a linear layer passes its input's second moment on.

    This is the initialization that SELU assumes. Keras, JAX and timm draw it from a truncated normal of the same
    variance; this one is not truncated.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp". Klambauer et al. 2017, arXiv:1706.02515.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import lecun_normal_
    >>> weight = lecun_normal_(torch.empty(400, 100), torch.Generator().manual_seed(0))
    >>> print(f"{weight.std():.2f}")
    0.10
    """
    return _normal_(tensor, 1 / math.sqrt(fan(tensor, "fan_in")), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Draws from U(-b, b) with b = √(3/fan_in), so that std = 1/√fan_in.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp".

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import lecun_uniform_
    >>> weight = lecun_uniform_(torch.empty(400, 300), torch.Generator().manual_seed(0))
    >>> print(f"{weight.max():.2f}")
    0.10
    """
    return _uniform_(tensor, 1 / math.sqrt(fan(tensor, "fan_in")), generator)


def xavier_normal_(tensor: Tensor, gain: float | str = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws with std = gain·√(2/(fan_in + fan_out)), between keeping activations and keeping gradients.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    gain : float or str
        A number, or the name of the activation that follows (see `gain_of`).
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    Glorot & Bengio 2010, AISTATS.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import xavier_normal_
    >>> weight = xavier_normal_(torch.empty(100, 100), generator=torch.Generator().manual_seed(0))
    >>> print(f"{weight.std():.2f}")
    0.10
    """
    return _normal_(tensor, number(gain) * math.sqrt(2.0 / sum(fans(tensor))), generator)


def xavier_uniform_(tensor: Tensor, gain: float | str = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from U(-b, b) with b = gain·√(6/(fan_in + fan_out)).

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    gain : float or str
        A number, or the name of the activation that follows (see `gain_of`).
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    Glorot & Bengio 2010, AISTATS.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import xavier_uniform_
    >>> weight = xavier_uniform_(torch.empty(300, 300), generator=torch.Generator().manual_seed(0))
    >>> print(f"{weight.max():.2f}")
    0.10
    """
    return _uniform_(tensor, number(gain) * math.sqrt(2.0 / sum(fans(tensor))), generator)


def kaiming_normal_(
    tensor: Tensor, gain: float | str = "relu", mode: str = "fan_in", generator: Generator | None = None
) -> Tensor:
    """Draws with std = gain/√fan, with gain √2 for ReLU.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    gain : float or str
        A number, or the name of the activation that follows; for another slope of leaky ReLU
        `gain_of("leaky_relu", 0.2)`.
    mode : {"fan_in", "fan_out", "fan_avg"}
        "fan_in" keeps the second moment of activations, "fan_out" that of gradients, "fan_avg" divides by their mean.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    He et al. 2015, arXiv:1502.01852.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import kaiming_normal_
    >>> weight = kaiming_normal_(torch.empty(400, 200), generator=torch.Generator().manual_seed(0))
    >>> print(f"{weight.std():.2f}")
    0.10
    """
    return _normal_(tensor, number(gain) / math.sqrt(fan(tensor, mode)), generator)


def kaiming_uniform_(
    tensor: Tensor, gain: float | str = "relu", mode: str = "fan_in", generator: Generator | None = None
) -> Tensor:
    """Draws from U(-b, b) with b = gain·√(3/fan).

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    gain : float or str
        A number, or the name of the activation that follows (see `gain_of`).
    mode : {"fan_in", "fan_out", "fan_avg"}
        See `kaiming_normal_`.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    He et al. 2015, arXiv:1502.01852.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import kaiming_uniform_
    >>> weight = kaiming_uniform_(torch.empty(400, 600), generator=torch.Generator().manual_seed(0))
    >>> print(f"{weight.max():.2f}")
    0.10
    """
    return _uniform_(tensor, number(gain) / math.sqrt(fan(tensor, mode)), generator)


@torch.no_grad()
def fixed_variance_(tensor: Tensor, alpha: float = 0.81, generator: Generator | None = None) -> Tensor:
    """Rescales uniform weights to a mean square of `alpha`, whatever the fan: W·√(α/Var W).

    Some teaching texts call this "L-momentum initialization (2024)" and set α to the squared momentum, 0.9². No
    publication of that name could be traced, and it does not do what is said of it: a layer multiplies the second
    moment by α·fan_in (α·fan_in/2 after ReLU), which is 1 only if α happens to be 1/fan_in (2/fan_in). It is here as
    a counter-example.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    alpha : float
        The mean square of the entries.
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For an alpha that is not positive and finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import fixed_variance_
    >>> weight = fixed_variance_(torch.empty(8, 128), alpha=0.81)
    >>> print(f"{weight.square().mean():.2f}")
    0.81
    """
    alpha = positive("alpha", alpha)
    checked_matrix(tensor).uniform_(-1, 1, generator=generator)
    return tensor.mul_((alpha / tensor.square().mean()).sqrt())


@torch.no_grad()
def _normal_(tensor: Tensor, std: float, generator: Generator | None) -> Tensor:
    return checked_weight(tensor).normal_(0, std, generator=generator)


@torch.no_grad()
def _uniform_(tensor: Tensor, std: float, generator: Generator | None) -> Tensor:
    """U(-√3 std, √3 std) has standard deviation `std`."""
    bound = math.sqrt(3.0) * std
    return checked_weight(tensor).uniform_(-bound, bound, generator=generator)
