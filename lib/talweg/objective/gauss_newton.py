"""Curvature of a network without the curvature of its outputs: the Gauss-Newton and the empirical Fisher matrix.

Both are A = Σ_b (n_b/n) Jᵀ M J over the batches of the data, with the Jacobian J of the outputs z (or of the samples'
losses) and a small symmetric M: never negative where M is not, and equal to the Hessian where J does not change with θ.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import vmap

from talweg.objective.function import added
from talweg.objective.network import NetworkObjective
from talweg.objective.operator import Operator
from talweg.objective.second_derivatives import twice_differentiable
from talweg.written_out import explained

__all__ = ["EmpiricalFisher", "GaussNewton", "jacobian_products"]

Map = Callable[[Tensor], Tensor]


class _OfOutputs(Operator):
    """What both share. The graphs of a single batch are kept; of several they are made anew for each product."""

    def __init__(self, f: NetworkObjective, theta: Tensor):
        if not isinstance(f, NetworkObjective):
            raise TypeError(f"{type(self).__name__} needs the objective of a network; got {type(f).__name__}.")
        super().__init__(f, theta)
        self._n, self._batches = f.n, f.batches()
        self._kept = self._products(self._batches[0]) if len(self._batches) == 1 else None

    def product(self, v: Tensor) -> Tensor:
        if self._kept is not None:
            return self._kept(v)
        return added(self._products(batch)(v) * (batch.n / self._n) for batch in self._batches)

    def _products(self, batch: NetworkObjective) -> Map:
        """v ↦ Jᵀ M J v over one batch."""
        raise NotImplementedError


class GaussNewton(_OfOutputs):
    """The generalized Gauss-Newton matrix Jᵀ ∇²_z L J of a network's loss L(z(θ)).

    It is the Hessian without the term Σ ∂L/∂z ∇²z. For cross-entropy of softmax outputs it is the Fisher matrix
    (Martens 2020).

    Parameters
    ----------
    f
        The objective of a network with its data.
    theta
        The point, (P,).

    Raises
    ------
    TypeError
        f is no objective of a network.

    References
    ----------
    Schraudolph 2002, Fast curvature matrix-vector products. Martens 2020, arXiv:1412.1193.

    Examples
    --------
    A linear network has no second derivative ∇²z, so both matrices are one:

    >>> import torch
    >>> from torch.nn.functional import mse_loss
    >>> from talweg.objective import GaussNewton, NetworkObjective
    >>> x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    >>> f = NetworkObjective(torch.nn.Linear(1, 1, dtype=torch.float64), mse_loss, x, 3 * x)
    >>> (GaussNewton(f, [0.0, 0.0]) @ [1.0, 0.0]).tolist(), f.hvp([0.0, 0.0], [1.0, 0.0]).tolist()
    ([5.0, 3.0], [5.0, 3.0])
    """

    def _products(self, batch: NetworkObjective) -> Map:
        z, times, transposed = jacobian_products(batch.outputs, self.theta)
        leaf = z.detach().requires_grad_()
        with twice_differentiable(z.device), torch.enable_grad():
            (slope,) = torch.autograd.grad(batch.loss_of(leaf), leaf, create_graph=True, materialize_grads=True)
        if not slope.requires_grad:  # the loss is linear in the outputs
            return torch.zeros_like

        def product(v: Tensor) -> Tensor:
            with explained():
                (curved,) = torch.autograd.grad(slope, leaf, times(v), retain_graph=True, materialize_grads=True)
            return transposed(curved)

        return product


class EmpiricalFisher(_OfOutputs):
    """The empirical Fisher matrix (1/n) Σᵢ gᵢ gᵢᵀ, with the gradient gᵢ of each sample's loss by the labels of the data.

    It is not the Fisher matrix, whose labels are drawn from the model, nor close to the Hessian where the loss is
    small (Kunstner, Balles & Hennig 2019). The loss of a sample is `loss` of it alone.

    Parameters
    ----------
    f
        The objective of a network with its data.
    theta
        The point, (P,).

    Raises
    ------
    TypeError
        f is no objective of a network.
    ValueError
        Its loss is no mean over samples (a sum, class weights, ignored labels).

    References
    ----------
    Kunstner, Balles & Hennig 2019, arXiv:1905.12558.

    Examples
    --------
    >>> import torch
    >>> from torch.nn.functional import mse_loss
    >>> from talweg.objective import EmpiricalFisher, NetworkObjective
    >>> x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    >>> f = NetworkObjective(torch.nn.Linear(1, 1, dtype=torch.float64), mse_loss, x, 3 * x)
    >>> (EmpiricalFisher(f, [0.0, 0.0]) @ [1.0, 0.0]).tolist()  # the gradients are (-6, -6) and (-24, -12)
    [306.0, 162.0]
    """

    def __init__(self, f: NetworkObjective, theta: Tensor):
        if isinstance(f, NetworkObjective) and f.no_mean:
            raise ValueError(f"EmpiricalFisher needs a loss that is the mean over samples, and of f {f.no_mean}.")
        super().__init__(f, theta)

    def _products(self, batch: NetworkObjective) -> Map:
        def sample_losses(theta: Tensor) -> Tensor:
            each = vmap(lambda z, y: batch.loss(z.unsqueeze(0), y.unsqueeze(0)))
            return each(batch.outputs(theta), batch.y)

        _, times, transposed = jacobian_products(sample_losses, self.theta)
        return lambda v: transposed(times(v) / batch.n)


def jacobian_products(f: Map, theta: Tensor) -> tuple[Tensor, Map, Map]:
    """z = f(θ) of any shape, v ↦ J v and u ↦ Jᵀ u, (P,) → z's shape → (P,), with the graphs kept.

    J v is the derivative of u ↦ Jᵀ u, which is linear, in the direction v: by reverse mode twice, as every operation
    of torch has a backward and not all have a forward mode.
    """
    with twice_differentiable(theta.device), torch.enable_grad():
        leaf = theta.clone().requires_grad_()
        z = f(leaf)
        u = torch.zeros_like(z, requires_grad=True)
        (linear,) = torch.autograd.grad(z, leaf, u, create_graph=True, materialize_grads=True)

    def times(v: Tensor) -> Tensor:
        with explained():
            return torch.autograd.grad(linear, u, v, retain_graph=True, materialize_grads=True)[0]

    def transposed(u: Tensor) -> Tensor:
        return torch.autograd.grad(z, leaf, u, retain_graph=True, materialize_grads=True)[0]

    return z, times, transposed
