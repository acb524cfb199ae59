"""Planes of the loss beside loss-landscapes, a naive loop, and the way tomgoldstein/loss-landscape evaluates.

    python -m benchmarks landscape

41×41 points; networks that take long are measured on fewer, the same for both. All evaluate the same points.
"""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.utils.data import DataLoader, Dataset, TensorDataset

from talweg import Objective, data, landscape, models
from talweg.data.vision import torchvision_datasets

from ._alternating import mlp, mnist, record, trained

RESOLUTION = 41
NAIVE = ("vector_to_parameters loop", torch.__version__)


def naive(model: nn.Module, x: Tensor, y: Tensor, center: Tensor, d1: Tensor, d2: Tensor, axis: Tensor) -> Tensor:
    """The loop everyone writes first."""
    model, losses = copy.deepcopy(model), []
    with torch.no_grad():
        for b in axis.tolist():
            for a in axis.tolist():
                vector_to_parameters(center + a * d1 + b * d2, model.parameters())
                losses.append(F.cross_entropy(model(x), y))
    return torch.stack(losses)


def as_goldstein(
    model: nn.Module, x: Tensor, y: Tensor, center: Tensor, d1: Tensor, d2: Tensor, axis: Tensor
) -> Tensor:
    """As github.com/tomgoldstein/loss-landscape: weights set tensor by tensor, accuracy beside the loss, batches of 128.

    The images come from a torchvision dataset through a DataLoader, anew for each point. (In this process: workers of
    its own, as it starts for each point, would cost more.)
    """
    return _goldsteins_loop(model, _Images(x, y), center, d1, d2, axis)


def as_goldstein_on_tensors(
    model: nn.Module, x: Tensor, y: Tensor, center: Tensor, d1: Tensor, d2: Tensor, axis: Tensor
) -> Tensor:
    """The same loop, spared the decoding of its images."""
    return _goldsteins_loop(model, TensorDataset(x, y), center, d1, d2, axis)


class _Images(Dataset):
    """What torchvision's MNIST does for each image: bytes to a picture, `ToTensor`."""

    def __init__(self, x: Tensor, y: Tensor):
        torchvision_datasets()  # which knows how to import torchvision beside another build of torch
        from torchvision.transforms.functional import to_tensor

        self.to_tensor = to_tensor
        self.bytes, self.labels = (255 * x[:, 0]).round().byte().cpu().numpy(), y.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.to_tensor(Image.fromarray(self.bytes[index])), self.labels[index]


def _goldsteins_loop(
    model: nn.Module, dataset: Dataset, center: Tensor, d1: Tensor, d2: Tensor, axis: Tensor
) -> Tensor:
    model = copy.deepcopy(model)
    sizes, shapes = [p.numel() for p in model.parameters()], [p.shape for p in model.parameters()]
    split = lambda v: [part.view(shape) for part, shape in zip(v.split(sizes), shapes, strict=True)]  # noqa: E731
    weights, first, second = split(center), split(d1), split(d2)
    loader = DataLoader(dataset, batch_size=128)
    losses = []
    with torch.no_grad():
        for b in axis.tolist():
            for a in axis.tolist():
                changes = [one * a + two * b for one, two in zip(first, second, strict=True)]
                for p, w, change in zip(model.parameters(), weights, changes, strict=True):
                    p.data = w + change
                total = correct = 0
                for images, labels in loader:
                    images, labels = images.to(center.device), labels.to(center.device)
                    outputs = model(images)
                    total += F.cross_entropy(outputs, labels).item() * len(images)
                    correct += outputs.max(1)[1].eq(labels).sum().item()
                losses.append(total / len(dataset))
    return torch.tensor(losses)


def as_loss_landscapes(
    model: nn.Module, x: Tensor, y: Tensor, center: Tensor, d1: Tensor, d2: Tensor, axis: Tensor
) -> Tensor:
    """`loss_landscapes.planar_interpolation`, from the corner of the grid; brought into the order of ours.

    It adds dir_two before the first point, and moves along it between rows only there, so that row i begins where row
    i − 1 ended; the corner is placed so that its points are ours.
    """
    import loss_landscapes
    import loss_landscapes.metrics

    n, step = len(axis), float(axis[1] - axis[0])

    def at(theta: Tensor) -> nn.Module:
        moved = copy.deepcopy(model)
        vector_to_parameters(theta, moved.parameters())
        return moved

    corner = center + axis[0] * d1 + (axis[0] - step) * d2
    ends = corner + n * step * d1, corner + n * step * d2
    metric = loss_landscapes.metrics.Loss(F.cross_entropy, x, y)
    with torch.no_grad():
        z = loss_landscapes.planar_interpolation(at(corner), *map(at, ends), metric, steps=n)
    z = torch.from_numpy(z)
    # Even rows hold y₀ … yₙ₋₁. Odd rows start by stepping back from yₙ₋₁: they hold y₋₁ … yₙ₋₂ (the defect it has).
    z[1::2, :-1] = z[1::2, 1:].clone()
    z[1::2, -1] = torch.nan  # not compared
    return z.T.reshape(-1)


def plane(f: Objective, center: Tensor, d1: Tensor, d2: Tensor, axis: Tensor) -> Tensor:
    return landscape.plane(f, center, d1, d2, float(axis[-1]), len(axis)).z.reshape(-1)


def compare(
    task: str,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    resolution: int,
    peers: dict[tuple[str, str], Callable],
    runs: int,
) -> Iterator[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    d1, d2 = landscape.random_directions(model, "filter", generator)
    f = Objective.of(model, F.cross_entropy, x, y)
    axis = landscape.plane(f, f.theta, d1, d2, 1.0, resolution).x
    center = parameters_to_vector(model.parameters()).detach()
    device = x.device.type
    for peer, evaluate in peers.items():

        def theirs(evaluate=evaluate) -> Tensor:
            return evaluate(model, x, y, center, d1, d2, axis)

        def ours() -> Tensor:
            return plane(f, center, d1, d2, axis)

        yield record(f"{resolution}×{resolution} plane, {task}", peer, ours, theirs, runs, device, pointwise=True)


def records(runs: int = 7, device: str = "cpu") -> list[dict[str, Any]]:
    """The records for results.json, on one thread of a CPU or on a GPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    digits = data.load("digits", device=device, dtype=torch.float32)
    x, y = digits.x_train[:256], digits.y_train[:256]
    torch.manual_seed(0)
    model = trained(models.MLP((64, 32, 10)), x, y)
    found = list(compare("MLP 64-32-10, 256 digits", model, x, y, RESOLUTION, {NAIVE: naive}, runs))
    if (images := mnist(2048, device)) is not None:
        found += _on_mnist(*images, runs)
    torch.set_num_threads(before)
    return found


def _on_mnist(x: Tensor, y: Tensor, runs: int) -> Iterator[dict[str, Any]]:
    few, labels = x[:256], y[:256]
    peers = {
        NAIVE: naive,
        ("the way of tomgoldstein/loss-landscape", "2018"): as_goldstein,
        ("the loop of tomgoldstein/loss-landscape, images in tensors", "2018"): as_goldstein_on_tensors,
    }
    try:
        peers[("loss-landscapes", importlib.metadata.version("loss-landscapes"))] = as_loss_landscapes
    except importlib.metadata.PackageNotFoundError:
        print("left out: loss-landscapes is not installed", flush=True)
    model = mlp(few, labels)
    yield from compare("MLP 784-512-64-10, 256 MNIST images", model, few, labels, RESOLUTION, peers, runs)
    found = torch.get_float32_matmul_precision()
    try:  # the same kernels or others, as this processor has them: the agreement tells what it cost
        torch.set_float32_matmul_precision("medium")
        task = "MLP 784-512-64-10, 256 MNIST images, matmul precision medium"
        peers = {peer: _at_highest(evaluate) for peer, evaluate in peers.items()}
        yield from compare(task, model, few, labels, RESOLUTION, peers, runs)
    finally:
        torch.set_float32_matmul_precision(found)
    yield from compare("MLP 784-512-64-10, 2048 MNIST images", model, x, y, 15, {NAIVE: naive}, min(runs, 5))
    torch.manual_seed(0)
    for channels in ((10, 20), (32, 64)):
        net = trained(models.ConvNet((1, 28, 28), channels), few, labels, steps=10)
        task = f"CNN {channels[0]}/{channels[1]}, 256 MNIST images"
        yield from compare(task, net, few, labels, 9, {NAIVE: naive}, min(runs, 5))
    color = F.pad(few, (2, 2, 2, 2)).expand(-1, 3, -1, -1).contiguous()
    net = trained(models.ResNet(20).train(), color, labels, steps=3)
    yield from compare("ResNet-20, 256 images of 3×32×32", net, color, labels, 5, {NAIVE: naive}, min(runs, 5))


def _at_highest(evaluate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The peer at PyTorch's default precision, whatever ours runs at."""

    def run(*arguments: Any) -> Tensor:
        torch.set_float32_matmul_precision("highest")
        try:
            return evaluate(*arguments)
        finally:
            torch.set_float32_matmul_precision("medium")

    return run
