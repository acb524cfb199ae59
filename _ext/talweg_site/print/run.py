"""Run xelatex until the references stand still, and judge its log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

PACKAGES = (
    "texlive-xetex texlive-lang-chinese texlive-lang-cyrillic texlive-lang-spanish texlive-lang-german "
    "texlive-latex-extra texlive-fonts-recommended fonts-freefont-otf"
)
MOST_RUNS = 5
_AGAIN = re.compile(r"Rerun to get|Label\(s\) may have changed|rerunfilecheck Warning|There were undefined references")
_MISSING = re.compile(r"Missing character: There is no (.[^\n]*?) in font ([^\n!]*)")
_UNDEFINED = re.compile(r"LaTeX Warning: (?:Hyper r|R)eference `([^']*)' on page \S+ undefined")
_OVERFULL = re.compile(r"Overfull \\hbox \((\d+(?:\.\d+)?)pt too wide\) (?!in alignment)[^\n]*")


class LatexError(RuntimeError):
    """The PDF could not be made."""


def check_installed() -> None:
    """Raise LatexError with the names of the packages where xelatex is missing."""
    if shutil.which("xelatex") is None:
        raise LatexError(
            "xelatex is missing. On Debian or Ubuntu (see README.md):\n"
            f"  sudo apt-get install --no-install-recommends {PACKAGES} poppler-utils chromium chromium-driver"
        )


def run_xelatex(tex: Path, epoch: int) -> str:
    """Make the PDF beside `tex`; returns the last log. epoch: the date in the PDF, seconds since 1970."""
    command = ["xelatex", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", tex.name]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "FORCE_SOURCE_DATE": "1", "max_print_line": "2000"}
    log, before = tex.with_suffix(".log"), None
    for _ in range(MOST_RUNS):
        result = subprocess.run(command, cwd=tex.parent, env=environment, capture_output=True)
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if result.returncode:
            raise LatexError(f"xelatex failed on {tex}:\n{first_error(text)}")
        notes = [tex.with_suffix(suffix) for suffix in (".aux", ".toc", ".out")]
        after = [note.read_bytes() for note in notes if note.exists()]
        if after == before and not _AGAIN.search(text.replace("There were undefined references", "")):
            break
        before = after
    return text


def first_error(log: str) -> str:
    """The first error of a log with the lines that say where."""
    lines = log.splitlines()
    start = next((n for n, line in enumerate(lines) if re.match(r"(!|\S+:\d+: )", line)), max(len(lines) - 15, 0))
    return "\n".join(lines[start : start + 12])


def missing_characters(log: str) -> list[str]:
    """What no font could draw: `character in font`, each once."""
    return sorted({f"{char.strip()} in {font.strip()}" for char, font in _MISSING.findall(log)})


def undefined_references(log: str) -> list[str]:
    """Labels that nothing defines."""
    return sorted(set(_UNDEFINED.findall(log)))


def overfull(log: str, more_than: float) -> list[str]:
    """The log's lines about text that sticks out by more than so many points."""
    return [match[0] for match in _OVERFULL.finditer(log) if float(match[1]) > more_than]
