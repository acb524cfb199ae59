"""What of an objective the steps of `minimize` see: gradients over batches drawn at random, with drawn noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talweg.arguments import positive_int
from talweg.objective import Mean, Objective

EVERY = slice(None)


class Sampler:
    """Draws a `Sample` for each step, on the CPU, from a seed; each of K runs has its own batches and noise."""

    def __init__(self, f: Objective, batch_size: int | None, replacement: bool, noise: float, seed: int | None):
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
        self.f, self.batch_size, self.replacement, self.noise = f, batch_size, replacement, noise
        self.generator = torch.Generator().manual_seed(int(seed or 0))

    def draw(self, thetas: Tensor) -> Sample:
        """What the next step sees at points K×P."""
        indices = kick = None
        if isinstance(self.f, Mean) and self.batch_size is not None:
            indices = draw(len(thetas), self.f.n, self.batch_size, self.replacement, self.generator).to(thetas.device)
        if self.noise:
            kick = self.noise * torch.randn(thetas.shape, generator=self.generator, dtype=torch.float64).to(thetas)
        return Sample(self.f, indices, kick)


@dataclass(frozen=True)
class Sample:
    """An objective over the batches `indices` (K×B; None: over all samples), its gradient plus `kick` (K×P).

    `rows` says for which of the K runs the points are. A method that looks twice sees the same batch and noise.
    """

    f: Objective
    indices: Tensor | None
    kick: Tensor | None

    def gradients(self, thetas: Tensor, rows: slice = EVERY, full: Tensor | None = None) -> Tensor:
        """Gradients K×P at points K×P; `full`: those over all samples, if they are known."""
        if isinstance(self.f, Mean) and self.indices is not None:
            g = self.f.batch_grads(thetas, self.indices[rows])
        else:
            g = gradients(self.f, thetas) if full is None else full
        return g if self.kick is None else g + self.kick[rows]

    def losses(self, thetas: Tensor, rows: slice = EVERY) -> Tensor:
        """The K values, without the noise; differentiable."""
        if isinstance(self.f, Mean) and self.indices is not None:
            parts = [self.f.subset(batch) for batch in self.indices[rows]]
        else:
            parts = [self.f] * len(thetas)
        return torch.stack([part(theta) for part, theta in zip(parts, thetas, strict=True)])


def gradients(f: Objective, thetas: Tensor) -> Tensor:
    """∇f at K points; a single one is not mapped over, which is faster where f has no formula for many."""
    return f.grad(thetas[0])[None] if len(thetas) == 1 else f.grads(thetas)


def values(f: Objective, thetas: Tensor) -> Tensor:
    """f at K points, likewise."""
    return f(thetas[0])[None] if len(thetas) == 1 else f.many(thetas)


def draw(rows: int, n: int, size: int, replacement: bool, generator: torch.Generator) -> Tensor:
    """rows×size indices below n, each row a uniform draw of its own, with or without replacement."""
    if replacement or size == 1:
        return torch.randint(n, (rows, size), generator=generator)
    if rows == 1:
        return torch.randperm(n, generator=generator)[None, :size]
    return torch.rand(rows, n, generator=generator).topk(size, dim=1).indices
