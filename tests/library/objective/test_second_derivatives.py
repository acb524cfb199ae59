"""Second derivatives where PyTorch's own are wrong or missing, against differences of gradients."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from talweg import Objective
from talweg.landscape import eigenpairs, saddle_index, spectral_density, trace
from talweg.models import MLP
from talweg.objective import EmpiricalFisher, GaussNewton, Hessian
from talweg.objective.second_derivatives import NotSymmetric
from talweg.surfaces import Formula, Quadratic

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


class Attention(nn.Module):
    """Self-attention without the weights, as `nn.TransformerEncoderLayer` calls it: the fused kernel."""

    def __init__(self):
        super().__init__()
        self.attention, self.last = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.attention(x, x, x, need_weights=False)[0].mean(1))


class Causal(nn.Module):
    """The function itself, with a mask."""

    def __init__(self):
        super().__init__()
        self.inward, self.last = nn.Linear(4, 12), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(F.scaled_dot_product_attention(*self.inward(x).chunk(3, -1), is_causal=True).mean(1))


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def encoder():
    return nn.Sequential(nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), Mean(), nn.Linear(4, 3)).eval()


def normalized():
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 5)), nn.Tanh(), nn.Linear(5, 3))


def normalized_by_columns():
    layers = parametrizations.weight_norm(nn.Conv1d(5, 4, 2), dim=1), parametrizations.weight_norm(nn.Linear(12, 3))
    return nn.Sequential(layers[0], nn.Tanh(), nn.Flatten(), layers[1])


def hard():
    return nn.Sequential(nn.Linear(4, 5), nn.Hardsigmoid(), nn.Linear(5, 3), nn.Hardsigmoid())


def bag():
    return nn.Sequential(nn.EmbeddingBag(7, 4), nn.Tanh(), nn.Linear(4, 3))


FLAT, SEQUENCES, BAGS = random(8, 4), random(8, 5, 4), torch.arange(24).reshape(8, 3) % 7
NETWORKS = {
    "weight_norm": (normalized, F.cross_entropy, FLAT),
    "weight_norm along another axis": (normalized_by_columns, F.cross_entropy, SEQUENCES),
    "attention": (Attention, F.cross_entropy, SEQUENCES),
    "causal attention": (Causal, F.cross_entropy, SEQUENCES),
    "encoder": (encoder, F.cross_entropy, SEQUENCES),
    "hardsigmoid": (hard, F.cross_entropy, FLAT),
    "embedding bag": (bag, F.cross_entropy, BAGS),
    "margin loss": (lambda: MLP((4, 5, 3), "tanh"), F.multi_margin_loss, FLAT),
}


def problem(name, **arguments):
    make, loss, x = NETWORKS[name]
    torch.manual_seed(0)
    return Objective.of(make().double(), loss, x, torch.arange(8) % 3, **arguments)


def differences(f, v, h=1e-5):
    """∇²f(θ) v from gradients, which are right."""
    return (f.grad(f.theta + h * v) - f.grad(f.theta - h * v)) / (2 * h)


@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_differences_of_gradients(name):
    f = problem(name)
    v = random(f.dim, seed=1) / f.dim**0.5
    expected = differences(f, v)
    assert expected.norm() > 1e-3
    for product in (f.hvp(f.theta, v), f.hessian_at(f.theta) @ v, f.hessian(f.theta) @ v):
        torch.testing.assert_close(product, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NETWORKS)
def test_gauss_newton_is_made_of_the_right_jacobian(name):
    """J column by column from differences of outputs; ∇²_z L from differences of the loss's gradient by z."""
    f, h = problem(name), 1e-5
    v = random(f.dim, seed=1) / f.dim**0.5
    z, Jv = f.outputs(f.theta), (f.outputs(f.theta + h * v) - f.outputs(f.theta - h * v)) / (2 * h)

    def slope(z):
        leaf = z.detach().requires_grad_()
        return torch.autograd.grad(f.loss(leaf, f.y), leaf)[0]

    curved = (slope(z + h * Jv) - slope(z - h * Jv)) / (2 * h)
    leaf = f.theta.clone().requires_grad_()
    (expected,) = torch.autograd.grad(f.outputs(leaf), leaf, curved)
    torch.testing.assert_close(GaussNewton(f, f.theta) @ v, expected, rtol=1e-5, atol=1e-7)
    assert (EmpiricalFisher(f, f.theta) @ v).isfinite().all()


@pytest.mark.parametrize("name", ["weight_norm", "attention"])
def test_trace_density_and_eigenpairs_are_those_of_the_matrix(name):
    f = problem(name)
    matrix = torch.stack([differences(f, unit) for unit in torch.eye(f.dim, dtype=F64)])
    values = torch.linalg.eigvalsh((matrix + matrix.T) / 2)
    torch.testing.assert_close(eigenpairs(f, f.theta, 3, 1e-8).values, values[-3:].flip(0), rtol=1e-6, atol=1e-8)
    found = trace(f, f.theta, samples=200)
    assert abs(found.value - values.sum()) < 4 * found.standard_error
    density = spectral_density(f, f.theta, probes=2, steps=f.dim)
    assert density.nodes.max() == pytest.approx(values[-1].item(), rel=1e-6)
    assert saddle_index(f, f.theta) == (values < -1e-3 * values.abs().max()).sum()


def distances(outputs, y):
    return torch.cdist(outputs, outputs, p=3).mean()


def several_labels(outputs, y):
    return F.multilabel_margin_loss(outputs, torch.stack([y, -torch.ones_like(y), -torch.ones_like(y)], 1))


@pytest.mark.parametrize("loss, name", [(distances, "cdist"), (several_labels, "multilabel_margin_loss")])
def test_what_has_no_second_derivative_is_named(loss, name):
    f = Objective.of(MLP((4, 5, 3), "tanh").double(), loss, FLAT, torch.arange(8) % 3)
    for compute in (
        lambda: eigenpairs(f, f.theta),
        lambda: trace(f, f.theta),
        lambda: GaussNewton(f, f.theta) @ f.theta,
    ):
        with pytest.raises(
            NotImplementedError, match=f"curvature needs the second derivative of .*{name}.*: put another"
        ):
            compute()


def test_an_error_of_the_users_own_stays_as_it_is():
    def broken(outputs, y):
        raise RuntimeError("mine")

    f = Objective.of(MLP((4, 5, 3)).double(), F.cross_entropy, FLAT, torch.arange(8) % 3)
    f.loss = broken  # an error that `of` and `with_loss` would meet before
    with pytest.raises(RuntimeError, match="^mine$"):
        eigenpairs(f, f.theta)


TURN = (random(12, 12) - random(12, 12).T) / 5


class WrongTwice(torch.autograd.Function):
    """½‖x‖² whose second derivative also turns: 1 + T with Tᵀ = −T."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.square().sum() / 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        turned = TURN.to(x) @ x
        return g * (x + turned - turned.detach())


class Wrong(Formula):
    dim = 12

    def value(self, theta):
        return WrongTwice.apply(theta)


class Chance(Quadratic):
    """A surface that is another one at each product."""

    def hvp(self, theta, v):
        self.turn = -getattr(self, "turn", 1)
        return super().hvp(theta, v) * (1 + 0.4 * self.turn)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("f", [Wrong(), Chance(torch.linspace(1, 2, 12))])
@pytest.mark.parametrize("compute", [eigenpairs, trace, spectral_density, lambda f, theta: f.hessian(theta)])
def test_second_derivatives_that_contradict_each_other_are_refused(f, compute, dtype):
    if isinstance(f, Chance) and compute not in (eigenpairs, trace, spectral_density):
        pytest.skip("its matrix is known")
    with pytest.raises(NotSymmetric, match="second derivatives must be symmetric, but u·Hv and v·Hu differ by"):
        compute(f, random(12).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_rounding_of_a_nearly_perfect_fit_is_no_contradiction(dtype, activation):
    """At a loss of 1e-6 curvature is a difference of numbers a million times as large."""
    torch.manual_seed(0)
    model = MLP((20, 16, 4), activation).to(dtype)
    x, y = random(32, 20).to(dtype), torch.arange(32) % 4
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    last = list(model.parameters())[-2:]
    with torch.no_grad():
        while (loss := F.cross_entropy(model(x), y)) > 1e-6:
            torch._foreach_mul_(last, 1.1)
    f = Objective.of(model, F.cross_entropy, x, y)
    assert 1e-7 < loss < 1e-5
    assert trace(f, f.theta, samples=4).value > 0 and f.hessian(f.theta).isfinite().all()
    for kind in (Hessian, GaussNewton):
        H, u, v = kind(f, f.theta), *random(2, f.dim).to(dtype)
        assert (H @ u).isfinite().all() and (H @ v).isfinite().all() and (H @ (H @ u)).isfinite().all()


def test_the_comparison_takes_no_product_and_no_random_number_and_keeps_no_vector():
    f = problem("weight_norm")
    calls, product = [], f.hessian_at(f.theta)._products
    H = f.hessian_at(f.theta)
    H._products = lambda v: (calls.append(1), product(v))[1]
    state = torch.get_rng_state()
    u = random(f.dim)
    H @ u
    u.zero_()  # the caller's vector may change afterwards
    H @ random(f.dim, seed=1)
    assert len(calls) == 2 and torch.equal(torch.get_rng_state(), state) and H._first is None


@pytest.mark.parametrize(
    "around", [lambda: torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode, torch.no_grad]
)
def test_curvature_inside_autocast_and_inference_mode_is_what_it_is_outside(around):
    f = Objective.of(MLP((4, 5, 3), "tanh"), F.cross_entropy, FLAT.float(), torch.arange(8) % 3)

    def all_of_it():
        theta = f.theta * 1
        yield eigenpairs(f, theta, 2).values
        yield trace(f, theta, samples=8).value
        yield spectral_density(f, theta, probes=1, steps=9).nodes
        yield f.hvp(theta, f.theta * 1)
        yield f.hessian(theta)
        yield eigenpairs(GaussNewton(f, theta)).values
        yield EmpiricalFisher(f, theta) @ theta

    expected = [*all_of_it()]
    with around():
        found = [*all_of_it()]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_a_model_made_in_inference_mode_is_refused_in_words():
    with torch.inference_mode():
        f = Objective.of(MLP((4, 5, 3)), F.cross_entropy, FLAT.float() * 1, torch.arange(8) % 3)
    with pytest.raises(RuntimeError, match=r"made outside torch.inference_mode\(\): build the objective"):
        eigenpairs(f, f.theta)


def test_infinite_products_are_not_taken_for_a_contradiction():
    class Pole(Formula):
        dim = 2

        def value(self, theta):
            return theta.abs().pow(1.5).sum(-1)

    H = Pole().hessian_at([0.0, 1.0])
    assert math.isinf((H @ [1.0, 0.0])[0]) or math.isnan((H @ [1.0, 0.0])[0])
    assert (H @ [0.0, 1.0])[1] == pytest.approx(0.75)
