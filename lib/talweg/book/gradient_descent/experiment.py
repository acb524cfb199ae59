"""Chapter "gradient-descent" at scale: curvature and the largest step, mini-batch variance, batch size and test error."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from talweg.data import Dataset
from talweg.experiments.comparison import TUNING_SEEDS, Search, error_rate, interval, train_mlps, tune
from talweg.experiments.tasks import Config, Parts
from talweg.objective import Objective
from talweg.optimizers import SGD
from talweg.training import minimize
from talweg.training.sampling import draw

DIGIT = 8  # the question of the linear regression: "is it an eight?", answered by ±1


def experiment(config: Config, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """Least squares (curvature, threshold of divergence), variance of mini-batch gradients, batch sizes of an MLP."""
    steps, draws = (200, 100) if config.tiny else (1000, 2000)
    batches = (1, 4, 16, 64, 256, 1024)
    return {
        "least_squares": parts.each(
            {kind: (least_squares, dataset, kind == "standardised", steps) for kind in ("raw", "standardised")}
        ),
        "variance": parts.one("variance", gradient_variance, dataset, batches, draws),
        "batch_size": batch_sizes(config, dataset, parts),
    }


class NormalEquations(Objective):
    """(1/2n)‖Xθ - y‖² from H = XᵀX/n and b = Xᵀy/n: the same function as `LeastSquares`, at a cost free of n."""

    def __init__(self, x: Tensor, y: Tensor):
        self.hessian_matrix, self.b, self.c = x.T @ x / len(x), x.T @ y / len(x), y.square().mean() / 2
        self.dim = x.shape[1]

    def value(self, theta: Tensor) -> Tensor:
        return (theta @ self.hessian_matrix / 2 - self.b) @ theta + self.c

    def many(self, thetas: Tensor) -> Tensor:
        return ((thetas @ self.hessian_matrix / 2 - self.b) * thetas).sum(1) + self.c

    def grads(self, thetas: Tensor) -> Tensor:
        return thetas @ self.hessian_matrix - self.b


def regression(images: Tensor, labels: Tensor, standardise: bool) -> tuple[Tensor, Tensor]:
    """Pixels that are not constant and a column of ones; targets +1 for `DIGIT`, -1 else. float64."""
    x = images.flatten(1).double()
    x = x[:, x.amax(0) > x.amin(0)]
    if standardise:
        x = (x - x.mean(0)) / x.std(0, correction=0)
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype, device=x.device)], dim=1)
    return x, torch.where(labels == DIGIT, 1.0, -1.0).to(x)


def least_squares(dataset: Dataset, standardise: bool, steps: int) -> dict[str, Any]:
    """Eigenvalues of H and the step size from which gradient descent diverges, found by bisection of real runs."""
    x, y = regression(dataset.x_train, dataset.y_train, standardise)
    f = NormalEquations(x, y)
    values = torch.linalg.eigvalsh(f.hessian_matrix)
    largest = values[-1].item()
    nonzero = values[values > largest * f.dim * torch.finfo(values.dtype).eps]
    threshold = divergence_threshold(f, largest, steps)
    return {
        "samples": len(x),
        "parameters": f.dim,
        "rank": len(nonzero),
        "lambda_max": largest,
        "lambda_min_nonzero": nonzero[0].item(),
        "condition_number": largest / nonzero[0].item(),
        "two_over_lambda_max": 2 / largest,
        "threshold": threshold,
        "threshold_ratio": threshold * largest / 2,
        "steps": steps,
    }


def divergence_threshold(f: NormalEquations, largest: float, steps: int, rtol: float = 1e-5) -> float:
    """The step size between 1/λ and 4/λ from which the loss grows at the end of a run of gradient descent from 0."""

    def diverges(lr: float) -> bool:
        start = torch.zeros(f.dim, dtype=f.b.dtype, device=f.b.device)
        run = minimize(f, start, SGD, steps=steps, lr=lr, record=("loss",))
        loss = run["loss"]
        return run.diverged_at is not None or bool(loss[-1] > loss[-2])

    low, high = 1 / largest, 4 / largest
    if diverges(low) or not diverges(high):
        raise ArithmeticError("gradient descent must converge at 1/λ_max and diverge at 4/λ_max; it does not.")
    while high - low > rtol * low:
        middle = (low + high) / 2
        low, high = (low, middle) if diverges(middle) else (middle, high)
    return (low + high) / 2


def gradient_variance(dataset: Dataset, batch_sizes: tuple[int, ...], draws: int) -> dict[str, Any]:
    """E‖g_B - g‖² at a fixed θ, measured over many batches, beside σ²/B and σ²/B·(N-B)/(N-1).

    At most 2,048 training samples, so that the factor for drawing without replacement can be seen. θ: after 50 steps
    of gradient descent with η = 1/λ_max from 0.
    """
    x, y = regression(dataset.x_train[:2048], dataset.y_train[:2048], standardise=False)
    f = NormalEquations(x, y)
    lr = 1 / torch.linalg.eigvalsh(f.hessian_matrix)[-1].item()
    theta = minimize(f, torch.zeros_like(f.b), SGD, steps=50, lr=lr, record=()).state["theta"]
    n = len(x)
    sample_grads = (x @ theta - y).unsqueeze(1) * x
    deviations = sample_grads - sample_grads.mean(0)
    variance = deviations.square().sum(1).mean().item()
    generator = torch.Generator().manual_seed(0)
    rows = []
    for size in batch_sizes:
        if size > n:
            continue
        row: dict[str, Any] = {"B": size}
        for name, replacement, factor in (("with", True, 1.0), ("without", False, (n - size) / (n - 1))):
            counts = torch.zeros(draws, n, dtype=x.dtype)
            indices = draw(draws, n, size, replacement, generator)
            counts.scatter_add_(1, indices, torch.ones_like(indices, dtype=x.dtype))
            squares = (counts.to(x.device) @ deviations / size).square().sum(1)
            row[name] = {
                "measured": squares.mean().item(),
                "standard_error": (squares.std() / math.sqrt(draws)).item(),
                "predicted": variance / size * factor,
            }
        rows.append(row)
    return {"samples": n, "sigma_squared": variance, "draws": draws, "rows": rows}


def batch_sizes(config: Config, dataset: Dataset, parts: Parts) -> list[dict[str, Any]]:
    """For each batch size: the step size tuned on validation, then test errors of fresh seeds after equal epochs."""
    inputs = dataset.x_train[0].numel()
    sizes = (inputs, 128 if inputs > 64 else 32, len(dataset.classes))
    epochs = 1 if config.tiny else 5 if len(dataset.x_train) > 10_000 else 20
    batches = [B for B in ((64, 256) if config.tiny else (16, 64, 256, 1024)) if B <= len(dataset.x_train)]
    searches = {f"B={B}": _search(dataset, sizes, epochs, B) for B in batches}
    tuned = tune(searches, parts)
    results = []
    for batch_size in batches:
        name = f"B={batch_size}"
        errors = {lr: searches[name].score(value) for lr, value in tuned[name].items()}
        best = searches[name].best(tuned[name])
        seeds = list(range(config.seeds))
        test = parts.one(f"test {name}", final_errors, dataset, sizes, epochs, batch_size, best, seeds)
        if test is None:
            raise ArithmeticError(f"lr={best}, chosen for batches of {batch_size}, diverges with another seed.")
        results.append(
            {
                "B": batch_size,
                "epochs": epochs,
                "steps": epochs * math.ceil(len(dataset.x_train) / batch_size),
                "sizes": sizes,
                "lr": best,
                "validation_errors": [
                    {"lr": lr, "error": error if math.isfinite(error) else None} for lr, error in errors.items()
                ],
                "test_errors": test["test"],
                "test_error": interval(test["test"]),
            }
        )
    return results


def _search(dataset: Dataset, sizes: tuple, epochs: int, batch_size: int) -> Search:
    """Step sizes around √(B/16)/8, by the mean validation error over the tuning seeds."""
    return Search(
        middle=round(math.log2(batch_size / 16) / 2) - 3,
        task=lambda lr: (final_errors, dataset, sizes, epochs, batch_size, lr, list(TUNING_SEEDS)),
        score=lambda found: math.inf if found is None else sum(found["validation"]) / len(found["validation"]),
    )


def final_errors(
    dataset: Dataset, sizes: tuple, epochs: int, batch_size: int, lr: float, seeds: list[int]
) -> dict[str, list[float]] | None:
    """Validation and test error of each seed after training with plain SGD; None if a run diverged."""
    models, _ = train_mlps(dataset, sizes, SGD, seeds, epochs=epochs, batch_size=batch_size, record=(), lr=lr)
    trained = [model for model in models if model is not None]
    if len(trained) < len(models):
        return None
    return {
        "validation": [error_rate(model, dataset.x_val, dataset.y_val) for model in trained],
        "test": [error_rate(model, dataset.x_test, dataset.y_test) for model in trained],
    }
