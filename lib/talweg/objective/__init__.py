"""What optimizers and landscapes are written against: a scalar function of a parameter vector; a network as one."""

from talweg.objective.function import Objective
from talweg.objective.network import NetworkObjective

__all__ = ["NetworkObjective", "Objective"]
