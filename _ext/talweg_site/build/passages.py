"""A page cut into the passages that the search finds: each section, and each term of the glossary, with its own address.

pagefind ranks whole pages, and a chapter of this book is long: so each passage is given to it as a small page of its own,
with the chapter's title, the words by which a reader may look for it, and without formulas, whose source nobody reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from talweg_site.build.glossary import Entry
from talweg_site.check.terms import count, forms

# What is no text to be found: links that stand beside headings, widgets' data, sources of formulas, buttons.
SILENT = "style, template, button, svg, .headerlink, .no-search, .visually-hidden"
FORMULAS = "math, mjx-container, .math"
HEADINGS = ("h1", "h2", "h3")
LISTS = ("claims", "glossary", "notation", "references")  # pages that name many terms and treat none
# What is dropped before the page is parsed, which takes most of the time: widgets' data and the colours of code.
SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
CODE = re.compile(r"<pre\b.*?</pre>", re.DOTALL)
SPAN = re.compile(r"</?(?:span|a)\b[^>]*>")
CHINESE = re.compile("[\u3400-\u9fff]")
HEARD = 3  # a section that names a term so often, and more often than all others, is where the term is treated


@dataclass
class Passage:
    """address: `es/optimizers.html#sec-adam`. code: what its cells say. also: other words for what it is about."""

    address: str
    chapter: str
    title: str
    text: str
    code: str
    also: tuple[str, ...] = ()

    @property
    def treats(self) -> bool:
        """Whether terms can be its subject: exercises use them, and some pages only list them."""
        page, _, name = self.address.partition("#")
        return Path(page).stem not in LISTS and not name.startswith("exercise-")

    def html(self, language: str) -> str:
        """The passage as a page for pagefind; its own heading weighs more than the chapter's title, code hardly."""
        title, others = escape(self.title), escape(" · ".join(dict.fromkeys(self.also)))
        body = f'<p>{escape(self.text)}</p><p data-pagefind-weight="0.2">{escape(self.code)}</p>'
        if language.startswith("zh"):  # pagefind does not part the Chinese words of its metadata
            body = apart(f"{body}<h1>{title}</h1><h1>{others}</h1>")
        return (
            f'<!DOCTYPE html><html lang="{language}"><body data-pagefind-body>'
            f'<p data-pagefind-meta="title" data-pagefind-ignore>{title}</p>'
            f'<p data-pagefind-meta="address" data-pagefind-ignore>{escape(self.address)}</p>'
            f'<p data-pagefind-meta="chapter" data-pagefind-ignore>{escape(self.chapter)}</p>'
            f'<p data-pagefind-meta="also" data-pagefind-ignore>{others}</p>{body}</body></html>'
        )


def apart(text: str) -> str:
    """Each Chinese sign a word of its own, as question.js asks for it: pagefind would part the words of a page in one way
    and those of a question in another (Pagefind#1237), and find neither.
    """
    return CHINESE.sub(r" \g<0> ", text)


def passages(folder: Path, prefix: str, code: str, glossary: tuple[Entry, ...]) -> list[Passage]:
    """Every passage of an edition's pages in `folder`; `prefix` leads there from the site's top (`es/`)."""
    found = []
    for path in sorted(folder.glob("*.html")):
        if article := _article(path.read_text(encoding="utf-8")):
            found += _of_page(article, f"{prefix}{path.name}")
    return _with_other_words(found, code, glossary)


def _article(html: str) -> Tag | None:
    start, end = html.find('<article class="page"'), html.rfind("</article>")
    if start < 0:
        return None
    text = CODE.sub(lambda code: SPAN.sub("", code[0]), SCRIPT.sub("", html[start:end]))
    return BeautifulSoup(text, "html.parser")


def _of_page(page: Tag, address: str) -> Iterator[Passage]:
    for silent in page.select(SILENT):
        silent.decompose()
    for formula in page.select(FORMULAS):
        formula.replace_with("…")
    terms = [(term.extract(), definition.extract()) for term, definition in _definitions(page)]
    # Innermost first: what a section holds is taken out before the section around it is read.
    found = [_of_section(section, address) for section in reversed(page.find_all("section", id=True))]
    chapter = found[-1].title if found else ""
    for passage in reversed(found):
        passage.chapter = chapter
        yield passage
    for term, definition in terms:
        yield Passage(f"{address}#{term['id']}", chapter, _words(term), f"{_words(term)}: {_words(definition)}", "")


def _definitions(page: Tag) -> list[tuple[Tag, Tag]]:
    terms = page.select("dl.talweg-glossary > dt[id]")
    return [(term, definition) for term in terms if (definition := term.find_next_sibling("dd")) is not None]


def _of_section(section: Tag, address: str) -> Passage:
    section.extract()
    heading = section.find(HEADINGS)
    title = _words(heading.extract()) if heading else ""
    code = " ".join(_words(cell.extract()) for cell in section.select("div.highlight"))
    return Passage(f"{address}#{section['id']}", "", title, _words(section), code)


def _words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _with_other_words(found: list[Passage], code: str, glossary: tuple[Entry, ...]) -> list[Passage]:
    """Give each term's other names to the passages about it: those with the term in their heading, and its main one."""
    able = [passage for passage in found if passage.treats]
    for entry in glossary:
        names = forms(entry, code)
        others = (*names, entry["en"], *entry[code].get("synonyms", []), *entry[code].get("avoid", []))
        counts = [sum(count(code, name, passage.text) for name in names) for passage in able]
        most = max(counts, default=0)
        for passage, number in zip(able, counts, strict=True):
            if number == most >= HEARD or any(count(code, name, passage.title) for name in names):
                passage.also += others
        for passage in found:
            if passage.address.endswith(f"#term-{entry['id']}"):
                passage.also += others
    return found
