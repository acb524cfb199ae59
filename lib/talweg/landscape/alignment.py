"""Permutations of hidden units that bring one network next to another without changing its function."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from talweg.arguments import positive_int
from talweg.models.chain import chain_layers

__all__ = ["align", "permute"]


def align(model: nn.Module, reference: nn.Module, *, sweeps: int = 50, seed: int = 0) -> nn.Module:
    """A copy of an MLP whose hidden units are in the order that is nearest to the reference's weights.

    Weight matching: layer by layer in random order, the units are assigned to those of the reference so that the inner
    product of all weights and biases is largest (SciPy), until nothing changes. That never moves away from the
    reference, but need not find the best order. The function of the network stays the same.

    Parameters
    ----------
    model, reference
        Two chains of dense layers of one shape.
    sweeps
        Passes over all layers, at most.
    seed
        Of the order of the layers.

    Raises
    ------
    ValueError
        The models are no such chains, or differ in shape.

    References
    ----------
    Ainsworth, Hayase & Srinivasa 2023, arXiv:2209.04836, Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import align, permute
    >>> from talweg.models import MLP
    >>> model = MLP((3, 4, 2))
    >>> shuffled = permute(model, [torch.tensor([2, 0, 3, 1])])
    >>> all(torch.equal(p, q) for p, q in zip(align(shuffled, model).parameters(), model.parameters()))
    True
    """
    from scipy.optimize import linear_sum_assignment

    ours, theirs = _dense(model, "model"), _dense(reference, "reference")
    shapes = [[tuple(layer.weight.shape) for layer in layers] for layers in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"model and reference must have layers of one shape; got {shapes[0]} and {shapes[1]}.")
    orders = [torch.arange(layer.out_features) for layer in ours[:-1]]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(positive_int("sweeps", sweeps)):
        changed = False
        for at in torch.randperm(len(orders), generator=generator).tolist():
            gain = _similarity(ours, theirs, orders, at)
            _, best = linear_sum_assignment(gain.cpu().numpy(), maximize=True)
            best = torch.from_numpy(best)
            rows = torch.arange(len(best))
            if gain[rows, best].sum() > gain[rows, orders[at]].sum() * (1 + 1e-12) + 1e-12:
                orders[at], changed = best, True
        if not changed:
            break
    return permute(model, orders)


def permute(model: nn.Module, orders: list[Tensor]) -> nn.Module:
    """A copy of an MLP with the units of each hidden layer reordered: unit i is the one that was orders[layer][i].

    Parameters
    ----------
    model
        A chain of at least two dense layers.
    orders
        One permutation for each hidden layer.

    Raises
    ------
    ValueError
        Another model, or orders that are no permutations of its units.

    Examples
    --------
    >>> import torch
    >>> from talweg.landscape import permute
    >>> from talweg.models import MLP
    >>> model, x = MLP((3, 4, 2)), torch.ones(1, 3)
    >>> torch.allclose(permute(model, [torch.tensor([2, 0, 3, 1])])(x), model(x), atol=1e-6)
    True
    """
    result = copy.deepcopy(model)
    layers = _dense(result, "model")
    if len(orders) != len(layers) - 1:
        raise ValueError(
            f"orders must have one permutation for each of {len(layers) - 1} hidden layers; got {len(orders)}."
        )
    with torch.no_grad():
        for layer, after, order in zip(layers, layers[1:], orders, strict=False):
            if sorted(order.tolist()) != list(range(layer.out_features)):
                raise ValueError(f"orders must be permutations of the units of each layer; got {order.tolist()}.")
            layer.weight.copy_(layer.weight[order])
            if layer.bias is not None:
                layer.bias.copy_(layer.bias[order])
            after.weight.copy_(after.weight[:, order])
    return result


def _similarity(ours: list[nn.Linear], theirs: list[nn.Linear], orders: list[Tensor], at: int) -> Tensor:
    """⟨reference's unit i, our unit j⟩ over the weights into and out of them and the bias, other orders as they are."""
    into, out = ours[at].weight.detach(), ours[at + 1].weight.detach()
    into = into if at == 0 else into[:, orders[at - 1]]
    out = out if at + 1 == len(orders) else out[orders[at + 1]]
    gain = theirs[at].weight.detach() @ into.T + theirs[at + 1].weight.detach().T @ out
    if ours[at].bias is not None and theirs[at].bias is not None:
        gain = gain + torch.outer(theirs[at].bias.detach(), ours[at].bias.detach())
    return gain.double()


def _dense(model: nn.Module, name: str) -> list[nn.Linear]:
    layers = chain_layers(model)
    dense = [layer for _, layer in layers or [] if isinstance(layer, nn.Linear)]
    if len(dense) < 2:
        raise ValueError(f"{name} must be a chain of at least two dense layers, such as models.MLP.")
    return dense
