"""Schedule-Free SGD and AdamW: averaging in place of a learning rate that decays."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from talweg.optimizers.hyperparameters import number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import coupled


class ScheduleFree(Rule):
    """What both methods share (Defazio et al. 2024, arXiv:2405.15682, Alg. 1).

    y = (1 - β) z + β x;   z ← z - γ d(y);   x ← (1 - c) x + c z,   c = w / Σw,  w = t^r (max γ)^p

    d is the method's direction at y, γ = η min(1, t / warmup_steps), β in (0, 1). While training the parameters hold
    y, where the gradient belongs. The answer is x: `eval()` puts it into the parameters, `train()` takes it out
    again; `step` in between is an error. x is not stored: it is y + (1 - 1/β)(z - y), with the β that y was made with.
    That β is kept: one that changes in training (OneCycleLR and CyclicLR move it) counts from the next y on.

    Batch normalization: its running statistics belong to y. Re-estimate them at x (`optimizer.eval()`, then
    `torch.optim.swa_utils.update_bn(batches, model)`) before evaluating; `training.train` does.
    """

    numbers = dict(weight_sum=0.0, lr_max=0.0, beta_of_y=1.0)  # at first y = x = z, with any β
    needs_own_pass = True

    def advance(self, y, d, z, *, beta, beta_of_y, **others):
        """One step along d, given y and z; returns the new numbers."""
        gamma, c, sums = self.weights(**others)
        share = c + (1 - c) * (1 - beta / beta_of_y)  # of z in the new y; c while β is constant
        y.lerp_(z, share).add_(d, alpha=gamma * (beta * (1 - c) - 1))  # (1 - β) z + β x, with the new z and x
        z.add_(d, alpha=-gamma)
        return dict(sums, beta_of_y=beta)

    def weights(self, *, t, weight_sum, lr_max, lr, warmup_steps, r, weight_lr_power):
        """γ, c and the new sums."""
        gamma = lr * min(1.0, t / warmup_steps) if warmup_steps else lr
        lr_max = max(gamma, lr_max)
        weight = t**r * lr_max**weight_lr_power
        weight_sum += weight
        return gamma, weight / weight_sum if weight_sum else 0.0, dict(weight_sum=weight_sum, lr_max=lr_max)

    def beta(self, group: dict) -> float:
        """β of a group, for its next y."""
        raise NotImplementedError

    def start(self, name, theta, **_):
        return theta.detach().clone(memory_format=torch.preserve_format) if name == "z" else super().start(name, theta)

    def add_param_group(self, param_group):
        super().add_param_group(param_group)
        self.param_groups[-1].setdefault("averaged", False)

    def answer(self) -> bool:
        """As `eval`, for a training loop."""
        self.eval()
        return True

    def resume(self) -> None:
        """As `train`, for a training loop."""
        self.train()

    def eval(self) -> None:
        """Put the average x into the parameters."""
        self._move(averaged=True)

    def train(self) -> None:
        """Put y, the point of the gradient, back into the parameters."""
        self._move(averaged=False)

    @torch.no_grad()
    def _move(self, averaged: bool) -> None:
        for group in self.param_groups:
            if group["averaged"] == averaged:
                continue
            group["averaged"] = averaged
            for parameter in group["params"]:
                state = self.state.get(parameter, {})
                if "z" in state:
                    z, beta = state["z"], state["beta_of_y"]
                    moved = parameter.to(z.dtype).lerp_(z, 1 - 1 / beta if averaged else 1 - beta)
                    parameter.copy_(moved)  # which is the parameter itself, unless it is float16

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update; RuntimeError between `eval()` and `train()`, ValueError if β has left (0, 1)."""
        for group in self.param_groups:
            if group["averaged"]:
                raise RuntimeError(
                    f"{type(self).__name__}: call train() before step(); the parameters hold the average."
                )
            if not 0 < self.beta(group) < 1:
                raise ValueError(f"{type(self).__name__}: β must lie in (0, 1); got {self.beta(group)!r}.")
        return super().step(closure)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:  # written before β was kept
            for parameter in group["params"]:
                if kept := self.state.get(parameter):
                    kept.setdefault("beta_of_y", self.beta(group))


class ScheduleFreeSGD(ScheduleFree):
    """Schedule-Free SGD: d = g + λ y (arXiv:2405.15682; see `ScheduleFree` for x, y, z and `eval()`, `train()`).

    y = (1 - β) z + β x;   z ← z - γ d(y);   x ← (1 - c) x + c z,   c = w / Σw,  w = t^r (max γ)^p

    While training the parameters hold y; `eval()` puts the answer x into them and `train()` takes it out again.
    The state is z, one tensor per parameter, and three numbers.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η; γ = η min(1, t / warmup_steps).
    momentum : float
        β in (0, 1).
    weight_decay : float
        λ, taken at y.
    warmup_steps : float
        Updates until γ has risen to η.
    r, weight_lr_power : float
        The exponents r and p of the weights w.

    Raises
    ------
    RuntimeError
        If `step` is called between `eval()` and `train()`.

    References
    ----------
    Defazio et al., "The road less scheduled", NeurIPS 2024, arXiv:2405.15682.

    Examples
    --------
    With a constant gradient of 1 z goes to -0.5, -1, -1.5, and x is the mean of these points:

    >>> import torch
    >>> from talweg.optimizers import ScheduleFreeSGD
    >>> theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    >>> optimizer = ScheduleFreeSGD([theta], lr=0.5)
    >>> for _ in range(3):
    ...     theta.grad = torch.ones_like(theta)
    ...     optimizer.step()
    >>> optimizer.eval()
    >>> theta.detach()
    tensor([-1.0000], dtype=torch.float64)
    """

    lr: float = number(1.0, low=0)
    momentum: float = number(0.9, above=0, below=1)
    weight_decay: float = number(0.0, low=0)
    warmup_steps: float = number(0, low=0)
    r: float = number(0.0, low=0)
    weight_lr_power: float = number(2.0, low=0)
    buffers = ("z",)

    def update(self, y, g, z, *, momentum, weight_decay, **others):
        return self.advance(y, coupled(g, y, weight_decay), z, beta=momentum, **others)

    def beta(self, group):
        return group["momentum"]


class ScheduleFreeAdamW(ScheduleFree):
    """Schedule-Free AdamW: d = g / (√v̂ + ε) + λ y (arXiv:2405.15682; see `ScheduleFree`).

    v ← β₂ v + (1 - β₂) g²;   v̂ = v / (1 - β₂ᵗ);   β = β₁

    While training the parameters hold y; `eval()` puts the answer x into them and `train()` takes it out again.
    The state is z and v, two tensors per parameter, and three numbers.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr : float
        The learning rate η.
    betas : tuple of two floats
        (β₁, β₂), with β₁ in (0, 1) and β₂ in [0, 1).
    eps : float
        ε, outside the root.
    weight_decay : float
        λ, taken at y.
    warmup_steps, r, weight_lr_power : float
        As in `ScheduleFreeSGD`.

    Raises
    ------
    RuntimeError
        If `step` is called between `eval()` and `train()`.

    References
    ----------
    Defazio et al., "The road less scheduled", NeurIPS 2024, arXiv:2405.15682.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import ScheduleFreeAdamW
    >>> theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    >>> optimizer = ScheduleFreeAdamW([theta], lr=0.5)
    >>> for _ in range(3):
    ...     theta.grad = torch.full_like(theta, 100.0)
    ...     optimizer.step()
    >>> optimizer.eval()
    >>> theta.detach()
    tensor([-1.0000], dtype=torch.float64)
    """

    lr: float = number(2.5e-3, low=0)
    betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
    eps: float = number(1e-8, low=0)
    weight_decay: float = number(0.0, low=0)
    warmup_steps: float = number(0, low=0)
    r: float = number(0.0, low=0)
    weight_lr_power: float = number(2.0, low=0)
    buffers = ("z", "v")

    def update(self, y, g, z, v, *, t, betas, eps, weight_decay, **others):
        v.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
        d = g.div(v.sqrt().div_((1 - betas[1] ** t) ** 0.5).add_(eps))
        return self.advance(y, coupled(d, y, weight_decay), z, t=t, beta=betas[0], **others)

    def check(self, betas, **_):
        if not betas[0] > 0:
            raise ValueError(f"ScheduleFreeAdamW: betas must begin with a number in (0, 1); got {betas!r}.")

    def beta(self, group):
        return group["betas"][0]
