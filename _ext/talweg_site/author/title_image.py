"""Draw the title image: contour lines of a real loss surface, and its talweg.

A small MLP is trained on the digits; the loss is evaluated on a plane through the trained weights, along two random
directions normalised filter by filter (Li et al. 2018, arXiv:1712.09913). The line is the path of steepest descent
on that slice. `python -m talweg_site.author.title_image` writes title.svg, title.png and favicon.svg to _assets.
"""

from __future__ import annotations

import io
from pathlib import Path

import contourpy
import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn import functional as F

SIZES = (64, 24, 24, 24, 24, 10)
SEED = 3
WIDTH, HEIGHT = 1200, 630
SPAN_X, SPAN_Y = 5.0, 5.0 * HEIGHT / WIDTH
COLUMNS, ROWS = 160, 84
LEVELS = 26
FAR_START = (0.04, 0.1)  # where the line begins, as a fraction of the picture


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The digits, N×64 in [0, 1], and their classes."""
    x, y = load_digits(return_X_y=True)
    return torch.tensor(x / 16, dtype=torch.float64), torch.tensor(y)


def forward(weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Logits of the ReLU network; a leading batch dimension of the weights is kept."""
    h = x
    for i in range(0, len(weights), 2):
        h = h @ weights[i] + weights[i + 1].unsqueeze(-2)
        h = h if i == len(weights) - 2 else torch.relu(h)
    return h


def train(x: torch.Tensor, y: torch.Tensor, generator: torch.Generator, steps: int = 400) -> list[torch.Tensor]:
    """He-initialised weights (in×out) and biases after `steps` full-batch steps of Adam."""
    weights = []
    for fan_in, fan_out in zip(SIZES, SIZES[1:], strict=False):
        weights.append(torch.randn(fan_in, fan_out, generator=generator, dtype=x.dtype) * (2 / fan_in) ** 0.5)
        weights.append(torch.zeros(fan_out, dtype=x.dtype))
    for weight in weights:
        weight.requires_grad_()
    optimizer = torch.optim.Adam(weights, lr=5e-3, weight_decay=1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(forward(weights, x), y).backward()
        optimizer.step()
    return [weight.detach() for weight in weights]


def direction(weights: list[torch.Tensor], generator: torch.Generator) -> list[torch.Tensor]:
    """A random direction with each filter (column) as long as the weights' own; biases stay."""
    result = []
    for weight in weights:
        if weight.dim() == 1:
            result.append(torch.zeros_like(weight))
            continue
        d = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
        result.append(d / d.norm(dim=0) * weight.norm(dim=0))
    return result


def surface() -> np.ndarray:
    """log10 of the loss on the plane, ROWS×COLUMNS, rows from bottom to top."""
    generator = torch.Generator().manual_seed(SEED)
    x, y = digits()
    weights = train(x, y, generator)
    first, second = direction(weights, generator), direction(weights, generator)
    # The minimum stands right of the middle, where the landing page leaves room for it.
    alphas = torch.linspace(-0.62 * SPAN_X, 0.38 * SPAN_X, COLUMNS, dtype=x.dtype)
    betas = torch.linspace(-SPAN_Y / 2, SPAN_Y / 2, ROWS, dtype=x.dtype)
    x, y = x[::6], y[::6]
    rows = []
    for beta in betas:
        moved = [
            w + alphas.view(-1, *[1] * w.dim()) * a + beta * b for w, a, b in zip(weights, first, second, strict=True)
        ]
        logits = forward(moved, x)
        losses = F.cross_entropy(logits.flatten(0, 1), y.repeat(COLUMNS), reduction="none").view(COLUMNS, -1).mean(1)
        rows.append(losses)
    return torch.stack(rows).log10().numpy()


def contours(z: np.ndarray) -> list[list[np.ndarray]]:
    """For each level, lowest first, its lines in picture coordinates (y downwards)."""
    # By quantiles of the surface, denser towards the bottom: linear levels leave the slopes empty.
    levels = np.quantile(z, np.linspace(0.02, 1, LEVELS + 1)[:-1] ** 1.4)
    generator = contourpy.contour_generator(z=z)
    scale = np.array([WIDTH / (COLUMNS - 1), HEIGHT / (ROWS - 1)])
    result = []
    for level in levels:
        lines = [np.asarray(line) * scale for line in generator.lines(level) if len(line) > 8]
        result.append([np.column_stack([line[:, 0], HEIGHT - line[:, 1]]) for line in lines])
    return result


def descent(z: np.ndarray) -> np.ndarray:
    """The path of steepest descent from FAR_START to the bottom, in picture coordinates."""
    rows, columns = z.shape
    gy, gx = np.gradient(z)
    point = np.array([FAR_START[0] * (columns - 1), (1 - FAR_START[1]) * (rows - 1)])
    path = [point.copy()]
    for _ in range(4000):
        g = np.array([_bilinear(gx, point), _bilinear(gy, point)])
        norm = np.linalg.norm(g)
        if norm < 2e-4:
            break
        point = np.clip(point - 0.15 * g / norm, 0, [columns - 1.001, rows - 1.001])
        path.append(point.copy())
        if len(path) > 60 and np.linalg.norm(path[-1] - path[-60]) < 1:
            break
    scale = np.array([WIDTH / (columns - 1), HEIGHT / (rows - 1)])
    line = np.array(path[::8]) * scale
    return np.column_stack([line[:, 0], HEIGHT - line[:, 1]])


def _bilinear(field: np.ndarray, point: np.ndarray) -> float:
    (i, j), (u, v) = point.astype(int), point % 1
    row = field[j : j + 2, i : i + 2]
    return float((1 - v) * ((1 - u) * row[0, 0] + u * row[0, 1]) + v * ((1 - u) * row[1, 0] + u * row[1, 1]))


def _path(line: np.ndarray) -> str:
    """SVG path data in whole tenths of a pixel, without points that repeat."""
    points = np.rint(10 * line).astype(int)
    steps = [points[0], *(b for a, b in zip(points, points[1:], strict=False) if (a != b).any())]
    first, rest = steps[0], np.diff(np.array(steps), axis=0)
    return f"M{first[0]} {first[1]}l" + " ".join(f"{dx} {dy}" for dx, dy in rest)


def write_svg(lines: list[list[np.ndarray]], talweg: np.ndarray, path: Path) -> None:
    """One path for each level, in currentColor; the line has the class `talweg-line`."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {10 * WIDTH} {10 * HEIGHT}" '
        'preserveAspectRatio="xMidYMid slice" fill="none" stroke="#2b6475" stroke-linejoin="round">'
    ]
    for i, level in enumerate(lines):
        width = 15 if i % 4 == 0 else 9
        opacity = 0.95 - 0.6 * i / len(lines)
        data = "".join(_path(line) for line in level)
        parts.append(f'<path stroke-width="{width}" opacity="{opacity:.2f}" d="{data}"/>')
    end, warm = talweg[-1], "#c2542d"
    line = f'class="talweg-line" stroke="{warm}" stroke-width="40" stroke-linecap="round"'
    circle = f'class="talweg-end" cx="{10 * end[0]:.0f}" cy="{10 * end[1]:.0f}" r="85" fill="{warm}" stroke="none"'
    parts += [f'<path {line} d="{_path(talweg)}"/>', f"<circle {circle}/>"]
    parts.append("</svg>\n")
    path.write_text("\n".join(parts), encoding="utf-8")


def write_png(lines: list[list[np.ndarray]], talweg: np.ndarray, path: Path) -> None:
    """The same picture, 1200×630, for previews of links."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="#fbfaf6")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.axis("off")
    for i, level in enumerate(lines):
        for line in level:
            axes.plot(*line.T, color="#2b6475", linewidth=1.2 if i % 4 == 0 else 0.7, alpha=0.95 - 0.6 * i / len(lines))
    axes.plot(*talweg.T, color="#c2542d", linewidth=3)
    axes.plot(*talweg[-1], "o", color="#c2542d", markersize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    Image.open(buffer).convert("RGB").quantize(24).save(path, optimize=True)


FAVICON = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#2b6475" stroke-width="2">
<rect width="32" height="32" rx="7" fill="#fbfaf6" stroke="none"/>
<path d="M6.5 9C10 3.5 22 3 26 9s1.5 14-5 18-15 1-16-6 .2-9.5 1.5-12Z"/>
<path d="M11 12c2.5-3.5 9-3.5 11 .5s0 8-3.5 10-8 .5-8.5-3.5.2-5.5 1-7Z"/>
<path stroke="#c2542d" stroke-width="2.5" stroke-linecap="round" d="M28 4c-3 5-7 6-9 9l-2.5 4"/>
<circle cx="16" cy="17.5" r="2.8" fill="#c2542d" stroke="none"/>
</svg>
"""


def main() -> None:
    """Compute the slice and write the pictures."""
    assets = Path(__file__).parents[3] / "_assets"
    z = surface()
    lines, talweg = contours(z), descent(z)
    write_svg(lines, talweg, assets / "title.svg")
    write_png(lines, talweg, assets / "title.png")
    (assets / "favicon.svg").write_text(FAVICON, encoding="utf-8")


if __name__ == "__main__":
    main()
