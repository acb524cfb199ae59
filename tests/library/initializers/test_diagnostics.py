"""Diagnostics against NumPy, SciPy and the laws of random matrices and deep networks."""

import math

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from torch import nn
from torch.nn import functional as F

from talweg import Objective
from talweg import initializers as I
from talweg.initializers import diagnostics as D
from talweg.initializers import initialize
from talweg.models import MLP, ConvNet, ResNet
from talweg.surfaces import Quadratic

F64 = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=seeded(seed))


# ---------------------------------------------------------------- matrices


@settings(max_examples=50, deadline=None)
@given(shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3)), seed=st.integers(0, 99))
def test_matrix_measures_are_those_of_numpy(shape, seed):
    w = gaussian(*shape, seed=seed)
    sigma = numpy.linalg.svd(w.numpy().reshape(shape[0], -1), compute_uv=False)
    assert D.spectral_norm(w) == pytest.approx(numpy.linalg.norm(w.numpy().reshape(shape[0], -1), 2), rel=1e-10)
    assert D.condition_number(w) == pytest.approx(sigma.max() / sigma.min(), rel=1e-8)
    ratio, rank = D.nuclear_to_spectral_ratio(w), D.entropy_effective_rank(w)
    p = sigma / sigma.sum()
    assert ratio == pytest.approx(sigma.sum() / sigma.max(), rel=1e-10)
    assert rank == pytest.approx(math.exp(-(p * numpy.log(p)).sum()), rel=1e-10)
    assert 1 - 1e-12 <= ratio <= rank * (1 + 1e-12) <= len(sigma) * (1 + 1e-11)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_both_ranks_agree_on_equal_singular_values(rank):
    q = I.orthogonal_(torch.empty(8, 8, dtype=F64), generator=seeded())
    projection = 5 * q[:, :rank] @ q[:, :rank].T
    assert D.nuclear_to_spectral_ratio(projection) == pytest.approx(rank, rel=1e-10)
    assert D.entropy_effective_rank(projection) == pytest.approx(rank, rel=1e-10)


def test_a_singular_matrix_has_an_infinite_condition_number():
    assert D.condition_number(torch.diag(torch.tensor([1.0, 0.0]))) == math.inf


def test_xavier_and_kaiming_differ_in_scale_only():
    """Same seed, same shape of the spectrum: the sources' different condition numbers are noise."""
    xavier = I.xavier_normal_(torch.empty(60, 40, dtype=F64), generator=seeded(5))
    kaiming = I.kaiming_normal_(torch.empty(60, 40, dtype=F64), generator=seeded(5))
    assert D.condition_number(xavier) == pytest.approx(D.condition_number(kaiming), rel=1e-10)
    assert D.spectral_norm(kaiming) / D.spectral_norm(xavier) == pytest.approx(math.sqrt(2 / 40 / (2 / 100)), rel=1e-10)


# ---------------------------------------------------------------- Marchenko–Pastur


@pytest.mark.parametrize(("rows", "columns"), [(100, 400), (400, 100), (300, 200)])
def test_marchenko_pastur_has_the_moments_of_the_law(rows, columns):
    """Total mass 1; E λ = variance·max; E λ² = variance²·max·(max + min)."""
    variance, short, long = 0.03, min(rows, columns), max(rows, columns)
    low, high = D.marchenko_pastur_edges(rows, columns, variance)

    def moment(k):
        density = lambda x: D.marchenko_pastur_density(torch.tensor(x, dtype=F64), rows, columns, variance).item()  # noqa: E731
        return quad(lambda x: x**k * density(x), low, high, limit=200)[0]

    assert moment(0) == pytest.approx(1, abs=1e-6)
    assert moment(1) == pytest.approx(variance * long, rel=1e-6)
    assert moment(2) == pytest.approx(variance**2 * long * (long + short), rel=1e-6)


@pytest.mark.parametrize("method", ["xavier_normal", "kaiming_uniform"])
@pytest.mark.parametrize("shape", [(200, 600), (500, 250)])
def test_singular_values_follow_marchenko_pastur(method, shape):
    w = I.METHODS[method](torch.empty(shape, dtype=F64), generator=seeded())
    squared = D.singular_values(w).square()
    variance = 2 / sum(shape) if method == "xavier_normal" else 2 / shape[1]
    low, high = D.marchenko_pastur_edges(*shape, variance)
    assert low * 0.95 < squared.min() and squared.max() < high * 1.05
    edges = torch.linspace(low, high, 11, dtype=F64)
    for a, b in zip(edges, edges[1:], strict=False):
        x = torch.linspace(a, b, 4001, dtype=F64)
        expected = torch.trapezoid(D.marchenko_pastur_density(x, *shape, variance), x)
        found = ((squared >= a) & (squared < b)).double().mean()
        assert abs(found - expected) < 0.02  # eigenvalues repel: far closer than 200 independent draws would be


def test_marchenko_pastur_is_zero_outside_its_edges():
    low, high = D.marchenko_pastur_edges(10, 40, 1.0)
    assert (low, high) == pytest.approx(((40**0.5 - 10**0.5) ** 2, (40**0.5 + 10**0.5) ** 2))
    assert (
        D.marchenko_pastur_density(torch.tensor([0.0, low * 0.99, high * 1.01, -1.0]), 10, 40, 1.0).tolist() == [0] * 4
    )
    assert D.marchenko_pastur_density(25.0, 10, 40, 1.0) > 0  # a number will do


# ---------------------------------------------------------------- signals


def test_signals_are_what_a_loop_by_hand_gives():
    model = MLP((6, 5, 4), "tanh").double()
    x, y = gaussian(9, 6), torch.arange(9) % 4
    first, second = D.signals(model, x, lambda z: F.cross_entropy(z, y))
    z1 = model[1](x)
    h1 = z1.tanh()
    z2 = model[3](h1)
    g1, g2 = torch.autograd.grad(F.cross_entropy(z2, y), (z1, z2))
    for moments, tensor in [(first.input, x), (first.output, z1), (second.input, h1), (second.output, z2),
                            (first.gradient, g1), (second.gradient, g2)]:  # fmt: skip
        values = tensor.detach().numpy()
        assert moments.mean == pytest.approx(values.mean(), abs=1e-14)
        assert moments.variance == pytest.approx(values.var(), rel=1e-12)
        assert moments.second_moment == pytest.approx((values**2).mean(), rel=1e-12)
    assert [first.layer, second.layer] == ["1", "3"]
    assert D.signals(model, x)[0].gradient is None


def test_signals_leave_the_model_alone():
    model = ConvNet(norm="batch")
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    D.signals(model, torch.randn(8, 1, 8, 8), lambda z: z.square().mean())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def growth_per_layer(activation, variance_times_fan, depth=50, width=400):
    """Slope of log E[z²] against depth, as a factor per layer."""
    model = MLP([width] * (depth + 1), activation, dtype=F64)
    initialize(model, "normal", seeded(1), std=math.sqrt(variance_times_fan / width))
    moments = [signal.output.second_moment for signal in D.signals(model, gaussian(50, width))]
    slope = numpy.polyfit(range(depth), numpy.log(moments), 1)[0]
    return math.exp(slope)


def test_moments_refuse_complex_numbers_instead_of_dropping_their_imaginary_parts():
    """In float64 the tensor would be real: mean 1, variance 0."""
    with pytest.raises(ValueError, match="real numbers.*complex"):
        D.Moments.of(torch.tensor([1 + 1j, 1 - 1j]))


def test_signals_name_the_layer_whose_activations_are_complex():
    class Rotated(nn.Sequential):
        def forward(self, x):
            return self[1](torch.polar(torch.ones_like(z := self[0](x)), z))

    model = Rotated(nn.Linear(3, 4), nn.Linear(4, 2, dtype=torch.complex64))
    with pytest.raises(ValueError, match="layer '1'.*complex64"):
        D.signals(model, torch.ones(5, 3))
    assert not any(layer._forward_hooks for layer in model)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_second_moment_recursion_has_slope_one_linear_and_one_half_relu(scale):
    assert growth_per_layer("identity", scale) == pytest.approx(scale, rel=0.02)
    assert growth_per_layer("relu", scale) == pytest.approx(scale / 2, rel=0.02)


def test_relu_breaks_the_recursion_of_the_variance():
    """Var h is not ½ Var z: the mean of ReLU's output is not zero. The sources confuse the two."""
    signal = D.signals(initialize(MLP((300, 300, 300)), "kaiming_normal", seeded()), gaussian(200, 300).float())[1]
    assert signal.input.second_moment == pytest.approx(1, rel=0.05)
    assert signal.input.variance == pytest.approx(1 - 1 / math.pi, rel=0.05)


@pytest.mark.parametrize(("mode", "expected"), [("fan_out", 1.0), ("fan_in", 40 / 640)])
def test_kaiming_fan_out_keeps_gradients(mode, expected):
    """Backwards a ReLU layer multiplies the second moment by ½ fan_out Var W: 1, or fan_out/fan_in in every layer."""
    model = initialize(MLP((320, 640, 320, 160, 80, 40), dtype=F64), "kaiming_normal", seeded(), mode=mode)
    reports = D.signals(model, gaussian(400, 320), lambda z: (z * gaussian(*z.shape, seed=3)).sum())
    found = reports[0].gradient.second_moment / reports[-1].gradient.second_moment
    assert found == pytest.approx(expected, rel=0.2)


def test_fixed_variance_explodes_as_predicted():
    """(α·n/2)^depth with ReLU, (α·n)^depth without: the worked counter-example."""
    width, depth = 300, 12
    for activation, factor in [("identity", 1.0), ("relu", 0.5)]:
        model = MLP([width] * (depth + 1), activation, dtype=F64)
        initialize(model, "fixed_variance", seeded(), alpha=0.81)
        reports = D.signals(model, gaussian(50, width))
        found = (reports[-1].output.second_moment / reports[0].output.second_moment) ** (1 / (depth - 1))
        assert found == pytest.approx(0.81 * width * factor, rel=0.05)


# ---------------------------------------------------------------- Jacobian


def test_fifty_orthogonal_matrices_are_dynamically_isometric():
    """‖J‖₂ = 1 and ‖J‖_F = √n, not 1: all singular values of the product are 1."""
    model = initialize(MLP([64] * 51, "identity", dtype=F64), "orthogonal", seeded())
    sigma = D.jacobian_singular_values(model, gaussian(2, 64))
    assert sigma.shape == (2, 64)
    assert (sigma - 1).abs().max() < 1e-10
    assert sigma.norm(dim=1).tolist() == pytest.approx([8, 8], rel=1e-10)


def test_fifty_gaussian_matrices_are_not():
    model = initialize(MLP([64] * 51, "identity", dtype=F64), "lecun_normal", seeded())
    sigma = D.jacobian_singular_values(model, gaussian(1, 64))
    assert sigma.max() / sigma.min() > 1e10


def test_delta_orthogonal_convolutions_are_dynamically_isometric():
    model = nn.Sequential(*[nn.Conv2d(4, 4, 3, padding=1) for _ in range(10)]).double()
    initialize(model, "delta_orthogonal", seeded())
    sigma = D.jacobian_singular_values(model, gaussian(1, 4, 5, 5))
    assert (sigma - 1).abs().max() < 1e-10


def test_jacobian_is_that_of_finite_differences():
    model = MLP((5, 8, 3), "tanh", dtype=F64)
    x, step = gaussian(1, 5), 1e-6
    columns = [(model(x + step * e) - model(x - step * e)) / (2 * step) for e in torch.eye(5, dtype=F64)]
    expected = torch.linalg.svdvals(torch.cat(columns).T.detach())
    assert torch.allclose(D.jacobian_singular_values(model, x)[0], expected, rtol=1e-7)


# ---------------------------------------------------------------- gradient quotient


def test_gradient_quotient_of_an_isotropic_quadratic_is_its_curvature():
    f = Quadratic(3.0 * torch.eye(4, dtype=F64))
    assert D.gradient_quotient(f, gaussian(4)) == pytest.approx(3, rel=1e-3)


def test_gradient_quotient_by_its_definition():
    root = gaussian(5, 5)
    H, theta = root @ root.T, gaussian(5, seed=1)
    g = H @ theta
    eps = 1e-5 * numpy.where(g >= 0, 1, -1)
    expected = numpy.abs((g - H @ g).numpy() / (g.numpy() + eps) - 1).mean()
    assert D.gradient_quotient(Quadratic(H), theta) == pytest.approx(expected, rel=1e-8)


def test_gradient_quotient_tells_a_bad_start_from_a_good_one():
    x, y = gaussian(60, 8), torch.arange(60) % 4

    def quotient(method, **options):
        model = initialize(MLP([8] + [16] * 6 + [4], dtype=F64), method, seeded(), **options)
        return D.gradient_quotient(Objective.of(model, F.cross_entropy, x, y))

    assert quotient("kaiming_normal") < quotient("fixed_variance", alpha=0.81) / 10


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: D.spectral_norm(torch.ones(4)), "at least 2 dimensions"),
        (lambda: D.condition_number(torch.tensor(1.0)), "at least 2 dimensions"),
        (lambda: D.singular_values(torch.full((2, 2), math.nan)), "weight must be finite"),
        (lambda: D.entropy_effective_rank(torch.zeros(2, 2)), "must not be zero"),
        (lambda: D.nuclear_to_spectral_ratio(torch.zeros(2, 2)), "must not be zero"),
        (lambda: D.marchenko_pastur_edges(0, 3, 1.0), "rows and columns"),
        (lambda: D.marchenko_pastur_edges(2, 3, -1.0), "variance must be"),
        (lambda: D.signals(MLP((4, 3)), torch.full((2, 4), math.inf)), "x must be finite"),
        (lambda: D.signals(nn.ReLU(), torch.ones(2, 4)), "ReLU has none"),
        (lambda: D.signals(MLP((4, 3)).requires_grad_(False), torch.ones(2, 4), torch.sum), "require gradients"),
        (lambda: D.jacobian_singular_values(ResNet(8), torch.ones(1, 3, 8, 8)), r"call model.eval\(\)"),
        (lambda: D.jacobian_singular_values(MLP((4, 3)), torch.full((2, 4), math.nan)), "x must be finite"),
        (lambda: D.gradient_quotient(Quadratic(torch.eye(2), torch.zeros(2))), "theta must be given"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
