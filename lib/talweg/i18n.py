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
from typing import Any

__all__ = ["EDITIONS", "N_", "Edition", "decimal", "gettext", "language", "localize", "ngettext", "number", "use"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Edition:
    """One language of the book: its code, its own name, and what HTML, Sphinx and the search call it.

    Parameters
    ----------
    code
        Code of the language in file names and for `use`.
    name
        The language's own name for itself.
    html_lang, sphinx_language, search_language
        What HTML, Sphinx and the search call the language.
    decimal
        The decimal mark, "," or ".".

    Examples
    --------
    >>> from talweg.i18n import EDITIONS
    >>> EDITIONS["zh"].name, EDITIONS["zh"].html_lang, EDITIONS["de"].decimal
    ('简体中文', 'zh-CN', ',')
    """

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
    """Set the language of everything drawn or said from now on.

    Parameters
    ----------
    code
        "es", "de", "zh" or "ru".

    Raises
    ------
    ValueError
        The code is none of these.

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import gettext, number
    >>> use("de")
    >>> gettext("Loss"), number(0.25)
    ('Verlust', '0,25')
    """
    global _current
    if not isinstance(code, str) or code not in EDITIONS:
        allowed = ", ".join(map(repr, EDITIONS))
        raise ValueError(f"unknown language code {code!r}: it must be one of {allowed}")
    _catalog(code)  # a broken installation is noticed here, not in the middle of a figure
    _current = EDITIONS[code]


def language() -> str | None:
    """Code of the language in use, or None before the first `use`.

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import language
    >>> use("ru")
    >>> language()
    'ru'
    """
    return _current.code if _current else None


def gettext(message: str) -> str:
    """`message` in the language in use; the English message itself where there is no translation.

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import gettext
    >>> use("es")
    >>> gettext("Loss"), gettext("There is no translation of this.")
    ('Pérdida', 'There is no translation of this.')
    """
    return _catalog(language()).gettext(message) if message else message


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form for `n` things in the language in use (Russian has three).

    Parameters
    ----------
    singular, plural
        The two English forms; the first is the message's id.
    n
        How many things there are.

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import ngettext
    >>> use("es")
    >>> [ngettext("{n} untranslated thing", "{n} untranslated things", n).format(n=n) for n in (1, 2)]
    ['1 untranslated thing', '2 untranslated things']
    """
    return _catalog(language()).ngettext(singular, plural, n)


def N_(message: str) -> str:
    """Mark `message` for extraction without translating it yet (for tables filled on import).

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import N_, gettext
    >>> names = {"loss": N_("Loss")}
    >>> use("es")
    >>> gettext(names["loss"])
    'Pérdida'
    """
    return message


@cache
def _catalog(code: str | None) -> _gettext.NullTranslations:
    if code is None:
        return _gettext.NullTranslations()
    return _gettext.translation("talweg", _HERE / "locale", languages=[code])


def decimal() -> str:
    """The decimal mark in use: "," or ".".

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import decimal
    >>> use("zh")
    >>> decimal()
    '.'
    """
    return _current.decimal if _current else "."


def localize(text: str) -> str:
    """`text`, a number as Python writes it, with the decimal mark in use and a true minus sign.

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import localize
    >>> use("es")
    >>> localize("-0.5")
    '−0,5'
    """
    return text.replace(".", decimal()).replace("-", "−")


_SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(x: Any, digits: int = 3) -> str:
    """`x` as prose and figures write it: with the decimal mark of the edition, without zeros at the end.

    Integers, and the integer part of anything below a million, are written out; very small and very large values
    are written as 1,2·10⁻⁷.

    Parameters
    ----------
    x
        A Python number, or a tensor or array with one element.
    digits
        How many significant digits are written at most.

    Raises
    ------
    ValueError
        `digits` is below 1.

    Examples
    --------
    >>> from talweg import use
    >>> from talweg.i18n import number
    >>> use("de")
    >>> number(2 / 3), number(-1.2e-7), number(123456.7), number(float("inf"))
    ('0,667', '−1,2·10⁻⁷', '123457', '∞')
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
