"""Training: `minimize` an objective, `train` a network, `train_seeds` several at once. Each returns a `Run`."""

from talweg.training.descent import minimize
from talweg.training.loop import Listener, NonFiniteLoss, Training
from talweg.training.many import train_seeds
from talweg.training.one import train

__all__ = ["Listener", "NonFiniteLoss", "Training", "minimize", "train", "train_seeds"]
