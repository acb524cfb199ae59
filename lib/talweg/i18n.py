"""The reader's language: words drawn by code, and how numbers are written.

Message ids are English; the catalogs are in `locale/<code>/LC_MESSAGES/talweg.mo`. Everything is looked up when it is
drawn, never on import, so that `use` takes effect at once. Before the first `use` the words are the English ids.
"""

from __future__ import annotations

import gettext as _gettext
import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["EDITIONS", "N_", "Edition", "decimal", "gettext", "language", "localize", "ngettext", "number", "use"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Edition:
    """One language of the book: its code, its own name, and what HTML, Sphinx and the search call it."""

    code: str
    name: str
    html_lang: str
    sphinx_language: str
    search_language: str
    decimal: str


EDITIONS: dict[str, Edition] = {
    code: Edition(code, **fields)
    for code, fields in tomllib.loads((_HERE / "editions.toml").read_text(encoding="utf-8")).items()
}

_current: Edition | None = None


def use(code: str) -> None:
    """Set the language of everything drawn or said from now on: one of "es", "de", "zh", "ru"."""
    global _current
    if not isinstance(code, str) or code not in EDITIONS:
        allowed = ", ".join(map(repr, EDITIONS))
        raise ValueError(f"unknown language code {code!r}: it must be one of {allowed}")
    _catalog(code)  # a broken installation is noticed here, not in the middle of a figure
    _current = EDITIONS[code]


def language() -> str | None:
    """Code of the language in use, or None before the first `use`."""
    return _current.code if _current else None


def gettext(message: str) -> str:
    """`message` in the language in use; the English message itself where there is no translation."""
    return _catalog(language()).gettext(message) if message else message


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form for `n` things in the language in use (Russian has three)."""
    return _catalog(language()).ngettext(singular, plural, n)


def N_(message: str) -> str:
    """Mark `message` for extraction without translating it yet (for tables filled on import)."""
    return message


@cache
def _catalog(code: str | None) -> _gettext.NullTranslations:
    if code is None:
        return _gettext.NullTranslations()
    return _gettext.translation("talweg", _HERE / "locale", languages=[code])


def decimal() -> str:
    """The decimal mark in use: "," or "."."""
    return _current.decimal if _current else "."


def localize(text: str) -> str:
    """`text`, a number as Python writes it, with the decimal mark in use and a true minus sign."""
    return text.replace(".", decimal()).replace("-", "−")


_SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(x: float, digits: int = 3) -> str:
    """`x` as prose and figures write it: decimal mark of the edition, `digits` significant digits at most.

    Integers, and the integer part of anything below a million, are written out; very small and very large values
    as 1,2·10⁻⁷. `x` may be a Python number or a tensor with one element.
    """
    if digits < 1:
        raise ValueError(f"digits must be at least 1, got {digits}")
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, int):
        return localize(str(x))
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else ("∞" if x > 0 else "−∞")
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    if x != 0 and not -4 <= int(exponent) < 6:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        power = f"10{localize(str(int(exponent))).translate(_SUPERSCRIPTS)}"
        return f"{localize(mantissa)}·{power}" if mantissa.lstrip("-") != "1" else localize(mantissa[:-1]) + power
    written = f"{x:.{max(digits - 1 - int(exponent), 0)}f}"
    return localize(written.rstrip("0").rstrip(".") if "." in written else written)
