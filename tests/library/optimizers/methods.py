"""Every method, so that the tests of manners can treat them alike."""

import io

import pytest
import torch

from talweg import optimizers
from talweg.optimizers import LARS, SGD, Adafactor, Muon, RMSprop, Rule

PUBLIC = {name: getattr(optimizers, name) for name in optimizers.__all__}
RULES = {
    name: kind
    for name, kind in PUBLIC.items()
    if isinstance(kind, type) and issubclass(kind, Rule) and kind is not Rule
}


class GivenCurvature(optimizers.Sophia):
    """Sophia with the curvature ½ everywhere, so that the tests can step it like the others."""

    def step(self, closure=None):
        weights = [p for p in self._parameters() if p.requires_grad]
        if not any(p.grad is not None and p.grad.layout is not torch.strided for p in weights):
            self.update_curvature(lambda: sum(p.square().sum() for p in weights) / 4)
        return super().step(closure)


def muon(params, **h):
    params = list(params)
    return Muon(params if isinstance(next(iter(params), None), dict) else Muon.groups(params), **h)


KINDS = {
    **RULES,
    "Sophia": GivenCurvature,
    "LARS": lambda params, **h: LARS(params, **{"trust": 0.1, **h}),
    "Muon": muon,
    "SGD with momentum": lambda params, **h: SGD(params, **{"momentum": 0.9, **h}),
    "RMSprop centred": lambda params, **h: RMSprop(params, **{"momentum": 0.9, "centered": True, **h}),
    "Adafactor unfactored": lambda params, **h: Adafactor(params, **{"factored": False, **h}),
}
every_method = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def flat(theta):
    return torch.cat([p.detach().flatten() for p in theta])


def walk(optimizer, theta, gradients):
    for step in gradients:
        for p, g in zip(theta, step, strict=True):
            p.grad = None if g is None else g.clone()
        optimizer.step()
    return flat(theta)


def walk_with_a_break(make, theta, gradients, at):
    """The same walk with the optimizer saved after `at` steps, and loaded into a new one, with another lr, that goes on."""
    first = make(theta, lr=0.01)
    walk(first, theta, gradients[:at])
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    again = [p.detach().clone().requires_grad_() for p in theta]
    second = make(again, lr=0.7)
    second.load_state_dict(torch.load(file, weights_only=True))
    return walk(second, again, gradients[at:])
