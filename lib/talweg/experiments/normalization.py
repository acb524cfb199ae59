"""Kept for cells that import it: the experiment of the chapter `normalization`."""

from talweg.book.normalization.experiment import network, predictor, step_views

__all__ = ["network", "predictor", "step_views"]
