"""The book's own Sphinx theme: `basic` with _templates/ and _assets/, and code colours for light and dark."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx

OWN_SHEETS = ("pygments.css", "talweg.css")
UNUSED = ("documentation_options.js", "doctools.js", "sphinx_highlight.js", "translations.js", "design-tabs.js")
STYLES = {"light": "a11y-high-contrast-light", "dark": "github-dark"}


def write_code_colors(app: Sphinx, exception: Exception | None) -> None:
    """Write _static/pygments.css with one set of rules for each theme of the page; paper is light in both."""
    if exception or app.builder.format != "html":
        return
    rules = [*_rules("light", "light"), *_rules("dark", "dark"), "@media print {", *_rules("dark", "light"), "}"]
    (Path(app.outdir) / "_static" / "pygments.css").write_text("\n".join(rules), encoding="utf-8")


def _rules(theme: str, colors: str) -> list[str]:
    """The rules that give code the colours of one theme where the page has another."""
    formatter = HtmlFormatter(style=STYLES[colors])
    lines = formatter.get_style_defs(f'html[data-theme="{theme}"] .highlight').splitlines()
    return [line for line in lines if line.startswith("html")]


def copy_assets(app: Sphinx, exception: Exception | None) -> None:
    """Copy _assets/ on every build: Sphinx leaves the old files where no page has changed."""
    if not exception and app.builder.format == "html":
        for folder in app.config.html_static_path:
            shutil.copytree(folder, Path(app.outdir) / "_static", dirs_exist_ok=True)


def keep_own_files(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out the style sheets and scripts that Sphinx and its extensions add: the page does without them."""
    context["css_files"] = [sheet for sheet in context["css_files"] if Path(sheet.filename).name in OWN_SHEETS]
    context["script_files"] = [
        script for script in context["script_files"] if Path(script.filename or "").name not in UNUSED
    ]


def setup(app: Sphinx) -> None:
    """Register the theme; the colours replace the file that Sphinx writes."""
    app.add_html_theme("talweg", str(Path(__file__).with_name("theme")))
    app.connect("html-page-context", keep_own_files, priority=800)
    app.connect("build-finished", copy_assets, priority=90)
    app.connect("build-finished", write_code_colors, priority=100)
