"""What the record of a claim says in an edition's notation: its sentence, its numbers, its tolerance."""

from __future__ import annotations

from typing import Any

from sphinx.locale import _

RELATIONS = {"==": "=", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}
ROUNDING = 1e-6  # a tolerance up to here grants rounding only: five digits are shown
FULL_STOPS = (".", "。")


def number(value: Any, decimal: str) -> str:
    """A number of a record with the edition's decimal mark; truth values in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return "; ".join(number(item, decimal) for item in value)
    if not isinstance(value, (int, float)):
        return str(value)
    text = f"{value:.5g}"
    mantissa, _e, exponent = text.partition("e")
    mantissa = mantissa.replace(".", decimal).replace("-", "−")
    if not exponent:
        return mantissa
    power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if mantissa == "1" else f"{mantissa} · {power}"


def tolerance(record: dict[str, Any], decimal: str) -> str:
    """The allowed deviation in words a reader knows: relative in per cent, absolute as a number."""
    parts = []
    if record.get("rtol"):
        parts.append(f"±{number(100 * record['rtol'], decimal)}\u202f%")
    if record.get("atol"):
        parts.append(f"±{number(record['atol'], decimal)}")
    return " ".join(parts)


def statement(record: dict[str, Any], decimal: str) -> str:
    """The comparison that a claim makes, "1,005 = 1 (±1 %)".

    A truth value says no more than the sentence: "". Two numbers that differ by rounding only are one number.
    """
    ours, expected = record["ours"], record["expected"]
    if isinstance(ours, bool) and isinstance(expected, bool):
        return ""
    a, b, allowed = number(ours, decimal), number(expected, decimal), max(record["rtol"], record["atol"])
    if record["relation"] == "==" and a == b and allowed <= ROUNDING:
        return _("%s, up to rounding") % a if allowed else a
    within = f" ({tolerance(record, decimal)})" if allowed else ""
    return f"{a} {RELATIONS[record['relation']]} {b}{within}"


def lead(sentence: str, colon: str) -> str:
    """A sentence that numbers follow: it ends in a colon."""
    return (sentence[:-1] if sentence.endswith(FULL_STOPS) else sentence) + colon
