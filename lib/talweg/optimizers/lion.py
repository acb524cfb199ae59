"""Lion: the sign of a momentum."""

from __future__ import annotations

from talweg.optimizers.hyperparameters import number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import decoupled


class Lion(Rule):
    """Sign of an interpolated momentum (Chen et al. 2023, arXiv:2302.06675, Alg. 2).

    c = β₁ m + (1 - β₁) g;   θ ← θ - η (sign c + λ θ);   m ← β₂ m + (1 - β₂) g

    β₁ is for the direction taken now, β₂ for what is remembered: m is not overwritten by c. Every entry moves by η,
    hence a smaller lr and a larger weight_decay than with AdamW. The state is m, one tensor per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η, which is also the length of each entry's step.
    betas : tuple of two floats
        (β₁, β₂), each in [0, 1).
    weight_decay : float
        λ of decoupled decay.

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, arXiv:2302.06675.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import Lion
    >>> theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    >>> optimizer = Lion([theta], lr=0.1)
    >>> theta.grad = torch.tensor([100.0, -0.01, 0.0], dtype=torch.float64)
    >>> optimizer.step()
    >>> theta.detach()
    tensor([-0.1000,  0.1000,  0.0000], dtype=torch.float64)
    """

    lr: float = number(1e-4, low=0)
    betas: tuple[float, float] = pair(0.9, 0.99, low=0, below=1)
    weight_decay: float = number(0.0, low=0)
    buffers = ("m",)

    def update(self, theta, g, m, *, lr, betas, weight_decay, **_):
        beta1, beta2 = betas
        c = m.lerp(g, 1 - beta1)
        decoupled(theta, lr, weight_decay)
        theta.add_(c.sign_(), alpha=-lr)
        m.lerp_(g, 1 - beta2)
