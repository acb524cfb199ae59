"""Paths of low loss between two points: the straight line and its barrier, Bézier curves and polygonal chains."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from talweg.arguments import finite, one_of, positive_int
from talweg.bars import bar
from talweg.objective import Mean, NetworkObjective, Objective
from talweg.optimizers import Adam

__all__ = ["Curve", "connect"]

KINDS = ("line", "bezier", "chain")


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve φ: [0, 1] → ℝᴾ from a to b through or towards bends, and f along it.

    Parameters
    ----------
    kind
        "line", "bezier" or "chain".
    controls
        From a over the bends to b, (m + 2, P).
    t, values
        f(φ(t)) at t, (T,).
    history
        f at the sampled points, averaged, in each step of the search (none for a line).

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import Curve
    >>> curve = Curve("line", torch.tensor([[0.0, 0.0], [2.0, 4.0]]), torch.linspace(0, 1, 3), torch.tensor([1.0, 5.0, 2.0]))
    >>> curve.points([0.5]).tolist(), curve.barrier
    ([[1.0, 2.0]], 3.5)
    """

    kind: str
    controls: Tensor
    t: Tensor
    values: Tensor
    history: Tensor = field(default_factory=lambda: torch.empty(0))

    def points(self, t: Tensor) -> Tensor:
        """φ at each t: (T,) → (T, P)."""
        return basis(self.kind, len(self.controls), torch.as_tensor(t).to(self.controls)) @ self.controls

    def evaluate(self, f: Objective, t: Tensor) -> Tensor:
        """f at each φ(t), (T,) → (T,): another loss, or accuracy, along the same curve."""
        weights = basis(self.kind, len(self.controls), torch.as_tensor(t).to(self.controls))
        # φ = a + Σ wᵢ (cᵢ − a): the weights sum to 1
        return f.slice(self.controls[0], self.controls[1:] - self.controls[0], weights[:, 1:])

    @property
    def barrier(self) -> float:
        """max over t of f(φ(t)) − ((1 − t) f(a) + t f(b)), at least 0 (Entezari et al. 2022, arXiv:2110.06296).

        NaN if a value is NaN.
        """
        ends = (1 - self.t) * self.values[0] + self.t * self.values[-1]
        return float((self.values - ends).max().clamp(min=0.0))


def connect(
    f: Objective,
    a: Tensor,
    b: Tensor,
    kind: str = "line",
    *,
    bends: int = 1,
    steps: int = 200,
    lr: float | None = None,
    samples: int = 4,
    batch_size: int | None = None,
    resolution: int = 61,
    seed: int = 0,
) -> Curve:
    """A curve from a to b, and f at `resolution` equidistant values of t along it.

    Networks with batch normalization need an objective made with batch_norm="data", whose statistics are computed anew
    at each point: running statistics of a or b mean nothing in between.

    Parameters
    ----------
    f
        The objective.
    a, b
        The ends, (P,).
    kind
        "line" as it is; "bezier" or "chain" (polygonal) with `bends` points that are moved to make the mean of f along
        the curve small, the expectation being over t uniform. They begin on the line.
    bends
        Number of points between a and b.
    steps, lr, samples
        Adam's steps, each with the gradient at so many t, one in each of as many equal parts of [0, 1]. The default of
        lr is 2 % of the distance of a and b per √P; it falls to zero along a cosine.
    batch_size
        Samples of the data for each step (means over samples only, such as networks with their data); the default is all.
    resolution
        Values of t at which f is evaluated in the end.
    seed
        Of t and the batches.

    Returns
    -------
    Curve
        With f along it.

    Raises
    ------
    ValueError
        Running statistics as above, points that are one, or an unknown kind.
    TypeError
        batch_size for an objective that is no mean over samples.
    FloatingPointError
        The loss on the curve is not finite.

    References
    ----------
    Garipov et al. 2018, arXiv:1802.10026.

    Examples
    --------
    >>> from talweg.landscape import connect
    >>> from talweg.surfaces import GaussianMixture
    >>> f = GaussianMixture([1.0, 1.0], [0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]])
    >>> curve = connect(f, [-2.0, 0.0], [2.0, 0.0])
    >>> len(curve.values), round(curve.barrier, 3)
    (61, 0.999)
    """
    a, b = (finite(name, f.point(point, name)) for name, point in (("a", a), ("b", b)))
    one_of("kind", kind, KINDS)
    _check_statistics(f)
    if batch_size is not None and not isinstance(f, Mean):
        raise TypeError(f"batch_size needs a mean over samples, such as a network with data; got {type(f).__name__}.")
    t = torch.linspace(0, 1, max(2, positive_int("resolution", resolution)), dtype=a.dtype, device=a.device)
    if kind == "line":
        controls, history = torch.stack([a, b]), torch.empty(0)
    else:
        shares = torch.linspace(0, 1, positive_int("bends", bends) + 2, dtype=a.dtype, device=a.device).unsqueeze(1)
        controls, history = _trained(f, kind, a + shares * (b - a), steps, lr, samples, batch_size, seed)
    curve = Curve(kind, controls, t, t, history)
    return Curve(kind, controls, t, curve.evaluate(f, t), history)


def _trained(
    f: Objective,
    kind: str,
    controls: Tensor,
    steps: int,
    lr: float | None,
    samples: int,
    batch_size: int | None,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """The controls with the inner ones moved, and the mean loss seen in each step."""
    distance = float((controls[-1] - controls[0]).norm())
    if not distance:
        raise ValueError("a and b must differ; they are one point.")
    bends = controls[1:-1].clone().requires_grad_()
    optimizer = Adam([bends], lr=lr or 0.02 * distance / f.dim**0.5)
    rate, generator, history = optimizer.param_groups[0]["lr"], torch.Generator().manual_seed(seed), []
    with bar(positive_int("steps", steps)) as progress:
        for step in range(steps):
            t = (torch.rand(positive_int("samples", samples), generator=generator) + torch.arange(samples)) / samples
            weights = basis(kind, len(controls), t.to(controls))
            batch = f.sample(batch_size, generator) if isinstance(f, Mean) and batch_size is not None else f
            here = weights @ torch.cat([controls[:1], bends.detach(), controls[-1:]])
            gradients, value = batch.grads(here), batch.many(here).mean()
            if not value.isfinite() or not gradients.isfinite().all():
                raise FloatingPointError(
                    f"the loss on the curve is {value.item()} in step {step}: a smaller lr may help"
                )
            history.append(value)
            bends.grad = weights[:, 1:-1].T @ gradients / samples
            optimizer.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
            optimizer.step()
            progress.update()
    return torch.cat([controls[:1], bends.detach(), controls[-1:]]), torch.stack(history).detach()


def basis(kind: str, m: int, t: Tensor) -> Tensor:
    """Weights of m controls at t, (T, m): Bernstein polynomials, or hat functions for a chain (and a line)."""
    if kind == "bezier":
        i = torch.arange(m, dtype=t.dtype, device=t.device)
        binomials = torch.tensor([math.comb(m - 1, j) for j in range(m)], dtype=t.dtype, device=t.device)
        return binomials * t.unsqueeze(1) ** i * (1 - t).unsqueeze(1) ** (m - 1 - i)
    knots = torch.arange(m, dtype=t.dtype, device=t.device)
    return (1 - (t.unsqueeze(1) * (m - 1) - knots).abs()).clamp(min=0)


def _check_statistics(f: Objective) -> None:
    if isinstance(f, NetworkObjective) and f.running_statistics:
        raise ValueError(
            "f must be made with batch_norm='data' to connect networks with batch normalization: the running "
            "statistics of one network do not hold between two"
        )
