"""Planes through a trained network, as surfaces that readers turn: the figure that two chapters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import traitlets
from torch import Tensor

from talweg.arguments import one_of
from talweg.i18n import gettext as _
from talweg.landscape import plane
from talweg.objective import Objective
from talweg.widgets import BASE, CHOICE, Figure, Number, Switch, script, style

__all__ = ["Planes", "planes_through", "rounded"]

_HERE = Path(__file__).parent
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Planes(Figure):
    """The loss on planes through one point, with the path that led there: what figures of several chapters share.

    Parameters
    ----------
    f, center, directions, path, spans, resolution
        As in `planes_through`.

    Examples
    --------
    >>> import torch
    >>> from talweg.widgets.planes import Planes
    >>> from talweg.surfaces import Quadratic
    >>> e = torch.eye(2, dtype=torch.float64)
    >>> figure = Planes(Quadratic([1.0, 4.0]), e[0] / 10, {"axes": (e[0], e[1])}, e, [0.5, 1.0], 3)
    >>> figure.kind, figure.spans
    ('axes', [0.5, 1.0])
    """

    _esm = script(_HERE / "slices.js")
    _css = style(*BASE, CHOICE, _HERE / "slices.css")
    planes = traitlets.Dict().tag(sync=True)
    extent = traitlets.List().tag(sync=True)
    spans = traitlets.List().tag(sync=True)
    paths = traitlets.Dict().tag(sync=True)
    outside = traitlets.Dict().tag(sync=True)
    losses = traitlets.List().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    zoom = Number(0, 0, 99, whole=True)
    log = Switch(True)
    show_path = Switch(True)
    turn = Number(35, -180, 180)
    tilt = Number(35, 5, 90)

    def __init__(
        self,
        f: Objective,
        center: Tensor,
        directions: Mapping[str, tuple[Tensor, Tensor]],
        path: Tensor,
        spans: Sequence[float],
        resolution: int,
    ):
        super().__init__(**planes_through(f, center, directions, path, spans, resolution))

    @traitlets.validate("kind")
    def _check_kind(self, proposal: Any) -> str:
        return one_of("kind", proposal["value"], self.planes)

    @traitlets.default("ranges")
    def _ranges(self) -> dict[str, dict[str, Any]]:
        ranges = super()._ranges()
        return ranges | {"zoom": ranges["zoom"] | {"high": len(self.spans) - 1}}

    @traitlets.default("choices")
    def _choices(self) -> dict[str, list[str]]:
        return {"kind": list(self.planes)}

    def _words(self) -> dict[str, Any]:
        return {
            "figure": _("The loss on planes through a trained network"),
            "surface": _("Loss over the plane"),
            "path": _("path of the training"),
            "kind": _("Directions"),
            "zoom": _("Half the width of the window"),
            "log": _("Logarithmic height"),
            "show_path": _("Show the path"),
            "turn": _("Turn"),
            "tilt": _("Tilt"),
            "said": _(
                "{name}, window ±{span}. The loss is {center} in the centre; its lowest value on the plane is {low}, at "
                "({x}; {y}), its highest {high}. On the rim of the window it is nowhere below {rim}."
            ),
            "inside": _(
                "The path begins at ({x}; {y}) with a loss of {start} and ends in the centre; {outside} of its squared "
                "distances from there lie outside of this plane."
            ),
            "beyond": _(
                "The path begins outside of this window, at ({x}; {y}), with a loss of {start}, and ends in the centre; "
                "{outside} of its squared distances from there lie outside of this plane."
            ),
        }


def planes_through(
    f: Objective,
    center: Tensor,
    directions: Mapping[str, tuple[Tensor, Tensor]],
    path: Tensor,
    spans: Sequence[float],
    resolution: int,
) -> dict[str, Any]:
    """What a figure of planes holds: the losses on the grids of all windows, and the path over each plane.

    The logarithm of each loss is kept in 12 bits, two letters of base 64, and a hole where a loss is not finite.

    Parameters
    ----------
    f
        The loss; it must be positive.
    center
        The point through which the planes go, (P,).
    directions
        Name → two directions (P,), whose lengths are the units of the plane.
    path
        The points of a training, (T, P), drawn at the loss of each over its orthogonal projection on the plane.
    spans
        Half the widths of the windows, increasing.
    resolution
        Points along a side; odd, so that the centre is on the grid.

    Returns
    -------
    dict
        The traits of `Planes` by name: the coded grids, the extent of log₁₀ of the loss, the projected path, and the
        share of its squared distances from the centre that each plane does not hold (`outside`).

    Raises
    ------
    ValueError
        A loss that is not positive, no directions, spans that do not increase, an even resolution, or a path that
        stays in the centre or goes where the loss is not finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.widgets.planes import planes_through
    >>> from talweg.surfaces import Quadratic
    >>> e = torch.eye(2, dtype=torch.float64)
    >>> held = planes_through(Quadratic([1.0, 4.0]), e[0] / 10, {"axes": (e[0], e[1])}, e, [0.5, 1.0], 3)
    >>> held["paths"], held["outside"], len(held["planes"]["axes"][0])
    ({'axes': [[0.9, 0.0], [-0.1, 1.0]]}, {'axes': 0.0}, 18)
    """
    if not directions:
        raise ValueError("directions must hold at least one pair, got none")
    if list(spans) != sorted(set(spans)) or not spans:
        raise ValueError(f"spans must be at least one number and increase, got {tuple(spans)}")
    if resolution < 3 or resolution % 2 == 0:
        raise ValueError(f"resolution must be odd, so that the centre is on the grid, and at least 3, got {resolution}")
    if not (path != center).any() or not f.many(path).isfinite().all():
        raise ValueError("path must have a point other than the centre, and finite losses")
    seen = {kind: _shadow(path - center, pair) for kind, pair in directions.items()}
    heights = {
        kind: [_log(plane(f, center, *pair, span, resolution).z) for span in spans] for kind, pair in directions.items()
    }
    known = torch.cat([z[z.isfinite()] for several in heights.values() for z in several])
    extent = [float(known.min()), float(known.max()) + 1e-9]
    return dict(
        planes={kind: [_coded(z, *extent) for z in several] for kind, several in heights.items()},
        extent=extent,
        spans=[float(span) for span in spans],
        paths={kind: rounded(place) for kind, (place, _outside) in seen.items()},
        outside={kind: rounded(outside) for kind, (_place, outside) in seen.items()},
        losses=rounded(_log(f.many(path)), 6),
        kind=next(iter(directions)),
        zoom=len(spans) // 2,
    )


def _shadow(offsets: Tensor, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Coordinates (T, 2) of the orthogonal projections on a plane, and the share of Σ‖offset‖² that it does not hold."""
    basis = torch.stack(pair)
    places = torch.linalg.solve(basis @ basis.T, basis @ offsets.T).T
    return places, 1 - (places @ basis).square().sum() / offsets.square().sum()


def _log(losses: Tensor) -> Tensor:
    if not (losses.isnan() | (losses > 0)).all():
        raise ValueError(f"f must be positive for a logarithmic scale, got {float(losses.nan_to_num(1.0).min())}")
    return losses.log10()


def _coded(heights: Tensor, low: float, high: float) -> str:
    """Numbers of [low, high] as 0 to 4094, others as 4095; numbers in a list would take a line each in a notebook."""
    codes = torch.where(heights.isfinite(), (heights - low) / (high - low) * 4094, 4095).round().long()
    return "".join(LETTERS[code >> 6] + LETTERS[code & 63] for code in codes.flatten().tolist())


def rounded(values: Tensor, digits: int = 4) -> Any:
    """The tensor as nested lists (a float where it has no dimension), each number with `digits` significant digits.

    Examples
    --------
    >>> import torch
    >>> from talweg.widgets.planes import rounded
    >>> rounded(torch.tensor([[1 / 3, -0.0], [1234.56, 2.0]], dtype=torch.float64))
    [[0.3333, 0.0], [1235.0, 2.0]]
    """
    if values.ndim:
        return [rounded(value, digits) for value in values]
    return float(f"{float(values):.{digits}g}") + 0.0
