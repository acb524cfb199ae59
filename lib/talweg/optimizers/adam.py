"""Adam and its nearest relatives: two moving averages, corrected for their start at zero."""

from __future__ import annotations

from talweg.optimizers.hyperparameters import number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled, decoupled


class Adam(Rule):
    """Momentum over the root of a moving average of g² (Kingma & Ba 2015, arXiv:1412.6980, Alg. 1).

    g ← g + λ θ;   m ← β₁ m + (1 - β₁) g;   v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ);   v̂ = v / (1 - β₂ᵗ);   θ ← θ - η m̂ / (√v̂ + ε)

    The state is m and v, two tensors per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η.
    betas : tuple of two floats
        (β₁, β₂), each in [0, 1).
    eps : float
        ε, outside the root.
    weight_decay : float
        λ of an L2 penalty, which passes through m and v; `AdamW` has the decoupled one.

    References
    ----------
    Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv:1412.6980.

    Examples
    --------
    The first step has the length η in each coordinate, whatever the size of the gradient:

    >>> import torch
    >>> from talweg.optimizers import Adam
    >>> theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> optimizer = Adam([theta], lr=0.1)
    >>> theta.grad = torch.tensor([100.0, -0.01], dtype=torch.float64)
    >>> optimizer.step()
    >>> theta.detach()
    tensor([-0.1000,  0.1000], dtype=torch.float64)
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

    θ ← θ - η λ θ, then Adam's step with the gradient alone.

    The state is m and v, two tensors per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr, betas, eps
        As in `Adam`.
    weight_decay : float
        λ, which shrinks the weights by the factor 1 - η λ at each update.

    References
    ----------
    Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv:1711.05101.

    Examples
    --------
    Without a gradient only the decay is left:

    >>> import torch
    >>> from talweg.optimizers import AdamW
    >>> theta = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = AdamW([theta], lr=0.1, weight_decay=0.5)
    >>> theta.grad = torch.zeros_like(theta)
    >>> optimizer.step()
    >>> theta.detach()
    tensor([ 0.9500, -1.9000], dtype=torch.float64)
    """

    weight_decay: float = number(1e-2, low=0)

    def update(self, theta, g, m, v, *, t, lr, betas, eps, weight_decay):
        decoupled(theta, lr, weight_decay)
        Adam.update(self, theta, g, m, v, t=t, lr=lr, betas=betas, eps=eps, weight_decay=0)


class AMSGrad(Adam):
    """Adam whose denominator never shrinks (Reddi, Kale & Kumar 2018, arXiv:1904.09237).

    v̄ ← max(v̄, v);   θ ← θ - η m̂ / (√(v̄ / (1 - β₂ᵗ)) + ε)

    m, v and the L2 penalty λ are those of Adam. The paper has no bias correction; torch's `amsgrad=True` and this class
    do. The state is m, v and v̄, three tensors per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr, betas, eps, weight_decay
        As in `Adam`.

    References
    ----------
    Reddi, Kale & Kumar, "On the convergence of Adam and beyond", ICLR 2018, arXiv:1904.09237.

    Examples
    --------
    A large gradient is remembered, though v has already forgotten a part of it:

    >>> import torch
    >>> from talweg.optimizers import AMSGrad
    >>> theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    >>> optimizer = AMSGrad([theta], lr=0.1, betas=(0.9, 0.5))
    >>> for g in (4.0, 0.0):
    ...     theta.grad = torch.tensor([g], dtype=torch.float64)
    ...     optimizer.step()
    >>> optimizer.state[theta]["v"], optimizer.state[theta]["v_max"]
    (tensor([4.], dtype=torch.float64), tensor([8.], dtype=torch.float64))
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
