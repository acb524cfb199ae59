"""Networks small enough for a chapter: `MLP`, `ConvNet`, `ResNet`."""

from talweg.models.convolutional import ConvNet, ResNet
from talweg.models.dense import ACTIVATIONS, MLP

__all__ = ["ACTIVATIONS", "MLP", "ConvNet", "ResNet"]
