"""Perfect reconstruction, energy, and which level sees what."""

import math

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from talweg.landscape import Surface
from talweg.wavelets import cwt, decompose, roughness

F64 = torch.float64


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def surface(z):
    return Surface(torch.arange(z.shape[1]), torch.arange(z.shape[0]), z)


@given(
    wavelet=st.sampled_from(["haar", "db2", "db3", "bior2.2"]),  # PyWavelets' symlets have filters of 11 digits
    mode=st.sampled_from(["periodization", "symmetric", "reflect", "zero"]),
    sizes=st.sampled_from([(64, 64), (41, 41), (40, 57), (101,), (128,)]),
)
@settings(max_examples=40, deadline=None)
def test_reconstruction_is_perfect(wavelet, mode, sizes):
    z = noise(*sizes)
    parts = decompose(z, wavelet, mode=mode)
    assert parts.level >= 1 and (parts.reconstruct() - z).abs().max() < 1e-12
    assert torch.allclose(sum(parts.component(j) for j in range(parts.level + 1)), z, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4", "sym5", "coif2"])
def test_an_orthogonal_wavelet_keeps_the_energy_of_64_by_64(wavelet):
    z = noise(64, 64)
    assert torch.isclose(decompose(surface(z), wavelet, 2).energy().sum(), z.square().sum(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(63, 61), (50,), (64, 64)])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4"])
def test_zeros_beyond_the_edge_keep_the_energy_of_any_size(wavelet, shape):
    """The values are then a function on the whole plane, and an orthogonal wavelet keeps its energy (Parseval)."""
    z = noise(*shape)
    assert torch.isclose(decompose(z, wavelet, 2, mode="zero").energy().sum(), z.square().sum(), rtol=1e-12)


@pytest.mark.parametrize("mode", ["symmetric", "reflect", "smooth", "constant", "periodic"])
def test_haar_keeps_the_energy_of_even_sizes_in_every_mode(mode):
    z = noise(24, 8)
    assert torch.isclose(decompose(z, "haar", 3, mode=mode).energy().sum(), z.square().sum(), rtol=1e-12)


def test_energy_is_not_kept_otherwise():
    z = noise(64, 64)
    total = z.square().sum()
    assert not torch.isclose(decompose(z, "bior2.2", 2).energy().sum(), total, rtol=1e-3)
    assert not torch.isclose(decompose(z, "db2", 2, mode="symmetric").energy().sum(), total, rtol=1e-3)
    assert not torch.isclose(decompose(noise(41, 41), "db2", 2).energy().sum(), noise(41, 41).square().sum(), rtol=1e-4)


def test_roughness_is_the_energy_of_each_level():
    z = noise(64, 64)
    whole = roughness(z, "db2", 3, inner=False)
    assert torch.allclose(whole**2 * z.numel(), decompose(z, "db2", 3).energy()[1:], rtol=1e-10)


@pytest.mark.parametrize("shape", [(64, 64), (61, 47), (200,)])
@pytest.mark.parametrize(("wavelet", "moments"), [("haar", 1), ("db2", 2), ("db4", 4), ("bior2.2", 2)])
def test_a_wavelet_does_not_see_polynomials_below_its_vanishing_moments(wavelet, moments, shape):
    """Roughness of these is zero; with the frame it was that of the jump between opposite edges."""
    axes = torch.meshgrid(*(torch.linspace(-1, 2, size, dtype=F64) for size in shape), indexing="ij")
    z = sum((k + 1) * axis**power for k, axis in enumerate(axes) for power in range(moments))
    assert roughness(z, wavelet).max() < 1e-12
    if moments > 1:
        assert roughness(z, wavelet, inner=False).min() > 1e-3


def test_roughness_of_a_smooth_bowl_rises_by_the_vanishing_moments():
    """A level's detail of a smooth function is of order (2^level)^p. Wrapped around, a bowl looked rough throughout."""
    axis = torch.linspace(-1, 1, 64, dtype=F64)
    bowl = axis[:, None] ** 2 / 2 + axis**2 + 0.3 * axis
    for z in (bowl, bowl[:, 20], torch.exp(torch.linspace(-0.02, 0.02, 300, dtype=F64))):
        slope = roughness(z, "db2", 3).log2().diff()
        assert (slope - 2).abs().max() < 0.05
    assert roughness(bowl, "db2", 3, inner=False).log2().diff().max() < 0.4


@pytest.mark.parametrize("shape", [(300, 280), (90000,)])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym5"])
def test_roughness_of_white_noise_is_that_of_its_variance(wavelet, shape):
    """Orthonormal coefficients of noise have its variance; a level has (2^axes - 1)/2^(axes · level) of them a value."""
    axes, z = len(shape), 3 * noise(*shape)
    for level, found in enumerate(roughness(z, wavelet, 3), start=1):
        share = (2**axes - 1) / 2 ** (axes * level)
        assert found.item() == pytest.approx(3 * math.sqrt(share), rel=4 / math.sqrt(share * z.numel()))


def test_haar_by_hand():
    parts = decompose(torch.tensor([1.0, 3.0, 2.0, 8.0], dtype=F64), "haar", 2)
    root = math.sqrt(2)
    assert torch.allclose(parts.approximation, torch.tensor([7.0], dtype=F64))
    assert torch.allclose(parts.details[0]["d"].abs(), torch.tensor([2 / root, 6 / root], dtype=F64))
    assert torch.allclose(parts.details[1]["d"].abs(), torch.tensor([3.0], dtype=F64))
    assert torch.allclose(parts.smoothed(1), torch.tensor([2.0, 2.0, 5.0, 5.0], dtype=F64))
    assert torch.allclose(parts.smoothed(2), torch.full((4,), 3.5, dtype=F64))


def test_each_level_sees_its_scale():
    t = torch.arange(256, dtype=F64)
    for period, level in ((3, 1), (6, 2), (12, 3), (24, 4)):
        assert roughness(torch.sin(2 * math.pi * t / period), "sym8", 4).argmax() == level - 1
    assert not roughness(torch.full((64, 64), 3.0)).abs().max() > 1e-12


def test_smoothing_takes_away_noise_and_leaves_the_bowl():
    axis = torch.linspace(-1, 1, 64, dtype=F64)
    bowl = axis[:, None] ** 2 + axis**2
    parts = decompose(bowl + 0.05 * noise(64, 64), "db2", 3)
    assert (parts.smoothed(2) - bowl).square().mean() < 0.3 * (parts.reconstruct() - bowl).square().mean()


def test_a_sine_is_strongest_at_its_own_scale():
    t = torch.arange(400, dtype=F64)
    scales = torch.arange(1, 40, dtype=F64)
    for period in (20, 60):
        power = cwt(torch.cos(2 * math.pi * t / period), scales, "mexh")[:, 100:300].square().mean(1)
        # ψ(x) = (1 − x²) exp(−x²/2) has |ψ̂(ω)|² ∝ ω⁴ exp(−ω²); with PyWavelets' √s before it: s (sω)⁴ e^{−(sω)²},
        # largest at (sω)² = 5/2
        assert abs(scales[power.argmax()] - math.sqrt(2.5) * period / (2 * math.pi)) <= 1


def wave(name, t):
    """PyWavelets' real wavelets by their formulas: derivatives of exp(-t²) (with sign), the Mexican hat, Morlet's."""
    if name == "mexh":
        return 2 / (math.sqrt(3) * math.pi**0.25) * (1 - t**2) * numpy.exp(-(t**2) / 2)
    if name == "morl":
        return numpy.cos(5 * t) * numpy.exp(-(t**2) / 2)
    order = int(name.removeprefix("gaus"))
    # the n-th derivative of exp(-t²) is (-1)ⁿ Hₙ(t) exp(-t²), of energy √(π/2) (2n - 1)!!; the sign makes ψ(0) ≥ 0
    derivative = (-1) ** order * numpy.polynomial.hermite.hermval(t, [0] * order + [1]) * numpy.exp(-(t**2))
    energy = math.sqrt(math.pi / 2) * math.prod(range(1, 2 * order, 2))
    return (-1) ** (order // 2) * derivative / math.sqrt(energy)


REAL = ["mexh", "morl", *(f"gaus{order}" for order in range(1, 9))]


@pytest.mark.parametrize("wavelet", REAL)
@pytest.mark.parametrize(("size", "at"), [(65, 32), (64, 20)])
def test_one_value_shows_the_wavelet_where_it_is(wavelet, size, at):
    values = torch.zeros(size)
    values[at] = 2
    n = numpy.arange(size)
    for scale in (2.5, 4.0, 5.7):
        mirrored = wave(wavelet, (-1 - at - n) / scale) + wave(wavelet, (2 * size - 1 - at - n) / scale)
        expected = 2 * (wave(wavelet, (at - n) / scale) + mirrored) / math.sqrt(scale)
        found = cwt(values, torch.tensor([scale], dtype=F64), wavelet)[0]
        assert found.numpy() == pytest.approx(expected, abs=3e-7)  # PyWavelets keeps bounds in single precision


@pytest.mark.parametrize("wavelet", REAL)
def test_a_transform_is_the_integral_of_its_definition(wavelet):
    """W(s, b) = ∫ f(t) ψ((t - b)/s) dt/√s for a smooth f, by quadrature, also between the axes of symmetry."""
    f = lambda t: math.sin(0.3 * t + 0.5) * math.exp(-(((t - 90) / 40) ** 2))  # noqa: E731
    n = torch.arange(200, dtype=F64)
    values = torch.sin(0.3 * n + 0.5) * torch.exp(-(((n - 90) / 40) ** 2))
    for scale in (3.0, 6.5):
        found = cwt(values, torch.tensor([scale], dtype=F64), wavelet)[0]
        for b in (70, 101, 110):
            integrand = lambda u: f(b + scale * u) * wave(wavelet, u) * math.sqrt(scale)  # noqa: B023, E731
            assert found[b].item() == pytest.approx(quad(integrand, -8, 8, limit=400)[0], abs=1e-5)


@pytest.mark.parametrize(("wavelet", "parity"), [("mexh", 1), ("morl", 1), ("gaus2", 1), ("gaus1", -1), ("gaus3", -1)])
@pytest.mark.parametrize("size", [41, 40])
def test_coefficients_of_a_symmetric_slice_are_symmetric(wavelet, parity, size):
    well = -torch.exp(-(torch.linspace(-1, 1, size, dtype=F64) ** 2) / 0.02)
    found = cwt(well, torch.tensor([2.5, 4.0, 9.3]), wavelet)
    assert (found - parity * found.flip(1)).abs().max() < 1e-12 * found.abs().max() < 1


def test_edges_are_not_taken_for_jumps():
    flat = cwt(torch.full((50,), 7.0), torch.tensor([2.0, 10.0]))
    assert flat.shape == (2, 50) and flat.abs().max() < 0.05


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: decompose(noise(64, 64), "db2", 9), r"level must be at most 4 for 64 × 64 values and 'db2'; got 9"),
        (lambda: decompose(noise(3, 3), "db4"), "level must be at most 0"),
        (lambda: decompose(noise(64, 64), "db2", 0), "level must be at least 1"),
        (lambda: decompose(noise(64, 64), "mexh"), "wavelet must be a discrete one"),
        (lambda: decompose(noise(64, 64), mode="wrap"), "mode must be one of"),
        (
            lambda: decompose(torch.tensor([1.0, math.nan] * 8)),
            "must be finite for a wavelet transform; 8 of its values",
        ),
        (lambda: decompose(noise(2, 2, 2)), r"values of shape \(n,\) or \(ny, nx\); got \(2, 2, 2\)"),
        (lambda: decompose(noise(64, 64), level=2).component(3), "level must be between 0 .* and 2; got 3"),
        (lambda: decompose(noise(64, 64), level=2).smoothed(-1), "level must be between 0 and 2; got -1"),
        (lambda: cwt(noise(20), torch.tensor([0.0])), "scales must be a vector of positive"),
        (lambda: cwt(noise(20), torch.tensor([4.0, 0.5])), "too coarse for 'mexh'; got 0.5"),
        (lambda: cwt(noise(20), torch.tensor([0.5]), "gaus1"), "too coarse for 'gaus1'; got 0.5"),
        (lambda: cwt(noise(20), torch.tensor([1.5]), "morl"), "too coarse for 'morl'; got 1.5"),
        (lambda: cwt(noise(20), torch.ones(2), "db2"), "wavelet must be one of"),
        (lambda: cwt(noise(4, 4), torch.ones(2)), r"values must be a slice of shape \(n,\)"),
    ],
)
def test_what_makes_no_sense_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
