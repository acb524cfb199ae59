"""Words on axes, in legends and in tables: keys of histories and parameters → the reader's words."""

from __future__ import annotations

import re
from numbers import Real

from talweg.i18n import N_, decimal, gettext, number

__all__ = ["label"]

MATH = re.compile(r"\$[^$]+\$")
DECIMAL = re.compile(r"(?<=\d)\.(?=\d)")

LABELS = {
    "accuracy": N_("Accuracy"),
    "activation": N_("Activation function"),
    "alpha": "$\\alpha$",
    "batch_size": N_("Batch size"),
    "condition_number": N_("Condition number"),
    "difference": N_("Difference"),
    "diverged": N_("diverged"),
    "eigenvalue": N_("Eigenvalue"),
    "entropy_rank": N_("Entropy effective rank"),
    "epoch": N_("Epoch"),
    "error": N_("Error"),
    "excess_loss": N_("Loss above the minimum"),
    "gain": N_("Gain"),
    "grad_norm": N_("Gradient norm"),
    "gradient": N_("Gradient"),
    "high": N_("to"),
    "index": N_("Index"),
    "layers": N_("Layers"),
    "learning_rate": N_("Learning rate"),
    "loss": N_("Loss"),
    "low": N_("from"),
    "lr": N_("Learning rate"),
    "mean": N_("Mean"),
    "measured": N_("Measured"),
    "method": N_("Method"),
    "minimum": N_("Minimum"),
    "never": N_("never"),
    "nuclear_ratio": N_("Nuclear-to-spectral ratio"),
    "orthogonal": N_("orthogonal"),
    "orthogonal·√(2/n)": N_("orthogonal, gain √(2/n)"),
    "orthogonal·√2": N_("orthogonal, gain √2"),
    "pixels": N_("Pixels"),
    "raw": N_("raw"),
    "second_moment": N_("Second moment"),
    "signal": N_("Signal"),
    "singular_value": N_("Singular value"),
    "spectral_norm": N_("Spectral norm"),
    "standardised": N_("standardised"),
    "start": N_("Start"),
    "step": N_("Step"),
    "step_norm": N_("Length of the update"),
    "steps": N_("Number of steps"),
    "steps_to_threshold": N_("Steps to the threshold"),
    "test_error": N_("Test error"),
    "test_error_difference": N_("Difference of the test errors"),
    "test_loss": N_("Test loss"),
    "theory": N_("Theory"),
    "threshold": N_("Measured border"),
    "train_accuracy": N_("Training accuracy"),
    "train_loss": N_("Training loss"),
    "two_over_lambda_max": "2/λ_max",
    "val_accuracy": N_("Validation accuracy"),
    "val_error": N_("Validation error"),
    "val_loss": N_("Validation loss"),
    "variance": N_("Variance"),
    "weight_norm": N_("Weight norm"),
}


def label(key: object) -> str:
    """The reader's word for a key ("loss", "grad_norm", …); numbers in the reader's notation; other text as it is."""
    if isinstance(key, Real) and not isinstance(key, bool):
        return number(key)
    words = gettext(LABELS.get(str(key), str(key)))
    # In mathematics a comma is followed by a space, and {,} is not.
    return MATH.sub(lambda math: DECIMAL.sub("{,}", math[0]), words) if decimal() == "," else words
