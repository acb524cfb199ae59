"""What a cell says: text, and in a notebook richer forms of the same beside it, as one output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["show"]


def show(text: str, richer: Mapping[str, Any]) -> None:
    """Print `text`; in a notebook display it with its richer forms, of which the reader's program takes the best.

    Parameters
    ----------
    text
        What a terminal shows.
    richer
        MIME type → the same in that form.

    Examples
    --------
    >>> from talweg.output import show
    >>> show("a = 1", {"text/html": "<i>a</i> = 1"})
    a = 1
    """
    ipython = sys.modules.get("IPython")  # not imported, hence not running, outside notebooks
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        print(text)
        return
    from IPython.display import display

    display({"text/plain": text, **richer}, raw=True)
