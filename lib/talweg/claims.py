"""Claims: a number of ours beside the number expected, asserted, and recorded for the ledger of the book."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from talweg.output import show

__all__ = ["MIME", "claim"]

MIME = "application/vnd.talweg.claim+json"  # the claims page is made from outputs of this type

_SYMBOLS = {"==": "=", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}


def claim(
    id: str,
    ours: Any,
    expected: Any,
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    source: str = "",
    seeds: int | Sequence[int] | None = None,
    relation: str = "==",
) -> None:
    """Assert that `ours` stands in `relation` to `expected`, say so in one line, and record it for the ledger.

    Five significant digits are shown and recorded. A rounding error (ours within a bound of 1e-9 or less about zero)
    is shown as 0, since its digits differ from machine to machine.

    Parameters
    ----------
    id
        Name of the claim in the ledger: letters a-z, digits and hyphens.
    ours, expected
        Numbers, booleans, tensors or sequences of one length; one number may stand for a whole sequence. The entry
        that comes nearest to failing is shown.
    rtol, atol
        The tolerance atol + rtol·|expected|, which is granted to ours in "==", "<=" and ">=".
    source
        Where the expected number comes from: a paper, a proof, another implementation.
    seeds
        Which seeds our number was measured with, or how many.
    relation
        "==", "<=", ">=", "<" or ">".

    Raises
    ------
    AssertionError
        The claim fails. NaN always fails.
    ValueError
        A bad id, relation, tolerance or length.
    TypeError
        Something that is not a number.

    Examples
    --------
    >>> from talweg import claim
    >>> claim("contraction", 0.8182, 9 / 11, rtol=1e-3, source="Polyak (1964)")
    ✓ contraction: 0.8182 = 0.81818 (±0.1 %)
    >>> claim("below-the-bound", [0.1, 0.7], 1, relation="<")
    ✓ below-the-bound: 0.7 < 1
    """
    _check(id, relation, rtol, atol)
    pairs = _pairs(ours, expected)
    excess, a, b = max(((_excess(a, b, relation, rtol, atol), a, b) for a, b in pairs), key=lambda triple: triple[0])
    holds = excess < 0 if relation in ("<", ">") else excess <= 0
    if not holds:
        tolerance = _tolerance(rtol, atol, relation)
        raise AssertionError(f"claim {id!r} fails: ours {_short(a)}, expected {relation} {_short(b)}{tolerance}")
    a, b = max(pairs, key=lambda pair: _excess(_without_rounding(*pair), pair[1], relation, rtol, atol))
    if not isinstance(a, bool) and abs(a) <= _noise(b, atol, relation):
        a = 0
    statement = f"{_short(a)} {_SYMBOLS[relation]} {_short(b)}{_tolerance(rtol, atol, relation)}"
    record = {
        "id": id,
        "ours": _rounded(a),
        "expected": _rounded(b),
        "relation": relation,
        "rtol": _rounded(rtol),
        "atol": _rounded(atol),
        "source": source,
        "seeds": seeds if seeds is None or isinstance(seeds, int) else [int(seed) for seed in seeds],
    }
    show(f"✓ {id}: {statement}", {MIME: record})


def _check(id: str, relation: str, rtol: float, atol: float) -> None:
    if not isinstance(id, str) or not re.fullmatch(r"[a-z0-9-]+", id):
        raise ValueError(f"id of a claim must consist of a-z, 0-9 and hyphens, got {id!r}")
    if relation not in _SYMBOLS:
        raise ValueError(f"relation must be one of {', '.join(map(repr, _SYMBOLS))}, got {relation!r}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a finite number that is not negative, got {value}")
    if relation in ("<", ">") and (rtol or atol):
        raise ValueError(f"a strict relation {relation!r} takes no tolerance: use {relation + '='!r}")


def _excess(ours: float, expected: float, relation: str, rtol: float, atol: float) -> float:
    """How far ours is beyond what is allowed: 0 or less where the claim holds, infinite for NaN."""
    if math.isnan(ours) or math.isnan(expected):
        return math.inf
    if math.isinf(ours) or math.isinf(expected):
        difference = 0.0 if ours == expected else ours - expected
        allowed = 0.0
    else:
        difference, allowed = ours - expected, atol + rtol * abs(expected)
    signed = {"==": abs(difference), "<=": difference, "<": difference, ">=": -difference, ">": -difference}[relation]
    return signed - allowed


def _without_rounding(ours: float, expected: float) -> float:
    """ours, or expected where they differ by rounding only: which pair is shown must not depend on the processor."""
    return expected if abs(ours - expected) <= 1e-9 * max(1.0, abs(expected)) else ours


def _noise(expected: float, atol: float, relation: str) -> float:
    """Size up to which ours is rounding error: the bound of a claim about zero, if that bound is tiny."""
    bound = atol if relation == "==" else atol + abs(expected)
    return bound if bound <= 1e-9 else 0.0


def _pairs(ours: Any, expected: Any) -> list[tuple[float, float]]:
    """Numbers of ours beside numbers expected; one number may stand for a whole sequence."""
    a, b = _numbers(ours), _numbers(expected)
    if not a or not b or (len(a) != len(b) and 1 not in (len(a), len(b))):
        raise ValueError(f"ours and expected must have as many numbers (or expected one), got {len(a)} and {len(b)}")
    n = max(len(a), len(b))
    return list(zip(a * (n // len(a)), b * (n // len(b)), strict=True))


def _numbers(value: Any) -> list:
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in _numbers(item)]
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"ours and expected must be numbers, booleans, tensors or sequences, got {value!r}")
    return [value]


def _rounded(value: float) -> float | int | bool | str:
    """Five significant digits, so that a record is the same on every processor; JSON knows no NaN or infinity."""
    if isinstance(value, (bool, int)):
        return value
    return float(f"{value:.5g}") + 0.0 if math.isfinite(value) else str(value)


def _short(value: float) -> str:
    return str(value) if isinstance(value, (bool, int)) else f"{value + 0.0:.5g}"


def _tolerance(rtol: float, atol: float, relation: str) -> str:
    parts = ([f"{100 * rtol:.5g} %"] if rtol else []) + ([f"{atol:.5g}"] if atol else [])
    sign = {"==": "±", "<=": "+", ">=": "−"}.get(relation, "")
    return f" ({sign}{f' {sign}'.join(parts)})" if parts else ""
