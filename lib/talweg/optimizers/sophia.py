"""Sophia: momentum over the curvature of each coordinate, clipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from talweg.arguments import generator_or_none, one_of
from talweg.optimizers.hyperparameters import choice, number, pair, whole
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import decoupled
from talweg.written_out import WrittenOut, explained, refuse_fused


class Sophia(Rule):
    """Momentum divided by an estimate of diag H, each entry clipped at 1 (Liu et al. 2024, arXiv:2305.14342, Alg. 3).

    m ← β₁ m + (1 - β₁) g;   every k updates  h ← β₂ h + (1 - β₂) ĥ
    θ ← θ - η λ θ;   θ ← θ - η clip(m / max(γ h, ε), 1)

    Where curvature is small or negative the step is that of a sign method. The estimate ĥ comes from
    `update_curvature`, which is called before `step`. The authors' code has `rho` for γ and multiplies by the batch
    size in the step; here it is in ĥ, as in the paper. The state is m and h, two tensors per parameter, and the number
    of estimates.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η, which is also the longest step of an entry.
    betas : tuple of two floats
        (β₁, β₂), each in [0, 1).
    gamma : float
        γ; the paper uses 0.01 with "hutchinson" and 0.05 with "gauss-newton-bartlett".
    eps : float
        ε.
    weight_decay : float
        λ of decoupled decay.
    estimator : str
        "hutchinson" (of diag H) or "gauss-newton-bartlett" (of the diagonal of the Gauss-Newton matrix, never
        negative). It is one for all groups.
    every : int
        k, the number of updates from one estimate to the next.

    Raises
    ------
    RuntimeError
        If `step` is called before there is an estimate.

    References
    ----------
    Liu et al., "Sophia: a scalable stochastic second-order optimizer for language model pre-training", ICLR 2024,
    arXiv:2305.14342.

    Examples
    --------
    Curvatures of 100 and 1 do not matter to it: both coordinates move by the same share of their way.

    >>> import torch
    >>> from talweg.optimizers import Sophia
    >>> theta = torch.ones(2, dtype=torch.float64, requires_grad=True)
    >>> def loss():
    ...     return 50 * theta[0] ** 2 + theta[1] ** 2 / 2
    >>> optimizer = Sophia([theta], lr=0.1, betas=(0.0, 0.0), gamma=1.0, weight_decay=0)
    >>> optimizer.update_curvature(loss)
    True
    >>> loss().backward()
    >>> optimizer.step()
    >>> theta.detach()
    tensor([0.9000, 0.9000], dtype=torch.float64)
    """

    lr: float = number(1e-4, low=0)
    betas: tuple[float, float] = pair(0.965, 0.99, low=0, below=1)
    gamma: float = number(0.01, low=0)
    eps: float = number(1e-12, low=0)
    weight_decay: float = number(0.1, low=0)
    estimator: str = choice("hutchinson", ("hutchinson", "gauss-newton-bartlett"))
    every: int = whole(10, low=1)
    buffers = ("m", "h")
    numbers = dict(estimates=0)
    needs_own_pass = True

    def update(self, theta, g, m, h, *, lr, betas, gamma, eps, weight_decay, **_):
        m.lerp_(g, 1 - betas[0])
        decoupled(theta, lr, weight_decay)
        curvature = h.mul(gamma).clamp_min_(eps)
        theta.add_(m.div(curvature).clamp_max_(1).clamp_min_(-1), alpha=-lr)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in torch; ValueError if the groups differ in their estimator: one pass through the model serves all."""
        estimators = [group["estimator"] for group in [*self.param_groups, {**self.defaults, **param_group}]]
        if estimators[-1] != estimators[0]:
            raise ValueError(
                f"Sophia: estimator must be one for all groups, {estimators[0]!r}; got {estimators[-1]!r}."
            )
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update; RuntimeError, before anything changes, if a parameter has no curvature estimate yet."""
        for parameter in self._parameters():
            if parameter.grad is not None and not self.state.get(parameter, {}).get("estimates"):
                raise RuntimeError(
                    "Sophia: step needs an estimate of the curvature; call update_curvature before the first step."
                )
        return super().step(closure)

    def prepare(self, outputs: Callable[[], Tensor], loss: Callable[[Tensor], Tensor]) -> None:
        """`update_curvature` with what the estimator needs."""
        self.update_curvature(outputs if self.estimator == "gauss-newton-bartlett" else lambda: loss(outputs()))

    def update_curvature(self, forward: Callable[[], Tensor], generator: torch.Generator | None = None) -> bool:
        """Fold a new estimate into h if one is due: before the updates 1, 1 + k, 1 + 2k, ….

        A group may have a k of its own.

        Parameters
        ----------
        forward : callable
            Called only when an estimate is due. It returns what the estimator needs, with its graph: the loss of a
            batch ("hutchinson"), or the logits, B×classes ("gauss-newton-bartlett").
        generator : torch.Generator, optional
            On the CPU; it draws the probes, or the labels.

        Returns
        -------
        bool
            Whether an estimate was due.
        """
        due = [group for group in self.param_groups if self._is_due(group)]
        parameters = [parameter for group in due for parameter in group["params"] if parameter.requires_grad]
        if not parameters:
            return False
        generator_or_none("generator", generator)
        with torch.enable_grad():
            graph = _twice_differentiable(forward) if self.estimator == "hutchinson" else forward()
            estimate = ESTIMATORS[self.estimator](graph, parameters, generator=generator)
        self._fold(due, dict(zip(parameters, estimate, strict=True)))
        return True

    def _is_due(self, group: dict[str, Any]) -> bool:
        states = [self.state.get(parameter, {}) for parameter in group["params"] if parameter.requires_grad]
        updates = max((state.get("t", 0) for state in states), default=0)
        return updates % group["every"] == 0 or not all(state.get("estimates") for state in states)

    @torch.no_grad()
    def _fold(self, groups: list[dict[str, Any]], estimate: dict[Tensor, Tensor | None]) -> None:
        for group in groups:
            for parameter in group["params"]:
                h = estimate.get(parameter)
                if h is not None:
                    state = self._state_of(parameter, self._values(group), self.buffers)
                    state["h"].lerp_(h.to(state["h"].dtype), 1 - group["betas"][1])
                    state["estimates"] += 1

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]


def hutchinson(
    loss: Tensor,
    parameters: Iterable[Tensor],
    *,
    probes: str = "rademacher",
    generator: torch.Generator | None = None,
) -> list[Tensor | None]:
    """Unbiased estimate u ⊙ (H u) of the diagonal of the loss's Hessian, for each parameter (None: not in the graph).

    loss: with its graph, computed within `with talweg.written_out.WrittenOut(order=2):`, as Sophia does, if the model
    has weight normalization, whose second derivative is wrong in PyTorch (ValueError), or attention, which has none.
    probes: u of random signs ("rademacher": the smaller variance, none at all if H is diagonal) or "normal".
    generator: on the CPU; the same probes on every device.
    """
    one_of("probes", probes, ("rademacher", "normal"))
    refuse_fused(loss, order=2)
    parameters = list(parameters)
    u = [_probe(parameter, probes, generator) for parameter in parameters]
    return [None if hu is None else ui * hu for ui, hu in zip(u, hessian_product(loss, parameters, u), strict=True)]


def hessian_product(loss: Tensor, parameters: Sequence[Tensor], u: Sequence[Tensor]) -> list[Tensor | None]:
    """H u, by differentiating ∇loss · u (None for a parameter that the loss does not depend on)."""
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    terms = [(g * v).sum() for g, v in zip(gradients, u, strict=True) if g is not None and g.requires_grad]
    if not terms:  # the loss is linear in them: H = 0
        return [None if g is None else torch.zeros_like(g) for g in gradients]
    with explained():
        products = torch.autograd.grad(torch.as_tensor(sum(terms)), parameters, allow_unused=True)
    return [
        None if g is None else torch.zeros_like(g) if hu is None else hu
        for g, hu in zip(gradients, products, strict=True)
    ]


def gauss_newton_bartlett(
    logits: Tensor, parameters: Iterable[Tensor], *, generator: torch.Generator | None = None
) -> list[Tensor | None]:
    """Unbiased estimate B ĝ ⊙ ĝ of the diagonal of the Gauss-Newton matrix of the mean cross-entropy.

    ĝ is the gradient with labels drawn from the model's own softmax, not the data's. logits: B×classes, with graph.
    For cross-entropy that matrix is the Fisher matrix; it is not the Hessian, and has no negative entry.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"logits must have shape (B, classes), for the estimator of Gauss-Newton; got {got}.")
    probabilities = logits.detach().softmax(-1).cpu()
    labels = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
    return squared_gradient(logits, list(parameters), labels.to(logits.device))


def squared_gradient(logits: Tensor, parameters: Sequence[Tensor], labels: Tensor) -> list[Tensor | None]:
    """B ĝ ⊙ ĝ with the gradient ĝ of the mean cross-entropy of B samples."""
    gradients = torch.autograd.grad(F.cross_entropy(logits, labels), parameters, allow_unused=True)
    return [None if g is None else len(labels) * g.square() for g in gradients]


def _twice_differentiable(forward: Callable[[], Tensor]) -> Tensor:
    with WrittenOut(order=2):
        return forward()


def _probe(parameter: Tensor, probes: str, generator: torch.Generator | None) -> Tensor:
    if probes == "normal":
        u = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    else:
        u = torch.randint(0, 2, parameter.shape, generator=generator) * 2 - 1
    return u.to(parameter)


ESTIMATORS = {"hutchinson": hutchinson, "gauss-newton-bartlett": gauss_newton_bartlett}
