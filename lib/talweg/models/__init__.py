"""Networks small enough for a chapter: `MLP`, `ConvNet`, `ResNet`."""

from .convolutional import ConvNet, ResNet
from .dense import ACTIVATIONS, MLP

__all__ = ["ACTIVATIONS", "MLP", "ConvNet", "ResNet"]
