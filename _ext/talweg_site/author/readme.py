"""Write the table of chapters in README.md: what each page is called, and where to read it and to run it.

python -m talweg_site.author.readme [--check]

The rows follow from `_toc.yml`, the editions, the files in `chapters` and the address in `_config.yml`. The English
title of a page is its file's name in words unless `TITLES` has another.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from talweg.atomic import whole_file
from talweg.i18n import EDITIONS
from talweg_site.address import Address, read_address
from talweg_site.editions import pdf_name

BEGIN = "<!-- written by python -m talweg_site.author.readme -->\n"
END = "<!-- end of the table -->\n"

# What the links are called: the page, the text of the opening page, the notebook.
WORDS = {
    "es": ("página", "texto", "cuaderno"),
    "de": ("Seite", "Text", "Notebook"),
    "zh": ("网页", "文本", "笔记本"),
    "ru": ("страница", "текст", "блокнот"),
}
TITLES = {
    "index": "The book and how to use it",
    "landscapes": "Loss landscapes",
    "glossary": "Glossary, one data file for all",
    "claims": "Claims ledger",
}
LEFT_OUT = {"references"}  # the bibliography is no page that one would come for


def pages(root: Path) -> list[tuple[str, bool]]:
    """Each page of the table and whether it is a chapter, with exercises and a notebook, in the order of `_toc.yml`."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = [(entry["file"], part["caption"] == "Chapters") for part in toc["parts"] for entry in part["chapters"]]
    return [(toc["root"], False), *(entry for entry in parts if entry[0] not in LEFT_OUT)]


def table(root: Path) -> str:
    """The whole table."""
    address = read_address(root)
    rows = [["Chapter", *EDITIONS]]
    for name, is_chapter in pages(root):
        title = TITLES.get(name, name.replace("-", " ").capitalize())
        rows.append([title, *(_links(name, is_chapter, code, address) for code in EDITIONS)])
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]) + "\n")
    return "".join(lines)


def _links(name: str, is_chapter: bool, code: str, address: Address) -> str:
    """One cell: the links of one page in one edition."""
    page, text, notebook = WORDS[code]
    source = f"chapters/{code}/{name}"
    if name == "index":
        pdf = f"{address.site}{code}/{pdf_name(code)}"
        return f"[{page}]({address.site}{code}/) · [{text}]({source}.md) · [PDF]({pdf})"
    if is_chapter:
        path = f"notebooks/{code}/{name}.ipynb"
        colab = f"https://colab.research.google.com/github/{address.repository}/blob/main/{path}"
        return f"[{page}]({address.site}{code}/{name}.html) · [{notebook}]({path}) · [Colab]({colab})"
    if name == "notation":  # readable as it stands; the other pages are made from data
        return f"[{code}]({source}.md)"
    return f"[{code}]({address.site}{code}/{name}.html)"


def with_table(text: str, table: str) -> str:
    """`text` with `table` between the two marks. ValueError if it has not each mark once, in their order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"README.md must have {BEGIN.strip()!r} once and after it {END.strip()!r} once")
    return before + BEGIN + "\n" + table + "\n" + END + after


def main(arguments: list[str] | None = None) -> int:
    """The command line; with --check 1 if the table is out of step."""
    parser = argparse.ArgumentParser(prog="python -m talweg_site.author.readme", description="Write README's table.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    options = parser.parse_args(arguments)
    readme = options.root / "README.md"
    try:
        old = readme.read_text(encoding="utf-8")
        new = with_table(old, table(options.root))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.check and new != old:
        print("error: README's table is out of step: python -m talweg_site.author.readme", file=sys.stderr)
        return 1
    if new != old:
        with whole_file(readme) as file:
            file.write(new.encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
