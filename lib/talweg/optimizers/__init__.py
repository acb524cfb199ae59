"""Optimizers whose update rules read like the formulas of the chapters; each is a `torch.optim.Optimizer`."""

from talweg.optimizers import fused  # noqa: F401 (registers the fast forms)
from talweg.optimizers.adafactor import Adafactor
from talweg.optimizers.adagrad import Adagrad
from talweg.optimizers.adam import Adam, AdamW, AMSGrad
from talweg.optimizers.adam_variants import AdaBelief, NAdam, RAdam
from talweg.optimizers.hyperparameters import choice, flag, number, pair, whole
from talweg.optimizers.layerwise import LAMB, LARS
from talweg.optimizers.lion import Lion
from talweg.optimizers.method import Method
from talweg.optimizers.muon import Muon
from talweg.optimizers.rmsprop import RMSprop
from talweg.optimizers.rule import Rule
from talweg.optimizers.sam import SAM
from talweg.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from talweg.optimizers.sgd import SGD
from talweg.optimizers.sophia import Sophia

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
    "Method",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rule",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Sophia",
    "choice",
    "flag",
    "number",
    "pair",
    "whole",
]
