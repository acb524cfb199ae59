"""Translate the captions of the table of contents, which all editions share."""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import _

from talweg_site.editions import build_of


def translate_captions(app: Sphinx, config: Config) -> None:
    """Replace each caption of the parsed table of contents by the edition's words."""
    if build_of(app).edition is None:
        return
    for document in config.external_site_map.values():
        for subtree in document.subtrees:
            if subtree.caption:
                subtree.caption = _(subtree.caption)


def setup(app: Sphinx) -> None:
    """Run after sphinx-external-toc has parsed the file (priority 900)."""
    app.connect("config-inited", translate_captions, priority=950)
