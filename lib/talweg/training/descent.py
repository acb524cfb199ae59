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
    record = {one_of("record", name, RECORDS) for name in ((record,) if isinstance(record, str) else record)}
    theta, single = _start(f, start)
    gradient = _gradient(f, batch_size, replacement, noise, seed)
    optimizer = StackedOptimizer(Optimizer, [theta], **hyperparameters)
    # Over a large sum the loss and the gradient of all samples are the expensive part: only what is asked for.
    wants_gradient = batch_size is None or "grad_norm" in record
    history: dict[str, list[Tensor]] = {name: [] for name in RECORDS if name in record}
    here = theta.detach()
    alive = torch.ones(len(here), dtype=torch.bool, device=here.device)
    diverged = torch.full((len(here),), -1)
    with scheduled(optimizer, schedule) as set_rates:
        for t in range(positive_int("steps", steps) + 1):
            loss = _values(f, here) if "loss" in record else None
            full = _gradients(f, here) if wants_gradient else None
            for known in (loss, full):
                if known is not None:
                    alive &= known.reshape(len(here), -1).isfinite().all(1)
            diverged[~alive.cpu() & (diverged < 0)] = t
            _note(history, here, loss, full)
            if t == steps:
                break
            set_rates(t + 1)
            before = here.clone()
            theta.grad = gradient(here, full)
            optimizer.step()
            alive &= here.isfinite().all(1)  # nor is a step to infinity taken: the loss has no meaning there
            here[~alive] = before[~alive]
            if "step_norm" in record:
                history["step_norm"].append((here - before).norm(dim=1))
    config = {
        "objective": type(f).__name__, "optimizer": optimizer.name, "steps": steps, "batch_size": batch_size,
        "replacement": replacement, "noise": noise, "every": 1, **hyperparameters,
    }  # fmt: skip
    return _run(history, here, diverged, single, seed, config)


def _run(
    history: dict[str, list[Tensor]], here: Tensor, diverged: Tensor, single: bool, seed: int | None, config: dict
) -> Run:
    """The result; without the dimension of the runs if there is only one."""
    stacked = {name: torch.stack(values) for name, values in history.items()}
    if single:
        stacked = {name: values.squeeze(1) for name, values in stacked.items()}
    trajectory = stacked.pop("trajectory", None)
    ends = [None if at < 0 else at for at in diverged.tolist()]
    state = {"theta": here[0] if single else here}
    return Run(stacked, trajectory, state, seed, config, ends[0] if single else ends)


def _note(history: dict[str, list[Tensor]], here: Tensor, loss: Tensor | None, full: Tensor | None) -> None:
    if "loss" in history:
        history["loss"].append(loss)
    if "grad_norm" in history:
        history["grad_norm"].append(full.norm(dim=1))
    if "weight_norm" in history:
        history["weight_norm"].append(here.norm(dim=1))
    if "trajectory" in history:
        history["trajectory"].append(here.clone())


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


def _gradient(f: Objective, batch_size: int | None, replacement: bool, noise: float, seed: int | None) -> Callable:
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
        if batch_size is None:
            g = full
        else:
            indices = draw(len(thetas), f.n, batch_size, replacement, generator)
            g = f.batch_grads(thetas, indices.to(thetas.device))
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
