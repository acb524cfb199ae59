"""Training: `minimize` an objective, `train` a network, `train_seeds` several at once. Each returns a `Run`."""

from .descent import minimize
from .network import train
from .recorder import NonFiniteLoss
from .seeds import train_seeds

__all__ = ["NonFiniteLoss", "minimize", "train", "train_seeds"]
