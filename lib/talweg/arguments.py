"""Checks of arguments: each message names the argument, what was given and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex

if TYPE_CHECKING:
    from torch import Generator, Tensor


def one_of(argument: str, given: object, allowed: Iterable[str]) -> str:
    """Return `given` if it is one of the `allowed` names; else a ValueError that proposes the nearest one."""
    names = list(allowed)
    if isinstance(given, str) and given in names:
        return given
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(str(given).casefold(), folded, n=1, cutoff=0.5)
    proposal = f" Did you mean {folded[near[0]]!r}?" if near else ""
    raise ValueError(f"{argument} must be one of {', '.join(map(repr, names))}; got {given!r}.{proposal}")


def positive_int(argument: str, given: object) -> int:
    """Return `given` if it is an integer of at least 1; else a TypeError or ValueError."""
    if isinstance(given, bool) or not isinstance(given, SupportsIndex):
        raise TypeError(f"{argument} must be a positive integer; got {given!r}.")
    if given.__index__() < 1:
        raise ValueError(f"{argument} must be at least 1; got {given!r}.")
    return given.__index__()


def finite(argument: str, given: Tensor) -> Tensor:
    """Return a tensor, without its graph, if all its entries are finite; else a ValueError."""
    if not given.isfinite().all():
        raise ValueError(f"{argument} must be finite; got NaN or infinity.")
    return given.detach()


def generator_or_none(argument: str, given: object) -> Generator | None:
    """Return `given` if it is a torch.Generator or None; else a TypeError that says how a seed becomes one."""
    from torch import Generator

    if given is None or isinstance(given, Generator):
        return given
    raise TypeError(
        f"{argument} must be a torch.Generator or None; got {given!r}. A seed becomes one by "
        "torch.Generator().manual_seed(seed)."
    )
