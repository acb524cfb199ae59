"""Gaussian wells, one or several."""

from __future__ import annotations

import torch
from torch import Tensor

from talweg.surfaces.formula import Formula, Numbers, constant

__all__ = ["GaussianMixture", "GaussianWell"]


class GaussianWell(Formula):
    """A Gaussian well, offset − A exp(−‖θ − c‖²/(2σ²)): convex only within σ of the centre, flat far away.

    At c the Hessian is A/σ² · I.

    Parameters
    ----------
    depth
        A > 0.
    sigma
        The width σ > 0.
    center
        c, (P,). The default is the origin of the plane.
    offset
        The value far away.

    Raises
    ------
    ValueError
        depth or sigma are not positive.

    Examples
    --------
    >>> from talweg.surfaces import GaussianWell
    >>> well = GaussianWell(depth=2.0, sigma=0.5)
    >>> well([0.0, 0.0]).item(), well.hessian([0.0, 0.0]).tolist()
    (-2.0, [[8.0, 0.0], [0.0, 8.0]])
    """

    def __init__(self, depth: float = 1.0, sigma: float = 1.0, center: Numbers = (0.0, 0.0), offset: float = 0.0):
        if not depth > 0 or not sigma > 0:
            raise ValueError(f"depth and sigma must be positive, got depth={depth}, sigma={sigma}")
        self.depth, self.sigma, self.offset = depth, sigma, offset
        self.center = constant(center, "center", (1,))
        self.dim = len(self.center)

    def _bump(self, theta: Tensor) -> Tensor:
        squares = (theta - self.center.to(theta)).square().sum(-1)
        return self.depth * torch.exp(-squares / (2 * self.sigma**2))

    def value(self, theta: Tensor) -> Tensor:
        return self.offset - self._bump(theta)

    def gradient(self, theta: Tensor) -> Tensor:
        return self._bump(theta).unsqueeze(-1) * (theta - self.center.to(theta)) / self.sigma**2

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())

    def minimizer(self) -> Tensor:
        """The centre."""
        return self.center.clone()


class GaussianMixture(Formula):
    """A sum of Gaussian wells, offset − Σₖ Aₖ exp(−‖θ − cₖ‖²/(2σₖ²)), with saddles between them.

    The minima lie near the centres, not in them.

    Parameters
    ----------
    depths, sigmas
        Aₖ > 0 and σₖ > 0, (K,) each.
    centers
        cₖ, (K, P).
    offset
        The value far away.

    Raises
    ------
    ValueError
        A depth or width that is not positive, or different numbers of wells.

    Examples
    --------
    >>> from talweg.surfaces import GaussianMixture
    >>> f = GaussianMixture(depths=[1.0, 2.0], sigmas=[0.5, 0.5], centers=[[-2.0, 0.0], [2.0, 0.0]])
    >>> f.many([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]).round(decimals=3).tolist()
    [-1.0, -0.001, -2.0]
    """

    def __init__(self, depths: Numbers, sigmas: Numbers, centers: Numbers, offset: float = 0.0):
        self.depths, self.sigmas = constant(depths, "depths", (1,)), constant(sigmas, "sigmas", (1,))
        self.centers, self.offset = constant(centers, "centers", (2,)), offset
        if not (self.depths > 0).all() or not (self.sigmas > 0).all():
            raise ValueError(
                f"depths and sigmas must be positive, got depths={self.depths.tolist()}, sigmas={self.sigmas.tolist()}"
            )
        if not len(self.depths) == len(self.sigmas) == len(self.centers):
            raise ValueError(
                "depths, sigmas and centers must be given for the same number of wells, got "
                f"{len(self.depths)}, {len(self.sigmas)} and {len(self.centers)}"
            )
        self.dim = self.centers.shape[1]

    def _bumps(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """θ − cₖ (…, K, P), and the wells (…, K)."""
        d = theta.unsqueeze(-2) - self.centers.to(theta)
        return d, self.depths.to(theta) * torch.exp(-d.square().sum(-1) / (2 * self.sigmas.to(theta) ** 2))

    def value(self, theta: Tensor) -> Tensor:
        return self.offset - self._bumps(theta)[1].sum(-1)

    def gradient(self, theta: Tensor) -> Tensor:
        d, bumps = self._bumps(theta)
        return ((bumps / self.sigmas.to(theta) ** 2).unsqueeze(-1) * d).sum(-2)

    def grads(self, thetas: Tensor) -> Tensor:
        return self.gradient(self.points(thetas).detach())
