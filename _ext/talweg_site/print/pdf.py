"""The printed book: `python -m talweg_site.print.pdf` writes `_build/pdf/talweg-<lang>.pdf` for each edition and puts it
on the built site.

The same sources as the site. Figures that a page draws are photographed from the built site; so build that first
(`make pdf` does). A PDF that fails leaves the one before it in place.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from talweg_site.build.page import build_date
from talweg_site.build.site import JUPYTER_BOOK, add_pdf
from talweg_site.editions import EDITIONS, find_root, pdf_name
from talweg_site.print import latex, photographs
from talweg_site.print import run as latex_run
from talweg_site.print.cells import driven_figures, read_notebook
from talweg_site.print.fonts import FontError, fallback_package, make_fonts

ONE_BROWSER = threading.Lock()  # a browser keeps both cores busy; several would only be slower, each on its own
TOO_WIDE = 12.0  # points by which a line may stick out without a word about it


class PdfError(RuntimeError):
    """An edition could not be printed."""


def pages(root: Path, code: str) -> list[Path]:
    """The notebooks of an edition."""
    return sorted((root / "chapters" / code).glob("*.ipynb"))


def build_site(root: Path) -> None:
    """Build the site where it is missing."""
    if (root / "_build" / "html" / "index.html").exists():
        return
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(root), "--quiet"]
    if subprocess.run(command, cwd=root).returncode:
        raise PdfError("the site, from which figures are photographed, could not be built")


def photograph_edition(root: Path, code: str, work: Path) -> None:
    """Photographs of the driven figures of an edition, in a browser of its own."""
    site, target = root / "_build" / "html", _fresh(work / code / "photographs")
    with photographs.serve(site) as address, photographs.browser() as driver:
        for page in pages(root, code):
            if figures := driven_figures(read_notebook(page)):
                if not (site / code / f"{page.stem}.html").exists():
                    raise PdfError(f"{code}/{page.stem}.html is not in _build/html: build the site (make html)")
                photographs.photograph_page(driver, f"{address}/{code}/{page.stem}.html", figures, target, page.stem)


def prepare(root: Path, work: Path) -> None:
    """What all editions share: the fonts, and the title image as a page that TeX can include."""
    make_fonts(root / "node_modules", work / "fonts")
    with photographs.browser() as driver:
        photographs.picture_to_pdf(driver, root / "_assets" / "title.svg", work / "title.pdf")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_latex(root: Path, code: str, work: Path) -> Path:
    """The TeX file of an edition, with all it includes beside it."""
    out = _fresh(work / code / "sphinx")
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(root / "chapters" / code), "--builder", "latex"]
    command += ["--config", str(root / "_config.yml"), "--toc", str(root / "_toc.yml"), "--path-output", str(out)]
    command += ["--all", "-W", "--keep-going"]
    environment = {**os.environ, latex.FONTS: str(work / "fonts"), "PYTHONIOENCODING": "utf-8"}
    environment[latex.PHOTOGRAPHS] = str(work / code / "photographs")
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, encoding="utf-8")
    if result.returncode:
        lines = (result.stdout + result.stderr).splitlines()
        telling = [line for line in lines if "WARNING" in line or "ERROR" in line or "rror:" in line]
        raise PdfError(f"{code}: writing LaTeX failed\n" + "\n".join(telling or lines[-30:]))
    tex = out / "_build" / "latex" / "talweg.tex"
    written = tex.read_text(encoding="utf-8") + (tex.parent / "talwegnames.sty").read_text(encoding="utf-8")
    fallback = fallback_package(written, work / "fonts", chinese=code == "zh")
    (tex.parent / "talwegfallback.sty").write_text(fallback, encoding="utf-8")
    shutil.copy2(work / "title.pdf", tex.parent / "title.pdf")
    return tex


def print_edition(root: Path, code: str, work: Path, prepared: Future[None]) -> str:
    """Make one PDF; returns a line about it. prepared: what all editions share, needed from the writing of LaTeX on."""
    start = time.monotonic()
    with ONE_BROWSER:
        photograph_edition(root, code, work)
    prepared.result()
    tex = write_latex(root, code, work)
    midnight = datetime.combine(build_date(), datetime.min.time(), UTC)
    log = latex_run.run_xelatex(tex, int(os.environ.get("SOURCE_DATE_EPOCH") or midnight.timestamp()))
    problems = [f"missing glyph: {line}" for line in latex_run.missing_characters(log)]
    problems += [f"undefined reference: {name}" for name in latex_run.undefined_references(log)]
    if problems:
        raise PdfError(f"{code}: {tex.with_suffix('.log')}\n" + "\n".join(f"  {line}" for line in problems))
    target = root / "_build" / "pdf" / pdf_name(code)
    waiting = target.with_suffix(".part")
    shutil.copy2(tex.with_suffix(".pdf"), waiting)
    waiting.replace(target)
    add_pdf(root, code)
    wide = latex_run.overfull(log, TOO_WIDE)
    report = {"overfull": wide, "seconds": round(time.monotonic() - start, 1)}
    (work / code / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    note = f", {len(wide)} lines stick out by more than {TOO_WIDE:g} pt" if wide else ""
    return f"{target.relative_to(root)}  {target.stat().st_size // 1000} KB, {report['seconds']} s{note}"


def make(root: Path, codes: list[str]) -> None:
    """Print the editions `codes`. Raises PdfError, LatexError, FontError or PhotographError."""
    latex_run.check_installed()
    build_site(root)
    work = root / "_build" / "print"
    work.mkdir(parents=True, exist_ok=True)
    (root / "_build" / "pdf").mkdir(parents=True, exist_ok=True)
    failures = []
    # All at once, on two cores too: while one edition is photographed the others are set.
    with ThreadPoolExecutor(1 + len(codes)) as pool:
        prepared = pool.submit(prepare, root, work)
        for future in [pool.submit(print_edition, root, code, work, prepared) for code in codes]:
            try:
                print(future.result(), flush=True)
            except (PdfError, latex_run.LatexError, FontError, photographs.PhotographError) as error:
                failures.append(str(error))
    if failures:
        raise PdfError("\n".join(dict.fromkeys(failures)))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.print.pdf", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--lang", nargs="+", choices=list(EDITIONS), default=list(EDITIONS), help="editions to print")
    options = parser.parse_args(arguments)
    try:
        make(find_root(Path.cwd()), options.lang)
    except (PdfError, latex_run.LatexError, FontError, photographs.PhotographError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
