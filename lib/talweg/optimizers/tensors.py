"""Many tensors that answer like one, so that a rule is written once and runs over all parameters together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

# Two megabytes of a parameter at once on one thread of a CPU. Its gradient, its state and the intermediate results then
# stay in the cache from the first operation of a rule to the last, and an intermediate result needs no fresh memory
# from the system: on 11 M parameters this was measured to halve the time. Much smaller pieces cost more in calls.
PIECE_BYTES = 2**21


class Tensors:
    """Tensors of one device and dtype; `m.mul_(b).add_(g, alpha=c)` calls `torch._foreach_mul_`, `_foreach_add_`.

    Every method that torch has as `_foreach_…` exists (`add`, `mul_`, `sqrt`, `sign`, `lerp_`, `addcdiv_` …), and
    `+ - * /` with a number or with as many tensors. In-place methods return the object itself, as tensors do.

    The `_foreach_…` are private to torch. Any other method of a tensor, and one that a release of torch has dropped,
    goes through the tensors one by one.
    """

    # A list inside, not a subclass of list: torch's argument parser takes 1 µs more for each object of a subclass.
    __slots__ = ("list",)

    def __init__(self, tensors: list[Tensor]):
        self.list = tensors

    def __add__(self, other: Tensors | float) -> Tensors:
        return self.add(other)

    def __sub__(self, other: Tensors | float) -> Tensors:
        return self.sub(other)

    def __mul__(self, other: Tensors | float) -> Tensors:
        return self.mul(other)

    def __truediv__(self, other: Tensors | float) -> Tensors:
        return self.div(other)

    def __neg__(self) -> Tensors:
        return self.neg()

    __radd__ = __add__
    __rmul__ = __mul__

    def __getattr__(self, name: str):
        """A method that has no `_foreach_…`."""
        return partial(_method(name, _one_by_one(getattr(Tensor, name))), self)


def _one_by_one(operation: Callable) -> Callable:
    def all_of_them(tensors: list[Tensor], *args, **kwargs) -> list[Tensor]:
        columns = [a if isinstance(a, list) else repeat(a) for a in args]
        return [operation(tensor, *row, **kwargs) for tensor, *row in zip(tensors, *columns, strict=False)]

    return all_of_them


def _method(name: str, operation: Callable) -> Callable:
    def in_place(self, *args, **kwargs):
        operation(self.list, *[a.list if a.__class__ is Tensors else a for a in args], **kwargs)
        return self

    def method(self, *args, **kwargs):
        return Tensors(operation(self.list, *[a.list if a.__class__ is Tensors else a for a in args], **kwargs))

    chosen = in_place if name.endswith("_") else method
    chosen.__name__ = name
    chosen.__doc__ = f"`Tensor.{name}` of every tensor."
    return chosen


for _name in dir(torch):
    if _name.startswith("_foreach_") and hasattr(Tensor, _name.removeprefix("_foreach_")):
        _short = _name.removeprefix("_foreach_")
        setattr(Tensors, _short, _method(_short, getattr(torch, _name)))


def pieces(columns: list[list[Tensor] | None], split: bool) -> Iterator[list[Any]]:
    """Cut columns (parameters, gradients, state …: lists of equal length) into parts of about PIECE_BYTES.

    Whole tensors are put together; with `split`, one that is larger is cut along its first dimension (views: no copy).
    The parameters come first and are always there; another column may be None.
    """
    parameters: Any = columns[0]
    entries = PIECE_BYTES * torch.get_num_threads() // parameters[0].element_size()
    if sum(map(Tensor.numel, parameters)) <= entries:
        yield columns
        return
    begin = size = 0
    for i, parameter in enumerate(parameters):
        n = parameter.numel()
        if size + n <= entries:
            size += n
            continue
        if size:
            yield [None if column is None else column[begin:i] for column in columns]
        begin, size = i, n
        if split and n > entries and len(parameter) > 1:
            rows = max(1, len(parameter) * entries // n)
            parts = [() if column is None else column[i].split(rows) for column in columns]
            for k in range(len(parts[0])):
                yield [None if column is None else [part[k]] for column, part in zip(columns, parts, strict=True)]
            begin, size = i + 1, 0
    if size:
        yield [None if column is None else column[begin:] for column in columns]
