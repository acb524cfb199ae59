"""The bibliography without English words: pybtex's own styles say "and", "In", "pages" in every language."""

from __future__ import annotations

import dataclasses
from typing import Any

import sphinxcontrib.bibtex.plugin
from pybtex.plugin import find_plugin, register_plugin
from pybtex.richtext import Tag, Text
from pybtex.style.formatting.unsrt import Style as UnsrtStyle
from pybtex.style.formatting.unsrt import pages
from pybtex.style.template import field, href, join, names, optional, tag
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import _
from sphinxcontrib.bibtex.style.referencing import PersonStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

NAME = "talweg"


def et_al() -> Text:
    """The words for further authors: in italics where they are Latin (emphasis would set dots under Chinese ones)."""
    words = _("et al.")
    return Text(" ", Tag("em", words) if words.isascii() else words)


def conjunction() -> str:
    """The word between the last two authors, with its spaces (none in Chinese)."""
    return _(" and ")


class BibliographyStyle(UnsrtStyle):
    """Authors (year). Title. *Journal*, volume(number), pages. Identifier."""

    default_sorting_style = "author_year_title"

    def _head(self, title: str = "title") -> list[Any]:
        people = names("author", sep=", ", sep2=conjunction(), last_sep=conjunction())
        return [
            join[people, " (", field("year"), ")."],
            join[" ", tag("em")[field("title")] if title == "book" else field("title"), "."],
        ]

    def _tail(self) -> list[Any]:
        doi = href[join["https://doi.org/", field("doi", raw=True)], join["doi:", field("doi", raw=True)]]
        arxiv = href[
            join["https://arxiv.org/abs/", field("eprint", raw=True)], join["arXiv:", field("eprint", raw=True)]
        ]
        url = href[field("url", raw=True), field("url", raw=True)]
        return [optional[join[" ", doi, "."]], optional[join[" ", arxiv, "."]], optional[join[" ", url]]]

    def get_article_template(self, e: Any) -> Any:
        """Journal article."""
        issue = join[
            optional[join[", ", field("volume")]],
            optional[join["(", field("number"), ")"]],
            optional[join[", ", pages]],
        ]
        return join[*self._head(), " ", tag("em")[field("journal")], issue, ".", *self._tail()]

    def get_inproceedings_template(self, e: Any) -> Any:
        """Paper in proceedings."""
        within = join[" ", _("In:"), " ", tag("em")[field("booktitle")], optional[join[", ", pages]], "."]
        return join[*self._head(), within, *self._tail()]

    get_incollection_template = get_inproceedings_template

    def get_book_template(self, e: Any) -> Any:
        """Book."""
        return join[*self._head("book"), optional[join[" ", field("publisher"), "."]], *self._tail()]

    def get_misc_template(self, e: Any) -> Any:
        """Anything else: preprints, data sets, pages."""
        return join[*self._head(), optional[join[" ", field("howpublished"), "."]], *self._tail()]


def person_style() -> PersonStyle:
    """How cited authors are joined, in the edition's language."""
    word = conjunction()
    return PersonStyle(sep2=word, last_sep=word, other=et_al())


@dataclasses.dataclass
class ReferenceStyle(AuthorYearReferenceStyle):
    """(Author, year) in the edition's language."""

    person: PersonStyle = dataclasses.field(default_factory=person_style)
    author_year_sep: str = dataclasses.field(default_factory=lambda: _(", "))


def choose_style(app: Sphinx, config: Config) -> None:
    """Use both styles."""
    config.bibtex_default_style = NAME
    config.bibtex_reference_style = NAME


def setup(app: Sphinx) -> None:
    """Register the styles with pybtex and sphinxcontrib-bibtex."""
    # For each citation pybtex would look through all installed packages for this one; what is registered it finds at once.
    register_plugin("pybtex.backends", "plaintext", find_plugin("pybtex.backends", "plaintext"), force=True)
    register_plugin("pybtex.style.formatting", NAME, BibliographyStyle)
    sphinxcontrib.bibtex.plugin.register_plugin("sphinxcontrib.bibtex.style.referencing", NAME, ReferenceStyle)
    app.connect("config-inited", choose_style, priority=130)
