"""A copy of a network made ready for many forward passes with changing parameters, on a CPU.

Its graph is rewritten (`talweg.objective.fast.rewritten`), convolutions work with the channels last in memory, and
samples go through in batches that fit the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from talweg.models.norms import uses_the_batch
from talweg.objective.fast.chunks import with_origin
from talweg.objective.fast.rewritten import fused
from talweg.objective.stateless import copied

if TYPE_CHECKING:
    from talweg.objective.network import NetworkObjective

__all__ = ["AnyNetwork", "CannotPrepare"]

SAMPLES_AT_ONCE = 32


class CannotPrepare(Exception):
    """The prepared copy of a network would not give its outputs; the message says how that was found."""


class AnyNetwork:
    """Losses of a prepared copy of f's model at origin + Σᵢ wᵢ dᵢ: weights (k, m) → (k,).

    CannotPrepare: the outputs turned out not to be those of the model.
    """

    points_at_once = 32  # whose outputs the loss is taken of together

    def __init__(self, f: NetworkObjective, origin: Tensor, directions: Tensor):
        self.f, self.corners = f, torch.cat([origin.unsqueeze(0), directions])
        norm = next(filter(uses_the_batch, f.model.modules()), None)
        if norm is not None:
            raise CannotPrepare(
                f"parts of the samples would have other outputs: {type(norm).__name__} uses all of them"
            )
        try:
            self._prepare(f.model, f.x)
            equal = self._agrees_on(f.x)
        except Exception as error:  # whatever the model's own code raises where tracing took a branch tensors do not
            raise CannotPrepare(f"its prepared copy fails with {type(error).__name__}: {error}") from error
        if not equal:
            raise CannotPrepare("its prepared copy has other outputs")

    def _prepare(self, model: nn.Module, x: Tensor) -> None:
        model = copied(model)
        self.parameters = dict(model.named_parameters())  # before folding, which takes some out of the model
        if any(isinstance(m, nn.Conv2d) for m in model.modules()):
            model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # not in torch's stub
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        self.fused = fused(model, x)
        self.samples = [self.fused.before(part) for part in x.split(SAMPLES_AT_ONCE)]

    def _agrees_on(self, x: Tensor) -> bool:
        """Whether some outputs, in two batches, are those of the model: not so if samples depend on each other, say."""
        some = x[:8]
        if bool((some == some[0]).all()):  # which cannot show that samples depend on each other
            some = x[torch.linspace(0, len(x) - 1, len(some)).round().long()]
        # One sample alone has no variance, and a model's own normalization might refuse it.
        parts = [self.fused.before(part) for part in some.chunk(2 if len(some) > 3 else 1)]
        for theta in (self.corners[0], self.corners.sum(0)):  # at two θ: neither may have become a constant
            expected = self.f.network(self.f.unflatten(theta), some)
            found = self._outputs(theta, parts)
            if not (found - expected).abs().max() <= torch.finfo(expected.dtype).eps ** 0.5 * expected.abs().max():
                return False
        return True

    def __call__(self, weights: Tensor) -> Tensor:
        return self.f.losses(self.outputs(weights))

    def outputs(self, weights: Tensor) -> list[Tensor]:
        """The outputs at each point, (1, n, out)."""
        return [self._outputs(w @ self.corners, self.samples).unsqueeze(0) for w in with_origin(weights)]

    def _outputs(self, theta: Tensor, samples: Sequence[Tensor]) -> Tensor:
        for name, values in self.f.unflatten(theta).items():
            self.parameters[name].copy_(values)
        for fold in self.fused.folds:
            fold.apply()
        return torch.cat([self.fused.model(x) for x in samples])

    def __repr__(self) -> str:
        return f"AnyNetwork({self.fused.reason or 'graph rewritten'})"
