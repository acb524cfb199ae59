"""Three figures of the chapter on curvature: Lanczos's method, the edge of stability, planes of eigenvectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import traitlets
from torch import Tensor

from talweg.i18n import gettext as _
from talweg.objective import Objective
from talweg.widgets import BASE, CHOICE, Number, Widget, script, style
from talweg.widgets.planes import Slices, planes_through

__all__ = ["Edge", "Eigenplanes", "Lanczos", "edge_of_stability", "eigenplanes", "lanczos"]

_HERE = Path(__file__).parent


def lanczos(products: int = 12, outliers: int = 5, width: float = 1.0, again: bool = False, seed: int = 0) -> Lanczos:
    """Lanczos's method on 200 eigenvalues, step by step: what it finds first, its certificate, its ghosts.

    products: 1 to 80. outliers: 1 to 10, at 10, 7.5, 5.6 …; the other eigenvalues lie evenly over ±width, 0.05 to 5.
    again: make each new vector orthogonal to all before it. seed: of the start.

    The residual of the largest Ritz value is β |s_last|, and bounds its error. Without reorthogonalization a converged
    eigenvector grows again out of rounding, and its eigenvalue is found twice (Paige 1971).
    """
    return Lanczos(products=products, outliers=outliers, width=width, again=again, seed=seed)


def edge_of_stability(eta: float = 0.4, momentum: float = 0.0, nesterov: bool = False, seed: int = 0) -> Edge:
    """2000 steps of full-batch descent on a tanh network of 37 parameters, with its sharpness every 20.

    eta: step size, 0.05 to 1. momentum: 0 to 0.95, in PyTorch's convention. seed: of the start.

    On a quadratic the border is 2/η, (2 + 2μ)/η with a heavy ball, (2 + 2μ)/(η (1 + 2μ)) with Nesterov's momentum
    (Cohen et al. 2021, arXiv:2103.00065). The network fits 20 points of Chebyshev's polynomial of degree 4.
    """
    return Edge(eta=eta, momentum=momentum, nesterov=nesterov, seed=seed)


def eigenplanes(
    f: Objective,
    center: Tensor,
    pairs: Mapping[str, tuple[Tensor, Tensor]],
    path: Tensor,
    *,
    spans: Sequence[float] = (0.1, 0.3, 1.0, 3.0),
    resolution: int = 21,
) -> Eigenplanes:
    """The loss on planes of eigenvectors through one point, as surfaces to turn, with the path that led there.

    pairs: what the reader chooses from (a name such as "v₁, v₂") → two directions (P,). Everything else as in `slices`.
    """
    return Eigenplanes(**planes_through(f, center, pairs, path, spans, resolution))


class Lanczos(Widget):
    """See `lanczos`."""

    _esm = script(_HERE / "lanczos.js")
    _css = style(*BASE, CHOICE, _HERE / "curvature.css")
    products = Number(12, 1, 80, whole=True).tag(sync=True)
    outliers = Number(5, 1, 10, whole=True).tag(sync=True)
    width = Number(1.0, 0.05, 5).tag(sync=True)
    again = traitlets.Bool(False).tag(sync=True)
    seed = Number(0, 0, 2**31, whole=True).tag(sync=True)

    def __init__(self, **kwargs):
        _check_bool(kwargs, "again")
        super().__init__(words=_lanczos_words(), **kwargs)

    def __repr__(self) -> str:
        return f"Lanczos(products={self.products}, outliers={self.outliers}, width={self.width:g}, again={self.again})"


class Edge(Widget):
    """See `edge_of_stability`."""

    _esm = script(_HERE / "edge.js")
    _css = style(*BASE, CHOICE)
    eta = Number(0.4, 0.05, 1).tag(sync=True)
    momentum = Number(0.0, 0, 0.95).tag(sync=True)
    nesterov = traitlets.Bool(False).tag(sync=True)
    seed = Number(0, 0, 2**31, whole=True).tag(sync=True)

    def __init__(self, **kwargs):
        _check_bool(kwargs, "nesterov")
        super().__init__(words=_edge_words(), **kwargs)

    def __repr__(self) -> str:
        return f"Edge(eta={self.eta:g}, momentum={self.momentum:g}, nesterov={self.nesterov})"


class Eigenplanes(Slices):
    """See `eigenplanes`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        names = {kind: kind for kind in self.planes}
        self.words = {**self.words, "figure": _("The loss on planes of eigenvectors"), "names": names}

    def __repr__(self) -> str:
        return f"Eigenplanes({'; '.join(self.planes)}; {len(self.spans)} spans)"


def _check_bool(given: Mapping, name: str) -> None:
    if not isinstance(given.get(name, False), bool):
        raise ValueError(f"{name} must be True or False, got {given[name]!r}")


def _lanczos_words() -> dict[str, str]:
    return {
        "figure": _("Lanczos's method on outliers and a bulk"),
        "values": _("Eigenvalues found after each product"),
        "largest": _("The largest one found"),
        "ritz": _("Ritz values"),
        "outlier": _("outliers"),
        "bulk": _("bulk"),
        "residual": _("residual"),
        "error": _("true error"),
        "lost": _("loss of orthogonality"),
        "step": _("Hessian-vector products"),
        "products": _("Products k"),
        "outliers": _("Number of outliers"),
        "width": _("Half the width of the bulk"),
        "again": _("Reorthogonalize"),
        "noise": _("New start"),
        "said": _(
            "After {k} products {found} of {outliers} outliers are found to 0.1 %. The largest Ritz value is {ritz}, "
            "the largest eigenvalue {truth}: an error of {error}, under a residual of {residual}."
        ),
        "yet": _(
            "Nothing keeps the vectors orthogonal, but there is no ghost yet: the largest scalar product of the last "
            "with those before is {lost}."
        ),
        "kept": _(
            "The vectors are kept orthogonal: the largest scalar product of the last with those before is {lost}."
        ),
        "ghosts": _(
            "The largest eigenvalue has been found {copies} times, although it exists once: orthogonality is lost (the "
            "largest scalar product of the last vector with those before is {lost})."
        ),
    }


def _edge_words() -> dict[str, str]:
    return {
        "figure": _("The edge of stability"),
        "sharpness": _("Sharpness"),
        "border": _("border of stability"),
        "loss": _("Loss"),
        "steps": _("steps"),
        "eta": _("Step size η"),
        "momentum": _("Momentum μ"),
        "nesterov": _("Nesterov's momentum"),
        "noise": _("New start"),
        "below": _(
            "With η = {eta} and μ = {momentum} the border is {limit}. The sharpness begins at {first} and never gets "
            "there in {steps} steps: its maximum is {ratio} times the border. The loss goes from {begin} to {end}."
        ),
        "edge": _(
            "With η = {eta} and μ = {momentum} the border is {limit}. The sharpness begins at {first}, is at the border "
            "after {reached} steps, and from then on lies at {ratio} times the border on average. The loss rises in "
            "{rises} percent of these steps and still goes from {begin} to {end}."
        ),
        "above": _(
            "With η = {eta} and μ = {momentum} the border is {limit}; the sharpness begins above it, at {first}, and "
            "lies at {ratio} times the border on average. The loss rises in {rises} percent of the steps and goes from "
            "{begin} to {end}."
        ),
        "diverges": _(
            "With η = {eta} and μ = {momentum} the border is {limit} and the sharpness begins at {first}. After {steps} "
            "steps the loss is beyond all bounds: the run diverges."
        ),
    }
