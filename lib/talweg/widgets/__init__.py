"""What the exercise widgets and the driven figures share: assets, base class, checked traits.

JavaScript lives in readable ES modules beside the Python that uses them. A widget's `_esm` must be ONE module, and the
saved notebook holds a copy per widget, so `script` joins a module with the local modules it imports and drops comments,
indentation and `export`. Nothing else is rewritten: what the tests import in node is what the reader's browser runs.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import anywidget
import traitlets

from talweg.i18n import EDITIONS, decimal, language

_HERE = Path(__file__).parent
BASE = (_HERE / "base.css", _HERE / "figures.css")  # what every figure wears
CHOICE = _HERE / "choice.css"  # and those with lists and boxes to choose from

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\./|\.\./)([\w./-]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?!default )", re.M)
_COMMENT = re.compile(r"^[ \t]*//.*\n", re.M)


def script(path: Path) -> str:
    """The module at `path` with its local imports inlined (each once), without comment lines and indentation."""
    return _compact(_join(path.resolve(), set()))


def style(*paths: Path) -> str:
    """Style sheets joined, without comments, indentation and the spaces that only people need."""
    sheet = _compact("".join(path.read_text(encoding="utf-8") for path in paths))
    return re.sub(r"(?<=[{};,]) | (?=[{}])|(?<=:) ", "", sheet)


def _join(path: Path, seen: set[Path]) -> str:
    seen.add(path)
    source = path.read_text(encoding="utf-8")
    imported = [(path.parent / (match[1] + match[2])).resolve() for match in _IMPORT.finditer(source)]
    parts = [_join(module, seen) for module in imported if module not in seen]
    return "".join(parts) + _EXPORT.sub("", _IMPORT.sub("", source))


def _compact(source: str) -> str:
    source = re.sub(r"^/\*.*?\*/\n", "", source, flags=re.M | re.S)
    lines = (line.strip() for line in _COMMENT.sub("", source).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def batch() -> bool:
    """Whether the notebooks are being made or checked (`TALWEG_BATCH=1`), so that no reader's state may enter them."""
    return os.environ.get("TALWEG_BATCH") == "1"


class Number(traitlets.TraitType):
    """A finite number in [low, high], rejected with a message that names the argument and what is allowed."""

    def __init__(self, default: float, low: float, high: float, *, whole: bool = False, **kwargs):
        super().__init__(default, **kwargs)
        self.low, self.high, self.whole = low, high, whole

    def validate(self, obj, value):
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not self.low <= value <= self.high or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise ValueError(f"{self.name} must be {kind} between {self.low:g} and {self.high:g}, got {value!r}")
        return int(value) if self.whole else float(value)


class Widget(anywidget.AnyWidget):
    """An anywidget whose words come from Python, in the reader's language, when it is made."""

    words = traitlets.Dict().tag(sync=True)
    language = traitlets.Unicode().tag(sync=True)
    decimal = traitlets.Unicode(".").tag(sync=True)

    def __init__(self, **kwargs):
        code = language()
        super().__init__(language=EDITIONS[code].html_lang if code else "en", decimal=decimal(), **kwargs)
