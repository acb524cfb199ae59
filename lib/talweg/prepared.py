"""A copy of a network made ready for many forward passes with changing parameters, on a CPU.

Four things that leave the outputs as they are (to rounding) and were measured to pay, on a convolutional net of 32 and
64 channels and on a ResNet-20: channels last in memory; samples in batches that fit the cache; batch normalization
folded into the convolution before it; max-pooling before a ReLU instead of after it (the larger of two numbers stays
the larger), and activations in place where nobody else reads their input.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["PreparedSlice"]

SAMPLES_AT_ONCE = 64


class PreparedSlice:
    """Outputs of any network on x, at combinations of m + 1 networks: weights (k, m + 1) → (k, n, out).

    corners: parameters by name, each (m + 1, …), as for `StackedSlice`. The model is copied. Where the outputs at θ₀
    turn out not to be those of the model, it is taken as it is.
    """

    def __init__(self, model: nn.Module, corners: dict[str, Tensor], x: Tensor):
        self.names = list(corners)
        self.sizes = [corners[name][0].numel() for name in self.names]
        self.corners = torch.cat([corners[name].flatten(1) for name in self.names], dim=1)
        self._prepare(model, x)
        # Whether the outputs are those of the model: not so if samples depend on each other, say.
        some = x[: SAMPLES_AT_ONCE + 1]
        # In halves: one sample left over has no variance, and batch normalization by the data would refuse it.
        parts = some.chunk(2) if len(some) > SAMPLES_AT_ONCE else (some,)
        expected = functional_call(model, {name: p[0] for name, p in corners.items()}, (some,))
        found = self._outputs(self.corners[0], parts)
        if not (found - expected).abs().max() <= torch.finfo(x.dtype).eps ** 0.5 * expected.abs().max():
            self.model, self.folds, self.samples = copy.deepcopy(model), [], (x,)
            self.parameters = dict(self.model.named_parameters())

    def _prepare(self, model: nn.Module, x: Tensor) -> None:
        self.model = copy.deepcopy(model)
        self.parameters = dict(self.model.named_parameters())  # before folding, which takes some out of the model
        self.folds = [] if _has_hooks(self.model) or _has_ties(self.model) else _rewritten(self.model)
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        if any(isinstance(m, nn.Conv2d) for m in self.model.modules()):
            self.model = self.model.to(memory_format=torch.channels_last)
        self.samples = x.split(SAMPLES_AT_ONCE)

    def __call__(self, weights: Tensor) -> Tensor:
        return torch.stack([self._outputs(w @ self.corners, self.samples) for w in weights])

    def _outputs(self, theta: Tensor, samples: Sequence[Tensor]) -> Tensor:
        for name, values in zip(self.names, theta.split(self.sizes), strict=True):
            p = self.parameters[name]
            p.copy_(values.view(p.shape))
        for fold in self.folds:
            fold.apply()
        return torch.cat([self.model(x) for x in samples])


@dataclass
class _Fold:
    """γ (W ∗ x + b − mean)/√(var + ε) + β as one convolution."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d
    folded: nn.Conv2d

    def apply(self) -> None:
        norm, conv = self.norm, self.conv
        scale = torch.rsqrt(norm.running_var + norm.eps)
        scale = scale if norm.weight is None else scale * norm.weight
        bias = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
        shift = 0 if norm.bias is None else norm.bias
        torch.mul(conv.weight, scale.view(-1, 1, 1, 1), out=self.folded.weight.data)
        self.folded.bias.copy_(bias * scale + shift)


class _PooledFirst(nn.Module):
    """Max-pooling, then ReLU in place: equal to ReLU, then max-pooling."""

    def __init__(self, pool: nn.MaxPool2d):
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x).relu_()


def _rewritten(model: nn.Module) -> list[_Fold]:
    """Rewrite each `nn.Sequential` of the model; return the folds to apply for each new set of parameters."""
    folds: list[_Fold] = []
    for chain in [m for m in model.modules() if type(m).forward is nn.Sequential.forward]:
        keys = list(chain._modules)
        for here, after in zip(keys, keys[1:], strict=False):
            first, second = chain._modules[here], chain._modules[after]
            if _can_fold(first, second):
                folds.append(_Fold(first, second, _with_bias(first)))
                chain._modules[here], chain._modules[after] = folds[-1].folded, nn.Identity()
            elif type(first) is nn.ReLU and type(second) is nn.MaxPool2d and not second.return_indices:
                chain._modules[here], chain._modules[after] = nn.Identity(), _PooledFirst(second)
        _in_place(chain, keys)
    return folds


def _in_place(chain: nn.Sequential, keys: list[str]) -> None:
    """ReLUs whose input comes straight from a convolution or dense layer, which nobody else reads."""
    before: nn.Module | None = None
    for key in keys:
        module = chain._modules[key]
        if type(module) is nn.ReLU and type(before) in (nn.Conv2d, nn.Linear):
            chain._modules[key] = nn.ReLU(inplace=True)
        if not isinstance(module, nn.Identity):
            before = module


def _can_fold(first: nn.Module, second: nn.Module) -> bool:
    return (
        type(first) is nn.Conv2d
        and type(second) is nn.BatchNorm2d
        and not second.training
        and second.running_mean is not None
    )


def _with_bias(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution of the same shape, with a bias, and memory of its own."""
    folded = copy.deepcopy(conv)
    if folded.bias is None:
        folded.bias = nn.Parameter(torch.zeros_like(conv.weight[:, 0, 0, 0]), requires_grad=False)
    return folded


def _has_hooks(model: nn.Module) -> bool:
    return any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def _has_ties(model: nn.Module) -> bool:
    modules = list(model.named_modules(remove_duplicate=False))
    return len(modules) != len(list(model.modules())) or len(list(model.parameters())) != len(
        list(model.named_parameters(remove_duplicate=False))
    )
