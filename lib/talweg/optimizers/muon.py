"""Muon: momentum, orthogonalized, for matrices; AdamW for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from talweg.optimizers.adam import AdamW
from talweg.optimizers.hyperparameters import choice, flag, number, pair, whole
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import decoupled

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # steepest at zero; singular values end in about [0.7, 1.2], not at 1


class Muon(Rule):
    """Momentum with its singular values brought near 1 (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

    M ← μ M + (1 - μ) G;   N = (1 - μ) G + μ M with Nesterov, else M;   θ ← θ - η λ θ - η s NewtonSchulz(N)
    s = √max(1, rows / columns) with scale="original", 0.2 √max(rows, columns) with "rms" (arXiv:2502.16982)

    Tensors of more dimensions are taken as the matrix (first dimension) × (all others). Everything is computed in the
    parameter's precision: the author's code, torch and pytorch_optimizer round to bfloat16 and so agree with this to
    about 1e-2 of the update.

    A group with `adamw=True` gets AdamW with its own lr, betas, eps, weight_decay; vectors, embeddings and the last
    layer belong there: `Muon.groups(model)` sorts them. The state is M, one tensor per matrix; m and v in AdamW groups.

    Parameters
    ----------
    params
        Matrices, or groups of parameters with hyperparameters of their own.
    lr : float
        The learning rate η.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Whether to look ahead.
    weight_decay : float
        λ of decoupled decay.
    iterations : int
        Steps of Newton and Schulz's iteration.
    scale : str
        "original" or "rms": how s depends on the shape.
    adamw : bool
        Whether the group is AdamW's.
    betas, eps
        Those of AdamW, for such a group.

    Raises
    ------
    ValueError
        If a vector is in a group without `adamw=True`.

    References
    ----------
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, kellerjordan.github.io/posts/muon.
    Liu et al., "Muon is scalable for LLM training", 2025, arXiv:2502.16982.

    Examples
    --------
    The singular values of the update are about 0.7 to 1.2, though those of the gradient are 5 and 0.1:

    >>> import torch
    >>> from talweg.optimizers import Muon
    >>> W = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    >>> optimizer = Muon([W], lr=1.0)
    >>> W.grad = torch.diag(torch.tensor([5.0, 0.1], dtype=torch.float64))
    >>> optimizer.step()
    >>> torch.linalg.svdvals(W.detach()).round(decimals=2)
    tensor([0.7000, 0.6800], dtype=torch.float64)
    """

    lr: float = number(0.02, low=0)
    momentum: float = number(0.95, low=0, below=1)
    nesterov: bool = flag(True)
    weight_decay: float = number(0.0, low=0)
    iterations: int = whole(5, low=1)
    scale: str = choice("original", ("original", "rms"))
    adamw: bool = flag(False)
    betas: tuple[float, float] = pair(0.9, 0.95, low=0, below=1)
    eps: float = number(1e-10, low=0)
    buffers = ("m", "v")
    elementwise = False

    def update(self, theta, g, m, v, *, adamw, t, lr, betas, eps, weight_decay, **matrix):
        if adamw:
            # AdamW's formula alone, which asks nothing of `self`.
            formula: Any = AdamW.update
            formula(self, theta, g, m, v, t=t, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        else:
            self.update_matrices(theta, g, m, lr=lr, weight_decay=weight_decay, **matrix)

    def update_matrices(self, theta, g, m, *, lr, momentum, nesterov, weight_decay, iterations, scale):
        """Muon's own formula."""
        m.lerp_(g, 1 - momentum)
        n = g.lerp(m, momentum) if nesterov else m
        decoupled(theta, lr, weight_decay)
        for parameter, matrix in zip(theta.list, n.list, strict=True):
            matrix = matrix.flatten(1)
            rows, columns = matrix.shape
            if not columns:
                continue
            s = max(1, rows / columns) ** 0.5 if scale == "original" else 0.2 * max(rows, columns) ** 0.5
            parameter.add_(newton_schulz(matrix, iterations).view_as(parameter), alpha=-lr * s)

    def needed(self, adamw, **_):
        return ("m", "v") if adamw else ("m",)

    @staticmethod
    def groups(params: nn.Module | Iterable[Tensor], *, lr: float = 0.02, adamw_lr: float = 3e-4) -> list[dict]:
        """Parameter groups: matrices (convolutions too) for Muon, all others for AdamW.

        Of a model also the embeddings and the last linear layer go to AdamW, as the author advises.

        Parameters
        ----------
        params : Module or iterable of tensors
            A model, or parameters.
        lr, adamw_lr : float
            The learning rates of the two groups.

        Returns
        -------
        list of dict
            One or two groups, for `Muon(groups)`; an empty one is left out.

        Examples
        --------
        >>> from torch import nn
        >>> from talweg.optimizers import Muon
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        >>> [[tuple(p.shape) for p in group["params"]] for group in Muon.groups(model)]
        [[(8, 4)], [(8,), (3, 8), (3,)]]
        """
        aside: set[Tensor] = set()
        if isinstance(params, nn.Module):
            modules = list(params.modules())
            linear = [module for module in modules if isinstance(module, nn.Linear)]
            outside = [module for module in modules if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
            aside = {module.weight for module in outside + linear[-1:]}
            params = params.parameters()
        matrices, rest = [], []
        for parameter in params:
            (matrices if parameter.ndim > 1 and parameter not in aside else rest).append(parameter)
        groups = [dict(params=matrices, lr=lr), dict(params=rest, lr=adamw_lr, adamw=True)]
        return [group for group in groups if group["params"]]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in torch; refuses vectors in a group without `adamw=True`."""
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        if not param_group.get("adamw", self.defaults["adamw"]):
            for entry in params:
                parameter = entry[1] if isinstance(entry, tuple) else entry
                if isinstance(parameter, Tensor) and parameter.ndim < 2:
                    raise ValueError(
                        f"Muon: params must be matrices; got shape {tuple(parameter.shape)}. Put vectors into a group "
                        "with adamw=True, or let Muon.groups(model) sort the parameters."
                    )
        super().add_param_group({**param_group, "params": params})


def newton_schulz(G: Tensor, iterations: int = 5, eps: float = 1e-7) -> Tensor:
    """U S Vᵀ → about U Vᵀ, by X ← a X + (b A + c A²) X with A = X Xᵀ, from X = G / ‖G‖_F. G: rows×columns."""
    a, b, c = COEFFICIENTS
    X = G / (G.norm() + eps)
    wide = X.shape[0] <= X.shape[1]
    X = X if wide else X.mT  # A is the smaller of both products
    for _ in range(iterations):
        A = X @ X.mT
        X = torch.addmm(X, torch.addmm(A, A, A, beta=b, alpha=c), X, beta=a)
    return X if wide else X.mT
