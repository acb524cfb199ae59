"""Sections go by the label that is the same in every edition: contents, ¶, search and the language switch agree on it.

docutils puts the slug of the title first, which differs between the languages. It stays as a second id: old links work.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

HEADERLINK = re.compile(r'<a class="headerlink"(?! tabindex)')


class LabelFirst(SphinxTransform):
    """Move the explicit labels of a section before its other ids."""

    default_priority = 870  # after docutils has moved the labels to their sections, before the contents are collected

    def apply(self, **kwargs: Any) -> None:
        """Sort the ids of each section; labels keep their order."""
        document = self.document
        labels = {document.nameids[name] for name, explicit in document.nametypes.items() if explicit}
        for section in document.findall(nodes.section):
            section["ids"].sort(key=lambda name: name not in labels)


def leave_out_of_tab_order(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """A chapter has thirty ¶: the Tab key passes them by, the mouse and a screen reader's list of links find them."""
    if "body" in context:
        context["body"] = HEADERLINK.sub('<a class="headerlink" tabindex="-1"', context["body"])


def setup(app: Sphinx) -> None:
    """Register the transform, and what happens to the ¶."""
    app.add_transform(LabelFirst)
    app.connect("html-page-context", leave_out_of_tab_order, priority=610)
