"""Small tables of numbers as text, their heads in the reader's language."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from talweg.labels import label

__all__ = ["table"]


def table(columns: Mapping[str, Sequence[Any]], digits: int = 4) -> None:
    """Print columns of equal length under their heads.

    Integers are written out, in groups of three digits from 10 000 on; other numbers stand as code writes them.

    Parameters
    ----------
    columns
        Head → values. Heads, and words among the values, are keys ("val_loss", "steps", …), printed in the reader's
        words, or text that is printed as it is.
    digits
        Significant digits of the numbers that are no integers.

    Raises
    ------
    ValueError
        There is no column, or the columns have different lengths.

    Examples
    --------
    >>> from talweg import table
    >>> from talweg.i18n import use
    >>> use("es")
    >>> table({"method": ["SGD", "Adam"], "loss": [0.25, 1 / 3], "steps": [800, 12_000]})
    Método   Pérdida   Número de pasos
       SGD      0.25               800
      Adam    0.3333            12 000
    """
    lengths = {head: len(values) for head, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"columns must have the same length, at least one column; got {lengths}")
    cells = [[label(head), *(_cell(value, digits) for value in values)] for head, values in columns.items()]
    widths = [max(map(_width, column)) for column in cells]
    for row in zip(*cells, strict=True):
        print("   ".join(" " * (width - _width(cell)) + cell for cell, width in zip(row, widths, strict=True)))


def _cell(value: Any, digits: int) -> str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return label(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    return f"{value:.{digits}g}"


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
