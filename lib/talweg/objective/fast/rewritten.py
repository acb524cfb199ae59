"""The same network in fewer and cheaper operations: its graph (torch.fx) rewritten, where outputs stay as they are.

Six things that were measured to pay on a CPU, on convolutional nets and a ResNet-20, and change nothing but rounding:

- batch normalization by running statistics is folded into the convolution before it;
- max-pooling comes before a ReLU instead of after it: the larger of two numbers stays the larger;
- windows of 2×2 are pooled as the maxima of four slices: `max_pool2d` also finds out where the maxima are;
- ReLUs and sums are written over their input, where nobody else reads it;
- what comes before the first parameters is computed once, since it is the same for every θ;
- a first convolution of a few channels is the product of its weights with all patches of the images, cut out once.
"""

from __future__ import annotations

import copy
import logging
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.modules.utils import _pair

__all__ = ["Fused", "fused"]

log = logging.getLogger(__name__)

# Up to 4 input channels, and output channels in multiples of 16 (one SIMD register): patches × weights beats conv2d.
FEW_CHANNELS, LANES = 4, 16
PATCHES_LIMIT = 2**26  # numbers held as patches of a batch of data
RELUS = (F.relu, torch.relu)
SUMS = (operator.add, torch.add)
MAKERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)  # their outputs are memory of their own


@dataclass
class Fold:
    """γ (W ∗ x + b − mean)/√(var + ε) + β as one convolution; `apply` after each change of parameters."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d
    folded: nn.Conv2d

    def apply(self) -> None:
        norm: Any = self.norm  # its statistics are there, else it would not be folded
        conv, folded = self.conv, self.folded
        assert folded.bias is not None  # `_with_bias`
        scale = torch.rsqrt(norm.running_var + norm.eps)
        scale = scale if norm.weight is None else scale * norm.weight
        bias = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
        shift = 0 if norm.bias is None else norm.bias
        torch.mul(conv.weight, scale.view(-1, 1, 1, 1), out=folded.weight.data)
        folded.bias.copy_(bias * scale + shift)


def _same(x: Tensor) -> Tensor:
    return x


@dataclass
class Fused:
    """model(before(x)) are the outputs; `before` has no parameters. Folds are to be applied to new parameters.

    reason: why the model is taken as it is; empty where its graph was rewritten.
    """

    model: Callable[[Tensor], Tensor]
    before: Callable[[Tensor], Tensor] = _same
    folds: list[Fold] = field(default_factory=list)
    reason: str = ""


def fused(model: nn.Module, x: Tensor) -> Fused:
    """The model rewritten for data like x; as it is where its forward cannot be traced, or there are hooks."""
    if any(m._forward_hooks or m._forward_pre_hooks for m in model.modules()):
        return _as_it_is(model, "it has hooks")
    try:
        traced = fx.GraphModule(model, _Tracer().trace(model))
    except Exception as error:  # whatever the model's own code raises when it meets a stand-in for a tensor
        return _as_it_is(model, f"torch.fx cannot trace it: {type(error).__name__}: {error}")
    if sum(node.op == "placeholder" for node in traced.graph.nodes) != 1:
        return _as_it_is(model, "its forward has other inputs than x")
    folds = _fold_norms(traced)
    _pool_first(traced)
    before = _start_at_patches(traced, x)
    _write_in_place(traced)
    traced.graph.lint()
    traced.recompile()
    return Fused(traced, before, folds)


def _as_it_is(model: nn.Module, reason: str) -> Fused:
    log.debug("the graph of %s is not rewritten: %s", type(model).__name__, reason)
    return Fused(model, reason=reason)


class _Tracer(fx.Tracer):
    """Every module without children is one operation."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not list(m.children())


def _module(traced: fx.GraphModule, node: fx.Node) -> Any:
    """The module that a node calls, or None."""
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def _is(traced: fx.GraphModule, node: Any, *kinds: type[nn.Module]) -> bool:
    return type(_module(traced, node)) in kinds and len(node.args) == 1 and not node.kwargs


def _replace(traced: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    """This call alone is of another module: the old one may be used elsewhere."""
    name = f"fused_{node.name}"
    traced.add_submodule(name, module)
    node.op, node.target = "call_module", name


def _remove(traced: fx.GraphModule, node: Any) -> None:
    node.replace_all_uses_with(node.args[0])
    traced.graph.erase_node(node)


def _fold_norms(traced: fx.GraphModule) -> list[Fold]:
    folds = []
    for node in list(traced.graph.nodes):
        if not _is(traced, node, nn.BatchNorm2d) or not _is(traced, node.args[0], nn.Conv2d):
            continue
        conv, norm = _module(traced, node.args[0]), _module(traced, node)
        if norm.training or norm.running_mean is None or len(node.args[0].users) > 1:
            continue
        folds.append(Fold(conv, norm, _with_bias(conv)))
        _replace(traced, node.args[0], folds[-1].folded)
        _remove(traced, node)
    return folds


def _with_bias(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution of the same shape, with a bias, and memory of its own."""
    folded = copy.deepcopy(conv)
    if folded.bias is None:
        folded.bias = nn.Parameter(torch.zeros_like(conv.weight[:, 0, 0, 0]), requires_grad=False)
    return folded


class _Pool(nn.Module):
    """Maxima of windows of 2×2, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (size // 2 * 2 for size in x.shape[-2:])
        x = torch.maximum(x[..., 0:rows:2, :], x[..., 1:rows:2, :])
        return torch.maximum(x[..., 0:columns:2], x[..., 1:columns:2])


def _pool_first(traced: fx.GraphModule) -> None:
    for node in list(traced.graph.nodes):
        if not _is(traced, node, nn.MaxPool2d) or (pool := _module(traced, node)).return_indices:
            continue
        if _halves(pool):
            _replace(traced, node, _Pool())
        relu = node.args[0]
        if _is_relu(traced, relu) and len(relu.users) == 1:
            _remove(traced, relu)
            with traced.graph.inserting_after(node):
                after = traced.graph.call_method("relu", (node,))
            node.replace_all_uses_with(after, delete_user_cb=lambda user, after=after: user is not after)


def _halves(pool: nn.MaxPool2d) -> bool:
    pairs = (_pair(size) for size in (pool.kernel_size, pool.stride, pool.padding, pool.dilation))
    return [*pairs] == [(2, 2), (2, 2), (0, 0), (1, 1)] and not pool.ceil_mode


def _is_relu(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_function":
        return node.target in RELUS and len(node.args) == 1 and not node.kwargs
    return _is(traced, node, nn.ReLU) or (node.op, node.target) == ("call_method", "relu")


def _write_in_place(traced: fx.GraphModule) -> None:
    own = set()  # outputs in memory that is no view of anything else
    for node in traced.graph.nodes:
        free = [a for a in node.all_input_nodes if a in own and len(a.users) == 1]
        if _is(traced, node, *MAKERS, _Pool, _OnPatches):
            own.add(node)
        elif _is_relu(traced, node) and free:
            node.op, node.target = "call_method", "relu_"
            own.add(node)
        elif node.op == "call_function" and node.target in SUMS and len(node.args) == 2 and not node.kwargs and free:
            other = node.args[1] if node.args[0] is free[0] else node.args[0]
            node.target, node.args = _add_to, (free[0], other)
            own.add(node)


def _add_to(x: Tensor, other: Tensor | float) -> Tensor:
    """x + other, written over x where the sum has its shape."""
    fits = isinstance(other, Tensor) and other.shape == x.shape and other.dtype == x.dtype
    return x.add_(other) if fits else x + other


class _OnPatches(nn.Module):
    """A convolution of patches (k, n, rows, columns, in·kh·kw), the largest of each k: → (n, out, rows, columns)."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv

    def forward(self, patches: Tensor) -> Tensor:
        weight = self.conv.weight.flatten(1)
        largest, *others = (F.linear(some, weight) for some in patches)
        for other in others:
            torch.maximum(largest, other, out=largest)
        largest = largest if self.conv.bias is None else largest.add_(self.conv.bias)
        return largest.permute(0, 3, 1, 2)


def _start_at_patches(traced: fx.GraphModule, x: Tensor) -> Callable[[Tensor], Tensor]:
    """Let the graph begin at the patches of its first convolution (and pooling); return what makes them of x.

    Nothing is changed unless this convolution comes before all other parameters, and is all that reads the data.
    """
    nodes = list(traced.graph.nodes)
    first = next((i for i, node in enumerate(nodes) if _has_parameters(traced, node)), 0)
    earlier, node = nodes[:first], nodes[first]
    if not _is(traced, node, nn.Conv2d) or not _takes_patches(conv := _module(traced, node), x):
        return _same
    if any(user not in nodes[: first + 1] for one in earlier for user in one.users):
        return _same
    prepare = _alone(traced, earlier, node.args[0])
    pool = next(iter(node.users), node)
    window = 2 if len(node.users) == 1 and _is(traced, pool, _Pool) else 1
    if window == 2:
        _remove(traced, pool)
    _replace(traced, node, _OnPatches(conv))
    with traced.graph.inserting_before(node):
        node.args = (traced.graph.placeholder("patches"),)
    for one in reversed(earlier):
        traced.graph.erase_node(one)
    return lambda x: _patches(conv, prepare(x), window)


def _alone(traced: fx.GraphModule, nodes: list[fx.Node], result: fx.Node) -> fx.GraphModule:
    """The first nodes of a graph as one of their own."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[result])
    return fx.GraphModule(traced, graph)


def _has_parameters(traced: fx.GraphModule, node: fx.Node) -> bool:
    module = _module(traced, node)
    return node.op == "get_attr" or (module is not None and any(True for _ in module.parameters()))


def _takes_patches(conv: nn.Conv2d, x: Tensor) -> bool:
    plain = conv.groups == 1 and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    cut = x.numel() * conv.weight[0, 0].numel() // (conv.stride[0] * conv.stride[1])
    few = conv.in_channels <= FEW_CHANNELS and conv.out_channels % LANES == 0
    return plain and few and cut <= PATCHES_LIMIT


def _patches(conv: Any, x: Tensor, window: int) -> Tensor:
    """(window², n, rows, columns, in·kh·kw): all patches, those of one place in their windows together."""
    spans = zip(x.shape[-2:], conv.padding, conv.dilation, conv.kernel_size, conv.stride, strict=True)
    rows, columns = ((size + 2 * pad - gap * (k - 1) - 1) // step + 1 for size, pad, gap, k, step in spans)
    patches = F.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride).unflatten(2, (rows, columns))
    rows, columns = rows // window * window, columns // window * window
    places = [patches[:, :, i:rows:window, j:columns:window] for i in range(window) for j in range(window)]
    return torch.stack(places).permute(0, 1, 3, 4, 2).contiguous()
