"""Mathematics of the pages: TeX becomes MathML in the build, so that a page reads without any script.

Temml does it, in one process of node for a build: the formulas of all editions take it less than a second.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from talweg_site.build.assets import node
from talweg_site.editions import build_of

LOGGER = logging.getLogger(__name__)


class FormulaError(ValueError):
    """A formula that is no TeX, or TeX that Temml does not know."""


class Converter:
    """A process of node that answers formula by formula. It starts with the first one."""

    def __init__(self, node_modules: Path) -> None:
        self.command = [str(node()), str(Path(__file__).with_name("mathml.js")), str(node_modules)]
        self.process: subprocess.Popen[str] | None = None

    def mathml(self, tex: str, display: bool = False) -> str:
        """The formula as a `<math>` element. Raises FormulaError."""
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1
            )
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
        answer = json.loads(self.process.stdout.readline() or '{"error": "node has ended"}')
        if "error" in answer:
            raise FormulaError(f"formula cannot be set: {answer['error']}: {tex}")
        return answer["mathml"]

    def close(self) -> None:
        """Let the process end."""
        if self.process and self.process.stdin:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def converter_of(app: Sphinx) -> Converter:
    """The converter of this build."""
    if not hasattr(app, "talweg_converter"):
        vars(app)["talweg_converter"] = Converter(build_of(app).root / "node_modules")
    return vars(app)["talweg_converter"]


def formula(translator: HTML5Translator, element: nodes.Element, display: bool) -> str:
    """The element's formula; one that cannot be set is a warning, which names its place, and stays as TeX."""
    tex = element.astext().strip()
    if display and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        return converter_of(translator.builder.app).mathml(tex, display)
    except FormulaError as error:
        LOGGER.warning(str(error), location=element)
        return f"<code>{translator.encode(tex)}</code>"


def visit_inline(translator: HTML5Translator, element: nodes.math) -> None:
    """A formula in the text."""
    translator.body.append(formula(translator, element, display=False))
    raise nodes.SkipNode


def visit_displayed(translator: HTML5Translator, element: nodes.math_block) -> None:
    """A formula by itself; its number comes first, so that a narrow window scrolls the formula alone."""
    translator.body.append(translator.starttag(element, "div", CLASS="math"))
    if element["number"]:
        number = get_node_equation_number(translator, element)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(element, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append(f'<div class="formula">{formula(translator, element, display=True)}</div></div>\n')
    raise nodes.SkipNode


def choose(app: Sphinx, config: Config) -> None:
    """Set mathematics by this module; Jupyter Book would have MathJax."""
    vars(config)["html_math_renderer"] = "mathml"


def finish(app: Sphinx, exception: Exception | None) -> None:
    """End the process of node."""
    if hasattr(app, "talweg_converter"):
        converter_of(app).close()


def setup(app: Sphinx) -> None:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_displayed, None))  # pyright: ignore
    app.connect("config-inited", choose, priority=900)
    app.connect("build-finished", finish)
