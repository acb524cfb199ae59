"""Training: `minimize` an objective, `train` a network, `train_seeds` several at once. Each returns a `Run`."""

from talweg.training.descent import minimize
from talweg.training.network import train
from talweg.training.recorder import NonFiniteLoss
from talweg.training.seeds import train_seeds

__all__ = ["NonFiniteLoss", "minimize", "train", "train_seeds"]
