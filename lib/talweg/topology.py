"""Topology of a surface's sublevel sets {z ≤ c}: components and holes that come and go as c rises (GUDHI).

A component (dimension 0) is born at a minimum and dies at the saddle where it meets an older one; a hole (dimension 1)
is born at a saddle and filled at a maximum. These are minima, saddles and maxima *of the slice* on its grid: a minimum
of a slice need not be one of the loss.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from talweg.landscape import Surface

__all__ = ["Diagram", "barcode", "bottleneck", "persistence"]

CONNECTIVITY = (4, 8)
DIMENSIONS = (0, 1)  # components and holes: a surface has no others
TENSORS = ("dimension", "birth", "death", "birth_at", "death_at")  # of a Diagram
HERA_ERROR = 1e-12  # relative error of the bottleneck distance

Points = Tensor | Sequence[Sequence[float]]


@dataclass(frozen=True, eq=False)
class Diagram:
    """A persistence diagram: bars in order of dimension, then of persistence, longest first.

    Parameters
    ----------
    dimension : (k,)
        0 (components) or 1 (holes).
    birth, death : (k,)
        A death may be infinite.
    birth_at, death_at : (k, 2)
        x and y of the grid points where the bar begins and ends (NaN for the end of an infinite bar).
    connectivity : {4, 8}
    holes : int
        Grid points without a finite value, which no sublevel set holds.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import Surface
    >>> from talweg.topology import persistence
    >>> z = torch.tensor([[0.0, 3.0, 1.0]])
    >>> bars = persistence(Surface(torch.arange(3.0), torch.arange(1.0), z))
    >>> len(bars), bars.longer_than(2.5).birth.tolist(), bars.birth_at.tolist()
    (2, [0.0], [[0.0, 0.0], [2.0, 0.0]])
    """

    dimension: Tensor
    birth: Tensor
    death: Tensor
    birth_at: Tensor
    death_at: Tensor
    connectivity: int
    holes: int = 0

    def __len__(self) -> int:
        return len(self.birth)

    @property
    def persistence(self) -> Tensor:
        """death − birth, (k,): the height above the diagonal."""
        return self.death - self.birth

    def of(self, dimension: int) -> Diagram:
        """The bars of one dimension."""
        return self._where(self.dimension == dimension)

    def longer_than(self, threshold: float) -> Diagram:
        """The bars whose persistence exceeds a threshold."""
        return self._where(self.persistence > threshold)

    def _where(self, keep: Tensor) -> Diagram:
        parts = {name: getattr(self, name)[keep] for name in TENSORS}
        return dataclasses.replace(self, **parts)


def persistence(surface: Surface, connectivity: int = 8) -> Diagram:
    """Persistent homology of the sublevel sets of a surface (a cubical complex), with each birth and death located.

    Values that are not finite belong to no sublevel set: what encloses them never fills, and its bar is infinite.

    Parameters
    ----------
    surface : Surface
    connectivity : {4, 8}
        Which grid points are neighbours in a sublevel set. 4: the values sit on vertices, a component grows along
        edges; 8: they sit on cells, which also meet at corners. Holes are then 8- and 4-connected, respectively.

    Raises
    ------
    ValueError
        For a surface without a finite value, or another connectivity.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import Surface
    >>> from talweg.topology import barcode, persistence
    >>> z = torch.tensor([[0.0, 3.0, 1.0]])  # two valleys, which meet at height 3
    >>> barcode(persistence(Surface(torch.arange(3.0), torch.arange(1.0), z)))
    tensor([[0., 0., inf],
            [0., 1., 3.]], dtype=torch.float64)
    """
    import gudhi

    if connectivity not in CONNECTIVITY:
        raise ValueError(f"connectivity must be 4 or 8; got {connectivity!r}.")
    z = surface.z.double().cpu().numpy()
    holes = surface.nonfinite
    if holes == z.size:
        raise ValueError("surface must have a finite value; it has none.")
    z = numpy.where(numpy.isfinite(z), z, numpy.inf)
    kind = "vertices" if connectivity == 4 else "top_dimensional_cells"
    cubes = gudhi.CubicalComplex(**{kind: z})  # pyright: ignore[reportArgumentType]  # of its stub's five arguments
    cubes.compute_persistence()
    pairs, essential = (
        cubes.vertices_of_persistence_pairs() if connectivity == 4 else cubes.cofaces_of_persistence_pairs()
    )
    bars = [(d, b, e) for d, some in enumerate(pairs) for b, e in some]
    bars += [(d, b, -1) for d, some in enumerate(essential) for b in some]
    found = numpy.array(bars, dtype=numpy.int64).reshape(-1, 3)
    flat = z.ravel(order="F")  # GUDHI counts along the first axis first
    birth = flat[found[:, 1]]
    death = numpy.where(found[:, 2] < 0, numpy.inf, flat[found[:, 2]])
    at = [_points(surface, found[:, column], z.shape) for column in (1, 2)]
    at[1][~numpy.isfinite(death)] = math.nan
    order = numpy.lexsort((birth, -(death - numpy.where(numpy.isfinite(birth), birth, 0)), found[:, 0]))
    order = order[numpy.isfinite(birth[order])]
    parts = dict(zip(TENSORS, (found[:, 0], birth, death, *at), strict=True))
    tensors = {name: torch.from_numpy(part[order]) for name, part in parts.items()}
    return Diagram(**tensors, connectivity=connectivity, holes=holes)


def _points(surface: Surface, indices: numpy.ndarray, shape: tuple[int, int]) -> numpy.ndarray:
    rows, columns = numpy.unravel_index(numpy.maximum(indices, 0), shape, order="F")
    x, y = surface.x.double().cpu().numpy(), surface.y.double().cpu().numpy()
    return numpy.stack([x[columns], y[rows]], axis=1)


def bottleneck(first: Diagram | Points, second: Diagram | Points, dimension: int | None = None) -> float:
    """The bottleneck distance: the longest way a point must go in the best matching of two diagrams, in the max norm.

    Points may be matched with the diagonal. Infinite bars are matched with each other, by birth; unequal numbers of
    them are infinitely far apart. The distance of the diagrams of f and g is at most max |f − g| (stability).

    Parameters
    ----------
    first, second : Diagram or (k, 2)
        Diagrams, or points (birth, death).
    dimension : {0, 1}, optional
        Of diagrams; None takes the larger of both distances. A diagram is compared with points in one dimension, which
        must be given, because points do not say theirs.

    Raises
    ------
    ValueError
        For NaN, deaths before births, connectivities that differ, or another dimension.

    References
    ----------
    Cohen-Steiner, Edelsbrunner & Harer 2007, "Stability of persistence diagrams".

    Examples
    --------
    >>> from talweg.topology import bottleneck
    >>> round(bottleneck([[0.0, 4.0], [1.0, 2.0]], [[0.0, 5.0]]), 6)
    1.0
    """
    if isinstance(first, Diagram) and isinstance(second, Diagram) and first.connectivity != second.connectivity:
        raise ValueError(
            f"first and second must have one connectivity; got {first.connectivity} and {second.connectivity}."
        )
    if dimension not in (None, *DIMENSIONS):
        raise ValueError(f"dimension must be 0, 1 or None; got {dimension!r}.")
    diagrams = [isinstance(one, Diagram) for one in (first, second)]
    if dimension is None and any(diagrams):
        if not all(diagrams):
            raise ValueError(
                "dimension must be given (0 or 1) when only one of first and second is a Diagram: points (birth, death) "
                "do not say of which dimension they are."
            )
        return max(bottleneck(first, second, d) for d in DIMENSIONS)
    # Hera's, also in GUDHI: gudhi.bottleneck_distance (3.13) matches some diagrams with repeated points wrongly
    # (GUDHI pull request 1367), which the test against all matchings found.
    from gudhi.hera import bottleneck_distance

    return float(bottleneck_distance(_bars(first, "first", dimension), _bars(second, "second", dimension), HERA_ERROR))


def _bars(diagram: Diagram | Points, name: str, dimension: int | None) -> numpy.ndarray:
    if isinstance(diagram, Diagram):
        diagram = diagram if dimension is None else diagram.of(dimension)
        points = torch.stack([diagram.birth, diagram.death], dim=1)
    else:
        points = torch.as_tensor(diagram).double()
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name} must be a Diagram or points of shape (k, 2); got shape {tuple(points.shape)}.")
    if points.isnan().any() or (points[:, 1] < points[:, 0]).any() or points[:, 0].isinf().any():
        raise ValueError(f"{name} must have finite births, and deaths not before them; got {points.tolist()}.")
    return points[points[:, 1] > points[:, 0]].cpu().numpy()  # those on the diagonal cost nothing


def barcode(diagram: Diagram, dimension: int | None = None) -> Tensor:
    """The bars of a diagram as they are drawn, in order of dimension and birth.

    Parameters
    ----------
    diagram : Diagram
    dimension : {0, 1}, optional
        None takes both.

    Returns
    -------
    Tensor
        Rows (dimension, birth, death), (k, 3).

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import Surface
    >>> from talweg.topology import barcode, persistence
    >>> z = torch.tensor([[0.0, 3.0, 1.0]])
    >>> barcode(persistence(Surface(torch.arange(3.0), torch.arange(1.0), z)), dimension=0)[:, 1:].tolist()
    [[0.0, inf], [1.0, 3.0]]
    """
    diagram = diagram if dimension is None else diagram.of(dimension)
    bars = torch.stack([diagram.dimension.double(), diagram.birth, diagram.death], dim=1)
    order = numpy.lexsort((bars[:, 2].numpy(), bars[:, 1].numpy(), bars[:, 0].numpy()))
    return bars[torch.from_numpy(order)]
