"""Optimizers whose update rules read like the formulas of the chapters; each is a `torch.optim.Optimizer`."""

from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam, AdamW, AMSGrad
from .adam_variants import AdaBelief, NAdam, RAdam
from .layerwise import LAMB, LARS
from .lion import Lion
from .muon import Muon
from .rmsprop import RMSprop
from .rule import Rule
from .sam import SAM
from .schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from .sgd import SGD
from .sophia import Sophia

__all__ = [
    "LAMB",
    "LARS",
    "SAM",
    "SGD",
    "AMSGrad",
    "AdaBelief",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rule",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Sophia",
]
