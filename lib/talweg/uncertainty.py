"""Intervals for what was measured: over seeds alone, or over seeds and the samples that all of them were tested on."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Interval", "crossed_interval", "share_interval", "t_interval"]


class Interval(NamedTuple):
    """A mean and the two ends of its interval.

    Examples
    --------
    >>> from talweg.uncertainty import Interval
    >>> Interval(0.5, 0.25, 0.75).half_width
    0.25
    """

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the distance between the ends."""
        return (self.high - self.low) / 2

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside."""
        return not self.low <= value <= self.high


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
    samples = torch.as_tensor(samples).detach().double().cpu()
    n = samples.shape[-1] if samples.ndim else 0
    if n < 2:
        raise ValueError(
            f"an interval needs at least two samples along the last axis, got shape {tuple(samples.shape)}"
        )
    return samples.mean(-1), _t_quantile(confidence, n - 1) * samples.std(-1) / n**0.5


def crossed_interval(values: Tensor, confidence: float = 0.95) -> Interval:
    """The mean over seeds and test samples, with an interval that counts both as drawn at random.

    Every seed is tested on the same samples. So a value has a part that belongs to its seed, a part that belongs to its
    sample, and the rest; the more samples are hard for every seed, the less do further seeds tell.
    The variance of the mean is s²_seeds/S + s²_samples/n − s²_rest/(S·n), and Student's distribution has the degrees of
    freedom of Satterthwaite. An interval over the seeds alone is an interval for this test set only.

    Parameters
    ----------
    values : (S, n)
        What seed s measures on test sample i: a loss, or the difference of two methods. S ≥ 2, n ≥ 2.
    confidence : float

    Raises
    ------
    ValueError
        For another shape, or values that are not finite.

    References
    ----------
    Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007.
    Satterthwaite, An approximate distribution of estimates of variance components, Biometrics Bulletin 2(6), 1946.

    Examples
    --------
    >>> import torch
    >>> from talweg.uncertainty import crossed_interval
    >>> losses = torch.tensor([[0.1, 0.9, 0.4, 0.3], [0.2, 0.8, 0.4, 0.2], [0.1, 0.9, 0.5, 0.2]])
    >>> mean, low, high = crossed_interval(losses)
    >>> print(f"{mean:.2f} ({low:.2f}, {high:.2f})")
    0.42 (-0.10, 0.93)
    """
    values = _crossed(values)
    deviation, freedom = _standard_error(values)
    mean, half = values.mean().item(), _t_quantile(confidence, freedom) * deviation
    return Interval(mean, mean - half, mean + half)


def share_interval(outcomes: Tensor, confidence: float = 0.95) -> Interval:
    """The share of ones among zeros and ones, with an interval as `crossed_interval` has it, which stays in [0, 1].

    The interval is made for the logarithm of the odds, p/(1 − p), and brought back: near 0 a symmetric one would hold
    the true share too seldom. Where all outcomes are equal, its other end is the exact bound for n samples.

    Parameters
    ----------
    outcomes : (S, n)
        Whether seed s is wrong on test sample i, as booleans or numbers 0 and 1. S ≥ 2, n ≥ 2.
    confidence : float

    Raises
    ------
    ValueError
        For another shape, or values other than 0 and 1.

    Examples
    --------
    >>> import torch
    >>> from talweg.uncertainty import share_interval
    >>> wrong = torch.zeros(10, 400)
    >>> wrong[:, :12] = 1  # the same twelve images for each of the seeds
    >>> mean, low, high = share_interval(wrong)
    >>> print(f"{mean:.3f} ({low:.3f}, {high:.3f})")
    0.030 (0.017, 0.052)
    """
    values = _crossed(outcomes)
    if not ((values == 0) | (values == 1)).all():
        raise ValueError(f"outcomes must be zeros and ones, got values from {values.min():g} to {values.max():g}.")
    share = values.mean().item()
    if share in (0.0, 1.0):
        reach = 1 - ((1 - confidence) / 2) ** (1 / values.shape[1])
        return Interval(0.0, 0.0, reach) if share == 0 else Interval(1.0, 1 - reach, 1.0)
    deviation, freedom = _standard_error(values)
    # d log(p/(1 − p)) = dp/(p(1 − p))
    half = _t_quantile(confidence, freedom) * deviation / (share * (1 - share))
    log_odds = math.log(share / (1 - share))
    low, high = torch.tensor([log_odds - half, log_odds + half], dtype=torch.float64).sigmoid().tolist()
    return Interval(share, low, high)


def _crossed(values: Tensor) -> Tensor:
    """Values of S seeds (rows) on n samples (columns), float64."""
    values = torch.as_tensor(values).detach().double().cpu()
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(
            "an interval over seeds and samples needs a table of at least two seeds (rows) and two samples (columns), "
            f"got shape {tuple(values.shape)}"
        )
    if not values.isfinite().all():
        raise ValueError("values must be finite; leave out the seeds that diverged, and say how many they are.")
    return values


def _standard_error(values: Tensor) -> tuple[float, float]:
    """Standard deviation of the mean of an S×n table, and the degrees of freedom of its estimate."""
    S, n = values.shape
    of_seeds, of_samples = values.mean(1), values.mean(0)
    rest = values - of_seeds[:, None] - of_samples + values.mean()
    seeds = of_seeds.var().item() / S
    samples = of_samples.var().item() / n
    both = rest.square().sum().item() / ((S - 1) * (n - 1)) / (S * n)
    # Each of the first two contains the third, so it is counted twice. An estimate may come out below one of its parts.
    variance = max(seeds + samples - both, seeds, samples)
    parts = seeds**2 / (S - 1) + samples**2 / (n - 1) + both**2 / ((S - 1) * (n - 1))
    return math.sqrt(variance), max(variance**2 / parts, 1.0) if parts else 1.0


def _t_quantile(confidence: float, freedom: float) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + confidence) / 2, freedom))
