"""SAM: the gradient from the worst point nearby, given to any other method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from talweg.optimizers.rule import Rule
from talweg.optimizers.sgd import SGD


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimization around the method `base` (Foret et al. 2021, arXiv:2010.01412, Alg. 1).

    ê = ρ g(θ) / ‖g(θ)‖;   θ ← a step of `base` from θ with the gradient g(θ + ê)
    adaptive (ASAM, arXiv:2102.11600):   ê = ρ θ² ⊙ g / ‖θ ⊙ g‖

    rho: the radius ρ, also per group; the norm is over all parameters. hyperparameters: those of `base`. `step` needs a
    closure that clears the gradients, computes the loss, calls backward and returns it; it is called twice, at θ and at
    θ + ê. Running statistics (batch normalization) see the first pass only. State: that of `base`; while in a step also
    a copy of the parameters.
    """

    elementwise = False

    def __init__(
        self,
        params: Iterable,
        base: type[torch.optim.Optimizer] = SGD,
        rho: float = 0.05,
        adaptive: bool = False,
        **hyperparameters,
    ) -> None:
        self.base = base(params, **hyperparameters)
        super().__init__(self.base.param_groups, {**self.base.defaults, "rho": rho, "adaptive": adaptive})
        self.param_groups, self.state = self.base.param_groups, self.base.state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in torch."""
        self._check_rho(param_group.get("rho", self.defaults["rho"]))
        if self.param_groups is self.base.param_groups:
            extra = {name: self.defaults[name] for name in ("rho", "adaptive")}
            self.base.add_param_group({**extra, **param_group})
        else:  # while being built, with the groups of `base`
            super().add_param_group(param_group)

    def _check_rho(self, rho: float) -> None:
        if not 0 <= float(rho) < float("inf"):
            raise ValueError(f"SAM: rho must lie in [0, inf); got {rho!r}.")

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor:
        """One update from two passes; returns the loss at θ. The parameters stay at θ if the closure fails."""
        if closure is None:
            raise ValueError("SAM: step needs a closure that computes the loss and its gradient; it is called twice.")
        with torch.enable_grad():
            loss = closure()
        parameters, moves = self._perturbation()
        with torch.no_grad():
            before = [parameter.clone() for parameter in parameters]
            try:
                for parameter, move in zip(parameters, moves, strict=True):
                    parameter.add_(move)
                with torch.enable_grad(), running_statistics_kept():
                    closure()
            finally:
                for parameter, value in zip(parameters, before, strict=True):
                    parameter.copy_(value)
        self.base.step()
        return loss

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "base": self.base}

    @torch.no_grad()
    def _perturbation(self) -> tuple[list[Tensor], list[Tensor]]:
        """Parameters with a gradient, and ê for each of them."""
        parameters, gradients, scales, radii = [], [], [], []
        for group in self.param_groups:
            for parameter in group["params"]:
                g = parameter.grad
                if g is None:
                    continue
                if g.layout is not torch.strided:
                    raise RuntimeError("SAM: sparse gradients are not supported; use dense ones.")
                parameters.append(parameter)
                scales.append(parameter.abs() if group["adaptive"] else None)
                gradients.append(g if scales[-1] is None else scales[-1] * g)
                radii.append(group["rho"])
        if not parameters:
            return [], []
        norms = [g.norm().to(gradients[0].device, torch.float64) for g in gradients]
        norm = torch.stack(norms).norm().item() + 1e-12
        directions = [g if s is None else s * g for g, s in zip(gradients, scales, strict=True)]
        return parameters, [d * (rho / norm) for d, rho in zip(directions, radii, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """The state of `base`; `rho` and `adaptive` are in the groups."""
        return {**self.base.state_dict(), "method": f"SAM({type(self.base).__name__})"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in torch; ValueError for the state of another method, before anything has changed."""
        ours, given = f"SAM({type(self.base).__name__})", state_dict.get("method")
        if given != ours:
            raise ValueError(f"SAM: state_dict must come from {ours}; got one from {given or 'another library'}.")
        inner = {name: value for name, value in state_dict.items() if name != "method"}
        if isinstance(self.base, Rule):
            inner["method"] = type(self.base).__name__
        self.base.load_state_dict(inner)
        self.param_groups, self.state = self.base.param_groups, self.base.state


@contextmanager
def running_statistics_kept() -> Iterator[None]:
    """Inside, whatever modules are called, batch normalization's running statistics come out as they went in."""
    kept: dict[nn.Module, dict[str, Tensor]] = {}

    def keep(module: nn.Module, _inputs: Any) -> None:
        if isinstance(module, nn.modules.batchnorm._NormBase) and module not in kept:
            kept[module] = {name: buffer.clone() for name, buffer in module.named_buffers(recurse=False)}

    handle = nn.modules.module.register_module_forward_pre_hook(keep)
    try:
        yield
    finally:
        handle.remove()
        with torch.no_grad():
            for module, buffers in kept.items():
                for name, value in buffers.items():
                    getattr(module, name).copy_(value)
