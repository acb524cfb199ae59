"""Random directions in the parameter space of a network, scaled so that slices can be compared."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talweg.arguments import generator_or_none, one_of
from talweg.models.norms import is_norm

__all__ = ["random_directions"]

NORMALIZE = ("filter", "layer", "none")


@torch.no_grad()
def random_directions(
    model: nn.Module, normalize: str = "filter", generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Two Gaussian directions, flat vectors (P,) in the order of `model.parameters()`.

    Biases and the parameters of normalization layers are zero in both. The model is not changed.

    Parameters
    ----------
    model
        With at least one weight matrix (else ValueError).
    normalize
        "filter" gives each filter (a row of a dense weight, an output channel of a convolution) the norm of the model's
        filter, "layer" each weight tensor the norm of the model's, "none" leaves standard normal numbers.
    generator
        Of the Gaussian numbers; the default is torch's.

    References
    ----------
    Li et al. 2018, arXiv:1712.09913.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import random_directions
    >>> model = torch.nn.Linear(3, 2)
    >>> d1, d2 = random_directions(model)
    >>> torch.allclose(d1[:6].view(2, 3).norm(dim=1), model.weight.norm(dim=1)), d1[6:].tolist()
    (True, [0.0, 0.0])
    """
    one_of("normalize", normalize, NORMALIZE)
    generator_or_none("generator", generator)
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
