"""Colours of code in print: few, dark enough for paper, with weight doing the rest."""

from __future__ import annotations

from pygments.style import Style
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token


class Print(Style):
    """Keywords bold, strings green, comments grey."""

    styles = {
        Token: "#1B2733",
        Keyword: "bold #00598C",
        Operator.Word: "bold #00598C",
        Name.Decorator: "#00598C",
        String: "#00684E",
        Number: "#1B2733",
        Comment: "italic #5C6670",
    }
