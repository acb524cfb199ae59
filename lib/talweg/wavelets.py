"""A surface or slice split by scale: multiresolution analysis (Mallat 1989) and the continuous transform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor

from talweg.arguments import positive_int
from talweg.landscape import Surface

__all__ = ["Decomposition", "cwt", "decompose", "roughness"]

COARSE = 0.05  # by how much the energy of a wavelet sampled on the grid may differ from that of the wavelet


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Wavelet coefficients of a slice (n,) or surface (ny, nx): an approximation, and details of levels 1 (finest) ….

    Parameters
    ----------
    approximation : Tensor
        Coefficients of the coarse rest.
    details : list of dict
        details[j − 1] has the coefficients of level j by kind; the kinds are "d" for slices; "ad", "da", "dd" for
        surfaces, one letter for each axis, d where the wavelet runs along it.
    wavelet, mode : str
        See `decompose`.
    shape : sizes
        Of the values.

    Examples
    --------
    >>> import torch
    >>> from talweg.wavelets import decompose
    >>> parts = decompose(torch.tensor([1.0, 3.0, 5.0, 5.0]), "haar", level=1)
    >>> parts.smoothed(1).round(decimals=6).tolist()  # means of pairs
    [2.0, 2.0, 5.0, 5.0]
    """

    approximation: Tensor
    details: list[dict[str, Tensor]]
    wavelet: str
    mode: str
    shape: tuple[int, ...]

    @property
    def level(self) -> int:
        """The number of levels."""
        return len(self.details)

    def reconstruct(self) -> Tensor:
        """The values again, to rounding."""
        return self._inverse(self.approximation, self.details)

    def component(self, level: int) -> Tensor:
        """What one level alone contributes, in the shape of the values; level 0: the approximation. They add up."""
        if not 0 <= level <= self.level:
            raise ValueError(f"level must be between 0 (the approximation) and {self.level}; got {level}.")
        nothing = [{key: torch.zeros_like(c) for key, c in kinds.items()} for kinds in self.details]
        if level == 0:
            return self._inverse(self.approximation, nothing)
        nothing[level - 1] = self.details[level - 1]
        return self._inverse(torch.zeros_like(self.approximation), nothing)

    def smoothed(self, level: int) -> Tensor:
        """The values without the details of levels 1 … level."""
        if not 0 <= level <= self.level:
            raise ValueError(f"level must be between 0 and {self.level}; got {level}.")
        return sum((self.component(j) for j in range(level + 1, self.level + 1)), self.component(0))

    def energy(self) -> Tensor:
        """Sums of squared coefficients: approximation, then levels 1 … level, (level + 1,).

        Their sum is that of the squared values (Parseval) if the wavelet is orthogonal and the values go on by zeros
        (mode "zero"), or periodically with all sizes divisible by 2^level (mode "periodization"). Haar's wavelet, with
        such sizes, never looks beyond the edge and conserves energy in every mode. In general the sum is another.
        """
        zero = self.approximation.new_zeros(())
        levels = [sum((c.square().sum() for c in kinds.values()), zero) for kinds in self.details]
        return torch.stack([self.approximation.square().sum(), *levels])

    def _inverse(self, approximation: Tensor, details: list[dict[str, Tensor]]) -> Tensor:
        pywt = _pywavelets()
        arrays: list[Any] = [approximation.numpy()]
        arrays += [{key: c.numpy() for key, c in kinds.items()} for kinds in reversed(details)]
        values = torch.from_numpy(pywt.waverecn(arrays, self.wavelet, mode=self.mode))
        return values[tuple(slice(size) for size in self.shape)]  # one more where a size is odd


def decompose(
    surface: Surface | Tensor, wavelet: str = "db2", level: int | None = None, *, mode: str = "periodization"
) -> Decomposition:
    """Multiresolution analysis of a surface or slice, in float64.

    Parameters
    ----------
    surface : Surface or Tensor
        A surface, its values (ny, nx), or a slice (n,).
    wavelet : str
        A discrete one of PyWavelets ("haar", "db2", "sym4", …).
    level : int, optional
        Default and limit are the depth at which the filter still fits.
    mode : str
        How the values go on beyond the edge; see `Decomposition.energy` for what each conserves.

    Raises
    ------
    ValueError
        For an unknown wavelet or mode, a level too deep, or values that are not finite.

    References
    ----------
    Mallat 1989, "A theory for multiresolution signal decomposition".

    Examples
    --------
    >>> import torch
    >>> from talweg.wavelets import decompose
    >>> decompose(torch.tensor([1.0, 3.0, 5.0, 5.0]), "haar", level=2).energy().round(decimals=6)
    tensor([49.,  2.,  9.], dtype=torch.float64)
    """
    pywt = _pywavelets()
    values = _values(surface)
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise ValueError(f"wavelet must be a discrete one of PyWavelets, such as 'haar' or 'db2'; got {wavelet!r}.")
    if mode not in pywt.Modes.modes:
        raise ValueError(f"mode must be one of {', '.join(map(repr, pywt.Modes.modes))}; got {mode!r}.")
    deepest = pywt.dwtn_max_level(values.shape, wavelet)
    if deepest < 1 or (level is not None and positive_int("level", level) > deepest):
        sizes = " × ".join(map(str, values.shape))
        raise ValueError(f"level must be at most {deepest} for {sizes} values and {wavelet!r}; got {level or 1}.")
    coarse, *rest = pywt.wavedecn(values, wavelet, mode=mode, level=level or deepest)
    details = [{key: torch.from_numpy(c) for key, c in kinds.items()} for kinds in reversed(rest)]
    return Decomposition(torch.from_numpy(coarse), details, wavelet, mode, values.shape)


def roughness(
    surface: Surface | Tensor, wavelet: str = "db2", level: int | None = None, *, inner: bool = True
) -> Tensor:
    """Root mean square of each level's detail, finest first, in the units of the values.

    White noise loses a factor 2 from level to level (√2 on a slice) and has most in the finest; a smooth surface gains
    2^p, where p is the wavelet's number of vanishing moments (2 for "db2"); a polynomial of degree below p has none.

    Parameters
    ----------
    surface : Surface or Tensor
        A surface, its values (ny, nx), or a slice (n,).
    wavelet : str
    level : int, optional
        See `decompose`.
    inner : bool
        Only the coefficients whose filters lie wholly within the surface; for an orthogonal wavelet their mean square,
        per value, is that of the detail. False: the whole detail, with the surface wrapped around (periodization). A
        slice of a loss is not periodic; wrapped around it has a jump at its frame, which is then nearly all one sees.

    Returns
    -------
    Tensor
        (level,).

    Examples
    --------
    >>> import torch
    >>> from talweg.wavelets import roughness
    >>> print(f"{roughness(torch.tensor([1.0, -1.0] * 8), 'haar', level=1).item():.3f}")
    1.000
    """
    if not inner:
        parts = decompose(surface, wavelet, level)
        return torch.stack([parts.component(j).square().mean().sqrt() for j in range(1, parts.level + 1)])
    parts = decompose(surface, wavelet, level, mode="symmetric")
    rows = [_inner(size, wavelet, parts.level) for size in parts.shape]
    found = []
    for j, kinds in enumerate(parts.details, start=1):
        inside = tuple(levels[j - 1] for levels in rows)
        squares = torch.stack([c[inside].square().mean() for c in kinds.values()]).sum()
        found.append((squares / 2 ** (j * len(parts.shape))).sqrt())
    return torch.stack(found)


def _inner(size: int, wavelet: str, level: int) -> list[slice]:
    """For levels 1 … level, which coefficients along an axis are made of values within it, whatever the mode.

    Coefficient k of a level sees the coefficients 2k + 2 - length … 2k + 1 of the level before (PyWavelets).
    """
    pywt = _pywavelets()
    length, first, last = pywt.Wavelet(wavelet).dec_len, 0, size - 1
    found = []
    for _ in range(level):
        first, last = (first + length - 1) // 2, (last - 1) // 2
        found.append(slice(first, last + 1))
    return found


def cwt(values: Tensor, scales: Tensor, wavelet: str = "mexh") -> Tensor:
    """The continuous wavelet transform of a slice, in float64.

    W(s, m) = Σₙ xₙ ψ((n - m)/s)/√s, summed on the grid, so that a symmetric slice has symmetric coefficients and one
    single value shows ψ itself. (`pywt.cwt` differs: its coefficients lie up to half a grid step to the right.) The
    slice is continued by its mirror image, since a jump to zero at the edges would be all one sees at large scales.

    Parameters
    ----------
    values : (n,)
    scales : (S,)
        In grid steps.
    wavelet : str
        A real one: "mexh", "gaus1" … "gaus8", "morl".

    Returns
    -------
    Tensor
        (S, n).

    Raises
    ------
    ValueError
        For a scale at which ψ varies too fast for the grid (below about 1 for "mexh", 2.2 for "morl"), another wavelet,
        or values that are not a finite slice.

    Examples
    --------
    >>> import torch
    >>> from talweg.wavelets import cwt
    >>> bump = torch.exp(-0.5 * torch.linspace(-10, 10, 101) ** 2)
    >>> coefficients = cwt(bump, torch.tensor([2.0, 10.0]))
    >>> coefficients.shape, coefficients[1].argmax().item()
    (torch.Size([2, 101]), 50)
    """
    pywt = _pywavelets()
    array = _values(values)
    if array.ndim != 1:
        raise ValueError(f"values must be a slice of shape (n,); got {array.shape}.")
    scales = torch.as_tensor(scales, dtype=torch.float64)
    if scales.ndim != 1 or not len(scales) or not (scales > 0).all() or not scales.isfinite().all():
        raise ValueError(f"scales must be a vector of positive finite numbers; got {scales.tolist()}.")
    real = [name for name in pywt.wavelist(kind="continuous") if name.startswith(("mexh", "gaus", "morl"))]
    if wavelet not in real:
        raise ValueError(f"wavelet must be one of {', '.join(real)}; got {wavelet!r}.")
    psis = [_sampled(wavelet, scale) for scale in scales.tolist()]
    rows = [numpy.correlate(numpy.pad(array, len(psi) // 2, mode="symmetric"), psi, "valid") for psi in psis]
    return torch.from_numpy(numpy.stack(rows))


def _sampled(wavelet: str, scale: float) -> numpy.ndarray:
    """ψ(n/s)/√s for n from -8 s to 8 s, beyond which ψ is zero to rounding.

    ValueError if the grid is too coarse for ψ at this scale. Its squares then no longer add up to ∫ψ², which they do to
    rounding where it is fine enough, and constants or ramps of the values would show up as detail.
    """
    reach, fine = math.ceil(8 * scale), 400
    psi = _on_interval(wavelet, reach / scale, reach) / math.sqrt(scale)
    energy = numpy.square(_on_interval(wavelet, 8.0, fine)).sum() * 8 / fine
    if not abs(numpy.square(psi).sum() / energy - 1) < COARSE:
        raise ValueError(f"scales must not be so small that the grid is too coarse for {wavelet!r}; got {scale}.")
    return psi


def _on_interval(wavelet: str, end: float, half: int) -> numpy.ndarray:
    """PyWavelets' ψ at 2 · half + 1 equally spaced points from -end to end, which it keeps in single precision."""
    pywt = _pywavelets()
    continuous = pywt.ContinuousWavelet(wavelet)
    continuous.lower_bound, continuous.upper_bound = -end, end
    return continuous.wavefun(length=2 * half + 1)[0]


def _values(surface: Surface | Tensor) -> numpy.ndarray:
    z = surface.z if isinstance(surface, Surface) else torch.as_tensor(surface)
    if z.ndim not in (1, 2) or not z.numel():
        raise ValueError(f"surface must be a Surface, or values of shape (n,) or (ny, nx); got {tuple(z.shape)}.")
    bad = int((~z.isfinite()).sum())
    if bad:
        raise ValueError(f"surface must be finite for a wavelet transform; {bad} of its values are not.")
    return z.detach().double().cpu().numpy()


def _pywavelets() -> Any:
    """PyWavelets, imported when it is first needed; what its compiled part defines is hidden from type checkers."""
    import pywt

    return pywt
