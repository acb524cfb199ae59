"""A real slice for the playground: `python -m talweg.playground.slice` writes `digits-slice.json`.

Three networks are trained on digits from different seeds. The slice is the training loss on the plane through their
three parameter vectors, in units of the largest distance from the middle: three basins, and a hill between them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from talweg import data, landscape, models, optimizers, recorded
from talweg.objective import Objective
from talweg.surfaces import Interpolated
from talweg.training import train

SEEDS = (0, 1, 2)
SIZES = (64, 32, 10)
EPOCHS = 20
SPAN, RESOLUTION = 1.6, 33
OUT = Path(__file__).with_name("digits-slice.json")


def trained(dataset: data.Dataset, seed: int, epochs: int = EPOCHS) -> torch.nn.Module:
    """An MLP trained with Adam, in float64."""
    torch.manual_seed(seed)
    model = models.MLP(SIZES, dtype=torch.float64)
    train(model, dataset, optimizers.Adam(model.parameters(), lr=3e-3), epochs=epochs, batch_size=64, seed=seed)
    return model


def frame(points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Middle (P,), two orthogonal directions (P,), as long as the largest distance from it, and the points' (3, 2)."""
    middle = points.mean(0)
    first = points[1] - points[0]
    first = first / first.norm()
    second = points[2] - points[0]
    second = second - (second @ first) * first
    second = second / second.norm()
    size = (points - middle).norm(dim=1).max()
    inside = (points - middle) @ torch.stack([first, second], dim=1) / size
    return middle, first * size, second * size, inside


def digits_slice(resolution: int = RESOLUTION, epochs: int = EPOCHS) -> dict:
    """Values on the grid, rounded to 5 decimals, a row in a line; and how well the spline through them fits between.

    spline_error: root mean square of (spline − loss) at the middles of the cells, over the spread of the loss there.
    """
    dataset = data.load("digits", device="cpu", dtype=torch.float64)
    networks = [trained(dataset, seed, epochs) for seed in SEEDS]
    f = Objective.of(networks[0], F.cross_entropy, dataset.x_train, dataset.y_train)
    points = torch.stack([parameters_to_vector(network.parameters()).detach() for network in networks])
    middle, d1, d2, inside = frame(points)
    surface = landscape.plane(f, middle, d1, d2, SPAN, resolution)
    z = torch.tensor([[round(value, 5) for value in row] for row in surface.z.tolist()], dtype=torch.float64)
    centres = landscape.plane(f, middle, d1, d2, SPAN * (resolution - 2) / (resolution - 1), resolution - 1)
    spline = Interpolated(surface.x, surface.y, z)
    found = spline.many(centres.points()).reshape(centres.z.shape)
    error = (found - centres.z).square().mean().sqrt() / centres.z.std()
    return {
        "span": SPAN,
        "z": [" ".join(f"{value:.5f}" for value in row) for row in z.tolist()],
        "networks": [[round(value, 4) for value in point] for point in inside.tolist()],
        "spline_error": float(f"{error.item():.1e}"),
    }


def load_slice() -> tuple[Tensor, Tensor, Tensor]:
    """The stored slice.

    Returns
    -------
    tuple
        The coordinates x (33,) and y (33,), and the loss z (33, 33), all float64.

    Examples
    --------
    >>> from talweg.playground import load_slice
    >>> x, y, z = load_slice()
    >>> x[-1].item(), z.shape
    (1.6, torch.Size([33, 33]))
    """
    stored = json.loads(OUT.read_text(encoding="utf-8"))["data"]
    z = torch.tensor([[float(value) for value in row.split()] for row in stored["z"]], dtype=torch.float64)
    axis = torch.linspace(-stored["span"], stored["span"], len(z), dtype=torch.float64)
    return axis, axis.clone(), z


def write(out: Path = OUT) -> None:
    """The slice with its provenance, as JSON."""
    dataset = data.load("digits", device="cpu", dtype=torch.float64)
    origin = recorded.provenance("python -m talweg.playground.slice", dataset, SEEDS, "cpu")
    recorded.write(out, digits_slice(), origin)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m talweg.playground.slice", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE.json", help="default: the file in the package")
    write(parser.parse_args().out)
