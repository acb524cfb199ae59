"""The four PDFs as `make pdf` left them; each is read once."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODES = ("es", "de", "zh", "ru")


@cache
def pdf_text(path: Path) -> tuple[str, ...]:
    """The text of a PDF, page by page."""
    text = subprocess.run(["pdftotext", "-enc", "UTF-8", str(path), "-"], capture_output=True, check=True).stdout
    return tuple(text.decode("utf-8").split("\f")[:-1])


@cache
def notebook(code: str, page: str) -> dict:
    """An executed chapter."""
    return json.loads((ROOT / "chapters" / code / f"{page}.ipynb").read_text(encoding="utf-8"))


@cache
def chapters() -> tuple[str, ...]:
    """Names of the chapters with code."""
    return tuple(sorted(path.stem for path in (ROOT / "chapters" / "es").glob("*.ipynb")))


@pytest.fixture(params=CODES)
def edition(request) -> str:
    """Each edition in turn."""
    return request.param


@pytest.fixture
def pdf(edition) -> Path:
    """The PDF of an edition. Skipped where none was made and none can be."""
    path = ROOT / "_build" / "pdf" / f"talweg-{edition}.pdf"
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler-utils is not installed")
    if not path.exists():
        if shutil.which("xelatex") is None:
            pytest.skip("xelatex is not installed, so there is no PDF")
        pytest.fail(f"{path.relative_to(ROOT)} is missing: make pdf")
    return path


@pytest.fixture
def pages(pdf) -> tuple[str, ...]:
    """Text of the pages of an edition."""
    return pdf_text(pdf)
