"""A copy of a network made ready for many forward passes with changing parameters, on a CPU.

Its graph is rewritten (`talweg.objective.fast.rewritten`), convolutions work with the channels last in memory, and samples go through in
batches that fit the cache.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from talweg.objective.fast.rewritten import Fused, fused

__all__ = ["PreparedSlice"]

SAMPLES_AT_ONCE = 32


class PreparedSlice:
    """Outputs of any network on x, at combinations of m + 1 networks: weights (k, m + 1) → (k, n, out).

    corners: parameters by name, each (m + 1, …), as for `StackedSlice`. The model is copied. Where the outputs turn
    out not to be those of the model, it is taken as it is.
    """

    def __init__(self, model: nn.Module, corners: dict[str, Tensor], x: Tensor):
        self.shapes = {name: p[0].shape for name, p in corners.items()}
        self.corners = torch.cat([p.flatten(1) for p in corners.values()], dim=1)
        try:
            self._prepare(model, x)
            good = self._agrees_with(model, x)
        except Exception:  # the model's own code took another way through its stand-in than it takes with tensors
            good = False
        if not good:
            copied = copy.deepcopy(model)
            self.parameters, self.fused, self.samples = dict(copied.named_parameters()), Fused(copied), (x,)

    def _prepare(self, model: nn.Module, x: Tensor) -> None:
        model = copy.deepcopy(model)
        self.parameters = dict(model.named_parameters())  # before folding, which takes some out of the model
        if any(isinstance(m, nn.Conv2d) for m in model.modules()):
            model = model.to(memory_format=torch.channels_last)
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        self.fused = fused(model, x)
        self.samples = [self.fused.before(part) for part in x.split(SAMPLES_AT_ONCE)]

    def _agrees_with(self, model: nn.Module, x: Tensor) -> bool:
        """Whether some outputs, in two batches, are those of the model: not so if samples depend on each other, say."""
        some = x[:8]
        # One sample alone has no variance, and batch normalization by the data would refuse it.
        parts = [self.fused.before(part) for part in some.chunk(2 if len(some) > 3 else 1)]
        for theta in (self.corners[0], self.corners.sum(0)):  # at two θ: neither may have become a constant
            expected = functional_call(model, self._unflatten(theta), (some,))
            found = self._outputs(theta, parts)
            if not (found - expected).abs().max() <= torch.finfo(x.dtype).eps ** 0.5 * expected.abs().max():
                return False
        return True

    def __call__(self, weights: Tensor) -> Tensor:
        return torch.stack([self._outputs(w @ self.corners, self.samples) for w in weights])

    def _outputs(self, theta: Tensor, samples: Sequence[Tensor]) -> Tensor:
        for name, values in self._unflatten(theta).items():
            self.parameters[name].copy_(values)
        for fold in self.fused.folds:
            fold.apply()
        return torch.cat([self.fused.model(x) for x in samples])

    def _unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        pieces = theta.split([shape.numel() for shape in self.shapes.values()])
        return {name: p.view(shape) for p, (name, shape) in zip(pieces, self.shapes.items(), strict=True)}
