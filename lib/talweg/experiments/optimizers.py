"""Kept for cells that import it: the experiment of the chapter `optimizers`."""

from talweg.book.optimizers.experiment import pairs, rerun

__all__ = ["pairs", "rerun"]
