"""The landscape's tools in float16 and bfloat16: computed, or refused in words."""

import pytest
import torch
from torch.nn import functional as F

from talweg import Objective, landscape, models, topology
from talweg.landscape import Surface

HALF = [torch.bfloat16, torch.float16]


@pytest.fixture(params=HALF, ids=["bfloat16", "float16"])
def f(request):
    torch.manual_seed(0)
    x, model = torch.randn(16, 6), models.MLP((6, 8, 3), "tanh")
    return Objective.of(model, F.cross_entropy, x, torch.arange(16) % 3, dtype=request.param)


@pytest.fixture
def path(f):
    torch.manual_seed(1)
    d1, d2 = landscape.random_directions(f.model)
    return torch.stack([f.theta + 0.1 * i * d1 + 0.02 * i * i * d2 for i in range(12)])


@pytest.mark.parametrize(
    "compute",
    [
        landscape.eigenpairs,
        landscape.sharpness,
        landscape.saddle_index,
        landscape.sam_sharpness,
        lambda f, theta: landscape.eigenpairs(f.hessian_at(theta)),
        lambda f, theta: landscape.sharpness(f, theta.expand(3, -1)),
    ],
)
def test_what_rounding_would_hide_is_refused(f, compute):
    """bfloat16 gave a second eigenvalue of 0.41 for 0.48, and called it converged."""
    with pytest.raises(ValueError, match=f"theta is {f.theta.dtype}, too coarse for curvature: .* dtype=torch.float32"):
        compute(f, f.theta)


def test_a_half_precision_model_has_curvature_in_float32(f):
    precise = Objective.of(f.model, F.cross_entropy, f.x, f.y, dtype=torch.float32)
    double = Objective.of(f.model, F.cross_entropy, f.x, f.y, dtype=torch.float64)
    expected = torch.linalg.eigvalsh(double.hessian(double.theta))[-2:].flip(0)
    assert torch.allclose(landscape.eigenpairs(precise, precise.theta, 2).values.double(), expected, rtol=1e-3)


def test_trace_and_density_are_right_to_rounding(f):
    double = Objective.of(f.model, F.cross_entropy, f.x, f.y, dtype=torch.float64)
    for measure in (
        lambda f: landscape.trace(f, f.theta).value,
        lambda f: landscape.spectral_density(f, f.theta).moment(1),
    ):
        assert measure(f).item() == pytest.approx(measure(double).item(), rel=0.03)


def test_pca_is_that_of_float32_and_spans_a_plane_for_the_objective(f, path):
    seen, precise = landscape.pca(path), landscape.pca(path.float())
    for name in ("center", "directions", "coordinates", "variance"):
        found, expected = getattr(seen, name), getattr(precise, name)
        assert found.dtype == path.dtype and torch.allclose(found.float(), expected, rtol=0.02, atol=0.01)
    assert landscape.plane(f, seen.center, *seen.directions, resolution=3).z.isfinite().all()


def test_surfaces_are_saved_and_loaded_exactly(f, path, tmp_path):
    directions = path[-1] - path[0], path[5] - path[0]
    surface = landscape.plane(f, f.theta, *directions, resolution=5)
    values = torch.stack([f(f.theta + x * directions[0]) for x in surface.x.to(f.theta)])
    surface.save(tmp_path / "surface.npz")
    again = Surface.load(tmp_path / "surface.npz")
    assert torch.equal(again.z, surface.z) and torch.equal(again.x, surface.x)
    assert torch.allclose(again.z[2], values.float(), rtol=0.02)
    assert torch.equal(Surface(surface.x.to(f.theta), surface.y, surface.z.to(f.theta)).z, surface.z)
    kept = [landscape.plane(f, f.theta, *directions, resolution=5, file=tmp_path / "grid.npz").z for _ in range(2)]
    assert torch.equal(kept[0], surface.z) and torch.equal(kept[1], surface.z)


def test_surfaces_can_be_fitted_and_searched(f, path):
    surface = landscape.plane(f, f.theta, path[-1] - path[0], path[5] - path[0], resolution=9)
    double = Surface(surface.x.double(), surface.y.double(), surface.z.double())
    assert landscape.fit_well(surface, starts=1).r2 == pytest.approx(landscape.fit_well(double, starts=1).r2, rel=1e-6)
    assert torch.equal(topology.persistence(surface).birth, topology.persistence(double).birth)
    assert landscape.tsne(path).shape == (12, 2)


def test_a_grid_finer_than_the_format_is_refused():
    f = Objective.of(models.MLP((2, 2)), F.mse_loss, torch.ones(3, 2), torch.ones(3, 2), dtype=torch.bfloat16)
    axes = torch.eye(f.dim, dtype=torch.bfloat16)
    with pytest.raises(ValueError, match="resolution must be lower: torch.bfloat16 cannot tell 300 points apart"):
        landscape.plane(f, f.theta, axes[0], axes[1], resolution=(300, 2))
