"""Initializers with orthogonal rows or columns: every singular value is the gain, so no direction is favoured."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from talweg.initializers.fans import checked_matrix, checked_weight, fan
from talweg.initializers.gains import number

__all__ = ["orthogonal_", "scaled_orthogonal_", "delta_orthogonal_"]


@torch.no_grad()
def orthogonal_(tensor: Tensor, gain: float | str = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws a (semi-)orthogonal matrix at random and multiplies it by `gain`, so that every singular value is the gain.

    The weight is read as a matrix (out, in · receptive field): with fewer rows than columns the rows are
    orthonormal, else the columns. A convolution initialized so is *not* orthogonal as a map of images: see
    `delta_orthogonal_`.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    gain : float or str
        A number, or the name of the activation that follows (see `gain_of`).
    generator : torch.Generator, optional
        Makes the draw repeatable.

    References
    ----------
    Saxe, McClelland & Ganguli 2014, arXiv:1312.6120.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import orthogonal_
    >>> weight = orthogonal_(torch.empty(2, 5, dtype=torch.float64))
    >>> torch.allclose(weight @ weight.T, torch.eye(2, dtype=torch.float64))
    True
    """
    rows, columns = checked_matrix(tensor).flatten(1).shape
    return tensor.copy_(_haar(tensor, rows, columns, number(gain), generator).view(tensor.shape))


@torch.no_grad()
def scaled_orthogonal_(tensor: Tensor, scale: float | None = None, generator: Generator | None = None) -> Tensor:
    """Draws an orthogonal matrix times `scale`; without one, times √(2/fan_in), as some teaching texts have it.

    That default scales twice: the entries of an orthogonal matrix already have variance 1/max(out, in), and Kaiming's
    √(2/fan_in) on top makes every singular value √(2/fan_in), 0.125 for a fan of 128. A deep net then starts with
    outputs near zero. What ReLU needs is `orthogonal_(tensor, gain="relu")`: singular values √2.

    Parameters
    ----------
    tensor : (out, in, *receptive field)
    scale : float, optional
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import scaled_orthogonal_
    >>> weight = scaled_orthogonal_(torch.empty(64, 128))
    >>> print(f"{torch.linalg.matrix_norm(weight, 2):.3f}")
    0.125
    """
    return orthogonal_(tensor, math.sqrt(2.0 / fan(tensor, "fan_in")) if scale is None else scale, generator)


@torch.no_grad()
def delta_orthogonal_(tensor: Tensor, gain: float | str = 1.0, generator: Generator | None = None) -> Tensor:
    """Makes a convolution kernel zero but for an orthogonal matrix in its centre.

    With stride 1 and "same" padding it preserves the norm of every image (times `gain`): each pixel's channels are
    turned by the same orthogonal matrix.

    Parameters
    ----------
    tensor : (out, in, k[, k[, k]])
        With in ≤ out and k odd (else there is no centre, and no isometry).
    gain : float or str
        A number, or the name of the activation that follows (see `gain_of`).
    generator : torch.Generator, optional
        Makes the draw repeatable.

    Raises
    ------
    ValueError
        For a tensor of another shape.

    References
    ----------
    Xiao et al. 2018, arXiv:1806.05393.

    Examples
    --------
    >>> import torch
    >>> from talweg.initializers import delta_orthogonal_
    >>> kernel = delta_orthogonal_(torch.empty(4, 4, 3, 3))
    >>> print(f"{kernel.norm():.2f} {kernel[:, :, 1, 1].norm():.2f}")
    2.00 2.00
    """
    check_delta_orthogonal(tensor)
    out_channels, in_channels, *field = tensor.shape
    gain = number(gain)
    centre = (slice(None), slice(None), *(size // 2 for size in field))
    tensor.zero_()[centre] = _haar(tensor, out_channels, in_channels, gain, generator).to(tensor.dtype)
    return tensor


def check_delta_orthogonal(tensor: Tensor) -> None:
    """ValueError unless the weight can be delta-orthogonal: 3 to 5 dimensions, in ≤ out, odd kernel."""
    checked_weight(tensor, dimensions=(3, 4, 5))
    out_channels, in_channels, *field = tensor.shape
    if in_channels > out_channels:
        raise ValueError(
            f"tensor must have at most as many input channels as output channels; got {in_channels} in, "
            f"{out_channels} out: no map to fewer channels preserves norms."
        )
    if not all(size % 2 for size in field):
        raise ValueError(f"tensor must have an odd kernel size (a kernel with a centre); got {tuple(field)}.")


def _haar(like: Tensor, rows: int, columns: int, gain: float, generator: Generator | None) -> Tensor:
    """gain times a matrix drawn uniformly from those with orthonormal rows (rows < columns) or columns.

    By QR of a Gaussian matrix. QR alone is not uniform; multiplying by the signs of R's diagonal makes it so (Mezzadri
    2007, arXiv:math-ph/0609050).
    """
    gaussian = like.new_empty((rows, columns), dtype=factored_dtype(like.dtype)).normal_(0, 1, generator=generator)
    q, r = torch.linalg.qr(gaussian.T if rows < columns else gaussian)
    q *= gain * r.diagonal().sign()
    return q.T if rows < columns else q


def factored_dtype(dtype: torch.dtype) -> torch.dtype:
    """LAPACK knows float32 and float64; half precision is factored in float32 and rounded afterwards."""
    return dtype if dtype in (torch.float32, torch.float64) else torch.float32
