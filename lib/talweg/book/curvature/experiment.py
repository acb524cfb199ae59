"""Chapter "curvature": sharpness at the edge of stability, the outliers of the spectrum, the tiny subspace."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.experiments.tasks import Config, Parts
from talweg.landscape import eigenpairs
from talweg.models import MLP
from talweg.objective import Objective
from talweg.objective.network import NetworkObjective
from talweg.optimizers import SGD

__all__ = ["SETTINGS", "border", "experiment", "squared_error"]

SETTINGS: dict[str, dict[str, Any]] = {
    "gd-long": {"lr": 0.8},
    "gd-short": {"lr": 0.4},
    "heavy-ball": {"lr": 0.8, "momentum": 0.9},
    "nesterov": {"lr": 0.3, "momentum": 0.9, "nesterov": True},
    "cross-entropy": {"lr": 6.0},
}
UPDATES = ("all", "dominant", "rest")
OUTERMOST = 30


def squared_error(outputs: Tensor, y: Tensor) -> Tensor:
    """½ ‖output − unit vector of the class‖², mean over the samples."""
    return (outputs - F.one_hot(y, outputs.shape[1])).square().sum(1).mean() / 2


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_error": squared_error,
    "cross_entropy": F.cross_entropy,
}


def border(lr: float, momentum: float = 0.0, nesterov: bool = False) -> float:
    """The largest curvature at which gradient descent on a quadratic does not diverge (Cohen et al. 2021)."""
    return (2 + 2 * momentum) / (lr * (1 + 2 * momentum if nesterov else 1))


def experiment(config: Config, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """Sharpness during training, outliers against classes, the gradient's share in the leading eigenspace."""
    protocol = protocol_for(config, dataset)
    dataset = centred(dataset, protocol)
    seeds = list(range(config.seeds))
    tasks: dict[str, tuple] = {
        f"edge {name}": (edge, dataset, protocol, name, seeds) for name in SETTINGS if name in protocol["settings"]
    }
    tasks |= {f"outliers {c}": (outliers, dataset, protocol, c, seeds) for c in protocol["classes"]}
    tasks |= {f"shares {loss}": (shares, dataset, protocol, loss, seeds) for loss in LOSSES}
    tasks |= {f"subspace {loss} {k}": (subspace, dataset, protocol, loss, k) for loss in LOSSES for k in seeds}
    found = parts.each(tasks)
    return {
        "protocol": protocol,
        "edge": {name: found[f"edge {name}"] for name in protocol["settings"]},
        "outliers": [found[f"outliers {c}"] for c in protocol["classes"]],
        "shares": {loss: found[f"shares {loss}"] for loss in LOSSES},
        "subspace": {loss: [found[f"subspace {loss} {seed}"] for seed in seeds] for loss in LOSSES},
    }


def protocol_for(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What is trained, in plain values."""
    small = len(dataset.x_train) <= 10_000
    tiny = config.tiny
    return {
        "samples": 100 if tiny else 250 if small else 1000,
        "hidden": [16, 16] if small else [32, 32],
        "activation": "tanh",
        "dtype": "float64" if small else "float32",
        "settings": list(SETTINGS)[:1] if tiny else list(SETTINGS),
        "steps": 20 if tiny else 1500,
        "every": 10 if tiny else 25,
        "classes": [3] if tiny else [2, 4, 6, 8, 10] if small else [10],
        "batch_size": 50,
        "lr": {"squared_error": 0.2, "cross_entropy": 0.2},
        "gd_steps": 10 if tiny else 300,
        "sgd_steps": 10 if tiny else 400,
        "restricted_steps": 3 if tiny else 100,
        "refresh": 1 if small else 5,
    }


def centred(dataset: Dataset, protocol: Mapping[str, Any]) -> Dataset:
    """The first samples only, the mean image subtracted: without that, the sharpest direction is the mean image."""
    dataset = dataset.to(dtype=getattr(torch, protocol["dtype"]))
    n = protocol["samples"]
    x = dataset.x_train - dataset.x_train.mean(0)
    return dataclasses.replace(dataset, x_train=x[:n], y_train=dataset.y_train[:n])


def objective(
    dataset: Dataset, protocol: Mapping[str, Any], loss: str, seed: int, classes: int = 0
) -> NetworkObjective:
    """The loss of a network just initialized; of the first `classes` classes only, if given."""
    x, y = dataset.x_train, dataset.y_train
    if classes:
        x, y = x[y < classes], y[y < classes]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = (x[0].numel(), *protocol["hidden"], classes or len(dataset.classes))
        model = MLP(sizes, protocol["activation"], dtype=x.dtype).to(x.device)
    return Objective.of(model, LOSSES[loss], x, y)


def edge(dataset: Dataset, protocol: Mapping[str, Any], name: str, seeds: list[int]) -> dict[str, Any]:
    """Full-batch descent from every seed: sharpness over its border each `every` steps, and the loss.

    hovers: mean of that ratio over the last third, for each seed; highest, last: its maximum and end.
    rises: share of the steps of the last third in which the loss rose.
    """
    loss = "cross_entropy" if name == "cross-entropy" else "squared_error"
    limit = border(**SETTINGS[name])
    fs = [objective(dataset, protocol, loss, seed) for seed in seeds]
    f, theta = fs[0], torch.stack([g.theta for g in fs]).requires_grad_()
    optimizer = SGD([theta], **SETTINGS[name])
    losses, sharpest, starts = [], [], [None] * len(seeds)
    for t in range(protocol["steps"] + 1):
        here = theta.detach()
        losses.append(f.many(here))
        if t % protocol["every"] == 0:
            values, starts = _sharpest(f, here, starts, t)
            sharpest.append(values)
        theta.grad = f.grads(here)
        optimizer.step()
    loss_curve, ratio = torch.stack(losses).double().cpu(), torch.tensor(sharpest).double() / limit
    if not loss_curve.isfinite().all():
        raise FloatingPointError(f"{name}: the loss is not finite")
    tail, late = len(ratio) * 2 // 3, len(loss_curve) * 2 // 3
    return {
        "loss": loss,
        **SETTINGS[name],
        "border": limit,
        "starts": rounded(ratio[0]),
        "hovers": rounded(ratio[tail:].mean(0)),
        "highest": rounded(ratio.max(0).values),
        "last": rounded(ratio[-1]),
        "rises": rounded((loss_curve[late:].diff(dim=0) > 0).double().mean(0)),
        "final_loss": rounded(loss_curve[-1]),
        "ratio": [rounded(row) for row in ratio],
        "loss_curve": rounded(loss_curve[:: protocol["every"]].mean(1)),
    }


def _sharpest(f: Objective, thetas: Tensor, starts: list, t: int) -> tuple[list[float], list[Tensor]]:
    """The largest eigenvalue at each point, and where to look for it next time."""
    found = [eigenpairs(f, theta, 1, 1e-2, start=start) for theta, start in zip(thetas, starts, strict=True)]
    generator = torch.Generator().manual_seed(t)
    noise = torch.randn(thetas.shape, generator=generator, dtype=torch.float64).to(thetas)
    starts = [pair.vectors[0] + 0.1 * n / n.norm() for pair, n in zip(found, noise, strict=True)]
    return [pair.values[0].item() for pair in found], starts


def outliers(dataset: Dataset, protocol: Mapping[str, Any], classes: int, seeds: list[int]) -> dict[str, Any]:
    """Where the largest ratio λᵢ/λᵢ₊₁ among the outermost eigenvalues lies, at three times of training.

    One row for each seed: the index i, and the ratio.
    """
    times = {"start": 0, "early": 60, "late": 10 if protocol["steps"] < 100 else 600}
    found: dict[str, Any] = {"classes": classes}
    for loss in LOSSES:
        rows = {}
        for time, steps in times.items():
            rows[time] = [_gap(objective(dataset, protocol, loss, seed, classes), steps) for seed in seeds]
        found[loss] = rows
    return found


def _gap(f: NetworkObjective, steps: int) -> list[float]:
    values = eigenpairs(f, descend(f, f.theta, 0.4, steps), OUTERMOST, 1e-3, max_products=600).values
    ratios = values[:-1] / values[1:].clamp(min=1e-12)
    return [int(ratios.argmax()) + 1, float(f"{ratios.max().item():.4g}")]


def descend(f: Objective, theta: Tensor, lr: float, steps: int) -> Tensor:
    """Full-batch gradient descent."""
    for _ in range(steps):
        theta = theta - lr * f.grad(theta)
    return theta


def shares(dataset: Dataset, protocol: Mapping[str, Any], loss: str, seeds: list[int]) -> dict[str, Any]:
    """The share ‖P g‖²/‖g‖² of the gradient in the leading eigenspace: as many eigenvectors as classes.

    Mean over the last ten of 20 points of a run: descent with a short step (far below the edge), with a long one
    (past it), and SGD with small batches and that short step.
    """
    found: dict[str, list] = {"short": [], "long": [], "sgd": []}
    long = {"squared_error": 0.8, "cross_entropy": 6.0}[loss]
    for seed in seeds:
        f = objective(dataset, protocol, loss, seed)
        short = protocol["lr"][loss] / 4
        for kind, lr, batch in (("short", short, None), ("long", long, None), ("sgd", short, protocol["batch_size"])):
            found[kind].append(_shares(f, protocol, lr, batch, seed))
    return {"lr": {"short": short, "long": long, "sgd": short}, **found}


def _shares(f: NetworkObjective, protocol: Mapping[str, Any], lr: float, batch: int | None, seed: int) -> float:
    theta, generator, steps = f.theta, torch.Generator().manual_seed(seed), protocol["sgd_steps"]
    every, seen = max(1, steps // 20), []
    for t in range(1, steps + 1):
        theta = theta - lr * (f if batch is None else f.sample(batch, generator)).grad(theta)
        if t % every == 0 and t > steps // 2:
            seen.append(share(f.grad(theta), leading(f, theta)))
    return float(f"{sum(seen) / len(seen):.4g}")


def share(g: Tensor, vectors: Tensor) -> float:
    """The part of ‖g‖² in the space of orthonormal vectors (k, P)."""
    return ((vectors @ g).square().sum() / g.square().sum()).item()


def leading(f: NetworkObjective, theta: Tensor, start: Tensor | None = None) -> Tensor:
    """As many leading eigenvectors as there are classes."""
    k = int(f.y.max()) + 1
    return eigenpairs(f, theta, k, 1e-2, start=start, max_products=600).vectors


def subspace(dataset: Dataset, protocol: Mapping[str, Any], loss: str, seed: int) -> dict[str, Any]:
    """SGD goes on from one point in three ways: whole update, its part in the leading eigenspace, the rest of it.

    The same batches for all; loss over all samples before and at the end (Song, Ahn & Yun 2024, arXiv:2405.16002).
    """
    f, lr = objective(dataset, protocol, loss, seed), protocol["lr"][loss]
    generator = torch.Generator().manual_seed(seed)
    theta = f.theta
    for _ in range(protocol["gd_steps"]):
        theta = theta - lr * f.sample(protocol["batch_size"], generator).grad(theta)
    ends, part = {}, []
    for kind in UPDATES:
        here, same = theta, torch.Generator().manual_seed(10_000 + seed)
        for t in range(protocol["restricted_steps"]):
            if t % protocol["refresh"] == 0 and kind != "all":
                vectors = leading(f, here)
            g = f.sample(protocol["batch_size"], same).grad(here)
            if kind == "rest":
                part.append(share(g, vectors))
            if kind != "all":
                inside = vectors.T @ (vectors @ g)
                g = inside if kind == "dominant" else g - inside
            here = here - lr * g
        ends[kind] = float(f"{f(here).item():.5g}")
    return {"before": float(f"{f(theta).item():.5g}"), **ends, "share": float(f"{sum(part) / len(part):.4g}")}


def rounded(values: Tensor) -> list[float]:
    """Plain numbers of 4 significant digits."""
    return [float(f"{v:.4g}") for v in values.tolist()]
