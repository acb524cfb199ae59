"""SVG of figures: small, and the same bytes each time and on each machine."""

from __future__ import annotations

import io
import re

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["svg_of"]

WITHOUT = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # Matplotlib's metadata: version and time
LEFT_OUT = re.compile(r'^.*?(?=<svg )|<metadata>.*?</metadata>|<!--.*?-->|xlink:(?=href)|(?<=<g) id="[^"]*"', re.DOTALL)
DATA = re.compile(r'(?<=\sd=")[^"]+')
GLYPH = re.compile(r'(?<=\sd=")[^"]+(?="\s+transform="scale\(0\.015625\)")')
FONTS = {"TalwegSansSC-Regular-": "t", "DejaVuSans-Oblique-": "o"}  # short names of letters
PLACE = re.compile(r'(?<=\s)(?:x|y|width|height)="-?\d+\.\d+"|translate\([-\d. ]+\)')
LETTER = re.compile(r'(<use href="[^"]+") transform="translate\((\S+) (\S+)\)"')
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
BETWEEN = re.compile(r"\s*([MLHVCSQTAZz])\s*")
STYLE_SPACE = re.compile(r'(?<=[:;]) (?=[^"<>]*"/?>)')
SPACE = re.compile(r">\s+<")


def svg_of(figure: Figure, **restore: object) -> str:
    """A figure as SVG, its letters as outlines, coordinates rounded to a tenth of a point.

    The last digits of computed coordinates differ from one processor to the next; a tenth of a point is not seen.

    Parameters
    ----------
    figure
        A finished figure.
    **restore
        What Matplotlib passes on from `print_figure`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from talweg.plots.svg import svg_of
    >>> text = svg_of(Figure(figsize=(2, 1)))
    >>> text[:4], 'viewBox="0 0 144 72"' in text
    ('<svg', True)
    """
    canvas, file = figure.canvas, io.StringIO()
    FigureCanvasSVG.print_svg(canvas, file, metadata=WITHOUT, **restore)  # pyright: ignore[reportArgumentType]
    return _compact(file.getvalue())


def _compact(text: str) -> str:
    text = GLYPH.sub(lambda match: _rounded(match[0], 0), LEFT_OUT.sub("", text))
    text = DATA.sub(lambda match: BETWEEN.sub(r"\1", _rounded(" ".join(match[0].split()), 1)), text)
    text = PLACE.sub(lambda match: _rounded(match[0], 1), text)
    for font, short in FONTS.items():
        text = text.replace(font, short)
    text = LETTER.sub(r'\1 x="\2" y="\3"', text)
    return SPACE.sub("><", STYLE_SPACE.sub("", text)).strip() + "\n"


def _rounded(text: str, digits: int) -> str:
    return NUMBER.sub(lambda match: f"{round(float(match[0]), digits) + 0.0:g}", text)
