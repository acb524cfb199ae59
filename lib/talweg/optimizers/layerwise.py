"""LARS and LAMB: a step in proportion to the norm of each layer's weights."""

from __future__ import annotations

import torch

from talweg.optimizers.hyperparameters import number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.tensors import Tensors
from talweg.optimizers.weight_decay import coupled


class LARS(Rule):
    """SGD with momentum and a learning rate for each layer (You, Gitman & Ginsburg 2017, arXiv:1708.03888, Alg. 1).

    q = τ ‖θ‖ / (‖g‖ + λ ‖θ‖ + ε), 1 where ‖θ‖ or ‖g‖ is 0;   m ← μ m + q (g + λ θ);   θ ← θ - η m

    A layer is one tensor. η stands outside m, as in torch's SGD; the paper has it inside, which is the same as long as
    η is constant. The state is m, one tensor per parameter, if μ > 0.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η, common to all layers.
    momentum : float
        μ.
    weight_decay : float
        λ.
    trust : float or None
        τ. None in a group (biases, normalization) makes that group plain SGD: q = 1.
    eps : float
        ε, which is 0 in the paper.

    References
    ----------
    You, Gitman & Ginsburg, "Large batch training of convolutional networks", 2017, arXiv:1708.03888.

    Examples
    --------
    Each layer moves by the same share τ η of its norm, whatever its gradient:

    >>> import torch
    >>> from talweg.optimizers import LARS
    >>> small = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    >>> large = torch.tensor([10.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = LARS([small, large], lr=1.0, trust=0.01)
    >>> small.grad, large.grad = torch.full_like(small, 7.0), torch.full_like(large, 1e-3)
    >>> optimizer.step()
    >>> small.detach(), large.detach()
    (tensor([0.9900], dtype=torch.float64), tensor([9.9000], dtype=torch.float64))
    """

    lr: float = number(1.0, low=0)
    momentum: float = number(0.9, low=0)
    weight_decay: float = number(0.0, low=0)
    trust: float | None = number(1e-3, low=0, optional=True)
    eps: float = number(0.0, low=0)
    buffers = ("m",)
    elementwise = False

    def update(self, theta, g, m, *, lr, momentum, weight_decay, trust, eps, **_):
        step = coupled(g, theta, weight_decay)
        if trust is not None:
            step = step.mul(Tensors(list(self.rates(theta, g, weight_decay, trust, eps).unbind())))
        if momentum:
            step = m.mul_(momentum).add_(step)
        theta.add_(step, alpha=-lr)

    def rates(self, theta: Tensors, g: Tensors, weight_decay: float, trust: float, eps: float) -> torch.Tensor:
        """q of every layer."""
        theta_norm, g_norm = _norms(theta), _norms(g)
        denominator = g_norm + weight_decay * theta_norm if weight_decay else g_norm
        return _ratio(trust * theta_norm, denominator + eps if eps else denominator, g_norm)

    def needed(self, momentum, **_):
        return self.buffers if momentum else ()


class LAMB(Rule):
    """Adam's direction, scaled to the norm of each layer's weights (You et al. 2020, arXiv:1904.00962, Alg. 2).

    r = m̂ / (√v̂ + ε) + λ θ;   θ ← θ - η (‖θ‖ / ‖r‖) r, with 1 for the ratio where a norm is 0

    m̂, v̂ are those of Adam, and a layer is one tensor. The paper's φ is the identity here, and the gradient is not
    clipped before (timm's `max_grad_norm=None`). The state is m and v, two tensors per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η: the length of a step as a share of the layer's norm.
    betas, eps
        As in `Adam`.
    weight_decay : float
        λ.

    References
    ----------
    You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020, arXiv:1904.00962.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import LAMB
    >>> theta = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = LAMB([theta], lr=0.1, weight_decay=0)
    >>> theta.grad = torch.tensor([1.0, 0.0], dtype=torch.float64)
    >>> optimizer.step()
    >>> theta.detach()  # a step of 0.1 ‖θ‖ = 0.5
    tensor([2.5000, 4.0000], dtype=torch.float64)
    """

    lr: float = number(1e-3, low=0)
    betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
    eps: float = number(1e-6, low=0)
    weight_decay: float = number(0.01, low=0)
    buffers = ("m", "v")
    elementwise = False

    def update(self, theta, g, m, v, *, t, lr, betas, eps, weight_decay):
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        self.scaled(theta, m.div(v.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)).div_(1 - beta1**t), lr, weight_decay)

    def scaled(self, theta: Tensors, r: Tensors, lr: float, weight_decay: float) -> None:
        """The step, given Adam's direction r."""
        if weight_decay:
            r.add_(theta, alpha=weight_decay)  # in place, unlike `coupled`: r is this function's own
        r_norm = _norms(r)
        ratio = _ratio(_norms(theta), r_norm, r_norm)
        theta.add_(r.mul_(Tensors(list(ratio.unbind()))), alpha=-lr)


def _norms(tensors: Tensors) -> torch.Tensor:
    """‖·‖ of every tensor, in one vector."""
    return torch.stack(tensors.norm().list)


def _ratio(numerator: torch.Tensor, denominator: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Quotients, one for each tensor; 1 where the weights or the gradient are zero."""
    return torch.where(torch.minimum(numerator, gradient) > 0, numerator / denominator, 1.0)
