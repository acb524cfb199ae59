"""Three figures of the chapter on curvature: Lanczos's method, the edge of stability, planes of eigenvectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from talweg.i18n import gettext as _
from talweg.objective import Objective
from talweg.widgets import BASE, CHOICE, Figure, Number, Switch, script, style
from talweg.widgets.planes import Planes

__all__ = ["Edge", "Eigenplanes", "Lanczos", "edge_of_stability", "eigenplanes", "lanczos"]

_HERE = Path(__file__).parent


class Lanczos(Figure):
    """Lanczos's method on 200 eigenvalues, step by step: what it finds first, its certificate, its ghosts.

    The residual of the largest Ritz value is β |s_last|, and bounds its error. Without reorthogonalization a converged
    eigenvector grows again out of rounding, and its eigenvalue is found twice.

    Parameters
    ----------
    products
        Number of Hessian-vector products, 1 to 80.
    outliers
        Number of outliers, 1 to 10; they lie at 10, 7.5, 5.6 and so on.
    width
        The other eigenvalues lie evenly over ±width, 0.05 to 5.
    again
        Whether each new vector is made orthogonal to all before it.
    seed
        Of the start.

    References
    ----------
    Paige (1971), The computation of eigenvalues and eigenvectors of very large sparse matrices (thesis, London).

    Examples
    --------
    >>> from talweg.figures import lanczos
    >>> lanczos(products=40, outliers=3)
    Lanczos(products=40, outliers=3, width=1, again=False)
    """

    _esm = script(_HERE / "lanczos.js")
    _css = style(*BASE, CHOICE, _HERE / "curvature.css")
    products = Number(12, 1, 80, whole=True)
    outliers = Number(5, 1, 10, whole=True)
    width = Number(1.0, 0.05, 5)
    again = Switch(False)
    seed = Number(0, 0, 2**31, whole=True)

    def __repr__(self) -> str:
        return f"Lanczos(products={self.products}, outliers={self.outliers}, width={self.width:g}, again={self.again})"

    def _words(self) -> dict[str, Any]:
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


lanczos = Lanczos


class Edge(Figure):
    """2000 steps of full-batch descent on a tanh network of 37 parameters, with its sharpness every 20.

    On a quadratic the border is 2/η, (2 + 2μ)/η with a heavy ball, (2 + 2μ)/(η (1 + 2μ)) with Nesterov's momentum.
    The network fits 20 points of Chebyshev's polynomial of degree 4.

    Parameters
    ----------
    eta
        Step size η, 0.05 to 1.
    momentum
        Momentum μ, 0 to 0.95, in PyTorch's convention.
    nesterov
        Whether the momentum is Nesterov's.
    seed
        Of the start.

    References
    ----------
    Cohen et al. (2021), arXiv:2103.00065.

    Examples
    --------
    >>> from talweg.figures import edge_of_stability
    >>> edge_of_stability(eta=0.2)
    Edge(eta=0.2, momentum=0, nesterov=False)
    """

    _esm = script(_HERE / "edge.js")
    _css = style(*BASE, CHOICE)
    eta = Number(0.4, 0.05, 1)
    momentum = Number(0.0, 0, 0.95)
    nesterov = Switch(False)
    seed = Number(0, 0, 2**31, whole=True)

    def __repr__(self) -> str:
        return f"Edge(eta={self.eta:g}, momentum={self.momentum:g}, nesterov={self.nesterov})"

    def _words(self) -> dict[str, Any]:
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


edge_of_stability = Edge


class Eigenplanes(Planes):
    """The loss on planes of eigenvectors through one point, as surfaces to turn, with the path that led there.

    Parameters
    ----------
    f, center, path, spans, resolution
        The loss, the point (P,) in the centre, the path (T, P), half the widths of the windows, and the points along a
        side, as in `slices`.
    pairs
        What the reader chooses from (a name such as "v₁, v₂") → two directions (P,).

    Raises
    ------
    ValueError
        As `slices` does.

    Examples
    --------
    >>> from talweg.figures import eigenplanes
    >>> import torch
    >>> from talweg.surfaces import Quadratic
    >>> e = torch.eye(2, dtype=torch.float64)
    >>> eigenplanes(Quadratic([1.0, 4.0]), e[0] / 7, {"v₂, v₁": (e[1], e[0])}, e, resolution=3)
    Eigenplanes(v₂, v₁; 4 spans)
    """

    def __init__(
        self,
        f: Objective,
        center: Tensor,
        pairs: Mapping[str, tuple[Tensor, Tensor]],
        path: Tensor,
        *,
        spans: Sequence[float] = (0.1, 0.3, 1.0, 3.0),
        resolution: int = 21,
    ):
        super().__init__(f, center, pairs, path, spans, resolution)
        names = {kind: kind for kind in self.planes}
        own = {"figure": _("The loss on planes of eigenvectors"), "names": names}
        self.words = {**self.words, **own}  # pyright: ignore[reportGeneralTypeIssues]  # never None

    def __repr__(self) -> str:
        return f"Eigenplanes({'; '.join(self.planes)}; {len(self.spans)} spans)"


eigenplanes = Eigenplanes
