"""What a training run writes down, for K networks (K = 1 for `train`): the first listener of every training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from talweg.arguments import one_of, positive_int
from talweg.run import Run
from talweg.training.loop import Listener, Training

PER_STEP = ("loss", "grad_norm", "step_norm", "weight_norm")
PER_EPOCH = ("val_loss", "val_accuracy", "train_loss", "train_accuracy")
RECORDS = (*PER_STEP, *PER_EPOCH, "trajectory")
EVALUATED_AT_ONCE = 2000  # samples


class Recorder(Listener):
    """Collects the histories named in `record`: K values at a time."""

    def __init__(self, record: Iterable[str], every: int):
        self.names = {one_of("record", name, RECORDS) for name in ((record,) if isinstance(record, str) else record)}
        self.every = positive_int("every", every)
        self.history: dict[str, list[Tensor]] = {name: [] for name in sorted(self.names - {"trajectory"})}
        self.trajectory: list[Tensor] = []
        self.before: list[Tensor] = []

    def before_step(self, training: Training) -> None:
        self._add("loss", training.losses)
        if "grad_norm" in self.names:
            self._add("grad_norm", norms(training.gradients()))
        self._note_parameters(training)
        if "step_norm" in self.names:
            self.before = [p.clone() for p in training.parameters]

    def after_step(self, training: Training) -> None:
        if "step_norm" in self.names:
            updates = [p - before for p, before in zip(training.parameters, self.before, strict=True)]
            self._add("step_norm", norms(training.rows(updates)))

    def end_epoch(self, training: Training) -> None:
        for part in ("val", "train"):
            if {f"{part}_loss", f"{part}_accuracy"} & self.names:
                self._evaluate(training, part)

    def end(self, training: Training) -> None:
        """The loss is that of the last batch with the final parameters."""
        self._add("loss", training.losses)
        self._note_parameters(training)

    def runs(self, training: Training, states: list[dict[str, Tensor]], config: dict[str, Any]) -> list[Run]:
        """One run for each seed."""
        history = {name: torch.stack(values).cpu() for name, values in self.history.items()}
        path = torch.stack(self.trajectory).cpu() if self.trajectory else None
        config = {**config, "steps": training.step, "every": self.every}
        return [
            Run(
                {name: values[:, k].clone() for name, values in history.items()},
                None if path is None else path[:, k].clone(),
                states[k],
                seed,
                config,
            )
            for k, seed in enumerate(training.seeds)
        ]

    def _evaluate(self, training: Training, part: str) -> None:
        """Note loss and accuracy on one of the sets."""
        x, y = getattr(training.dataset, f"x_{part}"), getattr(training.dataset, f"y_{part}")
        parts = [training.outputs(some) for some in x.split(EVALUATED_AT_ONCE)]
        tensors = [outputs for outputs in parts if isinstance(outputs, Tensor)]
        if len(tensors) == len(parts):  # the loss of all: it may be a sum, or weigh samples
            together = torch.cat(tensors, dim=1)
            losses = torch.stack([training.loss(outputs, y) for outputs in together])
            if f"{part}_accuracy" in self.names:
                self._add(f"{part}_accuracy", (together.argmax(-1) == y).sum(1) / len(y))
        else:
            pieces = zip(parts, y.split(EVALUATED_AT_ONCE), strict=True)
            means = [torch.stack([training.loss(one, some) for one in outputs]) * len(some) for outputs, some in pieces]
            losses = torch.stack(means).sum(0) / len(y)
        self._add(f"{part}_loss", losses)

    def _add(self, name: str, values: Tensor) -> None:
        """Note K values, if this history is wanted."""
        if name in self.names:
            self.history[name].append(values.detach())

    def _note_parameters(self, training: Training) -> None:
        if "weight_norm" in self.names:
            self._add("weight_norm", norms(training.rows(training.parameters)))
        if "trajectory" in self.names and training.step % self.every == 0:
            rows = training.rows(training.all_parameters())  # as in the θ of an Objective
            self.trajectory.append(torch.cat([p.flatten(1) for p in rows], dim=1).clone())


def norms(tensors: list[Tensor]) -> Tensor:
    """Euclidean norm over all tensors K×…, for each of the K."""
    return torch.as_tensor(sum(t.flatten(1).square().sum(1) for t in tensors)).sqrt()
