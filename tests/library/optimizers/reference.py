"""What the optimizers' tests share: fixed gradients, a real training run, and other people's optimizers."""

import copy
import importlib
import importlib.util
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg import optimizers

SHAPES = [(3, 4), (4,), (2, 3, 2), (5, 2)]
MATRICES = [(3, 4), (5, 2), (4, 4)]


def parameters(shapes=SHAPES, dtype=torch.float64, seed=0, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [value.to(device, dtype).requires_grad_() for value in values]


def fixed_gradients(steps=20, shapes=SHAPES, dtype=torch.float64, seed=1, device="cpu"):
    """Entries of many sizes, some of them zero."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        gradients = []
        for shape in shapes:
            g = torch.randn(shape, generator=generator, dtype=torch.float64)
            g *= 10 ** torch.empty(shape, dtype=torch.float64).uniform_(-4, 1, generator=generator)
            g *= torch.rand(shape, generator=generator) > 0.1
            gradients.append(g.to(device, dtype))
        yield gradients


def after(make, steps=20, shapes=SHAPES, dtype=torch.float64, seed=1, device="cpu"):
    """All parameters in one vector after the fixed gradients; make: parameters → optimizer."""
    theta = parameters(shapes, dtype, device=device)
    optimizer = make(theta)
    for gradients in fixed_gradients(steps, shapes, dtype, seed, device):
        for p, g in zip(theta, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in theta])


def kinds(name):
    """The class, and its formula alone where torch's fused kernels stand in for it."""
    kind = getattr(optimizers, name)
    return [kind, type(name, (kind,), {"fused": None})] if kind.fused else [kind]


def small_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()


def small_data():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(64, 5, generator=generator, dtype=torch.float64), torch.randint(3, (64,), generator=generator)


def trained(make, steps=200):
    """All parameters in one vector after real training steps on batches of 16, with each step's own gradient."""
    model, (x, y) = copy.deepcopy(small_model()), small_data()
    optimizer = make(model.parameters())
    for step in range(steps):
        batch = slice(step % 4 * 16, step % 4 * 16 + 16)
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def assert_close(ours, theirs, tolerance=1e-12):
    assert ours.isfinite().all()
    assert (ours - theirs).abs().max() <= tolerance * max(1.0, theirs.abs().max().item())


def peer(package, name):
    """A class of another library, or skip. Of timm only the file is loaded: the rest of it wants torchvision."""
    if package != "timm":
        return getattr(pytest.importorskip(package), name)
    if "timm.optim" not in sys.modules:
        spec = importlib.util.find_spec("timm")
        if spec is None:
            pytest.skip("timm is not installed")
        root = Path(spec.origin).parent
        for module_name, folder in (("timm", root), ("timm.optim", root / "optim")):
            module = types.ModuleType(module_name)
            module.__path__ = [str(folder)]
            sys.modules[module_name] = module
    return getattr(importlib.import_module(f"timm.optim.{name.lower()}"), name)
