"""What widgets show before a reader drives them: their modules run in node at build time (stills.mjs), no browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from sphinx.util import logging

from talweg_site.build.assets import node

logger = logging.getLogger(__name__)


def stills(root: Path, widgets: list[dict[str, Any]]) -> list[str]:
    """The HTML that each of the widgets of a page draws at first; empty, and said in the log, where it cannot be drawn.

    Parameters
    ----------
    root
        The project's folder, whose `node_modules` holds the DOM for node.
    widgets
        For each widget its `module` (source), its `state`, and `alt`, the id of the text that describes it.
    """
    command = [str(node()), str(Path(__file__).with_name("stills.mjs"))]
    done = subprocess.run(command, cwd=root, input=json.dumps(widgets), capture_output=True, encoding="utf-8")
    if done.returncode:
        logger.info("no still pictures of figures: %s", done.stderr.strip())
        return [""] * len(widgets)
    found = json.loads(done.stdout)
    for widget, still in zip(widgets, found, strict=True):
        if "error" in still:
            logger.info("no still picture of %s: %s", widget["state"].get("_anywidget_id"), still["error"])
    return [still.get("html", "") for still in found]
