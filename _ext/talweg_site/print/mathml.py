r"""MathML of the exercises (see `lib/talweg/exercises/loader.py`) as TeX, for print.

Only the elements that the exercises' own renderer allows; any other is an error that names it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from docutils import nodes

MATH = re.compile(r"(<math[\s>].*?</math>)", re.DOTALL)
_OPERATORS = {"−": "-", "·": r"\cdot ", "×": r"\times ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx "}
_OPERATORS |= {"∑": r"\sum ", "√": r"\surd ", "∞": r"\infty ", "→": r"\to ", "⊤": r"\top ", "‖": r"\Vert "}
_OPERATORS |= {"∈": r"\in ", "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "\u2062": "", "\u2061": ""}
_ACCENTS = {"¯": "bar", "‾": "bar", "^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde", "→": "vec", "⃗": "vec"}


def to_nodes(text: str) -> list[nodes.Node]:
    """Text with `<math>` and code between backticks in it, as docutils' nodes."""
    parts = [part for part in MATH.split(text) if part]
    found: list[nodes.Node] = []
    for part in parts:
        found += [nodes.math("", to_tex(part))] if part.startswith("<math") else _code(part)
    return found


def _code(text: str) -> list[nodes.Node]:
    """Text in which backticks mark code."""
    pieces = enumerate(text.split("`"))
    return [nodes.literal("", piece) if index % 2 else nodes.Text(piece) for index, piece in pieces if piece]


def to_tex(markup: str) -> str:
    """One `<math>` element as TeX. Raises ValueError for markup that is broken or outside the allowed elements."""
    try:
        return _tex(ET.fromstring(markup)).strip()
    except ET.ParseError as error:
        raise ValueError(f"MathML is not well formed: {error}: {markup}") from None


def _tex(element: ET.Element) -> str:
    name = element.tag.rpartition("}")[2]
    parts = [_tex(child) for child in element]
    text = (element.text or "").strip()
    if name in ("math", "mrow", "mstyle", "mtd"):
        return "".join(parts)
    if name in ("mn", "mi", "mo"):
        return _token(name, text, element)
    if name == "mtext":
        return rf"\text{{{text}}}"
    if name == "mspace":
        return r"\;"
    return _layout(name, parts)


def _token(name: str, text: str, element: ET.Element) -> str:
    if name == "mn":
        return text.replace(",", "{,}")  # a decimal comma, not a list
    if name == "mo":
        return _OPERATORS.get(text, text)
    upright = len(text) > 1 or element.get("mathvariant") == "normal"
    return rf"\mathrm{{{text}}}" if upright else f"{text} "


def _layout(name: str, parts: list[str]) -> str:
    match name, parts:
        case "msup", [base, up]:
            return f"{{{base}}}^{{{up}}}"
        case "msub" | "munder", [base, down]:
            return f"{{{base}}}_{{{down}}}"
        case "msubsup" | "munderover", [base, down, up]:
            return f"{{{base}}}_{{{down}}}^{{{up}}}"
        case "mover", [base, over]:
            return rf"\{_ACCENTS[over]}{{{base}}}" if over in _ACCENTS else rf"\overset{{{over}}}{{{base}}}"
        case "mfrac", [above, below]:
            return rf"\frac{{{above}}}{{{below}}}"
        case "mroot", [base, degree]:
            return rf"\sqrt[{degree}]{{{base}}}"
        case "msqrt", _:
            return rf"\sqrt{{{''.join(parts)}}}"
        case "mtr", _:
            return " & ".join(parts)
        case "mtable", _:
            return r"\begin{matrix}" + r" \\ ".join(parts) + r"\end{matrix}"
    raise ValueError(f"MathML element <{name}> with {len(parts)} children cannot be printed")
