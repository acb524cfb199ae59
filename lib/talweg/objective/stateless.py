"""A network without parameters of its own: copied from the user's, and called with parameters that are given to it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["Stateless", "attributes", "changed", "copied", "put_back", "tensors_in"]

HELD = ("_parameters", "_buffers", "_modules")  # what a module keeps apart from its plain attributes
ABSENT = object()

Attributes = dict[tuple[nn.Module, str], Any]


class Stateless:
    """`call(values, x)`: the outputs of a model with the parameters in `values`, by the names of `named_parameters`.

    A tensor that two modules share is given to both, and a module that has two names is handled once (torch's own
    `functional_call` would not put such a module back as it was). `kept` are the plain attributes that the forward
    sets, such as activations: they are put back after each call, so that no tensor of a finished derivative stays.
    """

    def __init__(self, model: nn.Module):
        self.model = model
        names = {id(p): name for name, p in model.named_parameters()}
        self.slots = [(slot, names[id(p)]) for slot, p in _slots(model)]
        self.kept: list[tuple[nn.Module, str]] = []

    def __call__(self, values: Mapping[str, Tensor], x: Tensor) -> Any:
        given = {slot: values[name] for slot, name in self.slots if name in values}
        if not self.kept:
            return functional_call(self.model, given, (x,), tie_weights=False)
        before = {(module, name): vars(module).get(name, ABSENT) for module, name in self.kept}
        try:
            return functional_call(self.model, given, (x,), tie_weights=False)
        finally:
            put_back(before)


def _slots(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Where parameters are held: each module once, each of its names; a shared tensor comes again in each place."""
    for module_name, module in model.named_modules():
        for own, p in module._parameters.items():
            if p is not None:
                yield (f"{module_name}.{own}" if module_name else own), p


def attributes(model: nn.Module) -> Attributes:
    """The plain attributes of all modules: neither parameters, buffers nor modules."""
    return {
        (module, name): value for module in model.modules() for name, value in vars(module).items() if name not in HELD
    }


def put_back(before: Attributes) -> None:
    """Give attributes the values they had; those that were not there are taken away again."""
    for (module, name), value in before.items():
        if value is not ABSENT:
            vars(module)[name] = value
        else:
            vars(module).pop(name, None)


def changed(model: nn.Module, before: Attributes) -> Attributes:
    """The attributes that are not what they were `before`, with what they were."""
    return {
        key: before.get(key, ABSENT) for key, value in attributes(model).items() if before.get(key, ABSENT) is not value
    }


def copied(model: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """A copy of the model, in another precision if one is given; complex tensors become those of that precision.

    Activations that the last forward left in it, and weights that are computed anew in each one (`prune`, the old
    `weight_norm`), come without their graph. TypeError: an attribute that cannot be copied.
    """
    try:
        result = copy.deepcopy(model, {id(t): _without_graph(t) for t in _with_graph(model)})
    except Exception as error:  # whatever the attribute's own code raises
        raise TypeError(f"model must be copied, and {_obstacle(model, error)}") from error
    return result if dtype is None else result._apply(lambda t: _converted(t, dtype))


def _with_graph(model: nn.Module) -> Iterator[Tensor]:
    """The tensors that deepcopy refuses: results of other tensors, in attributes, buffers, and lists or dicts of them."""
    for module in model.modules():
        for value in [*vars(module).values()]:
            yield from (t for t in tensors_in(value) if not t.is_leaf)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, and in lists, tuples and dicts of values."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_in(one)
    elif isinstance(value, dict):
        yield from tensors_in([*value.values()])


def _without_graph(t: Tensor) -> Tensor:
    """Still in need of a gradient: if the forward reads it without computing it anew, `defences` find that out."""
    return t.detach().clone().requires_grad_()


def _obstacle(model: nn.Module, error: Exception) -> str:
    for (module, name), value in attributes(model).items():
        try:
            copy.deepcopy(value, {id(t): t.detach() for t in tensors_in(value)})
        except Exception as own:
            where = next(path for path, one in model.named_modules() if one is module)
            place = f"{where}.{name}" if where else name
            return (
                f"its attribute `{place}`, of type {type(value).__name__}, cannot be ({own}): delete the attribute before, "
                "or give its class a `__deepcopy__`"
            )
    return f"that fails with {type(error).__name__}: {error}"


def _converted(t: Tensor, dtype: torch.dtype) -> Tensor:
    if t.is_complex():
        return t.to(dtype.to_complex())
    return t.to(dtype) if t.is_floating_point() else t
