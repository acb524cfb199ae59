"""Sophia: its step, its two estimators of the curvature, and that it will not step blindly."""

import itertools

import pytest
import torch
from formulas import ByFormula, sophia
from reference import MATRICES, after, assert_close, fixed_gradients, parameters, peer, trained
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn import functional as F

from talweg.optimizers import Sophia
from talweg.optimizers.sophia import gauss_newton_bartlett, hessian_product, hutchinson, squared_gradient


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    x, y = torch.randn(3, 2, dtype=torch.float64), torch.tensor([0, 2, 1])
    return model, x, y


def flat_function(model, f):
    """f(outputs) as a function of all parameters in one vector, and that vector."""
    shapes = {name: p.shape for name, p in model.named_parameters()}
    theta = torch.cat([p.detach().flatten() for p in model.parameters()])

    def function(vector, x):
        pieces = vector.split([shape.numel() for shape in shapes.values()])
        values = {name: v.view(shape) for (name, shape), v in zip(shapes.items(), pieces, strict=True)}
        return f(functional_call(model, values, (x,)))

    return function, theta


def hessian(model, x, y):
    function, theta = flat_function(model, lambda out: F.cross_entropy(out, y))
    return torch.autograd.functional.hessian(lambda v: function(v, x), theta)


def gauss_newton_diagonal(model, x):
    """diag (1/B) Σ Jᵀ (diag p - p pᵀ) J."""
    function, theta = flat_function(model, lambda out: out)
    jacobian = jacrev(function)(theta, x)
    p = model(x).detach().softmax(1)
    middle = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    return torch.einsum("bcp,bcd,bdp->p", jacobian, middle, jacobian) / len(x)


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


def test_products_are_those_of_the_exact_hessian():
    model, x, y = network()
    H = hessian(model, x, y)
    u = [torch.randn_like(p) for p in model.parameters()]
    product = hessian_product(F.cross_entropy(model(x), y), list(model.parameters()), u)
    assert_close(flat(product), H @ flat(u))


@pytest.mark.parametrize("probes", ["rademacher", "normal"])
def test_hutchinson_is_unbiased_for_the_diagonal_of_the_hessian(probes):
    model, x, y = network()
    H, n = hessian(model, x, y), 3000
    generator = torch.Generator().manual_seed(0)
    weights, loss = list(model.parameters()), F.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    draws = []
    for _ in range(n):  # the gradient graph is kept: hutchinson itself would build it anew for each probe
        u = hutchinson_probe(weights, probes, generator)
        product = torch.autograd.grad(gradients, weights, u, retain_graph=True)
        draws.append(flat(u) * flat(product))
    # Var u_i (Hu)_i: the squares of the row beside the diagonal; with normal probes twice the diagonal's too.
    variance = (H**2).sum(1) - H.diagonal() ** 2 + (2 * H.diagonal() ** 2 if probes == "normal" else 0)
    error = (torch.stack(draws).mean(0) - H.diagonal()).abs()
    assert (error <= 5 * (variance / n).sqrt() + 1e-15).all()
    one = hutchinson(F.cross_entropy(model(x), y), weights, probes=probes, generator=torch.Generator().manual_seed(0))
    assert_close(flat(one), draws[0])


def hutchinson_probe(weights, probes, generator):
    from talweg.optimizers.sophia import _probe

    return [_probe(p, probes, generator) for p in weights]


def test_hutchinson_with_random_signs_is_exact_where_the_hessian_is_diagonal():
    theta = torch.randn(6, dtype=torch.float64, requires_grad=True)
    curvature = torch.arange(-2.0, 4.0, dtype=torch.float64)
    (estimate,) = hutchinson((curvature * theta**2).sum() / 2, [theta])
    assert torch.equal(estimate, curvature)


def test_gauss_newton_bartlett_averages_to_the_gauss_newton_diagonal_over_all_labels():
    model, x, _ = network()
    weights, logits = list(model.parameters()), model(x)
    probabilities = logits.detach().softmax(1)
    mean = 0
    for labels in itertools.product(range(3), repeat=3):
        chance = torch.stack([probabilities[i, label] for i, label in enumerate(labels)]).prod()
        mean = mean + chance * flat(squared_gradient(model(x), weights, torch.tensor(labels)))
    assert_close(mean, gauss_newton_diagonal(model, x))
    assert (mean >= 0).all()


def test_gauss_newton_bartlett_draws_labels_from_the_model():
    model, x, _ = network()
    generator, n = torch.Generator().manual_seed(0), 2000
    weights = list(model.parameters())
    draws = torch.stack([flat(gauss_newton_bartlett(model(x), weights, generator=generator)) for _ in range(n)])
    error = (draws.mean(0) - gauss_newton_diagonal(model, x)).abs()
    assert (error <= 5 * draws.std(0) / n**0.5).all()


def test_gauss_newton_is_not_the_hessian():
    model, x, y = network()
    assert (gauss_newton_diagonal(model, x) - hessian(model, x, y).diagonal()).abs().max() > 0.01


def sophia_formula(theta, gradients, estimates, *, lr, betas, gamma, eps, weight_decay):
    """Written from the paper, Alg. 3: an estimate in every second step."""
    x, m, h = theta.clone(), torch.zeros_like(theta), torch.zeros_like(theta)
    for t, g in enumerate(gradients):
        m = betas[0] * m + (1 - betas[0]) * g
        if t % 2 == 0:
            h = betas[1] * h + (1 - betas[1]) * estimates[t // 2]
        x = x - lr * weight_decay * x
        x = x - lr * torch.clamp(m / torch.maximum(gamma * h, torch.tensor(eps)), -1, 1)
    return x


@pytest.mark.parametrize("gamma", [0.01, 1.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_steps_equal_the_papers_formula(gamma, weight_decay):
    h = dict(lr=0.1, betas=(0.9, 0.8), gamma=gamma, eps=1e-12, weight_decay=weight_decay)
    theta = torch.randn(9, dtype=torch.float64)
    gradients = [flat(g) for g in fixed_gradients(20, [(9,)])]
    estimates = [flat(g) for g in fixed_gradients(10, [(9,)], seed=7)]
    ours = theta.clone().requires_grad_()
    optimizer = Sophia([ours], every=2, **h)
    for t, g in enumerate(gradients):
        due = optimizer.update_curvature(lambda t=t: (estimates[t // 2] * ours**2).sum() / 2)
        assert due == (t % 2 == 0)
        ours.grad = g.clone()
        optimizer.step()
    assert_close(ours.detach(), sophia_formula(theta, gradients, estimates, **h))


def test_equals_pytorch_optimizers_sophia():
    """There the ratio m / h is clipped at p and the step is lr times that: p = γ, lr = ours / γ."""
    kind, theta = peer("pytorch_optimizer", "SophiaH"), parameters(MATRICES)
    curvatures = [next(fixed_gradients(1, MATRICES, seed=8)) for _ in range(20)]
    optimizer = kind(theta, lr=1e-2 / 0.01, betas=(0.9, 0.8), p=0.01, weight_decay=0.1 * 0.01, eps=1e-10)
    for gradients, hessian in zip(fixed_gradients(20, MATRICES), curvatures, strict=True):
        for p, g in zip(theta, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step(hessian=[h.clone() for h in hessian])

    class Given(Sophia):
        def step(self, closure=None):
            hessian = next(self.curvatures)
            weights = self._parameters()
            self.update_curvature(lambda: sum((h * p**2).sum() / 2 for h, p in zip(hessian, weights, strict=True)))
            return super().step(closure)

    def make(p):
        optimizer = Given(p, lr=1e-2, betas=(0.9, 0.8), gamma=0.01, weight_decay=0.1, eps=1e-12, every=1)
        optimizer.curvatures = iter(curvatures)
        return optimizer

    assert_close(after(make, shapes=MATRICES), flat([p.detach() for p in theta]))


def test_without_curvature_it_refuses_to_step_and_leaves_everything_alone():
    theta = torch.ones(3, requires_grad=True)
    optimizer = Sophia([theta])
    theta.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="update_curvature"):
        optimizer.step()
    assert torch.equal(theta.detach(), torch.ones(3)) and not optimizer.state


@pytest.mark.parametrize("estimator", ["hutchinson", "gauss-newton-bartlett"])
def test_learns_with_either_estimator(estimator):
    model, x, y = network()
    optimizer = Sophia(model.parameters(), lr=0.02, gamma=0.05, estimator=estimator)
    generator = torch.Generator().manual_seed(0)
    estimates = 0
    for _ in range(100):
        forward = (lambda: F.cross_entropy(model(x), y)) if estimator == "hutchinson" else (lambda: model(x))
        estimates += optimizer.update_curvature(forward, generator)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert estimates == 10
    assert loss < 0.1


class Estimated(Sophia):
    """Sophia with the estimate of `curvature(θ)` instead of one from a network, every `every` steps."""

    def step(self, closure=None):
        due = self.update_curvature(lambda: sum((p**4).sum() for p in self._parameters()) / 12)
        assert due == (self.taken % self.defaults["every"] == 0)
        self.taken += 1
        return super().step(closure)


@pytest.mark.parametrize("every", [1, 10])
def test_equals_its_formula_over_200_real_steps(every):
    """The curvature is that of Σ θ⁴/12, whose Hessian is diagonal: Hutchinson's estimate is θ² without error."""
    h = dict(lr=1e-2, betas=(0.9, 0.95), gamma=0.5, eps=1e-3, weight_decay=0.1)

    def make(p):
        optimizer = Estimated(p, every=every, **h)
        optimizer.taken = 0
        return optimizer

    def curvature(x, t):
        return x**2 if (t - 1) % every == 0 else None

    expected = trained(lambda p: ByFormula(sophia, p, curvature=curvature, **h))
    assert_close(trained(make), expected)


def test_each_group_has_its_own_time_between_estimates():
    """The default of the constructor was taken for all groups, whatever they said."""
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    optimizer = Sophia([dict(params=[a], every=1), dict(params=[b], every=2)], every=10)
    done = []
    for _ in range(4):
        done.append(optimizer.update_curvature(lambda: (a**2 + b**2).sum()))
        optimizer.zero_grad()
        (a**2 + b**2).sum().backward()
        optimizer.step()
    assert done == [True] * 4
    assert [optimizer.state[p]["estimates"] for p in (a, b)] == [4, 2]


def test_the_estimator_of_the_groups_counts_and_must_be_one():
    theta = torch.ones(2, requires_grad=True)
    optimizer = Sophia([dict(params=[theta], estimator="gauss-newton-bartlett")])
    logits = torch.eye(2)
    asked = []
    optimizer.prepare(lambda: asked.append("outputs") or logits * theta, lambda outputs: asked.append("loss"))
    assert asked == ["outputs"]
    with pytest.raises(ValueError, match="estimator must be one for all groups"):
        optimizer.add_param_group(dict(params=[torch.ones(2, requires_grad=True)]))
