"""Answers of the chapter on the difference quotient, computed with the library's own differentiation."""

from __future__ import annotations

import torch


def dq_slope() -> float:
    """The slope of the secant of x² between 3 and 3.5: the mean of the derivative over the interval."""
    x = torch.tensor([3.0, 3.5], dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(x.square().sum(), x)
    return slopes.mean().item()
