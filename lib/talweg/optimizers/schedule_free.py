"""Schedule-Free SGD and AdamW: averaging in place of a learning rate that decays."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from talweg.optimizers import kernels
from talweg.optimizers.rule import Rule


class ScheduleFree(Rule):
    """What both methods share (Defazio et al. 2024, arXiv:2405.15682, Alg. 1).

    y = (1 - β) z + β x;   z ← z - γ d(y);   x ← (1 - c) x + c z,   c = w / Σw,  w = t^r (max γ)^p

    d is the method's direction at y, γ = η min(1, t / warmup_steps), β in (0, 1). While training the parameters hold
    y, where the gradient belongs. The answer is x: `eval()` puts it into the parameters, `train()` takes it out
    again; `step` in between is an error. x is not stored: it is y + (1 - 1/β)(z - y).

    Batch normalization: its running statistics belong to y. Re-estimate them at x (`optimizer.eval()`, then
    `torch.optim.swa_utils.update_bn(batches, model)`) before evaluating.
    """

    numbers = dict(weight_sum=0.0, lr_max=0.0)

    def advance(self, y, d, z, *, beta, **others):
        """One step along d, given y and z; returns the new sums."""
        gamma, c, sums = self.weights(**others)
        y.lerp_(z, c).add_(d, alpha=gamma * (beta * (1 - c) - 1))  # (1 - β) z + β x, with the new z and x
        z.add_(d, alpha=-gamma)
        return sums

    def advance_fused(self, y, d, z, *, beta, **others):
        """`advance` in two passes over memory instead of three, both by SGD's kernel."""
        gamma, c, sums = self.weights(**others)
        if c > 0.5 or gamma == 0:
            return self.advance(y, d, z, beta=beta, **others)
        kernels.sgd(y, d, z, lr=-c / (1 - c), momentum=1.0, dampening=1 + gamma)  # z ← z - γ d;  y ← y + c / (1 - c) z
        step = gamma * (1 - beta) * (1 - c)
        kernels.sgd(y, d, lr=step, weight_decay=c / step)  # y ← (1 - c) y - step d
        return sums

    def weights(self, *, t, weight_sum, lr_max, lr, warmup_steps, r, weight_lr_power):
        """γ, c and the new sums."""
        gamma = lr * min(1.0, t / warmup_steps) if warmup_steps else lr
        lr_max = max(gamma, lr_max)
        weight = t**r * lr_max**weight_lr_power
        weight_sum += weight
        return gamma, weight / weight_sum if weight_sum else 0.0, dict(weight_sum=weight_sum, lr_max=lr_max)

    def beta(self, group: dict) -> float:
        """β of a group."""
        raise NotImplementedError

    def start(self, name, theta, **_):
        return theta.detach().clone(memory_format=torch.preserve_format) if name == "z" else super().start(name, theta)

    def add_param_group(self, param_group):
        super().add_param_group(param_group)
        self.param_groups[-1].setdefault("averaged", False)

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
            beta = self.beta(group)
            for parameter in group["params"]:
                if "z" in self.state.get(parameter, {}):
                    parameter.lerp_(self.state[parameter]["z"], 1 - 1 / beta if averaged else 1 - beta)

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update; RuntimeError between `eval()` and `train()`."""
        if any(group["averaged"] for group in self.param_groups):
            raise RuntimeError(f"{type(self).__name__}: call train() before step(); the parameters hold the average.")
        return super().step(closure)

    def check(self, **hyperparameters):
        beta = self.beta(hyperparameters)
        if not 0 < beta < 1:
            raise ValueError(f"{type(self).__name__}: momentum (betas[0]) must lie in (0, 1); got {beta!r}.")


class ScheduleFreeSGD(ScheduleFree):
    """Schedule-Free SGD: d = g + λ y (arXiv:2405.15682; see `ScheduleFree` for x, y, z and `eval()`, `train()`).

    β = momentum, λ = weight_decay. State: z, one tensor per parameter, and two numbers.
    """

    defaults = dict(lr=1.0, momentum=0.9, weight_decay=0.0, warmup_steps=0, r=0.0, weight_lr_power=2.0)

    def update(self, y, g, z, *, momentum, weight_decay, **others):
        d = g.add(y, alpha=weight_decay) if weight_decay else g
        return self.advance(y, d, z, beta=momentum, **others)

    def fused(self, y, g, z, *, momentum, weight_decay, **others):
        d = g.add(y, alpha=weight_decay) if weight_decay else g
        return self.advance_fused(y, d, z, beta=momentum, **others)

    def beta(self, group):
        return group["momentum"]


class ScheduleFreeAdamW(ScheduleFree):
    """Schedule-Free AdamW: d = g / (√v̂ + ε) + λ y (arXiv:2405.15682; see `ScheduleFree`).

    v ← β₂ v + (1 - β₂) g²;   v̂ = v / (1 - β₂ᵗ);   β = β₁, λ = weight_decay. State: z and v, and two numbers.
    """

    defaults = dict(
        lr=2.5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, warmup_steps=0, r=0.0, weight_lr_power=2.0
    )

    def update(self, y, g, z, v, *, t, betas, eps, weight_decay, **others):
        v.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
        d = g.div(v.sqrt().div_((1 - betas[1] ** t) ** 0.5).add_(eps))
        d = d.add_(y, alpha=weight_decay) if weight_decay else d
        return self.advance(y, d, z, t=t, beta=betas[0], **others)

    def fused(self, y, g, z, v, *, t, betas, eps, weight_decay, **others):
        d = kernels.adam_direction(g, None, v, t=t, betas=betas, eps=eps)
        d = d.add_(y, alpha=weight_decay) if weight_decay else d
        return self.advance_fused(y, d, z, t=t, beta=betas[0], **others)

    def beta(self, group):
        return group["betas"][0]
