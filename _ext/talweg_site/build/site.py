"""The whole site: `jupyter-book build .` makes the landing page, then the library's reference and every edition, each in a
process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from talweg_site.build.api.links import link_editions
from talweg_site.build.api.run import FOLDER, build_reference
from talweg_site.build.assets import WHOLE_SITE
from talweg_site.build.outside import write_sitemap
from talweg_site.build.search import build_index, write_passages
from talweg_site.editions import EDITIONS, build_of, pdf_name

JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # the package has no __main__
WORKERS = 2  # an edition's build is one thread of Python and about 300 MB


def listed_pages(toc: Path) -> list[str]:
    """Every page that the table of contents names."""

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, list):
            for item in node:
                yield from walk(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in ("root", "file"):
                    yield value
                else:
                    yield from walk(value)

    return list(walk(yaml.safe_load(toc.read_text(encoding="utf-8"))))


def missing_pages(root: Path) -> list[str]:
    """Paths of chapters that some edition lacks, as `chapters/<code>/<page>.md`."""
    paths = (f"chapters/{code}/{page}.md" for page in listed_pages(root / "_toc.yml") for code in EDITIONS)
    return [path for path in paths if not (root / path).exists()]


def check_parity(app: Sphinx) -> None:
    """Stop before anything is built when an edition lacks a chapter."""
    if build_of(app).edition is not None:
        return
    if missing := missing_pages(build_of(app).root):
        listing = "".join(f"\n  {path}" for path in missing)
        raise ExtensionError(f"the editions are not complete; missing:{listing}")


def build_edition(app: Sphinx, code: str) -> tuple[str, int, str]:
    """Build one edition in a process of its own; return its code, exit status and output."""
    root = build_of(app).root
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(root / "chapters" / code)]
    command += ["--config", str(root / "_config.yml"), "--toc", str(root / "_toc.yml")]
    command += ["-W"] if app.warningiserror or app.keep_going else []  # Sphinx drops the first with the second
    command += ["--keep-going"] if app.keep_going else []
    command += ["-n"] if app.config.nitpicky else []
    command += ["--all"] if forced(app) else []
    environment = {**os.environ, WHOLE_SITE: "1", "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    return code, result.returncode, result.stdout


def forced(app: Sphinx) -> bool:
    """Whether `--all` was asked for (Jupyter Book passes it on as a fresh environment)."""
    return "--all" in sys.argv


def link_tree(source: Path, target: Path) -> None:
    """Make `target` the same tree as `source`, with hard links where the disk can."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link, ignore=shutil.ignore_patterns(".buildinfo", ".doctrees"))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def add_pdf(root: Path, code: str) -> None:
    """Put an edition's PDF, if there is one, beside its pages. They link its published address, with or without it."""
    source, folder = root / "_build" / "pdf" / pdf_name(code), root / "_build" / "html" / code
    if source.exists() and folder.exists():
        (folder / source.name).unlink(missing_ok=True)
        _link(str(source), str(folder / source.name))


def offer_notebooks(source: Path, target: Path) -> None:
    """Put copies of an edition's notebooks for readers beside its pages, which link them; no hard links into the sources."""
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target)


def finish_edition(app: Sphinx, exception: Exception | None) -> None:
    """Put the edition in its place in the site; a stand-alone one only gets its search index."""
    if exception or app.builder.name != "html" or build_of(app).edition is None:
        return
    if app.keep_going and app._warncount:  # Jupyter Book would end with status 0 after -W --keep-going
        raise ExtensionError(f"{app._warncount} warnings, treated as errors")
    for page in Path(app.outdir).glob("*.html"):
        if page.stem not in app.env.found_docs:
            page.unlink()  # of a chapter that is no more; Sphinx leaves it
    root, code = build_of(app).root, build_of(app).code
    pages, site = Path(app.outdir), root / "_build" / "html"
    offer_notebooks(root / "notebooks" / code, pages / "notebooks")
    prefix = f"{code}/" if build_of(app).in_site else ""
    write_passages(pages, pages.parent / "passages", prefix, code, root)
    if not build_of(app).in_site:
        build_index(pages.parent, pages)
        return
    link_tree(pages, site / code)
    add_pdf(root, code)
    if not os.environ.get(WHOLE_SITE):
        link_editions(root, [code])
        build_index(pages.parents[1], site)


def build_editions(app: Sphinx, exception: Exception | None) -> None:
    """After the landing page: build the reference and the editions, link them, index the editions."""
    if exception or app.builder.name != "html" or build_of(app).edition is not None:
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        reference = pool.submit(build_reference, build_of(app).root)
        results = list(pool.map(lambda code: build_edition(app, code), EDITIONS))
        results.append((FOLDER, *reference.result()))
    for code, status, output in results:
        print(f"── {code} {'─' * 60}\n{output if status else _last_lines(output)}", flush=True)
    if failed := [code for code, status, _ in results if status]:
        raise ExtensionError(f"building failed for: {', '.join(failed)} (messages above)")
    link_editions(build_of(app).root, list(EDITIONS))
    build_index(build_of(app).root / "_build" / "editions", Path(app.outdir))
    write_sitemap(Path(app.outdir), build_of(app).root)


def _last_lines(output: str) -> str:
    """Warnings and the verdict: enough when all went well."""
    lines = [line for line in output.splitlines() if "WARNING" in line or line.startswith("build ")]
    return "\n".join(lines)


def setup(app: Sphinx) -> None:
    """Check first, build when the landing page is done."""
    app.connect("builder-inited", check_parity, priority=100)
    app.connect("build-finished", finish_edition, priority=900)
    app.connect("build-finished", build_editions, priority=900)
