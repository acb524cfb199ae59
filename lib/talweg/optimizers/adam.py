"""Adam and its nearest relatives: two moving averages, corrected for their start at zero."""

from __future__ import annotations

from talweg.optimizers.hyperparameters import number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled, decoupled


class Adam(Rule):
    """Momentum over the root of a moving average of g² (Kingma & Ba 2015, arXiv:1412.6980, Alg. 1).

    g ← g + λ θ;   m ← β₁ m + (1 - β₁) g;   v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ);   v̂ = v / (1 - β₂ᵗ);   θ ← θ - η m̂ / (√v̂ + ε)

    η = lr, (β₁, β₂) = betas, ε = eps (outside the root). λ = weight_decay is an L2 penalty: it passes through m and v.
    State: m and v, two tensors per parameter.
    """

    lr: float = number(1e-3, low=0)
    betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
    eps: float = number(1e-8, low=0)
    weight_decay: float = number(0.0, low=0)
    buffers = ("m", "v")

    def update(self, theta, g, m, v, *, t, lr, betas, eps, weight_decay):
        g = coupled(g, theta, weight_decay)
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = v.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
        theta.addcdiv_(m, root, value=-lr / (1 - beta1**t))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101, Alg. 2).

    θ ← θ - η λ θ, then Adam's step with the gradient alone. State: m and v, two tensors per parameter.
    """

    weight_decay: float = number(1e-2, low=0)

    def update(self, theta, g, m, v, *, t, lr, betas, eps, weight_decay):
        decoupled(theta, lr, weight_decay)
        Adam.update(self, theta, g, m, v, t=t, lr=lr, betas=betas, eps=eps, weight_decay=0)


class AMSGrad(Adam):
    """Adam whose denominator never shrinks (Reddi, Kale & Kumar 2018, arXiv:1904.09237).

    v̄ ← max(v̄, v);   θ ← θ - η m̂ / (√(v̄ / (1 - β₂ᵗ)) + ε)

    m, v and the L2 penalty λ as in Adam; the paper has no bias correction, torch's `amsgrad=True` and this class do.
    State: m, v and v̄, three tensors per parameter.
    """

    buffers = ("m", "v", "v_max")

    def update(self, theta, g, m, v, v_max, *, t, lr, betas, eps, weight_decay):
        g = coupled(g, theta, weight_decay)
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        v_max.clamp_min_(v)  # the larger of both
        root = v_max.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
        theta.addcdiv_(m, root, value=-lr / (1 - beta1**t))
