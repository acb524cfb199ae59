"""Initializers of one tensor, against torch.nn.init and against the laws they claim."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from talweg import initializers as I

F64 = torch.float64
SHAPES = st.one_of(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 5)),
)
quick = settings(max_examples=60, deadline=None)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(shape, ours, theirs, dtype=F64):
    return ours(torch.empty(shape, dtype=dtype), seeded()), theirs(torch.empty(shape, dtype=dtype), seeded())


# ---------------------------------------------------------------- the same numbers as torch.nn.init

TORCH = nn.init
SAME = {
    "xavier_normal": (
        lambda w, g: I.xavier_normal_(w, 1.3, g),
        lambda w, g: TORCH.xavier_normal_(w, 1.3, generator=g),
    ),
    "xavier_uniform": (
        lambda w, g: I.xavier_uniform_(w, "tanh", g),
        lambda w, g: TORCH.xavier_uniform_(w, 5 / 3, generator=g),
    ),
    "kaiming_normal": (
        lambda w, g: I.kaiming_normal_(w, generator=g),
        lambda w, g: TORCH.kaiming_normal_(w, nonlinearity="relu", generator=g),
    ),
    "kaiming_uniform, fan_out": (
        lambda w, g: I.kaiming_uniform_(w, mode="fan_out", generator=g),
        lambda w, g: TORCH.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu", generator=g),
    ),
    "kaiming_normal, leaky": (
        lambda w, g: I.kaiming_normal_(w, I.gain_of("leaky_relu", 0.2), generator=g),
        lambda w, g: TORCH.kaiming_normal_(w, a=0.2, generator=g),
    ),
    "kaiming_normal, selu": (
        lambda w, g: I.kaiming_normal_(w, "selu", generator=g),
        lambda w, g: TORCH.kaiming_normal_(w, nonlinearity="selu", generator=g),
    ),
    "orthogonal": (
        lambda w, g: I.orthogonal_(w, 1.7, g),
        lambda w, g: TORCH.orthogonal_(w, 1.7, generator=g),
    ),
    "truncated_normal": (
        lambda w, g: I.truncated_normal_(w, 0.3, 1.5, generator=g),
        lambda w, g: TORCH.trunc_normal_(w, std=0.3, a=-0.45, b=0.45, generator=g),
    ),
    "normal": (
        lambda w, g: I.normal_(w, 0.1, 0.4, g),
        lambda w, g: TORCH.normal_(w, 0.1, 0.4, generator=g),
    ),
    "uniform": (
        lambda w, g: I.uniform_(w, -0.2, 0.7, g),
        lambda w, g: TORCH.uniform_(w, -0.2, 0.7, generator=g),
    ),
}


@pytest.mark.parametrize("name", SAME)
@quick
@given(shape=SHAPES)
def test_same_generator_same_numbers_as_torch(name, shape):
    for dtype in (torch.float32, F64):
        ours, theirs = pair(shape, *SAME[name], dtype=dtype)
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "selu"])
def test_gains_are_torchs(activation):
    assert I.gain_of(activation) == TORCH.calculate_gain(activation)


@given(slope=st.floats(-3, 3))
def test_gain_of_leaky_relu_is_torchs(slope):
    assert I.gain_of("leaky_relu", slope) == TORCH.calculate_gain("leaky_relu", slope)


# ---------------------------------------------------------------- gains by what they are for


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "gelu", "silu"])
def test_second_moment_gain_keeps_the_second_moment(activation):
    from scipy.integrate import quad

    functions = {"linear": lambda z: z, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
    phi = functions.get(activation) or getattr(F, activation)
    gain = I.gain_of(activation, convention="second_moment")

    def integrand(z):
        return phi(torch.tensor(z, dtype=F64)).item() ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    moment = quad(integrand, -12, 0, epsabs=1e-12)[0] + quad(integrand, 0, 12, epsabs=1e-12)[0]
    assert gain**2 * moment == pytest.approx(1, abs=1e-9)


def test_the_three_conventions_disagree_as_stated():
    assert I.gain_of("tanh") == 5 / 3
    assert I.gain_of("tanh", convention="second_moment") == pytest.approx(1.59, abs=0.005)
    assert I.gain_of("tanh", convention="edge_of_chaos") == 1
    assert I.gain_of("selu") == 3 / 4
    assert I.gain_of("selu", convention="second_moment") == pytest.approx(1, abs=1e-12)


# ---------------------------------------------------------------- distributions


def within(sample_mean, expected, standard_error, sigmas=6):
    """Six standard errors: a false alarm once in 5·10⁸ draws."""
    assert abs(sample_mean - expected) <= sigmas * standard_error


def low_quantile_of_maximum(w):
    """The quantile of one entry's distribution that the largest of n misses once in 10⁹."""
    return 1e-9 ** (1 / w.numel())


def check_moments(w, std, fourth):
    """Mean 0 and variance std² of n independent entries; `fourth` is their kurtosis."""
    n = w.numel()
    within(w.mean().item(), 0, std / math.sqrt(n))
    within(w.square().mean().item(), std**2, std**2 * math.sqrt((fourth - 1) / n))


LARGE = st.one_of(
    st.tuples(st.integers(30, 120), st.integers(30, 120)),
    st.tuples(st.integers(20, 40), st.integers(20, 40), st.integers(1, 4), st.integers(1, 4)),
)


@quick
@given(shape=LARGE, seed=st.integers(0, 10**6))
def test_lecun_has_variance_one_over_fan_in(shape, seed):
    fan_in = math.prod(shape[1:])
    check_moments(I.lecun_normal_(torch.empty(shape, dtype=F64), seeded(seed)), fan_in**-0.5, 3)
    w = I.lecun_uniform_(torch.empty(shape, dtype=F64), seeded(seed))
    check_moments(w, fan_in**-0.5, 9 / 5)
    bound = math.sqrt(3 / fan_in)
    assert bound * low_quantile_of_maximum(w) < w.abs().max() <= bound


@quick
@given(shape=LARGE, seed=st.integers(0, 10**6), cut=st.floats(0.8, 3), corrected=st.booleans())
def test_truncated_normal_is_cut_and_has_the_stated_spread(shape, seed, cut, corrected):
    from scipy.stats import truncnorm

    w = I.truncated_normal_(torch.empty(shape, dtype=F64), 0.5, cut, corrected, seeded(seed))
    unit = truncnorm(-cut, cut)
    spread = 0.5 if corrected else 0.5 * unit.std()
    check_moments(w, spread, unit.stats("k") + 3)
    scale = spread / unit.std()
    least = unit.ppf((1 + low_quantile_of_maximum(w)) / 2)
    assert scale * least < w.abs().max() <= scale * cut * (1 + 1e-12)


@quick
@given(shape=LARGE, seed=st.integers(0, 10**6), alpha=st.floats(1e-3, 10))
def test_fixed_variance_ignores_the_fan(shape, seed, alpha):
    w = I.fixed_variance_(torch.empty(shape, dtype=F64), alpha, seeded(seed))
    assert w.square().mean().item() == pytest.approx(alpha, rel=1e-12)
    assert w.abs().max() <= math.sqrt(3 * alpha) * (1 + 6 / math.sqrt(w.numel()))  # uniform, not normal
    assert w.mean().abs() <= 6 * math.sqrt(alpha / w.numel())


@quick
@given(shape=LARGE, mode=st.sampled_from(["fan_in", "fan_out", "fan_avg"]))
def test_kaiming_modes_divide_by_their_fan(shape, mode):
    field = math.prod(shape[2:])
    fan = {"fan_in": shape[1], "fan_out": shape[0], "fan_avg": (shape[0] + shape[1]) / 2}[mode] * field
    assert I.fan(torch.empty(shape), mode) == fan
    check_moments(I.kaiming_normal_(torch.empty(shape, dtype=F64), mode=mode, generator=seeded()), (2 / fan) ** 0.5, 3)


# ---------------------------------------------------------------- orthogonality


@quick
@given(shape=SHAPES, gain=st.floats(0.1, 3))
def test_orthogonal_to_twelve_digits(shape, gain):
    w = I.orthogonal_(torch.empty(shape, dtype=F64), gain, seeded()).flatten(1)
    gram = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
    assert (gram - gain**2 * torch.eye(len(gram), dtype=F64)).abs().max() < 1e-12 * gain**2


def test_orthogonal_is_uniform_not_just_orthogonal():
    """QR without the sign correction has a diagonal of one sign."""
    diagonals = torch.stack([I.orthogonal_(torch.empty(4, 4), generator=seeded(s)).diagonal() for s in range(300)])
    within(diagonals.mean().item(), 0, 0.5 / math.sqrt(1200))


def test_scaled_orthogonal_default_scales_twice():
    w = I.scaled_orthogonal_(torch.empty(128, 128, dtype=F64), generator=seeded())
    assert torch.allclose(torch.linalg.svdvals(w), torch.full((128,), 0.125, dtype=F64), rtol=1e-12)
    half = I.scaled_orthogonal_(torch.empty(9, 5, dtype=F64), 0.5, seeded())
    assert torch.equal(half, I.orthogonal_(torch.empty(9, 5, dtype=F64), 0.5, seeded()))


def test_half_precision_is_supported_where_lapack_is_not():
    w = I.orthogonal_(torch.empty(8, 8, dtype=torch.bfloat16), generator=seeded()).float()
    assert (w @ w.T - torch.eye(8)).abs().max() < 0.05


@quick
@given(
    channels=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.sampled_from([1, 3, 5]),
    dimensions=st.integers(1, 3),
    gain=st.floats(0.5, 2),
)
def test_delta_orthogonal_preserves_norms(channels, kernel, dimensions, gain):
    inputs, outputs = sorted(channels)
    w = I.delta_orthogonal_(torch.empty(outputs, inputs, *[kernel] * dimensions, dtype=F64), gain, seeded())
    x = torch.randn(3, inputs, *[6] * dimensions, dtype=F64, generator=seeded(1))
    y = (F.conv1d, F.conv2d, F.conv3d)[dimensions - 1](x, w, padding=kernel // 2)
    assert torch.allclose(y.flatten(1).norm(dim=1), gain * x.flatten(1).norm(dim=1), rtol=1e-12)


def test_flattened_orthogonal_convolution_does_not_preserve_norms():
    """What delta-orthogonal is for: the plain one is orthogonal as a matrix, not as a map of images."""
    w = I.orthogonal_(torch.empty(8, 8, 3, 3, dtype=F64), generator=seeded())
    x = torch.randn(1, 8, 12, 12, dtype=F64, generator=seeded(1))
    ratio = F.conv2d(x, w, padding=1).norm() / x.norm()
    assert abs(ratio - 1) > 0.03
