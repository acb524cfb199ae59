"""K points on their way down: where they are, what is recorded of them, which of them still move."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from talweg.objective import Objective
from talweg.run import Run
from talweg.training.sampling import gradients, values

RECORDS = ("loss", "grad_norm", "step_norm", "weight_norm", "trajectory")


class Points:
    """K points `here`, K×P, and the histories named in `record`.

    They are the optimizer's parameters, or what its method takes as the answer: then `learning` are the parameters.
    Over a large sum the loss and the gradient of all samples are the expensive part: only what is asked for is
    computed, the gradient also where the steps need it.
    """

    def __init__(self, f: Objective, here: Tensor, learning: Tensor | None, record: set[str], needs_gradient: bool):
        self.f, self.here, self.learning = f, here, learning
        self.history: dict[str, list[Tensor]] = {name: [] for name in RECORDS if name in record}
        self.wants_gradient = needs_gradient or "grad_norm" in record
        self.alive = torch.ones(len(here), dtype=torch.bool, device=here.device)
        self.diverged_at = torch.full((len(here),), -1)

    def look(self, t: int) -> Tensor | None:
        """Before step t: note the histories and who has diverged; returns the gradients K×P if they are computed."""
        loss = values(self.f, self.here) if "loss" in self.history else None
        full = gradients(self.f, self.here) if self.wants_gradient else None
        for known in (loss, full):
            if known is not None:
                self.alive &= known.reshape(len(self.here), -1).isfinite().all(1)
        self.diverged_at[~self.alive.cpu() & (self.diverged_at < 0)] = t
        self._note("loss", loss)
        if "grad_norm" in self.history and full is not None:
            self._note("grad_norm", full.norm(dim=1))
        if "weight_norm" in self.history:
            self._note("weight_norm", self.here.norm(dim=1))
        if "trajectory" in self.history:
            self._note("trajectory", self.here.clone())
        return full

    def move(self, step: Callable[[], None]) -> None:
        """Take the step, which changes the points in place; those that have diverged stay where they are."""
        before = self.here.clone()
        learning = None if self.learning is None else self.learning.clone()
        step()
        self.alive &= self.here.isfinite().all(1)  # nor is a step to infinity taken: the loss has no meaning there
        self.here[~self.alive] = before[~self.alive]
        if self.learning is not None and learning is not None:
            self.learning[~self.alive] = learning[~self.alive]
        if "step_norm" in self.history:
            self._note("step_norm", (self.here - before).norm(dim=1))

    def run(self, single: bool, seed: int | None, config: dict) -> Run:
        """The result; without the dimension of the runs if there is only one."""
        stacked = {name: torch.stack(found) for name, found in self.history.items()}
        if single:
            stacked = {name: found.squeeze(1) for name, found in stacked.items()}
        trajectory = stacked.pop("trajectory", None)
        ends = [None if at < 0 else at for at in self.diverged_at.tolist()]
        state = {"theta": self.here[0] if single else self.here}
        return Run(stacked, trajectory, state, seed, config, ends[0] if single else ends)

    def _note(self, name: str, found: Tensor | None) -> None:
        if found is not None:
            self.history[name].append(found)
