"""The words that the printed book adds to the text, as a TeX file."""

from __future__ import annotations

from pathlib import Path

from babel.dates import format_date

from talweg_site.build.page import book_version, build_date
from talweg_site.editions import EDITIONS, names

LATEX = Path(__file__).with_name("tex")


def edition_line(code: str) -> str:
    """Version and date, as on the title page."""
    date = format_date(build_date(), format="long", locale=EDITIONS[code].sphinx_language)
    return names(code)["version"].format(version=book_version(), date=date)


def names_package(code: str, site: str) -> str:
    """The words, and the site's address, as TeX macros. They are set when the document begins: the language packages set theirs before."""
    words = names(code)
    chapter = words["chapter"].replace("{number}", r"\thechapter")
    chapter += "" if "{number}" in words["chapter"] else r"~\thechapter"
    lines = [r"\ProvidesPackage{talwegnames}"]
    macros = {
        "talwegchapterlabel": chapter,
        "talwegsubtitle": words["subtitle"],
        "talwegedition": words["edition"],
        "talwegversion": edition_line(code),
        "talwegimprint": words["imprint"],
        "talwegsite": rf"\url{{{site}{code}/}}",
    }
    lines += [rf"\newcommand\{name}{{{text}}}" for name, text in macros.items()]
    for name in ("solution", "exercise"):
        phrase = words[f"to_{name}"].replace("{page}", r"\pageref*{#1}")
        lines.append(rf"\newcommand\talwegto{name}[1]{{\hyperref[#1]{{{phrase}}}}}")
    fixed = {"contentsname": "contents", "bibname": "bibliography", "indexname": "index", "partname": "part"}
    lines.append(r"\AddToHook{begindocument/end}{%")
    lines += [rf"  \providecommand\{name}{{}}\renewcommand\{name}{{{words[key]}}}%" for name, key in fixed.items()]
    plain_chapter = words["chapter"].replace("{number}", "").strip()
    lines.append(rf"  \renewcommand\chaptername{{{plain_chapter}}}%" + "\n}")
    return "\n".join(lines) + "\n"
