"""Lion: the sign of a momentum."""

from __future__ import annotations

from talweg.optimizers import kernels
from talweg.optimizers.rule import Rule


class Lion(Rule):
    """Sign of an interpolated momentum (Chen et al. 2023, arXiv:2302.06675, Alg. 2).

    c = β₁ m + (1 - β₁) g;   θ ← θ - η (sign c + λ θ);   m ← β₂ m + (1 - β₂) g

    Two betas: β₁ for the direction taken now, β₂ for what is remembered (m is not overwritten by c). Every entry moves
    by η, hence a smaller lr and a larger weight_decay λ than with AdamW. State: m, one tensor per parameter.
    """

    defaults = dict(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0)

    def update(self, theta, g, m, *, lr, betas, weight_decay):
        beta1, beta2 = betas
        c = m.lerp(g, 1 - beta1)
        if weight_decay:
            theta.mul_(1 - lr * weight_decay)
        theta.add_(c.sign_(), alpha=-lr)
        m.lerp_(g, 1 - beta2)

    def fused(self, theta, g, m, *, lr, betas, weight_decay):
        c = m.lerp(g, 1 - betas[0])
        kernels.sgd(theta, c.sign_(), lr=lr, weight_decay=weight_decay)
        m.lerp_(g, 1 - betas[1])
