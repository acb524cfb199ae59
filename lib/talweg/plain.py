"""Plain values: what a file can hold and give back without running code from it (torch.load, weights_only=True)."""

from __future__ import annotations

import types
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LEAVES = (bool, int, float, complex, str, bytes, types.NoneType, torch.dtype, torch.device, torch.Size)


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's numbers and lists, classes and named functions as their names.

    Also inside lists, tuples and dicts. Anything else stays what it is: the name of a lambda would tell nothing.
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) and value.__name__ != "<lambda>":
        return value.__name__
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, tuple) and not isinstance(value, torch.Size):
        return tuple(plain(entry) for entry in value)
    return value


def unloadable(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The values within `value` that could not be loaded again, each with its place, such as "config['lr']".

    By exact type: a subclass of float (numpy.float64, say) needs its module to be loaded.
    """
    kind = type(value)
    if kind in (dict, OrderedDict):
        for key, entry in value.items():
            yield from unloadable(key, f"a key of {place}")
            yield from unloadable(entry, f"{place}[{key!r}]")
    elif kind in (list, tuple):
        for index, entry in enumerate(value):
            yield from unloadable(entry, f"{place}[{index}]")
    elif kind not in (*LEAVES, Tensor, nn.Parameter):
        yield place, value
