"""The place for speed: torch's fused kernels, which read and write each number of a step once.

A rule in single operations passes over memory once for each of them, and memory is what an optimizer waits for. torch
has kernels of whole rules for SGD, Adagrad and Adam, on CPU and CUDA. Other rules are special cases of Adam's:

    θ ← θ - η m̂ / (√v̂ + ε)   with β₁ = 0 (m is g) and t → ∞ (no bias correction)     RMSprop
                              with η r for η and ε / √(1 - β₂ᵗ) for ε                  RAdam
                              from θ = 0 with η = -1: the direction alone              LAMB, Schedule-Free AdamW

Each function below stands in for the `update` of the rule it is registered for and takes the same arguments; the tests
hold both to the same numbers. It may return NotImplemented before it has changed anything: the formula follows. Rules
without a kernel go in pieces that fit into the cache: see `tensors.pieces`.

The kernels' names are private to torch. Where a release has dropped one, the formulas are used, and a test fails.
"""

# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from talweg.optimizers.adagrad import Adagrad
from talweg.optimizers.adam import Adam, AdamW, AMSGrad
from talweg.optimizers.adam_variants import NAdam, RAdam
from talweg.optimizers.layerwise import LAMB, LARS
from talweg.optimizers.lion import Lion
from talweg.optimizers.rmsprop import RMSprop
from talweg.optimizers.rule import Rule
from talweg.optimizers.schedule_free import ScheduleFree, ScheduleFreeAdamW, ScheduleFreeSGD
from talweg.optimizers.sgd import SGD
from talweg.optimizers.tensors import Tensors
from talweg.optimizers.weight_decay import coupled, decoupled, either

KERNELS = ("_fused_sgd_", "_fused_adagrad_", "_fused_adam_", "_fused_adamw_")
PLAIN_SGD = dict(momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0)
AVAILABLE = all(hasattr(torch, name) for name in KERNELS)


def fused(*rules: type[Rule], one_kernel: bool = False) -> Callable[[Callable], Callable]:
    """Register a function as the fast form of rules. one_kernel: it is a single kernel, and need not be cut in pieces."""

    def register(function: Callable) -> Callable:
        function.one_kernel = one_kernel
        for rule in rules if AVAILABLE else ():
            rule.fused = function
        return function

    return register


@fused(SGD, one_kernel=True)
def sgd(rule, theta, g, m, *, t, **hyperparameters):
    sgd_kernel(theta, g, m, first=t == 1, **hyperparameters)


@fused(Adagrad, one_kernel=True)
def adagrad(rule, theta, g, s, *, t, initial_accumulator_value, **hyperparameters):
    torch._fused_adagrad_(theta.list, g.list, s.list, _steps(theta, t), maximize=False, **hyperparameters)


@fused(RMSprop, one_kernel=True)
def rmsprop(rule, theta, g, v, a, m, *, t, lr, alpha, eps, weight_decay, momentum, centered):
    if momentum or centered:
        return NotImplemented
    adam_kernel(theta, g, None, v, lr=lr, betas=(0.0, alpha), eps=eps, weight_decay=weight_decay)


@fused(Adam, AMSGrad, one_kernel=True)
def adam(rule, theta, g, m, v, v_max=None, **hyperparameters):
    adam_kernel(theta, g, m, v, v_max, **hyperparameters)


@fused(AdamW, one_kernel=True)
def adamw(rule, theta, g, m, v, **hyperparameters):
    adam_kernel(theta, g, m, v, decoupled=True, **hyperparameters)


@fused(NAdam)
def nadam(rule, theta, g, m, v, *, t, pi, lr, betas, eps, momentum_decay, weight_decay, decoupled_weight_decay):
    g = either(theta, g, lr, weight_decay, decoupled_weight_decay)
    pi, of_m, of_g = rule.shares(t, pi, betas[0], momentum_decay)
    # The kernel divides m by 1 - β₁ᵗ, which NAdam does not.
    adam_kernel(theta, g, m, v, t=t, lr=lr * of_m * (1 - betas[0] ** t), betas=betas, eps=eps)
    correction = (1 - betas[1] ** t) ** 0.5
    theta.addcdiv_(g, v.sqrt().add_(eps * correction), value=-lr * correction * of_g)
    return dict(pi=pi)


@fused(RAdam, one_kernel=True)
def radam(rule, theta, g, m, v, *, t, lr, betas, eps, weight_decay, decoupled_weight_decay):
    r = rule.rectification(t, betas[1])
    if r is None:
        return NotImplemented
    if decoupled_weight_decay:
        decoupled(theta, lr, weight_decay)
        weight_decay = 0.0
    eps = eps / (1 - betas[1] ** t) ** 0.5
    adam_kernel(theta, g, m, v, t=t, lr=lr * r, betas=betas, eps=eps, weight_decay=weight_decay)


@fused(Lion)
def lion(rule, theta, g, m, *, t, lr, betas, weight_decay):
    c = m.lerp(g, 1 - betas[0])
    sgd_kernel(theta, c.sign_(), lr=lr, weight_decay=weight_decay)
    m.lerp_(g, 1 - betas[1])


@fused(LARS)
def lars(rule, theta, g, m, *, t, lr, momentum, weight_decay, trust, eps):
    if trust is None or not momentum or theta.list[0].is_cuda:
        return NotImplemented
    rates = rule.rates(theta, g, weight_decay, trust, eps).tolist()
    for q, *layer in zip(rates, theta.list, g.list, m.list, strict=True):  # SGD with 1 - q for its dampening
        one = [Tensors([tensor]) for tensor in layer]
        sgd_kernel(*one, lr=lr, momentum=momentum, dampening=1 - q, weight_decay=weight_decay)


@fused(LAMB)
def lamb(rule, theta, g, m, v, *, t, lr, betas, eps, weight_decay):
    rule.scaled(theta, adam_direction(g, m, v, t=t, betas=betas, eps=eps), lr, weight_decay)


@fused(ScheduleFreeSGD)
def schedule_free_sgd(rule, y, g, z, *, momentum, weight_decay, **others):
    return _advance(rule, y, coupled(g, y, weight_decay), z, beta=momentum, **others)


@fused(ScheduleFreeAdamW)
def schedule_free_adamw(rule, y, g, z, v, *, t, betas, eps, weight_decay, **others):
    d = coupled(adam_direction(g, None, v, t=t, betas=betas, eps=eps), y, weight_decay)
    return _advance(rule, y, d, z, t=t, beta=betas[0], **others)


def _advance(rule: ScheduleFree, y: Tensors, d: Tensors, z: Tensors, *, beta: float, beta_of_y: float, **others):
    """`ScheduleFree.advance` in two passes over memory instead of three, both by SGD's kernel."""
    gamma, c, sums = rule.weights(**others)
    if c > 0.5 or gamma == 0 or beta != beta_of_y:
        return rule.advance(y, d, z, beta=beta, beta_of_y=beta_of_y, **others)
    sgd_kernel(y, d, z, lr=-c / (1 - c), momentum=1.0, dampening=1 + gamma)  # z ← z - γ d;  y ← y + c / (1 - c) z
    step = gamma * (1 - beta) * (1 - c)
    sgd_kernel(y, d, lr=step, weight_decay=c / step)  # y ← (1 - c) y - step d
    return dict(sums, beta_of_y=beta)


def sgd_kernel(theta: Tensors, g: Tensors, m: Tensors | None = None, *, first: bool = False, **hyperparameters) -> None:
    """torch's SGD; hyperparameters: lr, momentum, dampening, nesterov, weight_decay."""
    given: dict[str, Any] = {**PLAIN_SGD, **hyperparameters}
    torch._fused_sgd_(theta.list, g.list, m.list if m else [], maximize=False, is_first_step=first, **given)


def adam_kernel(
    theta: Tensors, g: Tensors, m: Tensors | None, v: Tensors, v_max: Tensors | None = None, *,
    t: float = math.inf, lr: float, betas: tuple[float, float], eps: float, weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:  # fmt: skip
    """torch's Adam, AdamW (`decoupled`), AMSGrad (with `v_max`). m=None: β₁ = 0, the gradient in place of m."""
    kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
    if m is None:  # with β₁ = 0 the kernel writes g into m: given g itself, it writes what is there
        g = g if decoupled else coupled(g, theta, weight_decay)
        m, betas, weight_decay = g, (0.0, betas[1]), weight_decay if decoupled else 0.0
    kernel(
        theta.list, g.list, m.list, v.list, v_max.list if v_max else [], _steps(theta, t),
        lr=lr, beta1=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay, amsgrad=bool(v_max), maximize=False,
    )  # fmt: skip


def adam_direction(g: Tensors, m: Tensors | None, v: Tensors, **hyperparameters) -> Tensors:
    """m̂ / (√v̂ + ε) with m and v brought up to date. m=None: g / (√v̂ + ε)."""
    u = Tensors([torch.zeros_like(tensor) for tensor in g.list])
    adam_kernel(u, g, m, v, lr=-1.0, **hyperparameters)
    return u


def _steps(theta: Tensors, t: float) -> list[torch.Tensor]:
    # `scalar_tensor` takes 2 µs where `full` and `tensor` take 8 and more.
    return [torch.scalar_tensor(float(t), device=theta.list[0].device)] * len(theta.list)
