"""Pictures of a path in parameter space: principal components, t-SNE, and the random walk to compare them with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from talweg.arguments import positive_int

__all__ = ["Projection", "pca", "random_walk", "random_walk_variance", "tsne"]


@dataclass(frozen=True, eq=False)
class Projection:
    """A path seen in the plane (or space) of its principal components.

    Parameters
    ----------
    center
        The point that coordinates 0 stand for, (P,).
    directions
        Orthonormal rows, (k, P), for `plane`.
    coordinates
        (T, k).
    variance
        The share of the path's variance in each component, (k,).

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import Projection
    >>> seen = Projection(torch.zeros(3), torch.eye(3)[:2], torch.zeros(1, 2), torch.tensor([0.9, 0.1]))
    >>> seen.project(torch.tensor([1.0, 2.0, 3.0])).tolist(), seen.distance(torch.tensor([1.0, 2.0, 3.0])).item()
    ([1.0, 2.0], 3.0)
    """

    center: Tensor
    directions: Tensor
    coordinates: Tensor
    variance: Tensor

    def project(self, thetas: Tensor) -> Tensor:
        """Coordinates of other points, (…, P) → (…, k)."""
        return (thetas - self.center) @ self.directions.T

    def distance(self, thetas: Tensor) -> Tensor:
        """How far points lie from the plane, (…, P) → (…,): what the picture cannot show."""
        offset = thetas - self.center
        return (offset - self.project(thetas) @ self.directions).norm(dim=-1)


def pca(trajectory: Tensor, k: int = 2, *, center: Tensor | None = None) -> Projection:
    """The principal components of a path, whose points are in the order given.

    Parameters
    ----------
    trajectory
        (T, P). In half precision it is decomposed in float32, and the result is rounded to its precision.
    k
        Number of components.
    center
        The point that is drawn at the origin, such as the last one (Li et al. 2018, section 7). The variance is always
        taken about the mean.

    Raises
    ------
    ValueError
        Fewer than k + 1 points, points that are not finite, or a path that does not span k dimensions.

    References
    ----------
    Li et al. 2018, arXiv:1712.09913.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import pca
    >>> path = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [2.0, 1.0, 1.0], [3.0, 1.0, 1.0]], dtype=torch.float64)
    >>> pca(path).variance.round(decimals=3).tolist()
    [0.971, 0.029]
    """
    path = _path(trajectory)
    trajectory = path.float() if path.dtype in (torch.float16, torch.bfloat16) else path
    if len(trajectory) <= positive_int("k", k):
        raise ValueError(f"trajectory must have more than k = {k} points; got {len(trajectory)}.")
    centred = trajectory - trajectory.mean(0)
    gram = (centred @ centred.T).double()  # T×T: T is small beside P
    values, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
    if not values[-1] > 1e-12 * values[0]:
        raise ValueError(f"trajectory must span at least k = {k} dimensions; its points do not.")
    directions = (vectors.T.to(centred) @ centred) / values.sqrt().to(centred).unsqueeze(1)
    directions = torch.linalg.qr(directions.T).Q.T * 1.0  # orthonormal to rounding; the order stays
    signs = (directions @ (trajectory[-1] - trajectory[0])).sign()  # the path runs towards positive coordinates
    directions = directions * torch.where(signs == 0, 1.0, signs).unsqueeze(1)
    center = trajectory.mean(0) if center is None else torch.as_tensor(center).to(trajectory)
    if center.shape != trajectory.shape[1:]:
        raise ValueError(f"center must have shape {tuple(trajectory.shape[1:])}; got {tuple(center.shape)}.")
    share = (values / gram.diagonal().sum()).to(centred)
    seen = (center, directions, (trajectory - center) @ directions.T, share)
    return Projection(*(part.to(path.dtype) for part in seen))


def tsne(points: Tensor, perplexity: float | None = None, *, seed: int = 0) -> Tensor:
    """t-SNE of points (n, P) in the plane, (n, 2), by scikit-learn.

    Axes and distances between clusters mean nothing. The result depends on the machine.

    Parameters
    ----------
    points
        At least 10, (n, P).
    perplexity
        Roughly how many neighbours count, between 2 and (n − 1)/3. The default is the smaller of 30 and that.
    seed
        Of scikit-learn's search.

    Raises
    ------
    ValueError
        Too few points, or a perplexity beyond these bounds.

    References
    ----------
    van der Maaten & Hinton 2008, Visualizing data using t-SNE.

    Examples
    --------
    >>> from talweg.landscape import random_walk, tsne
    >>> tsne(random_walk(steps=11, dim=5)).shape
    torch.Size([12, 2])
    """
    from sklearn.manifold import TSNE

    points = _path(points, "points")
    n = len(points)
    if n < 10:
        raise ValueError(f"points must be at least 10 for t-SNE; got {n}.")
    highest = (n - 1) / 3
    perplexity = min(30.0, highest) if perplexity is None else perplexity
    if not 2 <= perplexity <= highest:
        raise ValueError(
            f"perplexity must be between 2 and (n - 1)/3 = {highest:.4g} for {n} points; got {perplexity}."
        )
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points.double().cpu().numpy())
    return torch.from_numpy(found).double()


def random_walk(steps: int, dim: int, *, drift: float = 0.0, seed: int = 0) -> Tensor:
    """A path of Gaussian steps of length about 1 from the origin, (steps + 1, dim), float64.

    Parameters
    ----------
    steps, dim
        Number of steps, and of dimensions.
    drift
        Length of a constant part of each step, in a random direction.
    seed
        Of the steps.

    Examples
    --------
    >>> from talweg.landscape import random_walk
    >>> path = random_walk(steps=3, dim=10000)
    >>> path.shape, path.norm(dim=1).round(decimals=1).tolist()
    (torch.Size([4, 10000]), [0.0, 1.0, 1.4, 1.7])
    """
    steps, dim = positive_int("steps", steps), positive_int("dim", dim)
    generator = torch.Generator().manual_seed(seed)
    kicks = torch.randn(steps, dim, dtype=torch.float64, generator=generator) / dim**0.5
    towards = torch.randn(dim, dtype=torch.float64, generator=generator)
    kicks += drift * towards / towards.norm()
    return torch.cat([torch.zeros(1, dim, dtype=torch.float64), kicks.cumsum(0)])


def random_walk_variance(k: int) -> float:
    """The share of variance in the k-th component of a long random walk in many dimensions: 6/(π² k²), k = 1, 2, …

    The path's components are cosines.

    References
    ----------
    Antognini & Sohl-Dickstein 2018, arXiv:1806.08805.

    Examples
    --------
    >>> from talweg.landscape import random_walk_variance
    >>> round(random_walk_variance(1), 4), round(random_walk_variance(2), 4)
    (0.6079, 0.152)
    """
    return 6 / (math.pi * positive_int("k", k)) ** 2


def _path(points: Tensor, name: str = "trajectory") -> Tensor:
    points = torch.as_tensor(points).detach()
    points = points if points.is_floating_point() else points.double()
    if points.ndim != 2 or not points.numel():
        raise ValueError(f"{name} must have shape (T, P); got {tuple(points.shape)}.")
    if not points.isfinite().all():
        bad = int((~points.isfinite().all(1)).nonzero()[0])
        raise ValueError(f"{name} must be finite; point {bad} is not.")
    return points
