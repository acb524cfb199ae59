"""Which edition is being built, and the configuration that follows from it.

One `_config.yml` serves the top level (the landing page and, from there, all editions) and each folder
`chapters/<code>`; the edition is read from the source folder's name.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sphinx import locale, package_dir
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from talweg.atomic import whole_file
from talweg.i18n import EDITIONS, Edition


@cache
def names(code: str) -> dict[str, Any]:
    """What an edition is called, and the words that print adds (`names.toml`)."""
    table = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
    if code not in table:
        raise KeyError(f"names.toml has no words for the edition {code!r}; it has {', '.join(table)}")
    return table[code]


def pdf_name(code: str) -> str:
    """File name of an edition's PDF, which lies beside its pages on the site."""
    return f"talweg-{code}.pdf"


@dataclass(frozen=True)
class Build:
    """What one run of Sphinx builds: the top level, or an edition, alone or as a part of the whole site."""

    root: Path
    edition: Edition | None  # None at the top level
    in_site: bool  # whether the edition's pages become a part of _build/html

    @property
    def code(self) -> str:
        """The edition's code; empty at the top level."""
        return self.edition.code if self.edition else ""


def build_of(app: Sphinx) -> Build:
    """What `app` builds, as `setup` below found it out."""
    return vars(app)["talweg_build"]


def find_root(folder: Path) -> Path:
    """The project root: the nearest folder above `folder` with `_config.yml`, `_toc.yml` and `chapters`."""
    for candidate in (folder, *folder.parents):
        if all((candidate / name).exists() for name in ("_config.yml", "_toc.yml", "chapters")):
            return candidate
    raise ConfigError(f"no _config.yml, _toc.yml and chapters/ in {folder} or above it")


def edition_of(folder: Path) -> Edition | None:
    """The edition whose sources are in `folder`, or None at the top level."""
    if folder.parent.name != "chapters":
        return None
    if folder.name not in EDITIONS:
        raise ConfigError(f"chapters/{folder.name} is no edition: the folder must be one of {', '.join(EDITIONS)}")
    return EDITIONS[folder.name]


def place_in_site(app: Sphinx, root: Path, edition: Edition | None) -> bool:
    """Send an edition's HTML to _build/editions/<code>/html; whether it is to be a part of _build/html.

    Jupyter Book gives an edition the output folder of the whole site, where it would overwrite the landing page.
    With `--path-output` it stands alone and keeps the folder that was asked for.
    """
    if edition is None or Path(app.outdir) != root / "_build" / "html":
        return False
    folder = root / "_build" / "editions" / edition.code
    (folder / "html").mkdir(parents=True, exist_ok=True)
    app.outdir = type(app.outdir)(folder / "html")
    app.doctreedir = type(app.doctreedir)(folder / "doctrees")
    return True


def paired_sources(folder: Path) -> list[str]:
    """Names of the text notebooks that have an executed sibling: Sphinx must read only the `.ipynb` of the two."""
    return sorted(path.name for path in folder.glob("*.md") if path.with_suffix(".ipynb").exists())


def translate_into(language: str, app: Sphinx, locale_dir: Path) -> None:
    """Load Sphinx's catalog for `language` again, ours first; Sphinx did so in English before any extension ran."""
    app.config.language = language
    app.config.locale_dirs = [str(locale_dir)]
    _compile_catalogs(locale_dir)
    locale.translators.pop(("general", "sphinx"), None)
    app.translator, _ = locale.init([str(locale_dir), str(Path(package_dir) / "locale")], language)


def _compile_catalogs(locale_dir: Path) -> None:
    for po in locale_dir.glob("*/LC_MESSAGES/*.po"):
        mo = po.with_suffix(".mo")
        if not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime:
            compile_catalog(po)


def compile_catalog(po: Path) -> None:
    """Write the .mo beside a .po."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with po.open("rb") as source, whole_file(po.with_suffix(".mo")) as target:
        write_mo(target, read_po(source))


def configure(app: Sphinx, config: Config) -> None:
    """Set what differs between the top level and the editions."""
    folder, root, edition = Path(app.srcdir), build_of(app).root, build_of(app).edition
    config.templates_path = [str(root / "_templates")]
    config.html_static_path = [str(root / "_assets")]
    config.html_favicon = os.path.relpath(root / "_assets" / "favicon.svg", folder)
    config.html_copy_source = False  # readers get notebooks without MyST markup: `finish_edition` in build/site.py
    if edition is None:
        config.external_toc_path = str(Path(__file__).with_name("build") / "landing_toc.yml")
        config.include_patterns = ["index.md"]
        config.bibtex_bibfiles = []
        return
    config.external_toc_path = str(root / "_toc.yml")
    config.exclude_patterns = [*config.exclude_patterns, *paired_sources(folder)]
    config.bibtex_bibfiles = [os.path.relpath(root / "references.bib", folder)]
    config.html_title = f"Talweg – {names(edition.code)['subtitle']}"
    config.html_short_title = "Talweg"
    config.html_search_language = edition.search_language
    config.html_baseurl = config.html_baseurl and f"{config.html_baseurl.rstrip('/')}/{edition.code}/"
    config.html_theme_options = {**config.html_theme_options, "path_to_docs": f"chapters/{edition.code}"}


def setup(app: Sphinx) -> None:
    """Find the root and the edition; set the language now, the rest when all options are known."""
    folder = Path(app.srcdir)
    root, edition = find_root(folder), edition_of(folder)
    vars(app)["talweg_build"] = Build(root, edition, place_in_site(app, root, edition))
    if edition:
        translate_into(edition.sphinx_language, app, root / "locale")
    app.add_config_value("comments_config", {}, "", dict)  # Jupyter Book sets it, sphinx_comments is not used
    app.connect("config-inited", configure, priority=100)
