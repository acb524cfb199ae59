"""RMSprop: Adagrad with a memory that fades."""

from __future__ import annotations

from talweg.optimizers.hyperparameters import flag, number
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled


class RMSprop(Rule):
    """The gradient over the root of a moving average of its square (Tieleman & Hinton 2012, lecture 6.5).

    g ← g + λ θ;   v ← α v + (1 - α) g²;   u = g / (√v + ε);   θ ← θ - η u
    centred (Graves 2013, arXiv:1308.0850):   v ← α v + α (1 - α) (g - a)²;   a ← α a + (1 - α) g
    with momentum:   m ← μ m + u;   θ ← θ - η m

    The centred v is the average of g² less a². Graves and torch take that difference; where g hardly changes it is
    rounding, often negative, and its root NaN. v begins at 0 and is not corrected for it, so that the first steps are
    larger by 1 / √(1 - α).
    The state is v; a if centred; m if μ > 0.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η.
    alpha : float
        α in [0, 1), the memory of v.
    eps : float
        ε, outside the root as in torch.
    weight_decay : float
        λ of an L2 penalty.
    momentum : float
        μ.
    centered : bool
        Whether to divide by an estimate of the standard deviation of g instead.

    References
    ----------
    Tieleman & Hinton, "Lecture 6.5: RMSprop", COURSERA Neural Networks for Machine Learning, 2012.
    Graves, "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850.

    Examples
    --------
    The first step is η / √(1 - α), ten times lr by default:

    >>> import torch
    >>> from talweg.optimizers import RMSprop
    >>> theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> optimizer = RMSprop([theta], lr=0.01)
    >>> theta.grad = torch.tensor([100.0, -0.01], dtype=torch.float64)
    >>> optimizer.step()
    >>> theta.detach()
    tensor([-0.1000,  0.1000], dtype=torch.float64)
    """

    lr: float = number(1e-2, low=0)
    alpha: float = number(0.99, low=0, below=1)
    eps: float = number(1e-8, low=0)
    weight_decay: float = number(0.0, low=0)
    momentum: float = number(0.0, low=0)
    centered: bool = flag(False)
    buffers = ("v", "a", "m")

    def update(self, theta, g, v, a, m, *, lr, alpha, eps, weight_decay, momentum, centered, **_):
        g = coupled(g, theta, weight_decay)
        if centered:
            residual = g.sub(a)
            v.mul_(alpha).addcmul_(residual, residual, value=alpha * (1 - alpha))
            a.lerp_(g, 1 - alpha)
        else:
            v.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        root = v.sqrt().add_(eps)
        if momentum:
            m.mul_(momentum).addcdiv_(g, root)
            theta.add_(m, alpha=-lr)
        else:
            theta.addcdiv_(g, root, value=-lr)

    def needed(self, momentum, centered, **_):
        return ("v", *(["a"] if centered else []), *(["m"] if momentum else []))
