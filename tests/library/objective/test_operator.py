"""Curvature as an operator against the matrices themselves, built from their definitions."""

import copy

import pytest
import torch
from scipy.sparse.linalg import eigsh
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn import functional as F

from talweg import Objective
from talweg.landscape import eigenpairs, spectral_density, trace
from talweg.models import MLP, ConvNet
from talweg.objective import EmpiricalFisher, GaussNewton, Hessian
from talweg.surfaces import LeastSquares, Quadratic, Rosenbrock

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def dense():
    return MLP((6, 5, 3), "tanh")


def convolutional():
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), ConvNet((1, 2, 3), (2,), 3))


def squared(outputs, y):
    return (outputs - F.one_hot(y, 3)).square().sum(1).mean() / 2


def linear(outputs, y):
    return outputs[:, 0].mean()


def problem(make=dense, loss=F.cross_entropy, n=12, batch_size=None):
    torch.manual_seed(0)
    model = make().double()
    return Objective.of(model, loss, random(n, 6), torch.arange(n) % 3, batch_size=batch_size)


def outputs(f, theta, x):
    """The network as a function of θ, with parameters cut out of the vector here."""
    model = copy.deepcopy(f.model)
    named, at = {}, 0
    for name, p in model.named_parameters():
        named[name], at = theta[at : at + p.numel()].view(p.shape), at + p.numel()
    return functional_call(model, named, (x,))


def gauss_newton(f, theta):
    """Jᵀ ∇²_z L J with whole Jacobians and a whole Hessian of the loss by all outputs."""
    J = jacrev(lambda t: outputs(f, t, f.x).flatten())(theta)
    z = outputs(f, theta, f.x)
    H = jacrev(jacrev(lambda flat: f.loss(flat.view(z.shape), f.y)))(z.flatten())
    return J.T @ H @ J


def fisher(f, theta):
    """The mean of the outer products of the gradients of single samples."""
    total = torch.zeros(f.dim, f.dim, dtype=F64)
    for x, y in zip(f.x, f.y, strict=True):
        leaf = theta.clone().requires_grad_()
        (g,) = torch.autograd.grad(f.loss(outputs(f, leaf, x[None]), y[None]), leaf)
        total += torch.outer(g, g) / len(f.x)
    return total


def whole_hessian(f, theta):
    return jacrev(jacrev(lambda t: f.loss(outputs(f, t, f.x), f.y)))(theta)


MATRICES = [(Hessian, whole_hessian), (GaussNewton, gauss_newton), (EmpiricalFisher, fisher)]


@pytest.mark.parametrize("kind, exact", MATRICES)
@pytest.mark.parametrize("make, loss", [(dense, F.cross_entropy), (dense, squared), (convolutional, F.cross_entropy)])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_products_are_those_of_the_whole_matrix(kind, exact, make, loss, batch_size):
    f = problem(make, loss, batch_size=batch_size)
    theta = f.theta + 0.2 * random(f.dim, seed=1)
    A, matrix = kind(f, theta), exact(f, theta)
    v, several = random(f.dim, seed=2), random(f.dim, 3, seed=3)
    torch.testing.assert_close(A @ v, matrix @ v, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(A @ several, matrix @ several, rtol=1e-9, atol=1e-12)
    assert torch.equal(A(v), A @ v) and not (A @ v).requires_grad
    assert A.shape == matrix.shape and A.dtype == F64 and A.device == theta.device
    assert kind.__name__ in repr(A) and str(A.shape) in repr(A)


@pytest.mark.parametrize("kind, exact", MATRICES)
def test_eigenpairs_density_and_trace_take_every_operator(kind, exact):
    f = problem()
    A, values = kind(f, f.theta), torch.linalg.eigvalsh(exact(f, f.theta)).flip(0)
    assert torch.allclose(eigenpairs(A, k=3, tol=1e-8).values, values[:3], rtol=1e-9)
    found = spectral_density(A, probes=40, steps=20)
    assert abs(found.moment(1) * f.dim - values.sum()) < 0.5 * values.sum().abs()
    estimate = trace(A, samples=400)
    assert abs(estimate.value - values.sum()) < 5 * estimate.standard_error
    on_top, _ = eigsh(A.to_scipy(), 2, which="LA", tol=1e-9)
    assert torch.allclose(torch.from_numpy(on_top).flip(0), values[:2], rtol=1e-7)


def test_an_operator_and_a_point_are_the_same_for_the_hessian():
    f = problem()
    by_point, by_operator = eigenpairs(f, f.theta, 2), eigenpairs(f.hessian_at(f.theta), k=2)
    assert torch.equal(by_point.values, by_operator.values) and torch.equal(by_point.vectors, by_operator.vectors)


def test_gauss_newton_and_fisher_are_never_negative_where_the_hessian_is():
    f = problem(loss=squared)
    theta = f.theta + random(f.dim, seed=4)
    assert eigenpairs(f, theta, 1, which="smallest").values[0] < -1e-3
    for kind in (GaussNewton, EmpiricalFisher):
        A, v = kind(f, theta), random(f.dim, 20, seed=5)
        assert ((v * (A @ v)).sum(0) > -1e-12).all()


def test_gauss_newton_is_the_hessian_of_a_linear_network_under_squared_error():
    f = problem(lambda: nn.Linear(6, 3), squared)
    v = random(f.dim, seed=2)
    torch.testing.assert_close(GaussNewton(f, f.theta) @ v, f.hvp(f.theta, v))


def test_a_loss_that_is_linear_in_the_outputs_has_no_gauss_newton_matrix():
    f = problem(loss=linear)
    assert not (GaussNewton(f, f.theta) @ random(f.dim)).any()


def test_a_formula_has_an_operator_too():
    matrix = torch.tensor([[2.0, 1.0], [1.0, -3.0]], dtype=F64)
    H = Quadratic(matrix).hessian_at([0.5, 0.5])
    assert torch.equal(H @ torch.eye(2, dtype=F64), matrix)
    assert H.to_scipy().dtype == "float64" and (H.to_scipy() @ [1.0, 0.0] == [2.0, 1.0]).all()


def test_operators_say_what_they_cannot_do():
    with pytest.raises(TypeError, match="GaussNewton needs the objective of a network; got LeastSquares"):
        GaussNewton(LeastSquares(random(5, 2), random(5)), [0.0, 0.0])
    f = problem()
    with pytest.raises(ValueError, match=r"theta must have shape"):
        EmpiricalFisher(f, f.theta[:-1])
    H = f.hessian_at(f.theta)
    with pytest.raises(ValueError, match=rf"v must have shape \({f.dim},\), got \(2,\)"):
        H @ torch.zeros(2, dtype=F64)
    with pytest.raises(ValueError, match=rf"v must have shape \({f.dim},\), got \(2,\)"):
        H @ torch.zeros(2, 3, dtype=F64)
    with pytest.raises(TypeError, match="theta must not be given with Hessian"):
        eigenpairs(H, f.theta)
    with pytest.raises(TypeError, match="theta must be given: Rosenbrock is an objective"):
        trace(Rosenbrock())
    with pytest.raises(ValueError, match="theta must be finite"):
        eigenpairs(Rosenbrock().hessian_at([0.0, float("nan")]))


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(reduction="sum"), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.2])),
     nn.CrossEntropyLoss(ignore_index=1)],
    ids=["sum", "class weights", "ignored labels"],
)  # fmt: skip
def test_the_empirical_fisher_matrix_refuses_a_loss_that_is_no_mean(loss):
    torch.manual_seed(0)
    f = Objective.of(nn.Linear(4, 3), loss, torch.randn(12, 4), torch.arange(12) % 3)
    with pytest.raises(ValueError, match="EmpiricalFisher needs a loss that is the mean over samples"):
        EmpiricalFisher(f, f.theta)
    GaussNewton(f, f.theta)  # which is of the loss of all samples, whatever it is
