"""Dense networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from talweg.arguments import one_of, positive_int

__all__ = ["ACTIVATIONS", "MLP"]

NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "rms": nn.RMSNorm}

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "identity": nn.Identity,
    "linear": nn.Identity,
}


class MLP(nn.Sequential):
    """Dense layers of the given sizes with an activation between them: MLP((64, 32, 10)) has one hidden layer of 32.

    Input B×…, flattened to B×sizes[0]; output B×sizes[-1], without a last activation. The weights are PyTorch's
    default until an initializer changes them.

    Parameters
    ----------
    sizes
        At least two: input, hidden layers, output.
    activation
        A name of `ACTIVATIONS`; "identity" (or "linear") makes a deep linear network.
    norm
        None, "batch", "layer" or "rms", before each activation.
    dtype
        The default is torch's.

    Raises
    ------
    ValueError
        Fewer than two sizes, a size below 1, an unknown activation or norm.
    TypeError
        A size that is no integer.

    Examples
    --------
    >>> import torch
    >>> from talweg.models import MLP
    >>> model = MLP((64, 32, 10), activation="tanh")
    >>> model(torch.zeros(5, 8, 8)).shape, sum(p.numel() for p in model.parameters())
    (torch.Size([5, 10]), 2410)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        *,
        norm: str | None = None,
        dtype: torch.dtype | None = None,
    ):
        sizes = tuple(sizes) if isinstance(sizes, Sequence) and not isinstance(sizes, str) else sizes
        if not isinstance(sizes, tuple) or len(sizes) < 2:
            raise ValueError(f"sizes must be at least two layer sizes, such as (64, 32, 10); got {sizes!r}.")
        sizes = tuple(positive_int(f"sizes[{i}]", size) for i, size in enumerate(sizes))
        activate = ACTIVATIONS[one_of("activation", activation, ACTIVATIONS)]
        normalize = None if norm is None else NORMS[one_of("norm", norm, NORMS)]
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:-1], strict=False):
            layers.append(nn.Linear(fan_in, fan_out, dtype=dtype))
            layers += [] if normalize is None else [normalize(fan_out, dtype=dtype)]
            layers.append(activate())
        super().__init__(*layers, nn.Linear(sizes[-2], sizes[-1], dtype=dtype))
        self.sizes = sizes
