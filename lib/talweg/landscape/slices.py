"""An objective along a line, and on a plane."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import Tensor

from talweg.arguments import finite
from talweg.landscape.grids import evaluate
from talweg.landscape.surface import Surface, grid_points
from talweg.objective import Objective

__all__ = ["accuracy", "line", "plane"]


def accuracy(outputs: Tensor, y: Tensor) -> Tensor:
    """The share of samples whose largest output is the right class: the measure to set beside a loss.

    `plane(f.with_loss(accuracy), …)` draws it on the same plane as the loss.

    Parameters
    ----------
    outputs
        (n, classes).
    y
        Right classes, (n,).

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import accuracy
    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).item()
    0.5
    """
    return (outputs.argmax(-1) == y).to(outputs.dtype).mean()


def line(f: Objective, a: Tensor, b: Tensor, alphas: Tensor | Sequence[float]) -> Tensor:
    """f((1 − α) a + α b) for each α: the one-dimensional slice of a loss.

    Parameters
    ----------
    f
        The objective.
    a, b
        Two points, (P,).
    alphas
        (K,), beyond [0, 1] if you like.

    Returns
    -------
    Tensor
        Shape (K,).

    Raises
    ------
    ValueError
        Shapes that do not fit, or numbers that are not finite.

    References
    ----------
    Goodfellow, Vinyals & Saxe 2015, arXiv:1412.6544.

    Examples
    --------
    >>> from talweg.landscape import line
    >>> from talweg.surfaces import Quadratic
    >>> line(Quadratic([2.0, 2.0]), [0.0, 0.0], [2.0, 0.0], [0.0, 0.5, 1.0]).tolist()
    [0.0, 1.0, 4.0]
    """
    a, b = (finite(name, f.point(point, name)) for name, point in (("a", a), ("b", b)))
    alphas = finite("alphas", torch.as_tensor(alphas).to(a))
    if alphas.ndim != 1 or not len(alphas):
        raise ValueError(f"alphas must be a vector of at least one number, got shape {tuple(alphas.shape)}")
    return f.slice(a, (b - a).unsqueeze(0), alphas.unsqueeze(1))


def plane(
    f: Objective,
    center: Tensor,
    d1: Tensor,
    d2: Tensor,
    span: float | tuple[float, float] = 1.0,
    resolution: int | tuple[int, int] = 41,
    *,
    jobs: int | None = None,
    file: str | os.PathLike | None = None,
) -> Surface:
    """f(center + x d1 + y d2) on a grid centred at `center`: |x| ≤ span, |y| ≤ span, in units of the directions.

    Values that are not finite are kept, and counted by `Surface.nonfinite`.

    Parameters
    ----------
    f
        The objective.
    center, d1, d2
        The point and the two directions, (P,) each.
    span, resolution
        One number, or one for x and one for y; an odd resolution has the centre on the grid.
    jobs
        Processes to share the points among. None: as an enclosing `joblib.parallel_config` says (its backend "dask"
        spreads them over a cluster), else this one.
    file
        Where to keep what has been computed, so that a call that was interrupted goes on from there when it is repeated.

    Raises
    ------
    ValueError
        Wrong shapes, or zero, parallel or non-finite directions.

    References
    ----------
    Li et al. 2018, arXiv:1712.09913.

    Examples
    --------
    >>> from talweg.landscape import plane
    >>> from talweg.surfaces import Saddle
    >>> plane(Saddle(), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], span=1.0, resolution=3).z.tolist()
    [[0.0, -0.5, 0.0], [0.5, 0.0, 0.5], [0.0, -0.5, 0.0]]
    """
    center = finite("center", f.point(center, "center"))
    d1, d2 = (_direction(f.point(d, name).to(center), name) for d, name in ((d1, "d1"), (d2, "d2")))
    cosine = (d1 / d1.norm()) @ (d2 / d2.norm())
    if 1 - cosine.abs() < 8 * torch.finfo(cosine.dtype).eps:
        raise ValueError("d1 and d2 must span a plane, got parallel directions")
    x, y = (_axis(center, s, r) for s, r in zip(_pair(span), _pair(resolution), strict=True))
    weights = grid_points(x, y)
    z = evaluate(f, center, torch.stack([d1, d2]), weights, jobs, file)
    return Surface(x, y, z.reshape(len(y), len(x)))


def _pair(value) -> tuple:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"span and resolution must be one number or two, got {value!r}")
    return pair


def _axis(center: Tensor, span: float, resolution: int) -> Tensor:
    if not 0 < span < float("inf"):
        raise ValueError(f"span must be positive and finite, got {span}")
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 2:
        raise ValueError(f"resolution must be a whole number of at least 2, got {resolution!r}")
    steps = torch.arange(1 - resolution, resolution, 2, device=center.device).to(center.dtype)
    if not (steps.diff() > 0).all():
        raise ValueError(f"resolution must be lower: {center.dtype} cannot tell {resolution} points apart")
    return span * steps / (resolution - 1)  # exactly symmetric about an exact 0


def _direction(d: Tensor, name: str) -> Tensor:
    if not finite(name, d).any():
        raise ValueError(f"{name} must not be the zero vector")
    return d
