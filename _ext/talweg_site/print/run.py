"""Run xelatex by latexmk, as often as the references need, and judge its log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

_MISSING = re.compile(r"Missing character: There is no (.[^\n]*?) in font ([^\n!]*)")
_UNDEFINED = re.compile(r"LaTeX Warning: (?:Hyper r|R)eference `([^']*)' on page \S+ undefined")
_OVERFULL = re.compile(r"Overfull \\hbox \((\d+(?:\.\d+)?)pt too wide\) (?!in alignment)[^\n]*")


class LatexError(RuntimeError):
    """The PDF could not be made."""


def check_installed() -> None:
    """Raise LatexError, which says what to install, where xelatex or latexmk is missing."""
    for program in ("xelatex", "latexmk"):
        if shutil.which(program) is None:
            raise LatexError(
                f"{program} is missing. On Debian or Ubuntu, from the top of the repository:\n"
                "  sudo apt-get install --no-install-recommends $(grep -v '^#' apt-packages.txt)"
            )


def run_xelatex(tex: Path, epoch: int) -> str:
    """Make the PDF beside `tex`; returns the last log. epoch: the date in the PDF, seconds since 1970."""
    command = [
        "latexmk",
        "-norc",
        "-xelatex",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-file-line-error",
        tex.name,
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "FORCE_SOURCE_DATE": "1", "max_print_line": "2000"}
    result = subprocess.run(command, cwd=tex.parent, env=environment, capture_output=True)
    log = tex.with_suffix(".log")
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if result.returncode:
        said = result.stdout.decode("utf-8", errors="replace")
        raise LatexError(f"xelatex failed on {tex}:\n{first_error(text or said)}")
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
