"""Two figures of the chapter on loss landscapes: planes through a trained network, and one function at many scales."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import traitlets
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from talweg.errors import one_of
from talweg.i18n import gettext as _
from talweg.landscape import line, plane, random_directions, sharpness
from talweg.models import MLP
from talweg.network import NetworkObjective
from talweg.objective import Objective
from talweg.widgets import Number, Widget, script, style

__all__ = ["Rescaling", "Slices", "rescaling", "slices"]

_HERE = Path(__file__).parent
_BASE = (_HERE.parent / "widgets" / "base.css", _HERE / "figures.css", _HERE / "choice.css")
DIRECTIONS = ("none", "layer", "filter", "pca")
SPANS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
RESCALINGS = ("layer", "neuron")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
FACTORS = torch.logspace(-1, 1, 25, dtype=torch.float64)
ALPHAS = torch.linspace(-1, 1, 61, dtype=torch.float64)


def slices(
    f: Objective,
    center: Tensor,
    directions: Mapping[str, tuple[Tensor, Tensor]],
    path: Tensor,
    *,
    spans: Sequence[float] = SPANS,
    resolution: int = 25,
) -> Slices:
    """The loss on planes through one point, as surfaces to turn: the reader chooses directions, window, scale and path.

    center: (P,). directions: "none", "layer", "filter" (see `random_directions`) or "pca" → two directions (P,), whose
    lengths are the units of the plane. path: (T, P), drawn at the loss of its own points over their orthogonal
    projections. spans: half the widths of the windows, increasing. resolution: points along a side, odd.

    The logarithm of each loss is kept in 12 bits, two letters of base 64, and a hole where a loss is not finite.
    ValueError: a loss that is not positive, unknown directions, spans that do not increase,
    an even resolution, a path that stays in the centre or where the loss is not finite.
    """
    for kind in directions:
        one_of("directions", kind, DIRECTIONS)
    return Slices(**planes_through(f, center, directions, path, spans, resolution))


def planes_through(
    f: Objective,
    center: Tensor,
    directions: Mapping[str, tuple[Tensor, Tensor]],
    path: Tensor,
    spans: Sequence[float],
    resolution: int,
) -> dict[str, Any]:
    """What a figure of `slices` holds, for directions of any names."""
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
        paths={kind: _rounded(place) for kind, (place, _outside) in seen.items()},
        outside={kind: _rounded(outside) for kind, (_place, outside) in seen.items()},
        losses=_rounded(_log(f.many(path)), 6),
        kind=next(iter(directions)),
        zoom=len(spans) // 2,
    )


def rescaling(model: MLP, f: NetworkObjective, *, seed: int = 0) -> Rescaling:
    """The loss along a random direction, raw and filter-normalised, of a ReLU network whose hidden units are rescaled.

    model: one hidden layer with ReLU; f: its loss. Multiplying a unit's weights and bias by a factor and dividing the
    weights that leave it by the same leaves the function as it is (Dinh et al. 2017). The factor is c for all units, or
    c and 1/c at random, from 0.1 to 10 in 25 steps. seed: of the directions, which are the same for each c up to their
    normalization, and of the units. ValueError: another kind of network.
    """
    if not isinstance(model, MLP) or len(model.sizes) != 3 or not isinstance(model[2], torch.nn.ReLU):
        raise ValueError("model must be an MLP with one hidden layer and ReLU")
    signs = torch.randint(2, (model.sizes[1],), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    exponents = {"layer": torch.ones_like(signs), "neuron": signs}
    networks = {
        kind: [rescaled(model, c**exponent) for c in FACTORS.to(f.theta)] for kind, exponent in exponents.items()
    }
    return Rescaling(
        factors=_rounded(FACTORS),
        alphas=_rounded(ALPHAS),
        lines={kind: _lines(f, several, seed) for kind, several in networks.items()},
        curvatures={kind: _curvatures(f, several, seed) for kind, several in networks.items()},
        loss=float(f"{float(f(f.theta)):.4g}"),
    )


@torch.no_grad()
def rescaled(model: MLP, factors: Tensor) -> MLP:
    """A copy of the network, of the same function, whose hidden units are multiplied by `factors` (units,) > 0."""
    other = copy.deepcopy(model)
    other[1].weight.mul_(factors[:, None])
    other[1].bias.mul_(factors)
    other[3].weight.div_(factors)
    return other


class Slices(Widget):
    """See `slices`."""

    _esm = script(_HERE / "slices.js")
    _css = style(*_BASE, _HERE / "slices.css")
    planes = traitlets.Dict().tag(sync=True)
    extent = traitlets.List().tag(sync=True)
    spans = traitlets.List().tag(sync=True)
    paths = traitlets.Dict().tag(sync=True)
    outside = traitlets.Dict().tag(sync=True)
    losses = traitlets.List().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    zoom = Number(0, 0, 99, whole=True).tag(sync=True)
    log = traitlets.Bool(True).tag(sync=True)
    show_path = traitlets.Bool(True).tag(sync=True)
    turn = Number(35, -180, 180).tag(sync=True)
    tilt = Number(35, 5, 90).tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(words=_slices_words(), **kwargs)

    @traitlets.validate("kind")
    def _check_kind(self, proposal):
        return one_of("kind", proposal["value"], self.planes)

    def __repr__(self) -> str:
        return f"Slices({', '.join(self.planes)}; {len(self.spans)} spans)"


class Rescaling(Widget):
    """See `rescaling`."""

    _esm = script(_HERE / "rescaling.js")
    _css = style(*_BASE)
    factors = traitlets.List().tag(sync=True)
    alphas = traitlets.List().tag(sync=True)
    lines = traitlets.Dict().tag(sync=True)
    curvatures = traitlets.Dict().tag(sync=True)
    loss = Number(0.0, 0, 1e9).tag(sync=True)
    kind = traitlets.Unicode("layer").tag(sync=True)
    at = Number(4, 0, len(FACTORS) - 1, whole=True).tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(words=_rescaling_words(), **kwargs)

    @traitlets.validate("kind")
    def _check_kind(self, proposal):
        return one_of("kind", proposal["value"], RESCALINGS)

    def __repr__(self) -> str:
        return f"Rescaling(c={self.factors[self.at]:g}, kind={self.kind!r})"


def _shadow(offsets: Tensor, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Coordinates (T, 2) of the orthogonal projections on a plane, and the share of Σ‖offset‖² that it does not hold."""
    basis = torch.stack(pair)
    places = torch.linalg.solve(basis @ basis.T, basis @ offsets.T).T
    return places, 1 - (places @ basis).square().sum() / offsets.square().sum()


def _lines(f: NetworkObjective, networks: list[MLP], seed: int) -> dict[str, list]:
    ends = {kind: [_end(network, kind, seed) for network in networks] for kind in ("none", "filter")}
    return {
        kind: [_written(line(f, theta, theta + d, ALPHAS.to(theta))) for theta, d in several]
        for kind, several in ends.items()
    }


def _curvatures(f: NetworkObjective, networks: list[MLP], seed: int) -> dict[str, list]:
    """dᵀHd along both directions, and the largest eigenvalue."""
    found = {
        kind: _rounded(torch.stack([d @ f.hvp(theta, d) for theta, d in (_end(n, kind, seed) for n in networks)]))
        for kind in ("none", "filter")
    }
    thetas = torch.stack([_end(network, "none", seed)[0] for network in networks])
    return {**found, "largest": _rounded(sharpness(f, thetas, 1e-3))}


def _end(network: MLP, normalize: str, seed: int) -> tuple[Tensor, Tensor]:
    d, _second = random_directions(network, normalize, torch.Generator().manual_seed(seed))
    return parameters_to_vector(network.parameters()).detach(), d


def _log(losses: Tensor) -> Tensor:
    if not (losses.isnan() | (losses > 0)).all():
        raise ValueError(f"f must be positive for a logarithmic scale, got {float(losses.nan_to_num(1.0).min())}")
    return losses.log10()


def _coded(heights: Tensor, low: float, high: float) -> str:
    """Numbers of [low, high] as 0 to 4094, others as 4095; numbers in a list would take a line each in a notebook."""
    codes = torch.where(heights.isfinite(), (heights - low) / (high - low) * 4094, 4095).round().long()
    return "".join(LETTERS[code >> 6] + LETTERS[code & 63] for code in codes.flatten().tolist())


def _written(values: Tensor) -> str:
    return " ".join(f"{value:.3g}" for value in values.tolist())


def _rounded(values: Tensor, digits: int = 4) -> list | float:
    if values.ndim:
        return [_rounded(value, digits) for value in values]
    return float(f"{float(values):.{digits}g}") + 0.0


def _slices_words() -> dict[str, str | dict[str, str]]:
    return {
        "figure": _("The loss on planes through a trained network"),
        "surface": _("Loss over the plane"),
        "path": _("path of the training"),
        "kind": _("Directions"),
        "names": {
            "none": _("Random, as drawn"),
            "layer": _("Random, layer-normalised"),
            "filter": _("Random, filter-normalised"),
            "pca": _("Principal components of the path"),
        },
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


def _rescaling_words() -> dict[str, str | dict[str, str]]:
    return {
        "figure": _("One function, many scales"),
        "none": _("Loss along a random direction, as drawn"),
        "filter": _("Along the same direction, filter-normalised"),
        "before": "c = 1",
        "kind": _("What is rescaled"),
        "names": {"layer": _("The whole layer, by c"), "neuron": _("Each unit, by c or 1/c")},
        "at": _("Factor c"),
        "said": _(
            "c = {c}: the network computes what it computed before, and the loss in the centre stays {loss}. The "
            "largest curvature is {largest} ({a} times that at c = 1); along the direction as drawn {none} ({b} times), "
            "along the filter-normalised one {filter} ({d} times)."
        ),
        "one": _(
            "c = 1: the network as it was trained, with a loss of {loss} in the centre. The largest curvature is "
            "{largest}; along the direction as drawn {none}, along the filter-normalised one {filter}."
        ),
    }
