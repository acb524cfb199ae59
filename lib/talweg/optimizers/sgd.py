"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from talweg.optimizers.hyperparameters import flag, number
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled


class SGD(Rule):
    """Gradient descent with momentum (Polyak 1964; Nesterov 1983; as in Sutskever et al. 2013).

    g ← g + λ θ;   m ← μ m + (1 - τ) g, at first m = g;   θ ← θ - η m,   with Nesterov θ ← θ - η (g + μ m)

    There are two conventions for m. With τ = 0 (torch, most papers) m sums gradients and grows to about g / (1 - μ).
    With τ = μ it is their moving average. For constant μ and η, steps η_average = η_sum / (1 - μ) give the same path
    only if the first update is treated alike; here, as in torch, the first m is g itself, undamped, in both.

    The state is m, one tensor per parameter, if μ > 0.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η.
    momentum : float
        μ; 0 is plain gradient descent.
    dampening : float
        τ in [0, 1].
    nesterov : bool
        Whether to look ahead; it needs momentum > 0 and dampening = 0.
    weight_decay : float
        λ of an L2 penalty.

    Raises
    ------
    ValueError
        If `nesterov` is given without momentum or with dampening, or a number lies outside its range.

    References
    ----------
    Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import SGD
    >>> theta = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = SGD([theta], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (theta**2 / 2).sum().backward()
    ...     optimizer.step()
    >>> theta.detach()
    tensor([ 0.7200, -1.4400], dtype=torch.float64)
    """

    lr: float = number(1e-3, low=0)
    momentum: float = number(0.0, low=0)
    dampening: float = number(0.0, low=0, high=1)
    nesterov: bool = flag(False)
    weight_decay: float = number(0.0, low=0)
    buffers = ("m",)

    def update(self, theta, g, m, *, t, lr, momentum, dampening, nesterov, weight_decay):
        g = coupled(g, theta, weight_decay)
        if momentum:
            if t == 1:
                m.copy_(g)
            else:
                m.mul_(momentum).add_(g, alpha=1 - dampening)
            g = g.add(m, alpha=momentum) if nesterov else m
        theta.add_(g, alpha=-lr)

    def needed(self, momentum, **_):
        return self.buffers if momentum else ()

    def check(self, momentum, dampening, nesterov, **_):
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"SGD: nesterov=True needs momentum > 0 and dampening = 0; got {momentum=}, {dampening=}.")
