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

from talweg.arguments import one_of
from talweg.i18n import gettext as _
from talweg.landscape import line, random_directions, sharpness
from talweg.models import MLP
from talweg.objective import Objective
from talweg.objective.network import NetworkObjective
from talweg.widgets import BASE, CHOICE, Choice, Figure, Number, script, style
from talweg.widgets.planes import Planes, rounded

__all__ = ["Rescaling", "Slices", "rescaling", "slices"]

_HERE = Path(__file__).parent
DIRECTIONS = ("none", "layer", "filter", "pca")
SPANS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
RESCALINGS = ("layer", "neuron")
FACTORS = torch.logspace(-1, 1, 25, dtype=torch.float64)
ALPHAS = torch.linspace(-1, 1, 61, dtype=torch.float64)


class Slices(Planes):
    """The loss on planes through one point, as surfaces to turn: the reader chooses directions, window, scale and path.

    The logarithm of each loss is kept in 12 bits, two letters of base 64, and a hole where a loss is not finite.

    Parameters
    ----------
    f
        The loss; it must be positive.
    center
        The point through which the planes go, (P,).
    directions
        "none", "layer", "filter" (see `random_directions`) or "pca" → two directions (P,), whose lengths are the units
        of the plane.
    path
        The points of a training, (T, P), drawn at the loss of each over its orthogonal projection on the plane.
    spans
        Half the widths of the windows, increasing.
    resolution
        Points along a side, odd.

    Raises
    ------
    ValueError
        A loss that is not positive, unknown directions, spans that do not increase, an even resolution, or a path that
        stays in the centre or goes where the loss is not finite.

    Examples
    --------
    >>> import torch
    >>> from talweg.figures import slices
    >>> from talweg.surfaces import Quadratic
    >>> e = torch.eye(2, dtype=torch.float64)
    >>> slices(Quadratic([1.0, 4.0]), e[0] / 7, {"pca": (e[0], e[1])}, e, resolution=3)
    Slices(pca; 9 spans)
    """

    def __init__(
        self,
        f: Objective,
        center: Tensor,
        directions: Mapping[str, tuple[Tensor, Tensor]],
        path: Tensor,
        *,
        spans: Sequence[float] = SPANS,
        resolution: int = 25,
    ):
        for kind in directions:
            one_of("directions", kind, DIRECTIONS)
        super().__init__(f, center, directions, path, spans, resolution)

    def __repr__(self) -> str:
        return f"Slices({', '.join(self.planes)}; {len(self.spans)} spans)"

    def _words(self) -> dict[str, Any]:
        names = {
            "none": _("Random, as drawn"),
            "layer": _("Random, layer-normalised"),
            "filter": _("Random, filter-normalised"),
            "pca": _("Principal components of the path"),
        }
        return super()._words() | {"names": names}


slices = Slices


class Rescaling(Figure):
    """The loss along a random direction, raw and filter-normalised, of a ReLU network whose hidden units are rescaled.

    Multiplying a unit's weights and bias by a factor and dividing the weights that leave it by the same leaves the
    function as it is. The factor is c for all units, or c and 1/c at random, from 0.1 to 10 in 25 steps.

    Parameters
    ----------
    model
        A network with one hidden layer and ReLU.
    f
        Its loss.
    seed
        Of the directions, which are the same for each c up to their normalization, and of the units.

    Raises
    ------
    ValueError
        Another kind of network.

    References
    ----------
    Dinh et al. (2017), arXiv:1703.04933.

    Examples
    --------
    >>> import torch
    >>> from talweg import Objective
    >>> from talweg.figures import rescaling
    >>> from talweg.models import MLP
    >>> from torch.nn.functional import mse_loss
    >>> model = MLP((2, 3, 1), dtype=torch.float64)
    >>> x = torch.eye(2, dtype=torch.float64)
    >>> rescaling(model, Objective.of(model, mse_loss, x, x[:, :1]))  # doctest: +SKIP
    Rescaling(c=0.215, kind='layer')
    """

    _esm = script(_HERE / "rescaling.js")
    _css = style(*BASE, CHOICE)
    factors = traitlets.List().tag(sync=True)
    alphas = traitlets.List().tag(sync=True)
    lines = traitlets.Dict().tag(sync=True)
    curvatures = traitlets.Dict().tag(sync=True)
    loss = Number(0.0, 0, 1e9)
    kind = Choice("layer", RESCALINGS)
    at = Number(4, 0, len(FACTORS) - 1, whole=True)

    def __init__(self, model: MLP, f: NetworkObjective, *, seed: int = 0):
        if not isinstance(model, MLP) or len(model.sizes) != 3 or not isinstance(model[2], torch.nn.ReLU):
            raise ValueError("model must be an MLP with one hidden layer and ReLU")
        signs = torch.randint(2, (model.sizes[1],), generator=torch.Generator().manual_seed(seed)) * 2 - 1
        exponents = {"layer": torch.ones_like(signs), "neuron": signs}
        networks = {
            kind: [rescaled(model, c**exponent) for c in FACTORS.to(f.theta)] for kind, exponent in exponents.items()
        }
        super().__init__(
            factors=rounded(FACTORS),
            alphas=rounded(ALPHAS),
            lines={kind: _lines(f, several, seed) for kind, several in networks.items()},
            curvatures={kind: _curvatures(f, several, seed) for kind, several in networks.items()},
            loss=float(f"{float(f(f.theta)):.4g}"),
        )

    def __repr__(self) -> str:
        return f"Rescaling(c={self.factors[self.at]:g}, kind={self.kind!r})"

    def _words(self) -> dict[str, Any]:
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


rescaling = Rescaling


@torch.no_grad()
def rescaled(model: MLP, factors: Tensor) -> MLP:
    """A copy of the network, of the same function, whose hidden units are multiplied by `factors` (units,) > 0."""
    other = copy.deepcopy(model)
    other.get_parameter("1.weight").mul_(factors[:, None])
    other.get_parameter("1.bias").mul_(factors)
    other.get_parameter("3.weight").div_(factors)
    return other


def _lines(f: NetworkObjective, networks: list[MLP], seed: int) -> dict[str, list]:
    ends = {kind: [_end(network, kind, seed) for network in networks] for kind in ("none", "filter")}
    return {
        kind: [_written(line(f, theta, theta + d, ALPHAS.to(theta))) for theta, d in several]
        for kind, several in ends.items()
    }


def _curvatures(f: NetworkObjective, networks: list[MLP], seed: int) -> dict[str, list]:
    """dᵀHd along both directions, and the largest eigenvalue."""
    found = {
        kind: rounded(torch.stack([d @ f.hvp(theta, d) for theta, d in (_end(n, kind, seed) for n in networks)]))
        for kind in ("none", "filter")
    }
    thetas = torch.stack([_end(network, "none", seed)[0] for network in networks])
    return {**found, "largest": rounded(sharpness(f, thetas, 1e-3))}


def _end(network: MLP, normalize: str, seed: int) -> tuple[Tensor, Tensor]:
    d, _second = random_directions(network, normalize, torch.Generator().manual_seed(seed))
    return parameters_to_vector(network.parameters()).detach(), d


def _written(values: Tensor) -> str:
    return " ".join(f"{value:.3g}" for value in values.tolist())
