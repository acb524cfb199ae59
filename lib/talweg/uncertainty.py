"""Student's interval for a mean: what every comparison of the book shows."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["t_interval"]


def t_interval(samples: Tensor, confidence: float = 0.95) -> tuple[Tensor, Tensor]:
    """Mean over the last axis, and the half width of Student's interval for it.

    Parameters
    ----------
    samples : (…, n)
        With n ≥ 2.
    confidence : float

    Returns
    -------
    mean, half_width : Tensor
        Both of shape (…), in float64.

    Raises
    ------
    ValueError
        For fewer than two samples.

    Examples
    --------
    >>> import torch
    >>> from talweg.uncertainty import t_interval
    >>> mean, half = t_interval(torch.tensor([1.0, 2.0, 3.0]))
    >>> print(f"{mean:.2f} ± {half:.2f}")
    2.00 ± 2.48
    """
    from scipy import stats

    samples = torch.as_tensor(samples).detach().double().cpu()
    n = samples.shape[-1] if samples.ndim else 0
    if n < 2:
        raise ValueError(
            f"an interval needs at least two samples along the last axis, got shape {tuple(samples.shape)}"
        )
    quantile = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    return samples.mean(-1), quantile * samples.std(-1) / n**0.5
