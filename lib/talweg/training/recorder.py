"""What a training run writes down, for K stacked networks (K = 1 for `train`)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from talweg.arguments import one_of, positive_int
from talweg.run import Run

PER_STEP = ("loss", "grad_norm", "step_norm", "weight_norm")
PER_EPOCH = ("val_loss", "val_accuracy", "train_loss", "train_accuracy")
RECORDS = (*PER_STEP, *PER_EPOCH, "trajectory")


class NonFiniteLoss(FloatingPointError):
    """The loss became NaN or infinite; `step` counts from 0, `seeds` are the runs it happened to."""

    def __init__(self, step: int, seeds: list[int], value: float):
        self.step, self.seeds, self.value = step, seeds, value
        who = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
        super().__init__(f"the loss is {value} at step {step} ({who}); a smaller learning rate may help.")


class Recorder:
    """Collects the histories named in `record`, from parameters stacked K×…, or from those of a single network."""

    def __init__(self, record: Iterable[str], every: int, parameters: list[Tensor], seeds: list[int], stacked: bool):
        self.names = {one_of("record", name, RECORDS) for name in ((record,) if isinstance(record, str) else record)}
        self.every = positive_int("every", every)
        self.parameters, self.seeds, self.stacked = parameters, seeds, stacked
        self.history: dict[str, list[Tensor]] = {name: [] for name in sorted(self.names - {"trajectory"})}
        self.trajectory: list[Tensor] = []
        self.step = 0

    @torch.no_grad()
    def before_step(self, losses: Tensor) -> None:
        """After the backward pass, before the update. losses: K."""
        self.add("loss", losses)
        if "grad_norm" in self.names:
            self.add("grad_norm", norms(self._rows([p.grad for p in self.parameters if p.grad is not None])))
        self._state()
        if "step_norm" in self.names:
            self.before = [p.clone() for p in self.parameters]

    @torch.no_grad()
    def after_step(self) -> None:
        self.step += 1
        if "step_norm" in self.names:
            updates = [p - before for p, before in zip(self.parameters, self.before, strict=True)]
            self.add("step_norm", norms(self._rows(updates)))

    @torch.no_grad()
    def end(self, losses: Tensor) -> None:
        """After the last step. losses: K, of the last batch with the final parameters."""
        self.check(losses)
        self.add("loss", losses)
        self._state()

    def check(self, losses: Tensor) -> None:
        """NonFiniteLoss if one of the K losses is not finite."""
        bad = ~losses.isfinite()
        if bad.any():
            seeds = [seed for seed, is_bad in zip(self.seeds, bad.tolist(), strict=True) if is_bad]
            raise NonFiniteLoss(self.step, seeds, losses[bad][0].item())

    def runs(self, states: list[dict[str, Tensor]], config: dict) -> list[Run]:
        """One run for each seed."""
        history = {name: torch.stack(values).cpu() for name, values in self.history.items()}
        path = torch.stack(self.trajectory).cpu() if self.trajectory else None
        config = {**config, "steps": self.step, "every": self.every}
        return [
            Run(
                {name: values[:, k].clone() for name, values in history.items()},
                None if path is None else path[:, k].clone(),
                states[k],
                seed,
                config,
            )
            for k, seed in enumerate(self.seeds)
        ]

    def add(self, name: str, values: Tensor) -> None:
        """Note K values, if this history is wanted."""
        if name in self.names:
            self.history[name].append(values.detach())

    def _state(self) -> None:
        if "weight_norm" in self.names:
            self.add("weight_norm", norms(self._rows(self.parameters)))
        if "trajectory" in self.names and self.step % self.every == 0:
            self.trajectory.append(torch.cat([p.flatten(1) for p in self._rows(self.parameters)], dim=1).clone())

    def _rows(self, tensors: list[Tensor]) -> list[Tensor]:
        return tensors if self.stacked else [tensor[None] for tensor in tensors]


def norms(tensors: list[Tensor]) -> Tensor:
    """Euclidean norm over all tensors K×…, for each of the K."""
    return sum(t.flatten(1).square().sum(1) for t in tensors).sqrt()
