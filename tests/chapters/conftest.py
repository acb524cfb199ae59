"""The book itself, and small books in a temporary folder for the tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FRONT = """\
---
jupytext:
  text_representation: {extension: .md, format_name: myst, format_version: 0.13}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

"""
CONFIG = """\
repository: {url: "https://github.com/owner/repo"}
html: {baseurl: "https://example.org/book/"}
"""
PAGE = (
    FRONT
    + """\
+++ {"name": "intro"}

(ch-page)=
# WORDS

```{code-cell} ipython3
:name: setup

from types import SimpleNamespace

talweg = SimpleNamespace(use=len)
talweg.use("LANG")
```

+++ {"name": "question"}

(a-label)=
## WORDS

```{code-cell} ipython3
---
name: picture
mystnb:
  figure:
    name: fig-a
    caption: WORDS
  image:
    alt: A longer text for those who do not see LANG
---
x = 2
print(x)
```
"""
)


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the repository."""
    return Path(__file__).parents[2]


def write_settings(top: Path) -> None:
    """What notebooks for readers are made with: the address, the order of the chapters, words."""
    (top / "_config.yml").write_text(CONFIG)
    (top / "_toc.yml").write_text("parts: [{numbered: 2, chapters: [{file: page}]}]\n")
    (top / "locale").symlink_to(Path(__file__).parents[2] / "locale")


@pytest.fixture
def make_book(tmp_path: Path) -> Callable[..., Path]:
    """Write chapters/<lang>/page.md for each language and return the folder that holds `chapters`."""
    write_settings(tmp_path)

    def make(languages: tuple[str, ...] = ("es", "de", "zh", "ru"), page: str = PAGE, name: str = "page") -> Path:
        for language in languages:
            folder = tmp_path / "chapters" / language
            folder.mkdir(parents=True, exist_ok=True)
            text = page.replace("LANG", language).replace("WORDS", f"Words of {language}")
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Replace a piece of a file that must be there exactly once."""

    def replace(path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace
