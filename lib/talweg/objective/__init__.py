"""What optimizers and landscapes are written against: a scalar function of a parameter vector; a network as one.

`function.py` first: `Objective` and `Mean`. Then `network.py`, a network with its loss and data; `second_derivatives.py`,
`operator.py` and `gauss_newton.py`, its curvature as operators; `fast/`, many points of a line or plane at once.
"""

from talweg.objective.function import Mean, Objective
from talweg.objective.gauss_newton import EmpiricalFisher, GaussNewton
from talweg.objective.network import NetworkObjective
from talweg.objective.operator import Hessian, Operator

__all__ = ["EmpiricalFisher", "GaussNewton", "Hessian", "Mean", "NetworkObjective", "Objective", "Operator"]
