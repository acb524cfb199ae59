"""Figures of the chapter on curvature: what they refuse, and planes of a function known in closed form."""

import pytest
import torch

import talweg
from talweg import figures
from talweg.surfaces import Quadratic
from talweg.widgets.planes import LETTERS


def planes():
    f = Quadratic(torch.tensor([4.0, 1.0, 0.5], dtype=torch.float64))
    path = torch.tensor([[1.0, 1.0, 1.0], [0.5, 0.2, 0.9], [0.1, 0.1, 0.1]], dtype=torch.float64)
    axes = torch.eye(3, dtype=torch.float64)
    center = torch.full((3,), 0.1, dtype=torch.float64)
    return figures.eigenplanes(f, center, {"v1, v2": (axes[0], axes[1]), "v1, v3": (axes[0], axes[2])}, path)


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


def test_eigenplanes_hold_the_function_on_the_plane():
    """½ Σ λᵢ θᵢ² at the corners of the widest window of v₁ and v₃."""
    widget = planes()
    assert list(widget.words["names"]) == ["v1, v2", "v1, v3"] and widget.spans[-1] == 3.0
    code = widget.planes["v1, v3"][-1]
    low, high = widget.extent
    first = [LETTERS.index(letter) for letter in code[:2]]
    height = low + (64 * first[0] + first[1]) / 4094 * (high - low)
    expected = torch.tensor((4 * 2.9**2 + 0.1**2 + 0.5 * 2.9**2) / 2).log10()
    assert height == pytest.approx(float(expected), abs=2e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.lanczos(products=0), "products must be a whole number between 1 and 80, got 0"),
        (lambda: figures.lanczos(outliers=11), "outliers must be a whole number between 1 and 10, got 11"),
        (lambda: figures.lanczos(width=0), "width must be a number between 0.05 and 5, got 0"),
        (lambda: figures.lanczos(again="no"), "again must be True or False, got 'no'"),
        (lambda: figures.edge_of_stability(eta=2), "eta must be a number between 0.05 and 1, got 2"),
        (lambda: figures.edge_of_stability(momentum=1.0), "momentum must be a number between 0 and 0.95, got 1.0"),
        (lambda: figures.edge_of_stability(nesterov=1), "nesterov must be True or False, got 1"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        make()
