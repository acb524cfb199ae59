"""`minimize`: an optimizer on an objective, from one start or from many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from talweg.arguments import one_of, positive_int
from talweg.objective import Objective
from talweg.optimizers import Method, Sophia
from talweg.run import Run
from talweg.schedules import scheduled
from talweg.training.points import RECORDS, Points
from talweg.training.sampling import Sample, Sampler
from talweg.training.stacked_optimizer import StackedOptimizer, asks_for_more


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

    SAM gets its second gradient, over the same batch with the same noise, Sophia the curvature of `f`. Of a
    Schedule-Free method the average x is recorded and is the result; the gradients are taken at its y.

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
        Of batches and noise, which differ from run to run and are drawn on the CPU; needed if there are any. Also of
        Sophia's probes (default: 0).
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
        If `start` has another shape or is not finite, batches or noise are asked for without a seed, or Sophia for an
        estimator that needs more than `f`.
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
    sampler = Sampler(f, batch_size, replacement, noise, seed)
    optimizer = StackedOptimizer(Optimizer, [theta], **hyperparameters)
    more, answer = _asks_for_more(optimizer), optimizer.answer()
    here, learning = (theta.detach(), None) if answer is None else (answer[0], theta.detach())
    points = Points(f, here, learning, names, needs_gradient=batch_size is None and not more)
    with scheduled(optimizer, schedule) as set_rates, _probes_of(seed, more):
        for t in range(positive_int("steps", steps)):
            full = points.look(t)
            set_rates(t + 1)
            sample = sampler.draw(theta)
            if more:
                points.move(lambda sample=sample: _closure_step(optimizer, sample, points))
            else:
                theta.grad = sample.gradients(here, full=full)
                points.move(optimizer.step)
        points.look(steps)
    config = {
        "objective": type(f).__name__, "optimizer": optimizer.name, "steps": steps, "batch_size": batch_size,
        "replacement": replacement, "noise": noise, "every": 1, **hyperparameters,
    }  # fmt: skip
    return points.run(single, seed, config)


def _start(f: Objective, start: Tensor | Iterable[float]) -> tuple[Tensor, bool]:
    """The starts as a K×P leaf of its own, and whether there was only one."""
    theta = start.detach() if isinstance(start, Tensor) else torch.as_tensor(start, dtype=torch.float64)
    theta = (theta if theta.is_floating_point() else theta.double()).clone()
    if theta.ndim not in (1, 2) or theta.shape[-1] != f.dim or len(theta) == 0:
        raise ValueError(f"start must have shape ({f.dim},) or (K, {f.dim}); got {tuple(theta.shape)}.")
    if not theta.isfinite().all():
        raise ValueError("start must be finite; got NaN or infinity.")
    return theta.reshape(-1, f.dim).requires_grad_(), theta.ndim == 1


def _asks_for_more(optimizer: StackedOptimizer) -> bool:
    """Whether its steps need a closure; ValueError if they need what no objective has."""
    for one in optimizer.optimizers:
        method = getattr(one, "base", one)
        if isinstance(method, Sophia) and method.estimator != "hutchinson":
            raise ValueError(
                f"estimator must be 'hutchinson' in minimize; got {method.estimator!r}, which draws labels from a "
                "network's outputs for a batch: `train` has them, a function of θ has none."
            )
    return any(map(asks_for_more, optimizer.optimizers))


@contextmanager
def _probes_of(seed: int | None, drawn: bool) -> Iterator[None]:
    """Inside, torch's generator begins from the seed if a method may draw from it; afterwards it is as it was."""
    if not drawn:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        yield


def _closure_step(optimizer: StackedOptimizer, sample: Sample, points: Points) -> None:
    """One update of a method that asks for more than a gradient; then `points.here` are the answers."""
    for one, p, rows in optimizer.parts():

        def closure(p: Tensor = p, rows: slice = rows) -> Tensor:
            thetas = p.detach().view(-1, p.shape[-1])
            p.grad = sample.gradients(thetas, rows).view_as(p)
            with torch.no_grad():
                return sample.losses(thetas, rows).sum()

        if isinstance(one, Method):
            one.prepare(
                lambda p=p: p.view(-1, p.shape[-1]), lambda thetas, rows=rows: sample.losses(thetas, rows).sum()
            )
        one.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType] (torch's types say float)
    answer = optimizer.answer()
    if answer is not None:
        points.here.copy_(answer[0])
