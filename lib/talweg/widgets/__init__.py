"""What exercises, driven figures and the playground share: scripts and styles, base classes, checked parameters."""

from talweg.widgets.assets import BASE, CHOICE, script, style
from talweg.widgets.base import Figure, Widget, batch
from talweg.widgets.parameters import Choice, Number, Numbers, Switch
from talweg.widgets.prediction import Prediction

__all__ = [
    "BASE",
    "CHOICE",
    "Choice",
    "Figure",
    "Number",
    "Numbers",
    "Prediction",
    "Switch",
    "Widget",
    "batch",
    "script",
    "style",
]
