"""Random directions in the parameter space of a network, scaled so that slices can be compared."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talweg.arguments import one_of
from talweg.models.norms import is_norm

__all__ = ["random_directions"]

NORMALIZE = ("filter", "layer", "none")


@torch.no_grad()
def random_directions(
    model: nn.Module, normalize: str = "filter", generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Two Gaussian directions, flat vectors (P,) in the order of `model.parameters()` (Li et al. 2018, arXiv:1712.09913).

    normalize: "filter" gives each filter (a row of a dense weight, an output channel of a convolution) the norm of
    the model's filter, "layer" each weight tensor the norm of the model's, "none" leaves standard normal numbers.
    In all three, biases and the parameters of normalization layers are zero. The model is not changed.
    """
    one_of("normalize", normalize, NORMALIZE)
    fixed = {id(p) for module in model.modules() if is_norm(module) for p in module.parameters()}
    parameters = list(model.parameters())
    if not any(p.ndim > 1 and id(p) not in fixed for p in parameters):
        raise ValueError("model must have at least one weight matrix, got none")
    pairs = [_pair(p, id(p) in fixed or p.ndim < 2, normalize, generator) for p in parameters]
    return torch.cat([d1 for d1, _ in pairs]), torch.cat([d2 for _, d2 in pairs])


def _pair(weight: Tensor, fixed: bool, normalize: str, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    if fixed:
        return torch.zeros_like(weight).flatten(), torch.zeros_like(weight).flatten()
    return _draw(weight, normalize, generator), _draw(weight, normalize, generator)


def _draw(weight: Tensor, normalize: str, generator: torch.Generator | None) -> Tensor:
    # Drawn on the generator's device (the CPU by default), so that a seed means the same on a GPU.
    device = generator.device if generator is not None else "cpu"
    d = torch.randn(weight.shape, dtype=weight.dtype, device=device, generator=generator).to(weight.device)
    axes = tuple(range(1 if normalize == "filter" else 0, weight.ndim))
    if normalize != "none":
        d *= weight.square().sum(axes, keepdim=True).sqrt() / d.square().sum(axes, keepdim=True).sqrt()
    return d.flatten()
