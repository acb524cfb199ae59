"""The progress bar: there in terminals and notebooks, silent in files and with TALWEG_BATCH=1."""

from __future__ import annotations

import os
import sys

from tqdm.auto import tqdm


def bar(total: int, description: str | None = None) -> tqdm:
    """A tqdm bar of `total` steps."""
    seen = "ipykernel" in sys.modules or sys.stderr.isatty()
    silent = os.environ.get("TALWEG_BATCH") == "1" or not seen
    return tqdm(total=total, desc=description, leave=False, disable=silent)
