"""The place for speed: torch's fused kernels, which read and write each number of a step once.

A rule in single operations passes over memory once for each of them, and memory is what an optimizer waits for. torch
has kernels of whole rules for SGD, Adagrad and Adam, on CPU and CUDA. Other rules are special cases of Adam's:

    θ ← θ - η m̂ / (√v̂ + ε)   with β₁ = 0 (m is g) and t → ∞ (no bias correction)     RMSprop
                              with η r for η and ε / √(1 - β₂ᵗ) for ε                  RAdam
                              from θ = 0 with η = -1: the direction alone              LAMB, Schedule-Free AdamW

`Rule.fused` calls them where `update` has the formula; the tests hold both to the same numbers. What has no kernel goes
in pieces that fit into the cache: see `tensors.pieces`.
"""

from __future__ import annotations

import math

import torch

from talweg.optimizers.tensors import Tensors


def sgd(theta: Tensors, g: Tensors, m: Tensors | None = None, *, first: bool = False, **hyperparameters) -> None:
    """torch's SGD; hyperparameters: lr, momentum, dampening, nesterov, weight_decay."""
    hyperparameters = dict(momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0) | hyperparameters
    buffers = m.list if m else []
    torch._fused_sgd_(theta.list, g.list, buffers, maximize=False, is_first_step=first, **hyperparameters)


def adagrad(theta: Tensors, g: Tensors, s: Tensors, *, t: int, **hyperparameters) -> None:
    """torch's Adagrad; hyperparameters: lr, lr_decay, weight_decay, eps."""
    torch._fused_adagrad_(theta.list, g.list, s.list, _steps(theta, t), maximize=False, **hyperparameters)


def adam(
    theta: Tensors, g: Tensors, m: Tensors | None, v: Tensors, v_max: Tensors | None = None, *,
    t: float = math.inf, lr: float, betas: tuple[float, float], eps: float, weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:  # fmt: skip
    """torch's Adam, AdamW (`decoupled`), AMSGrad (with `v_max`). m=None: β₁ = 0, the gradient in place of m."""
    kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
    if m is None:  # with β₁ = 0 the kernel writes g into m: given g itself, it writes what is there
        g = g.add(theta, alpha=weight_decay) if weight_decay and not decoupled else g
        m, betas, weight_decay = g, (0.0, betas[1]), weight_decay if decoupled else 0.0
    kernel(
        theta.list, g.list, m.list, v.list, v_max.list if v_max else [], _steps(theta, t),
        lr=lr, beta1=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay, amsgrad=bool(v_max), maximize=False,
    )  # fmt: skip


def adam_direction(g: Tensors, m: Tensors | None, v: Tensors, **hyperparameters) -> Tensors:
    """m̂ / (√v̂ + ε) with m and v brought up to date. m=None: g / (√v̂ + ε)."""
    u = Tensors([torch.zeros_like(tensor) for tensor in g.list])
    adam(u, g, m, v, lr=-1.0, **hyperparameters)
    return u


def _steps(theta: Tensors, t: float) -> list[torch.Tensor]:
    return [torch.full((), float(t), device=theta.list[0].device)] * len(theta.list)
