"""Batch, layer, RMS and group normalization, written out for reading; results and gradients equal `torch.nn`'s.

They all do the same, x̂ = (x - mean)/√(var + ε), then scale and shift, and differ in which numbers share a mean:

    BatchNorm   one channel, over the whole batch        (samples depend on each other in training)
    LayerNorm   one sample, over its features
    GroupNorm   one sample, over a group of channels
    RMSNorm     as LayerNorm, without subtracting the mean

Parameters and buffers are named as in `torch.nn`, so a `state_dict` of one loads into the other. For training at
speed take `torch.nn`'s fused layers, as `talweg.models` does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from talweg.arguments import positive_int

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "Normalization", "RMSNorm", "standardize"]


def standardize(x: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """(x - mean)/√(variance + ε). The ε stands under the root, as in PyTorch.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import standardize
    >>> standardize(torch.tensor([1.0, 3.0]), torch.tensor(2.0), torch.tensor(4.0), eps=0.0)
    tensor([-0.5000,  0.5000])
    """
    return (x - mean) / torch.sqrt(variance + eps)


class Normalization(nn.Module):
    """What the normalization layers share: a learnable scale `weight` (1 at first) and shift `bias` (0), or None.

    Parameters
    ----------
    shape : sizes
        Of the scale and the shift.
    eps : float
    scale, shift : bool
        Whether there is one.

    Raises
    ------
    ValueError
        For an eps that is negative or not finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import Normalization
    >>> Normalization((2,), eps=1e-5, scale=True, shift=False).scale_and_shift(torch.ones(1, 2), (2,)).tolist()
    [[1.0, 1.0]]
    """

    eps: float | None
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, shape: Sequence[int], eps: float | None, scale: bool, shift: bool):
        super().__init__()
        if eps is not None and not (math.isfinite(eps) and eps >= 0):
            raise ValueError(f"eps must be a finite number of at least 0; got {eps!r}.")
        self.eps = eps
        self.register_parameter("weight", nn.Parameter(torch.ones(*shape)) if scale else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(*shape)) if shift else None)

    def scale_and_shift(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """γ x̂ + β, with γ and β viewed in `shape` so that they line up with x."""
        if self.weight is not None:
            x = x * self.weight.view(*shape)
        if self.bias is not None:
            x = x + self.bias.view(*shape)
        return x


class BatchNorm(Normalization):
    """Normalizes each channel over the batch.

    In training: by the batch's own mean and *biased* variance (divided by n). On the way it keeps running estimates,
    running ← (1 - momentum)·running + momentum·batch, whose variance is the *unbiased* one (divided by n - 1). In
    eval: by the running estimates, so that a prediction does not depend on the other samples.

    Parameters
    ----------
    num_features : int
        The number of channels C.
    eps : float
    momentum : float, optional
        The weight of the new batch in the running estimates; None averages all batches equally.
    affine : bool
        Whether each channel has a scale and a shift.
    track_running_stats : bool
        False: there are no running estimates, and the batch's own statistics serve in eval too.

    Raises
    ------
    ValueError
        For an x of another shape, or with one value per channel when training.

    References
    ----------
    Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    dimensions: tuple[int, ...]
    eps: float
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ):
        super().__init__((positive_int("num_features", num_features),), eps, affine, affine)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be None or between 0 and 1; got {momentum!r}.")
        self.num_features = num_features
        self.momentum = momentum
        tracked = track_running_stats
        self.register_buffer("running_mean", torch.zeros(num_features) if tracked else None)
        self.register_buffer("running_var", torch.ones(num_features) if tracked else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if tracked else None)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        per_channel = (1, -1, *[1] * (x.ndim - 2))
        if self.training or self.running_mean is None or self.running_var is None:
            mean, variance, n = self._batch_statistics(x)
            if self.training:
                self._track(mean.detach(), variance.detach() * n / (n - 1))
        else:
            mean, variance = self.running_mean, self.running_var
        x = standardize(x, mean.view(per_channel), variance.view(per_channel), self.eps)
        return self.scale_and_shift(x, per_channel)

    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        """Mean and biased variance of each channel, and the number n of values they come from."""
        over = [0, *range(2, x.ndim)]  # all axes but the channels
        n = x.numel() // x.shape[1]
        if n < 2 and self.training:
            raise ValueError(f"x must have more than one value per channel when training; got shape {tuple(x.shape)}.")
        return x.mean(over), x.var(over, correction=0), n

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        new = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.mul_(1 - new).add_(mean, alpha=new)
        self.running_var.mul_(1 - new).add_(unbiased_variance, alpha=new)

    def _check(self, x: Tensor) -> None:
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            axes = {2: "(N, {})", 3: "(N, {}, L)", 4: "(N, {}, H, W)"}
            allowed = " or ".join(axes[ndim].format(self.num_features) for ndim in self.dimensions)
            raise ValueError(f"x must have shape {allowed}; got {tuple(x.shape)}.")

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(BatchNorm):
    """Normalizes each channel of (N, C), over N, or of (N, C, L), over N and L; see `BatchNorm`.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import BatchNorm1d
    >>> print(BatchNorm1d(1)(torch.tensor([[1.0], [3.0]])).flatten().detach().round(decimals=3))
    tensor([-1.,  1.])
    """

    dimensions = (2, 3)


class BatchNorm2d(BatchNorm):
    """Normalizes each channel of images (N, C, H, W), over N, H and W; see `BatchNorm`.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import BatchNorm2d
    >>> print(BatchNorm2d(1)(torch.tensor([[[[1.0, 3.0]]]])).flatten().detach().round(decimals=3))
    tensor([-1.,  1.])
    """

    dimensions = (4,)


class LayerNorm(Normalization):
    """Normalizes each sample over its last axes, those of `normalized_shape`.

    The variance is the biased one. Training and eval are the same; each feature has a scale and a shift.

    Parameters
    ----------
    normalized_shape : int or sizes
        Of the last axes of x.
    eps : float
    elementwise_affine : bool
        Whether there is a scale, and a shift if `bias` is true.
    bias : bool

    Raises
    ------
    ValueError
        For an x that does not end in these sizes.

    References
    ----------
    Ba, Kiros & Hinton 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import LayerNorm
    >>> print(LayerNorm(2)(torch.tensor([[1.0, 5.0], [2.0, 0.0]])).detach().round(decimals=3))
    tensor([[-1.,  1.],
            [ 1., -1.]])
    """

    eps: float

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ):
        self.normalized_shape = _sizes(normalized_shape)
        super().__init__(self.normalized_shape, eps, elementwise_affine, elementwise_affine and bias)

    def forward(self, x: Tensor) -> Tensor:
        over = _last_axes(x, self.normalized_shape)
        x = standardize(x, x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True), self.eps)
        return self.scale_and_shift(x, self.normalized_shape)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class RMSNorm(Normalization):
    """Divides each sample by its root mean square, x/√(mean x² + ε).

    No mean is subtracted and nothing is shifted.

    Parameters
    ----------
    normalized_shape : int or sizes
        Of the last axes of x.
    eps : float, optional
        None means the smallest step of the input's precision, as in `torch.nn.RMSNorm`.
    elementwise_affine : bool
        Whether there is a scale.

    Raises
    ------
    ValueError
        For an x that does not end in these sizes.

    References
    ----------
    Zhang & Sennrich 2019, arXiv:1910.07467.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import RMSNorm
    >>> print(RMSNorm(2)(torch.tensor([[1.0, 7.0]])).detach().round(decimals=3))  # divided by √25
    tensor([[0.2000, 1.4000]])
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True
    ):
        self.normalized_shape = _sizes(normalized_shape)
        super().__init__(self.normalized_shape, eps, elementwise_affine, False)

    def forward(self, x: Tensor) -> Tensor:
        over = _last_axes(x, self.normalized_shape)
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        x = x / torch.sqrt(x.square().mean(over, keepdim=True) + eps)
        return self.scale_and_shift(x, self.normalized_shape)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class GroupNorm(Normalization):
    """Normalizes each sample over groups of neighbouring channels and all positions.

    One group is layer normalization over (C, *); C groups, instance normalization. The variance is the biased one.
    Training and eval are the same; each channel has a scale and a shift.

    Parameters
    ----------
    num_groups : int
    num_channels : int
        C, a multiple of num_groups; x is (N, C, *).
    eps : float
    affine : bool
        Whether there are a scale and a shift.

    Raises
    ------
    ValueError
        For groups that do not divide the channels, or an x of another shape.

    References
    ----------
    Wu & He 2018, arXiv:1803.08494.

    Examples
    --------
    >>> import torch
    >>> from talweg.normalization import GroupNorm
    >>> print(GroupNorm(2, 4)(torch.tensor([[1.0, 3.0, 10.0, 30.0]])).detach().round(decimals=3))
    tensor([[-1.,  1., -1.,  1.]])
    """

    eps: float

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True):
        super().__init__((positive_int("num_channels", num_channels),), eps, affine, affine)
        self.num_groups = positive_int("num_groups", num_groups)
        self.num_channels = num_channels
        if num_channels % num_groups:
            raise ValueError(f"num_channels must be a multiple of num_groups; got {num_channels} and {num_groups}.")

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"x must have shape (N, {self.num_channels}, *); got {tuple(x.shape)}.")
        groups = x.reshape(len(x), self.num_groups, -1)
        mean, variance = groups.mean(-1, keepdim=True), groups.var(-1, correction=0, keepdim=True)
        x = standardize(groups, mean, variance, self.eps).view(x.shape)
        return self.scale_and_shift(x, (1, -1, *[1] * (x.ndim - 2)))

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


def _sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not sizes:
        raise ValueError("normalized_shape must name at least one axis; got ().")
    return tuple(positive_int("normalized_shape", size) for size in sizes)


def _last_axes(x: Tensor, sizes: tuple[int, ...]) -> list[int]:
    """The axes to normalize over, -1, -2, …; ValueError if x does not end in these sizes."""
    if tuple(x.shape[-len(sizes) :]) != sizes:
        raise ValueError(f"x must have shape (*, {', '.join(map(str, sizes))}); got {tuple(x.shape)}.")
    return list(range(-len(sizes), 0))
