"""What must hold for a network's loss to be an objective: looked at once, at construction, on a few of the samples.

1. f(θ) is a function of θ alone. No operation reads the parameters by another way than θ (a loss that holds the model,
   a layer in a plain list), no gradient reaches any other tensor, nothing is drawn at random, the forward changes no
   buffer, no data and no parameter. What breaks this is an error: values, derivatives or slices would be wrong.
2. The loss of all samples is the weighted mean of the losses of batches, and a sample's outputs do not depend on the
   other samples. Else only what takes batches is an error, later: a sum over all samples is a function of θ, too.

At most 32 samples are looked at, from all over the range of y, where ignored and rare labels lie: once together, and
once in two parts, about two evaluations. The caller's random numbers stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from talweg.objective.samples import explain
from talweg.objective.stateless import attributes, changed, put_back, tensors_in

if TYPE_CHECKING:
    from talweg.objective.network import NetworkObjective

__all__ = ["check"]

SAMPLES = 32
TOLERANCE = 1e-3  # relative; parts of the data may go through other kernels, with other rounding


def check(f: NetworkObjective, model: nn.Module | None = None) -> str:
    """Why batches may not be taken of f, "" if they may; ValueError or TypeError if f is no function of θ alone.

    model: the user's, of which f holds a copy.
    """
    with torch.random.fork_rng([f.theta.device] if f.theta.is_cuda else []):
        some = _spread(f)
        try:
            return _looked_at(some, model, _said_by(f))
        except Refused:
            raise
        except Exception as error:  # whatever the model's own code raises
            if some.n == f.n:
                explain(error, f.x, f.y, f.theta)
            return _whole_only(f, model, error)


class Refused(ValueError):
    """An error of this file, whose message is for the user."""


def _looked_at(f: NetworkObjective, model: nn.Module | None, said: str) -> str:
    outputs = _first_evaluation(f, model)
    with torch.no_grad():
        measured = _no_mean(f, outputs)
    return said or measured


def _whole_only(f: NetworkObjective, model: nn.Module | None, error: Exception) -> str:
    """The same where the model fails on some of the samples, as one does that is made for just n of them."""
    batch = f.batches()[0]
    try:
        _second_evaluation(batch, _first_evaluation(batch._on(batch.x.clone(), batch.y), model))
    except Refused:
        raise
    except Exception as own:
        explain(own, f.x, f.y, f.theta)
    return _fails(error)


def _spread(f: NetworkObjective) -> NetworkObjective:
    """f on a few samples from all over the range of y, from the smallest (where ignored labels are) to the largest."""
    y = f.y.abs() if f.y.is_complex() else f.y
    order = y.reshape(f.n, -1).float().mean(1).argsort()
    places = torch.linspace(0, f.n - 1, min(f.n, SAMPLES, max(f.batch_size, 8)), device=order.device)
    chosen = order[places.round().long()]
    return f._on(f.x[chosen], f.y[chosen])


# 1. A function of θ alone


def _first_evaluation(f: NetworkObjective, model: nn.Module | None) -> Any:
    """The outputs, once it has been seen that nothing but θ and the data goes into the loss, and nothing is changed."""
    held = {
        "its parameters (an Embedding with max_norm, say)": f.theta,
        "x (an activation in place, say)": f.x,
        "y": f.y,
    }
    copies = [t.clone() for t in held.values()]
    buffers = {name: buffer.clone() for name, buffer in f.model.named_buffers()}
    before, start, reads = attributes(f.model), _random_state(f), _Reads(_memory_of_parameters(f, model))
    with torch.enable_grad(), reads:
        outputs = f.outputs(f.theta)
        _refuse_reads(reads, "the forward of model")
        value = f.loss_of(outputs)
        _refuse_reads(reads, "loss")
    kept = changed(f.model, before)
    put_back(kept)
    f.network.kept = [*kept]
    _refuse_gradients(value)
    for (what, now), copy in zip(held.items(), copies, strict=True):
        if not _equal(now, copy):
            raise Refused(f"model or loss changes {what} in place, and so f itself at every call: leave that out")
    _refuse_chance(f, start)
    _refuse_state(f, buffers)
    return outputs


class _Reads(TorchDispatchMode):
    """Sees whether an operation reads one of some tensors, by its memory: views count, and no gradient is needed."""

    supports_higher_order_operators = True

    def __init__(self, names: Mapping[int, str]):
        super().__init__()
        self.names, self.found = names, ""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = func.__name__.partition(".")[0]
        if not (
            name == "detach" or name.startswith("new_") or name.endswith("_like")
        ):  # these read shape and dtype only
            for t in tensors_in([args, kwargs or {}]):
                self.found = self.found or self.names.get(_memory(t), "")
        return func(*args, **(kwargs or {}))


def _memory_of_parameters(f: NetworkObjective, model: nn.Module | None) -> dict[int, str]:
    """Where the parameters lie that θ stands for, in the copy and in the user's model, with their names."""
    models = [f.model] if model is None else [f.model, model]
    places = {_memory(p): name for one in models for name, p in one.named_parameters() if name in f.names}
    copies = dict(f.model.named_buffers())
    for name, buffer in models[-1].named_buffers():  # one that is a parameter, seen by another name
        if _memory(buffer) in places and name in copies:
            places[_memory(copies[name])] = places[_memory(buffer)]
    return {place: name for place, name in places.items() if place}


def _memory(t: Tensor) -> int:
    return t.untyped_storage().data_ptr() if t.layout is torch.strided else 0


def _refuse_reads(reads: _Reads, who: str) -> None:
    if reads.found:
        raise Refused(
            f"{who} reads the parameter `{reads.found}` of the model itself, not through θ (it holds the model, or keeps "
            "the parameter in a list): it would be a constant of f, which gradient, curvature and slices miss. A penalty "
            "belongs into a module that wraps the model and returns it beside the outputs; a teacher must be a copy"
        )


def _refuse_gradients(value: Tensor) -> None:
    if value.requires_grad:
        shapes = ", ".join(sorted({str(tuple(leaf.shape)) for leaf in _leaves(value)}))
        raise Refused(
            f"loss or model uses tensors that need gradients and are not in θ (of shape {shapes}), such as layers in a "
            "plain list: f would miss what they do. Make them parameters of the model (nn.ModuleList, nn.ParameterList), "
            "or constants by requires_grad_(False)"
        )


def _leaves(value: Tensor) -> Iterator[Tensor]:
    """The tensors that a backward pass from `value` would reach."""
    if value.grad_fn is None:
        yield value
    found: set[Any] = set()
    waiting: list[Any] = [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            if hasattr(node, "variable"):
                yield node.variable
            waiting.extend(following for following, _ in node.next_functions)


def _refuse_chance(f: NetworkObjective, start: list[Tensor]) -> None:
    """Numbers were drawn if the generator moved; but a forward that sets the seed itself ends in the same place."""
    if all(map(torch.equal, start, _random_state(f))):
        return
    ends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        f.value(f.theta)
        ends.append(_random_state(f))
    if not all(map(torch.equal, *ends)):
        raise Refused(
            f"model or loss draws random numbers, so that f(θ) would differ from call to call: "
            f"{_eval_or('draw them once before, and give them as part of x or as a buffer', f)}"
        )


def _random_state(f: NetworkObjective) -> list[Tensor]:
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(f.theta.device)] if f.theta.is_cuda else [])]


def _refuse_state(f: NetworkObjective, before: Mapping[str, Tensor]) -> None:
    """Counters may count."""
    for name, buffer in f.model.named_buffers():
        if name in before and buffer.is_floating_point() and not _equal(buffer, before[name]):
            raise Refused(
                f"the forward of model changes its buffer `{name}`, so that f(θ) would differ from call to call: "
                f"{_eval_or('it must leave its state as it is in eval mode', f)}"
            )


def _second_evaluation(f: NetworkObjective, outputs: Any) -> None:
    """ValueError if outputs or loss are others than at first."""
    first, again = f.loss_of(outputs), f.outputs(f.theta)
    second = f.loss_of(again)
    if not (_close(first, second) and (not isinstance(outputs, Tensor) or _close(outputs, again))):
        raise Refused(
            f"f(θ) is no function of θ alone: two evaluations at one θ gave {first.item():.6g} and {second.item():.6g}. "
            f"{_eval_or('What changes between calls (chance that is not of torch, a counter) must be held fixed', f)}"
        )


def _eval_or(advice: str, f: NetworkObjective) -> str:
    return "call model.eval() first" if any(module.training for module in f.model.modules()) else advice


# 2. The mean of its batches


def _no_mean(f: NetworkObjective, outputs: Any) -> str:
    """Why f is not the mean of its batches, "" if it is."""
    reason = ""
    cuts = sorted({f.n // 3, f.n // 2} - {0})
    rows = isinstance(outputs, Tensor) and outputs.ndim > 0 and len(outputs) == f.n
    if rows and not all(_is_mean(f, cut, lambda part, here: part.loss_of(outputs[here])) for cut in cuts):
        reason = "the loss of all samples is not the mean of the losses of batches"
    if not cuts or f.by_batch:  # each batch has statistics of its own, as asked for
        _second_evaluation(f, outputs)
        return reason
    try:
        independent = (
            _independent(f, cuts[0], outputs) if rows else _is_mean(f, cuts[0], lambda part, _: part.value(f.theta))
        )
    except Exception as error:  # whatever a model raises that is made for just so many samples
        _second_evaluation(f, outputs)
        return reason or _fails(error)
    if not independent:
        _second_evaluation(f, outputs)
        reason = reason or "what the model or the loss makes of a sample depends on the other samples"
    return reason


def _said_by(f: NetworkObjective) -> str:
    """What a loss of torch, or `functools.partial` of one, tells of itself."""
    options = {**getattr(f.loss, "__dict__", {}), **getattr(f.loss, "keywords", {})}
    if options.get("reduction", "mean") != "mean":
        return f"its reduction is {options['reduction']!r}, not 'mean'"
    ignored = options.get("ignore_index")
    if isinstance(ignored, int) and not f.y.is_floating_point() and bool((f.y == ignored).any()):
        return f"y has labels that the loss ignores, {ignored}, and it is the mean over the others"
    return ""


def _is_mean(f: NetworkObjective, cut: int, value: Callable[[NetworkObjective, slice], Tensor]) -> bool:
    """Whether the value of all samples is the weighted mean of the values of two parts."""
    parts = [slice(0, cut), slice(cut, f.n)]
    whole = value(f, slice(0, f.n))
    mean = sum(value(part := f._on(f.x[here], f.y[here]), here) * (part.n / f.n) for here in parts)
    return _close(whole, torch.as_tensor(mean))


def _independent(f: NetworkObjective, cut: int, outputs: Tensor) -> bool:
    parts = [f._on(x, y).outputs(f.theta) for x, y in ((f.x[:cut], f.y[:cut]), (f.x[cut:], f.y[cut:]))]
    return _close(outputs, torch.cat(parts))


def _fails(error: Exception) -> str:
    return f"of fewer samples the model or the loss fails with {type(error).__name__}: {error}"


# Both


def _equal(a: Tensor, b: Tensor) -> bool:
    """Nothing has been written; NaN is NaN."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def _close(expected: Tensor, found: Tensor) -> bool:
    """Equal to rounding; true also of numbers that are not finite to begin with, which say nothing."""
    if expected.shape != found.shape:
        return False
    if not expected.isfinite().all():
        return True
    rounding = torch.finfo(expected.dtype).eps ** 0.5 if expected.is_floating_point() else 0.0
    return bool((expected - found).abs().max() <= max(TOLERANCE, rounding) * expected.abs().max())
