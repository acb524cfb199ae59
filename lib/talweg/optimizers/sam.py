"""SAM: the gradient from the worst point nearby, given to any other method."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from talweg.models.buffers import buffers_kept
from talweg.optimizers.method import Method
from talweg.optimizers.rule import HALF
from talweg.optimizers.sgd import SGD


class SAM(Method):
    """Sharpness-aware minimization around the method `base` (Foret et al. 2021, arXiv:2010.01412, Alg. 1).

    ê = ρ g(θ) / ‖g(θ)‖;   θ ← a step of `base` from θ with the gradient g(θ + ê)
    adaptive (ASAM, arXiv:2102.11600):   ê = ρ θ² ⊙ g / ‖θ ⊙ g‖

    The norm is over all parameters. `step` needs a closure that clears the gradients, computes the loss, calls backward
    and returns the loss; it is called twice, at θ and at θ + ê. The model's buffers (running statistics, the vectors of
    spectral normalization) see the first pass only. The state is that of `base`, and during a step also a copy of the
    parameters.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    base : callable
        The class of the method that makes the step, or a function of parameters that makes an optimizer.
    rho : float
        The radius ρ.
    adaptive : bool
        Whether the neighbourhood is scaled with each weight.
    **hyperparameters
        Those of `base`.

    Raises
    ------
    ValueError
        If `step` gets no closure, or `rho` is negative or infinite.

    References
    ----------
    Foret, Kleiner, Mobahi & Neyshabur, "Sharpness-aware minimization for efficiently improving generalization", ICLR
    2021, arXiv:2010.01412. Kwon et al., "ASAM", ICML 2021, arXiv:2102.11600.

    Examples
    --------
    With the loss θ² the gradient is taken at 1 + 0.5, and the step is 0.1 · 3:

    >>> import torch
    >>> from talweg.optimizers import SAM, SGD
    >>> theta = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = SAM([theta], SGD, rho=0.5, lr=0.1)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = theta.square().sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    1.0
    >>> theta.detach()
    tensor([0.7000], dtype=torch.float64)
    """

    needs_own_pass = True
    elementwise = False

    def __init__(
        self,
        params: Iterable,
        base: Callable[..., torch.optim.Optimizer] = SGD,
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
                with torch.enable_grad(), buffers_kept():
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
                if g.dtype in HALF:
                    g = g.float()  # norm and products leave the range of float16
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

    @property
    def method(self) -> str:
        """ "SAM(AdamW)", say."""
        return f"SAM({type(self.base).__name__})"

    def prepare(self, outputs: Callable[[], Tensor], loss: Callable[[Tensor], Tensor]) -> None:
        """What `base` does before a step."""
        if isinstance(self.base, Method):
            self.base.prepare(outputs, loss)

    def answer(self) -> bool:
        """As `base`."""
        return isinstance(self.base, Method) and self.base.answer()

    def resume(self) -> None:
        """As `base`."""
        if isinstance(self.base, Method):
            self.base.resume()

    def _load(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict({**state_dict, "method": type(self.base).__name__})
        self.param_groups, self.state = self.base.param_groups, self.base.state
