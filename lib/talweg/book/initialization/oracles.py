"""Where the answers of the chapter "initialization" come from: each is computed with the library's own methods."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from talweg.initializers import (
    diagnostics,
    fixed_variance_,
    initialize,
    kaiming_normal_,
    lecun_normal_,
    normal_,
    scaled_orthogonal_,
    xavier_normal_,
)
from talweg.models import MLP
from talweg.uncertainty import t_interval


def relu_layers() -> float:
    """Factor of the second moment over 20 ReLU layers with Var W = 1/n: gains 1 and √2 differ by exactly that."""
    x = torch.ones(1, 64, dtype=torch.float64)
    moments = []
    for gain in (1.0, "relu"):
        model = initialize(MLP([64] * 21, dtype=torch.float64), "kaiming_normal", Generator().manual_seed(0), gain=gain)
        moments.append(diagnostics.Moments.of(model(x)).second_moment)
    return moments[0] / moments[1]


def conv_std() -> float:
    """Standard deviation of Kaiming normal with fan_in for a 3×3 convolution from 16 to 24 channels, before a ReLU."""
    weight = torch.empty(24, 16, 3, 3, dtype=torch.float64)
    unit = torch.empty_like(weight).normal_(generator=Generator().manual_seed(0))
    return (kaiming_normal_(weight, generator=Generator().manual_seed(0)) / unit).mean().item()


def xavier_backward() -> float:
    """Factor of the gradient's second moment through a linear layer from 300 to 100 units, Xavier: n_out · Var W."""
    weight = torch.empty(100, 300, dtype=torch.float64)
    unit = torch.empty_like(weight).normal_(generator=Generator().manual_seed(0))
    return 100 * (xavier_normal_(weight, generator=Generator().manual_seed(0)) / unit).square().mean().item()


def entropy_rank() -> float:
    """Entropy effective rank of the singular values 4, 2, 2, 0."""
    return diagnostics.entropy_effective_rank(torch.diag(torch.tensor([4.0, 2.0, 2.0, 0.0], dtype=torch.float64)))


def signal_order() -> list[str]:
    """The methods by what ten ReLU layers of 100 units leave of the signal, least first."""
    methods = {
        "alpha": lambda w, g: fixed_variance_(w, 0.81, g),
        "kaiming": lambda w, g: kaiming_normal_(w, generator=g),
        "lecun": lecun_normal_,
        "root": lambda w, g: normal_(w, std=(2**0.5 / 100) ** 0.5, generator=g),
        "scaled": lambda w, g: scaled_orthogonal_(w, generator=g),
    }
    moments = {}
    for name, method in methods.items():
        generator, z = Generator().manual_seed(0), torch.ones(100, dtype=torch.float64)
        for _layer in range(10):
            z = method(torch.empty(100, 100, dtype=torch.float64), generator) @ z.relu()
        moments[name] = z.square().mean().item()
    return sorted(moments, key=moments.__getitem__)


def lower_limit() -> float:
    """Lower limit of the 95 % interval of five paired differences, in percentage points."""
    mean, half = t_interval(torch.tensor([0.3, -0.1, 0.4, 0.0, 0.4], dtype=torch.float64))
    return (mean - half).item()


def second_moments(weights: Tensor, x: Tensor) -> Tensor:
    """Second moment of each layer's z = W h of a ReLU network without biases, weights L×n×n, x (n) → (L)."""
    n = len(x)
    model = nn.Sequential(*(layer for _ in weights for layer in (nn.Linear(n, n, bias=False), nn.ReLU()))).double()
    values = {f"{2 * i}.weight": weight for i, weight in enumerate(weights)}
    seen: list[float] = []
    hooks = [
        layer.register_forward_hook(lambda _, inputs, z: seen.append(diagnostics.Moments.of(z).second_moment))
        for layer in model
        if isinstance(layer, nn.Linear)
    ]
    functional_call(model, values, (x,))
    for hook in hooks:
        hook.remove()
    return torch.tensor(seen, dtype=torch.float64)
