"""`Surface`: values on a rectangular grid, which plots, topology and wavelets read, and which can be saved."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch import Tensor

from talweg.atomic import whole_file

__all__ = ["UNREADABLE", "Surface", "grid_points"]

# What `numpy.load` and reading from its file raise where the file is damaged or is another one.
UNREADABLE = (ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Surface:
    """Values over a grid: z[j, i] belongs to (x[i], y[j]).

    Parameters
    ----------
    x, y
        Abscissae (nx,) and ordinates (ny,), increasing and finite.
    z
        Values (ny, nx), with NaN or infinity where the objective has them (see `nonfinite`).

    Numbers in half precision are kept as float32, which holds them exactly: NumPy, files and plots know no bfloat16.

    Raises
    ------
    ValueError
        Axes that do not increase, or shapes that do not fit.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import Surface
    >>> surface = Surface(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([[5.0, 3.0], [float("nan"), 4.0]]))
    >>> surface.lowest(), surface.highest(), surface.nonfinite
    ((1.0, 0.0, 3.0), (0.0, 0.0, 5.0), 1)
    """

    x: Tensor
    y: Tensor
    z: Tensor

    def __post_init__(self) -> None:
        for name in ("x", "y", "z"):
            numbers = torch.as_tensor(getattr(self, name)).detach()
            half = numbers.dtype in (torch.float16, torch.bfloat16)
            object.__setattr__(self, name, numbers.float() if half else numbers)
        for name, axis in (("x", self.x), ("y", self.y)):
            if axis.ndim != 1 or not len(axis) or not axis.isfinite().all() or not (axis.diff() > 0).all():
                raise ValueError(f"{name} must be a vector of increasing finite numbers, got shape {tuple(axis.shape)}")
        if self.z.shape != (len(self.y), len(self.x)):
            raise ValueError(f"z must have shape (len(y), len(x)) = {(len(self.y), len(self.x))}, "
                             f"got {tuple(self.z.shape)}")  # fmt: skip

    @property
    def nonfinite(self) -> int:
        """Number of grid points whose value is NaN or infinite."""
        return int((~self.z.isfinite()).sum())

    def lowest(self) -> tuple[float, float, float]:
        """(x, y, z) of the grid point with the smallest finite value; ValueError if there is none."""
        return self._at(torch.where(self.z.isfinite(), self.z, torch.inf).argmin())

    def highest(self) -> tuple[float, float, float]:
        """(x, y, z) of the grid point with the largest finite value; ValueError if there is none."""
        return self._at(torch.where(self.z.isfinite(), self.z, -torch.inf).argmax())

    def _at(self, index: Tensor) -> tuple[float, float, float]:
        if self.nonfinite == self.z.numel():
            raise ValueError("z has no finite value")
        j, i = divmod(int(index), len(self.x))
        return float(self.x[i]), float(self.y[j]), float(self.z[j, i])

    def points(self) -> Tensor:
        """All grid points (x, y), (ny·nx, 2), in the order of `z.flatten()`."""
        return grid_points(self.x, self.y)

    def save(self, path: str | Path) -> None:
        """Write a NumPy .npz file: whole, or not at all."""
        with whole_file(path) as file:
            numpy.savez_compressed(file, x=self.x.cpu().numpy(), y=self.y.cpu().numpy(), z=self.z.cpu().numpy())

    @classmethod
    def load(cls, path: str | Path) -> Surface:
        """Read what `save` wrote. ValueError if the file is damaged or is something else; nothing in it is executed."""
        try:
            with numpy.load(path, allow_pickle=False) as file:
                x, y, z = (torch.from_numpy(file[name]) for name in ("x", "y", "z"))
        except UNREADABLE as error:
            raise ValueError(f"{path} is not a surface saved by talweg: {error}") from error
        return cls(x, y, z)


def grid_points(x: Tensor, y: Tensor) -> Tensor:
    """The points (x, y) of a grid, (ny·nx, 2), x running fastest: values there, viewed as (ny, nx), are a surface's z."""
    return torch.cartesian_prod(y, x).flip(1)
