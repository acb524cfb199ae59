"""Perfect reconstruction, energy, and which level sees what."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_energy_is_not_kept_otherwise():
    z = noise(64, 64)
    total = z.square().sum()
    assert not torch.isclose(decompose(z, "bior2.2", 2).energy().sum(), total, rtol=1e-3)
    assert not torch.isclose(decompose(z, "db2", 2, mode="symmetric").energy().sum(), total, rtol=1e-3)
    assert not torch.isclose(decompose(noise(41, 41), "db2", 2).energy().sum(), noise(41, 41).square().sum(), rtol=1e-4)


def test_roughness_is_the_energy_of_each_level():
    z = noise(64, 64)
    assert torch.allclose(roughness(z, "db2", 3) ** 2 * z.numel(), decompose(z, "db2", 3).energy()[1:], rtol=1e-10)


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
        (lambda: cwt(noise(20), torch.ones(2), "db2"), "wavelet must be one of"),
        (lambda: cwt(noise(4, 4), torch.ones(2)), r"values must be a slice of shape \(n,\)"),
    ],
)
def test_what_makes_no_sense_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
