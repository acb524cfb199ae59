"""`minimize`: an optimizer on an objective, from one start or from many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from talweg.arguments import one_of, positive_int
from talweg.objective import Mean
from talweg.run import Run
from talweg.schedules import scheduled
from talweg.training.stacked_optimizer import StackedOptimizer

if TYPE_CHECKING:
    from talweg.objective import Objective

RECORDS = ("loss", "grad_norm", "step_norm", "weight_norm", "trajectory")


def minimize(
    f: Objective,
    start: Tensor | Iterable[float],
    Optimizer: Callable,
    *,
    steps: int,
    batch_size: int | None = None,
    replacement: bool = False,
    noise: float = 0.0,
    seed: int | None = None,
    schedule: Callable[[int], float] | None = None,
    record: Iterable[str] = ("loss", "grad_norm", "step_norm", "trajectory"),
    **hyperparameters,
) -> Run:
    """Minimize `f` from `start` with `Optimizer(…, **hyperparameters)`.

    Divergence is no error: once the loss or the gradient (what of them is computed) or the point that the next step
    leads to is no longer finite, a run stays where it is, and `run.diverged_at` tells the step.

    Parameters
    ----------
    f : Objective
        What is to be minimized.
    start : Tensor or sequence of floats
        (P,), or (K, P): K independent runs at once.
    Optimizer : callable
        A class of optimizers, or a function of parameters that makes one.
    steps : int
        The number of updates.
    batch_size : int, optional
        Each step takes the gradient over B samples of a mean `f` (`objective.Mean`), drawn anew and uniformly at each
        step. None: all samples.
    replacement : bool
        Whether samples are drawn with replacement.
    noise : float
        Standard deviation of Gaussian noise added to each entry of the gradient.
    seed : int, optional
        Of batches and noise, which differ from run to run and are drawn on the CPU; needed if there are any.
    schedule : callable, optional
        t = 1, 2, … → the factor of lr in step t.
    record : str or iterable of str
        Of "loss", "grad_norm", "weight_norm" (steps + 1 values: before each step and after the last), "step_norm"
        (steps values) and "trajectory". Loss and gradient norm are those of `f` itself, not of the batch.
    **hyperparameters
        Those of the optimizer.

    Returns
    -------
    Run
        Histories (T,) and a trajectory (T, P); (T, K) and (T, K, P) for K starts.

    Raises
    ------
    ValueError
        If `start` has another shape or is not finite, or batches or noise are asked for without a seed.
    TypeError
        If `batch_size` is given and `f` is no mean over samples.

    Examples
    --------
    >>> from talweg.optimizers import SGD
    >>> from talweg.surfaces import Quadratic
    >>> from talweg.training import minimize
    >>> run = minimize(Quadratic([1.0, 4.0]), [1.0, 1.0], SGD, steps=3, lr=0.1)
    >>> run.trajectory
    tensor([[1.0000, 1.0000],
            [0.9000, 0.6000],
            [0.8100, 0.3600],
            [0.7290, 0.2160]], dtype=torch.float64)
    """
    names = {one_of("record", name, RECORDS) for name in ((record,) if isinstance(record, str) else record)}
    theta, single = _start(f, start)
    gradient = _gradient(f, batch_size, replacement, noise, seed)
    optimizer = StackedOptimizer(Optimizer, [theta], **hyperparameters)
    points = Points(f, theta.detach(), names, needs_gradient=batch_size is None)
    with scheduled(optimizer, schedule) as set_rates:
        for t in range(positive_int("steps", steps)):
            full = points.look(t)
            set_rates(t + 1)
            theta.grad = gradient(points.here, full)
            points.move(optimizer.step)
        points.look(steps)
    config = {
        "objective": type(f).__name__, "optimizer": optimizer.name, "steps": steps, "batch_size": batch_size,
        "replacement": replacement, "noise": noise, "every": 1, **hyperparameters,
    }  # fmt: skip
    return points.run(single, seed, config)


class Points:
    """K points on their way down: where they are, what is recorded of them, which of them still move.

    Over a large sum the loss and the gradient of all samples are the expensive part: only what is asked for is
    computed, the gradient also where the steps need it.
    """

    def __init__(self, f: Objective, here: Tensor, record: set[str], needs_gradient: bool):
        self.f, self.here = f, here
        self.history: dict[str, list[Tensor]] = {name: [] for name in RECORDS if name in record}
        self.wants_gradient = needs_gradient or "grad_norm" in record
        self.alive = torch.ones(len(here), dtype=torch.bool, device=here.device)
        self.diverged_at = torch.full((len(here),), -1)

    def look(self, t: int) -> Tensor | None:
        """Before step t: note the histories and who has diverged; returns the gradients K×P if they are computed."""
        loss = _values(self.f, self.here) if "loss" in self.history else None
        full = _gradients(self.f, self.here) if self.wants_gradient else None
        for known in (loss, full):
            if known is not None:
                self.alive &= known.reshape(len(self.here), -1).isfinite().all(1)
        self.diverged_at[~self.alive.cpu() & (self.diverged_at < 0)] = t
        self._note("loss", loss)
        if "grad_norm" in self.history and full is not None:
            self._note("grad_norm", full.norm(dim=1))
        if "weight_norm" in self.history:
            self._note("weight_norm", self.here.norm(dim=1))
        if "trajectory" in self.history:
            self._note("trajectory", self.here.clone())
        return full

    def move(self, step: Callable[[], None]) -> None:
        """Take the step, which changes the points in place; those that have diverged stay where they are."""
        before = self.here.clone()
        step()
        self.alive &= self.here.isfinite().all(1)  # nor is a step to infinity taken: the loss has no meaning there
        self.here[~self.alive] = before[~self.alive]
        if "step_norm" in self.history:
            self._note("step_norm", (self.here - before).norm(dim=1))

    def run(self, single: bool, seed: int | None, config: dict) -> Run:
        """The result; without the dimension of the runs if there is only one."""
        stacked = {name: torch.stack(values) for name, values in self.history.items()}
        if single:
            stacked = {name: values.squeeze(1) for name, values in stacked.items()}
        trajectory = stacked.pop("trajectory", None)
        ends = [None if at < 0 else at for at in self.diverged_at.tolist()]
        state = {"theta": self.here[0] if single else self.here}
        return Run(stacked, trajectory, state, seed, config, ends[0] if single else ends)

    def _note(self, name: str, values: Tensor | None) -> None:
        if values is not None:
            self.history[name].append(values)


def _values(f: Objective, thetas: Tensor) -> Tensor:
    """f at K points; a single one is not mapped over, which is faster where f has no formula for many."""
    return f(thetas[0])[None] if len(thetas) == 1 else f.many(thetas)


def _gradients(f: Objective, thetas: Tensor) -> Tensor:
    return f.grad(thetas[0])[None] if len(thetas) == 1 else f.grads(thetas)


def _start(f: Objective, start: Tensor | Iterable[float]) -> tuple[Tensor, bool]:
    """The starts as a K×P leaf of its own, and whether there was only one."""
    theta = start.detach() if isinstance(start, Tensor) else torch.as_tensor(start, dtype=torch.float64)
    theta = (theta if theta.is_floating_point() else theta.double()).clone()
    if theta.ndim not in (1, 2) or theta.shape[-1] != f.dim or len(theta) == 0:
        raise ValueError(f"start must have shape ({f.dim},) or (K, {f.dim}); got {tuple(theta.shape)}.")
    if not theta.isfinite().all():
        raise ValueError("start must be finite; got NaN or infinity.")
    return theta.reshape(-1, f.dim).requires_grad_(), theta.ndim == 1


def _gradient(
    f: Objective, batch_size: int | None, replacement: bool, noise: float, seed: int | None
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The gradient that the optimizer sees, as a function of the points and the full gradients there."""
    if not noise >= 0:
        raise ValueError(f"noise must be a standard deviation of at least 0; got {noise!r}.")
    if batch_size is not None:
        if not isinstance(f, Mean):
            raise TypeError(
                f"batch_size needs a sum over samples, such as LeastSquares or a network; got {type(f).__name__}."
            )
        if positive_int("batch_size", batch_size) > f.n and not replacement:
            raise ValueError(f"batch_size must be at most the number of samples, {f.n}; got {batch_size}.")
    if seed is None and (noise or batch_size is not None):
        raise ValueError("seed must be given where batches or noise are drawn; got None.")
    generator = torch.Generator().manual_seed(seed or 0)

    def gradient(thetas: Tensor, full: Tensor | None) -> Tensor:
        if isinstance(f, Mean) and batch_size is not None:
            indices = draw(len(thetas), f.n, batch_size, replacement, generator)
            g = f.batch_grads(thetas, indices.to(thetas.device))
        else:
            g = _gradients(f, thetas) if full is None else full
        if noise:
            kick = torch.randn(g.shape, generator=generator, dtype=torch.float64)
            g = g + noise * kick.to(g)
        return g

    return gradient


def draw(rows: int, n: int, size: int, replacement: bool, generator: torch.Generator) -> Tensor:
    """rows×size indices below n, each row a uniform draw of its own, with or without replacement."""
    if replacement or size == 1:
        return torch.randint(n, (rows, size), generator=generator)
    if rows == 1:
        return torch.randperm(n, generator=generator)[None, :size]
    return torch.rand(rows, n, generator=generator).topk(size, dim=1).indices
