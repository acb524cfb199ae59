"""Small tables of numbers, as text and as HTML, their heads in the reader's language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from talweg.i18n import decimal, localize, number
from talweg.labels import DECIMAL, label
from talweg.output import show

__all__ = ["table"]

SUBSCRIPT = re.compile(r"\b(\w)_(\w+)")  # of a symbol, "λ_max"; names such as "fan_in" stay


def table(columns: Mapping[str, Sequence[Any]], digits: int = 4) -> None:
    """Show columns of equal length under their heads: a table in a notebook, text elsewhere.

    Integers are written out, in groups of three digits from 10 000 on. In text the other numbers stand as code writes
    them, in a notebook's table as the edition does.

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
    text = "\n".join(
        _lines([[label(head), *(_cell(value, digits) for value in column)] for head, column in columns.items()])
    )
    show(text, {"text/html": _html(columns, digits)})


def _lines(columns: list[list[str]]) -> Iterator[str]:
    """Rows of text whose columns line up."""
    widths = [max(map(_width, column)) for column in columns]
    for row in zip(*columns, strict=True):
        yield "   ".join(" " * (width - _width(cell)) + cell for cell, width in zip(row, widths, strict=True))


def _cell(value: Any, digits: int) -> str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return label(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    return f"{value:.{digits}g}"


def _html(columns: Mapping[str, Sequence[Any]], digits: int) -> str:
    """The same as an HTML table, numbers in the reader's notation."""
    heads = "".join(f"<th{_aligned(values)}>{_words(head)}</th>" for head, values in columns.items())
    cells = [
        [f"<td{_aligned([value])}>{_written(value, digits)}</td>" for value in values] for values in columns.values()
    ]
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return f'<table class="talweg-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _aligned(values: Sequence[Any]) -> str:
    """Words at the left, numbers at the right; a style, for it must hold in Jupyter too."""
    words = all(isinstance(value, str) for value in values)
    return f' style="text-align: {"left" if words else "right"}"'


def _written(value: Any, digits: int) -> str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, int):
        return localize(_cell(value, digits)).replace(" ", "\N{NARROW NO-BREAK SPACE}")
    return number(value, digits)


def _words(text: str) -> str:
    return SUBSCRIPT.sub(r"\1<sub>\2</sub>", escape(DECIMAL.sub(decimal(), label(text))))


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
