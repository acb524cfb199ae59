"""Simple functions fitted to a surface: a Gaussian well, or several, with what they leave over (SciPy)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch

from talweg.arguments import positive_int
from talweg.landscape.surface import Surface
from talweg.surfaces import GaussianMixture, GaussianWell

__all__ = ["Fit", "fit_mixture", "fit_well"]


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted function of two variables, an `Objective` to run optimizers on, and how well it fits.

    Parameters
    ----------
    surrogate
        The function.
    residuals
        surface − fit, a Surface (NaN where the surface has no finite value).
    rmse
        Their root mean square, in the units of the surface.
    r2
        The share of the surface's variance that is explained; 0 is a plane at its mean.

    Examples
    --------
    >>> from talweg.landscape import fit_well, plane
    >>> from talweg.surfaces import GaussianWell
    >>> surface = plane(GaussianWell(2.0, 0.5), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=9)
    >>> fit = fit_well(surface, starts=1)
    >>> round(fit.r2, 6), fit.surrogate.minimizer().abs().round(decimals=4).tolist()
    (1.0, [0.0, 0.0])
    """

    surrogate: GaussianWell | GaussianMixture
    residuals: Surface
    rmse: float
    r2: float


def fit_well(surface: Surface, *, starts: int = 5, seed: int = 0) -> Fit:
    """The well offset − A exp(−‖θ − c‖²/(2σ²)) nearest to a surface in least squares, A, σ > 0.

    Parameters
    ----------
    surface
        With at least ten finite values, twice the parameters.
    starts
        Searches from different widths and centres; the best is returned.
    seed
        Of the starts.

    Raises
    ------
    ValueError
        Too few finite values, or all equal.

    Examples
    --------
    >>> from talweg.landscape import fit_well, plane
    >>> from talweg.surfaces import GaussianWell
    >>> surface = plane(GaussianWell(2.0, 0.5), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=9)
    >>> well = fit_well(surface, starts=1).surrogate
    >>> round(well.depth, 4), round(well.sigma, 4)
    (2.0, 0.5)
    """
    fit = _fit(surface, 1, starts, seed)
    (depth,), (sigma,), (center,), offset = fit
    well = GaussianWell(float(depth), float(sigma), center.tolist(), float(offset))
    return _judged(surface, well)


def fit_mixture(surface: Surface, wells: int = 2, *, starts: int = 8, seed: int = 0) -> Fit:
    """The sum of Gaussian wells nearest to a surface in least squares; not convex: the best of the searches.

    Parameters
    ----------
    surface
        With at least 2 (4·wells + 1) finite values.
    wells
        Number of wells.
    starts, seed
        As in `fit_well`, as are the errors.

    Examples
    --------
    >>> from talweg.landscape import fit_mixture, plane
    >>> from talweg.surfaces import GaussianMixture
    >>> f = GaussianMixture([2.0, 1.0], [0.4, 0.4], [[-0.6, 0.0], [0.6, 0.0]])
    >>> surface = plane(f, [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], resolution=9)
    >>> fit_mixture(surface, wells=2, starts=2).surrogate.depths.round(decimals=3).tolist()
    [2.0, 1.0]
    """
    depths, sigmas, centers, offset = _fit(surface, positive_int("wells", wells), starts, seed)
    mixture = GaussianMixture(depths.tolist(), sigmas.tolist(), centers.tolist(), float(offset))
    return _judged(surface, mixture)


def _fit(surface: Surface, wells: int, starts: int, seed: int) -> tuple[numpy.ndarray, ...]:
    from scipy.optimize import least_squares

    points, z = _finite_points(surface)
    if len(z) < 2 * (4 * wells + 1) or numpy.ptp(z) == 0:
        raise ValueError(
            f"surface must have at least {2 * (4 * wells + 1)} finite values that are not all equal, for {wells} "
            f"well(s); it has {len(z)}."
        )
    middle, half = (points.max(0) + points.min(0)) / 2, numpy.ptp(points, axis=0).max() / 2
    u, low, scale = (points - middle) / half, z.min(), numpy.ptp(z)
    v = (z - low) / scale

    def parts(p: numpy.ndarray) -> tuple[numpy.ndarray, ...]:
        """Parameters p → squared distances and bumps (n, wells); log A and log σ keep both positive."""
        a, s, c = numpy.exp(p[:wells]), numpy.exp(p[wells : 2 * wells]), p[2 * wells : -1].reshape(wells, 2)
        d = u[:, None] - c
        return d, s, a * numpy.exp(-(d**2).sum(-1) / (2 * s**2))

    def residuals(p: numpy.ndarray) -> numpy.ndarray:
        return p[-1] - parts(p)[2].sum(1) - v

    def jacobian(p: numpy.ndarray) -> numpy.ndarray:
        d, s, bumps = parts(p)
        by_width = -bumps * (d**2).sum(-1) / s**2
        by_center = -(bumps[..., None] * d / (s**2)[:, None]).reshape(len(v), -1)
        return numpy.hstack([-bumps, by_width, by_center, numpy.ones((len(v), 1))])

    rng = numpy.random.default_rng(seed)
    # Depth at most 10⁴ ranges, width between half a percent and a hundred times the window: else a nearly flat or
    # nearly quadratic surface has no best fit, only better and better ones further out.
    bounds = [numpy.log([1e-6, 1e4])] * wells + [numpy.log([5e-3, 100.0])] * wells + [[-10.0, 10.0]] * (2 * wells)
    lower, upper = numpy.array([*bounds, [-1e4, 1e4 + 2]]).T
    best = None
    for start in range(positive_int("starts", starts)):
        seeds = u[numpy.argsort(v)[rng.choice(max(wells, len(v) // (10 if start else 40)), wells)]]
        widths = numpy.log(rng.uniform(0.15, 1.2, wells))
        p = numpy.concatenate([numpy.log(numpy.full(wells, 1.0 / wells)), widths, seeds.ravel(), [1.0]])
        found = least_squares(
            residuals,
            p,
            jacobian,  # pyright: ignore[reportArgumentType]  # the stub knows the names of methods only
            bounds=(lower, upper),
            x_scale="jac",
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
            max_nfev=300,
        )
        best = found if best is None or found.cost < best.cost else best
    assert best is not None  # there is at least one start
    p = best.x
    depths, sigmas = numpy.exp(p[:wells]) * scale, numpy.exp(p[wells : 2 * wells]) * half
    order = numpy.argsort(-depths)
    centers = p[2 * wells : -1].reshape(wells, 2) * half + middle
    return depths[order], sigmas[order], centers[order], p[-1] * scale + low


def _judged(surface: Surface, surrogate: GaussianWell | GaussianMixture) -> Fit:
    grid = surface.points().double().cpu()
    z = surface.z.double().cpu()
    rest = (z - surrogate.many(grid).reshape(z.shape)).where(z.isfinite(), torch.nan)
    finite = z.isfinite()
    error, spread = rest[finite].square().mean(), z[finite].var(correction=0)
    return Fit(surrogate, Surface(surface.x, surface.y, rest), float(error.sqrt()), float(1 - error / spread))


def _finite_points(surface: Surface) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Grid points (n, 2) as (x, y) and values (n,), where these are finite."""
    grid = surface.points().double().cpu()
    z = surface.z.double().cpu().flatten()
    return grid[z.isfinite()].numpy(), z[z.isfinite()].numpy()
