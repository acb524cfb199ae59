"""PyTorch's fused operations written out in elementary ones, where higher derivatives are taken.

`layer_norm`, `group_norm` and `batch_norm` by the batch have right first and second derivatives, but wrong third ones
(pytorch/pytorch#175754, #186256); those of `_weight_norm` are wrong from the second on. Nothing says so: autograd just
returns other numbers. Others have no second derivative: the fused kernels of attention, `embedding_bag`, `hardsigmoid`,
`multi_margin_loss`. Written out, each derivative follows from the chain rule.

    with WrittenOut():
        loss = cross_entropy(model(x), y)   # whatever is differentiated afterwards, and however often, is right

What is not written out here and has no second derivative either is named by `explained`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from talweg.normalization import standardize


class WrittenOut(TorchFunctionMode):
    """While it is active, these operations are computed from elementary ones, with the same values to rounding.

    order: of the highest derivative that will be taken. For the second, normalizations stay fused, which is faster.
    """

    def __init__(self, order: int = 3):
        super().__init__()
        self._table = _FOR_SECOND if order <= 2 else _FOR_THIRD

    def __enter__(self) -> WrittenOut:
        # `multi_head_attention_forward` calls the kernels of attention out of this mode's sight, so they are chosen here.
        self._attention = sdpa_kernel(SDPBackend.MATH)
        self._attention.__enter__()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._attention.__exit__(kind, error, traceback)

    def __torch_function__(self, func: Callable, types: Sequence, args: tuple = (), kwargs: dict | None = None):
        return self._table.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def explained() -> Iterator[None]:
    """Inside, PyTorch's errors about derivatives it does not have name the operation, and say what can be done."""
    try:
        yield
    except RuntimeError as error:
        if missing := _MISSING.search(str(error)):
            raise NotImplementedError(
                f"curvature needs the second derivative of {missing['name'].removesuffix('_backward')}, which PyTorch does "
                "not have: put another operation in its place, or write it out in elementary ones."
            ) from error
        if "Inference tensors" in str(error):
            raise RuntimeError(
                "curvature needs a model and data that were made outside torch.inference_mode(): build the objective "
                "outside of it."
            ) from error
        raise


def refuse_fused(value: Tensor, order: int = 3) -> None:
    """ValueError if a value's graph holds a fused normalization whose derivatives of that order would be wrong."""
    fused = _WRONG_SECOND if order <= 2 else _WRONG_THIRD
    found, waiting = set(), [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in found:
            continue
        if node.name().startswith(fused):
            raise ValueError(
                f"loss must be computed within `with talweg.written_out.WrittenOut():`, because it contains {node.name()}, "
                "a fused normalization whose higher derivatives are wrong in PyTorch."
            )
        found.add(node)
        waiting.extend(following for following, _ in node.next_functions)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    over = _last_axes(normalized_shape)
    x = standardize(input, input.mean(over, keepdim=True), input.var(over, correction=0, keepdim=True), eps)
    return _scaled_and_shifted(x, weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    mean_square = input.square().mean(_last_axes(normalized_shape), keepdim=True)
    return _scaled_and_shifted(input / torch.sqrt(mean_square + eps), weight, None)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    groups = input.reshape(len(input), num_groups, -1)
    x = standardize(groups, groups.mean(-1, keepdim=True), groups.var(-1, correction=0, keepdim=True), eps)
    return _scaled_and_shifted(x.reshape(input.shape), _by_channel(weight, input), _by_channel(bias, input))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    mean, variance = running_mean, running_var
    if training or mean is None or variance is None:
        if running_mean is not None:
            with torch.no_grad():  # for what it does to the running statistics
                F.batch_norm(input, running_mean, running_var, None, None, True, momentum, eps)
        over = [0, *range(2, input.ndim)]
        mean, variance = input.mean(over), input.var(over, correction=0)
    per_channel = (1, -1, *[1] * (input.ndim - 2))
    x = standardize(input, mean.view(per_channel), variance.view(per_channel), eps)
    return _scaled_and_shifted(x, _by_channel(weight, input), _by_channel(bias, input))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is not None:
        with torch.no_grad():  # for what it does to the running statistics
            F.instance_norm(input, running_mean, running_var, None, None, True, momentum, eps)
    return group_norm(input, input.shape[1], weight, bias, eps)


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v/‖v‖, with a norm for each index along axis `dim`, or one of all entries for -1."""
    over = [axis for axis in range(v.ndim) if axis != dim]
    return v * (g / torch.sqrt(v.square().sum(over, keepdim=True)))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    return F.hardtanh(input + 3, 0, 6) / 6


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    if mode == "max" or max_norm is not None or scale_grad_by_freq:
        return F.embedding_bag(input, weight, offsets, max_norm, norm_type, scale_grad_by_freq, mode, sparse,
                               per_sample_weights, include_last_offset, padding_idx)  # fmt: skip
    entries = torch.arange(input.numel(), device=input.device)
    if offsets is None:
        bags, bag = len(input), entries // input.shape[1]
    else:
        starts = offsets[:-1] if include_last_offset else offsets
        bags, bag = len(starts), torch.bucketize(entries, starts, right=True) - 1
    shares = weight.new_ones(input.numel()) if per_sample_weights is None else per_sample_weights.flatten()
    if padding_idx is not None:
        shares = shares.masked_fill(input.flatten() == padding_idx % len(weight), 0)
    total = weight.new_zeros(bags, weight.shape[1])
    total = total.index_add(0, bag, F.embedding(input.flatten(), weight) * shares.unsqueeze(1))
    if mode == "sum":
        return total
    return total / shares.new_zeros(bags).index_add(0, bag, shares).clamp(min=1).unsqueeze(1)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, margin − xₜ + xⱼ)ᵖ / C over the classes j other than the target t."""
    if size_average is not None or reduce is not None or input.ndim != 2:
        return F.multi_margin_loss(input, target, p, margin, weight, size_average, reduce, reduction)
    right = target.unsqueeze(1)
    excess = (margin - input.gather(1, right) + input).clamp(min=0) ** p
    excess = excess if weight is None else excess * weight[right]
    each = excess.scatter(1, right, 0).mean(1)
    return {"none": lambda: each, "sum": each.sum, "mean": each.mean}[reduction]()


def _scaled_and_shifted(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _by_channel(values: Tensor | None, x: Tensor) -> Tensor | None:
    return None if values is None else values.view(1, -1, *[1] * (x.ndim - 2))


def _last_axes(shape: Sequence[int]) -> list[int]:
    return list(range(-len(shape), 0))


# Names of nodes in autograd's graph, on CPU and GPU
_WRONG_SECOND = ("WeightNormInterface",)
_WRONG_THIRD = (
    *("NativeLayerNorm", "FusedRmsNorm", "NativeGroupNorm", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"),
    *_WRONG_SECOND,
)
# How PyTorch says that there is no second derivative
_MISSING = re.compile(r"derivative for '?(?:aten::)?_?(?P<name>\w+)'? is not implemented")
_FOR_SECOND: dict[Callable, Callable] = {
    F.hardsigmoid: hardsigmoid,
    F.embedding_bag: embedding_bag,
    F.multi_margin_loss: multi_margin_loss,
    torch._weight_norm: weight_norm,  # pyright: ignore[reportPrivateImportUsage]  # the operation has no public name
}
_FOR_THIRD: dict[Callable, Callable] = {
    **_FOR_SECOND,
    F.layer_norm: layer_norm,
    torch.layer_norm: layer_norm,
    F.rms_norm: rms_norm,
    torch.rms_norm: rms_norm,
    F.group_norm: group_norm,
    torch.group_norm: group_norm,
    F.batch_norm: batch_norm,
    F.instance_norm: instance_norm,
}
