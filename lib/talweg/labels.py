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
    "below_chance": N_("Share below chance level"),
    "border": N_("Border"),
    "chance_level": N_("Chance level"),
    "condition_number": N_("Condition number"),
    "density": N_("Density"),
    "depth": N_("Depth"),
    "difference": N_("Difference"),
    "diverged": N_("diverged"),
    "eigenvalue": N_("Eigenvalue"),
    "entropy_rank": N_("Entropy effective rank"),
    "epoch": N_("Epoch"),
    "error": N_("Error"),
    "estimated": N_("Estimated"),
    "exact": N_("Exact"),
    "excess_loss": N_("Loss above the minimum"),
    "filter_rise": N_("Rise, filter-normalised"),
    "gain": N_("Gain"),
    "good": N_("good"),
    "grad_norm": N_("Gradient norm"),
    "gradient": N_("Gradient"),
    "high": N_("to"),
    "highest": N_("Highest"),
    "index": N_("Index"),
    "large": N_("large"),
    "large_batch": N_("Large batch"),
    "layers": N_("Layers"),
    "learning_rate": N_("Learning rate"),
    "line_width": N_("Width on the line"),
    "log10_loss": "$\\log_{10} L$",
    "loss": N_("Loss"),
    "low": N_("from"),
    "lr": N_("Learning rate"),
    "maximum": N_("Maximum"),
    "mean": N_("Mean"),
    "measure": N_("Measure"),
    "measured": N_("Measured"),
    "method": N_("Method"),
    "minima": N_("Minima of the slice"),
    "minimum": N_("Minimum"),
    "network": N_("Network"),
    "never": N_("never"),
    "nonconvex": N_("Share that bends down"),
    "none": N_("none"),
    "norm": N_("Normalization"),
    "nuclear_ratio": N_("Nuclear-to-spectral ratio"),
    "orthogonal": N_("orthogonal"),
    "orthogonal·√(2/n)": N_("orthogonal, gain √(2/n)"),
    "orthogonal·√2": N_("orthogonal, gain √2"),
    "pixels": N_("Pixels"),
    "plain": N_("without skips"),
    "raw": N_("raw"),
    "raw_rise": N_("Rise, as drawn"),
    "second_moment": N_("Second moment"),
    "sharpness": N_("Sharpness"),
    "sharpness_over_border": N_("Sharpness / border"),
    "signal": N_("Signal"),
    "singular_value": N_("Singular value"),
    "skip": N_("with skips"),
    "small": N_("small"),
    "small_batch": N_("Small batch"),
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
    "threshold_share": N_("Relative threshold"),
    "train_accuracy": N_("Training accuracy"),
    "train_loss": N_("Training loss"),
    "two_over_lambda_max": "2/λ_max",
    "val_accuracy": N_("Validation accuracy"),
    "val_error": N_("Validation error"),
    "val_loss": N_("Validation loss"),
    "variance": N_("Variance"),
    "weight_decay": N_("Weight decay λ"),
    "weight_norm": N_("Weight norm"),
    "works": N_("Step sizes that work"),
}

# Of these, which figures write as per cent, less is better.
SHARES = ("error", "test_error", "test_error_difference", "val_error")


def label(key: object) -> str:
    """The reader's word for a key ("loss", "grad_norm", …); numbers in the reader's notation; other text as it is.

    Parameters
    ----------
    key
        A key of a history or the name of a parameter, a number, or text. In formulas between dollar signs the decimal
        mark becomes that of the edition.

    Examples
    --------
    >>> from talweg.labels import label
    >>> from talweg.i18n import use
    >>> use("es")
    >>> label("loss"), label(0.5), label("Adam"), label("$L = 0.1$")
    ('Pérdida', '0,5', 'Adam', '$L = 0{,}1$')
    """
    if isinstance(key, Real) and not isinstance(key, bool):
        return number(key)
    words = gettext(LABELS.get(str(key), str(key)))
    # In mathematics a comma is followed by a space, and {,} is not.
    return MATH.sub(lambda math: DECIMAL.sub("{,}", math[0]), words) if decimal() == "," else words
