"""Training beside the loops that everyone writes: pictures through PIL and a DataLoader, and one seed after another.

    python -m benchmarks training

Both sides see the same batches in the same order and end with the same parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from talweg import data, models
from talweg.data import DataError, Dataset
from talweg.data.vision import torchvision_datasets
from talweg.optimizers import SGD
from talweg.training import train, train_seeds
from talweg.training.epochs import epoch_batches

from ._alternating import record

STEPS = {"lr": 0.1}
LOADER = ("DataLoader loop", torch.__version__.split("+")[0])


class Pictures(TorchDataset):
    """As torchvision's MNIST: bytes in memory; each access makes a picture of them and a tensor of that."""

    def __init__(self, x: Tensor, y: Tensor):
        torchvision_datasets()  # which makes torchvision importable beside a CPU build of torch
        from torchvision.transforms import ToTensor

        self.bytes = (x * 255).round().to(torch.uint8).squeeze(1)
        self.labels, self.transform = y.tolist(), ToTensor()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.bytes[i].numpy())), self.labels[i]


class Order:
    """Batches of indices for a DataLoader: those of `train` with this seed."""

    def __init__(self, n: int, batch_size: int, seed: int, epochs: int = 1):
        self.epochs = list(epoch_batches(n, epochs, batch_size, [seed], torch.device("cpu")))
        self.epoch = -1

    def __iter__(self) -> Iterator[list[int]]:
        self.epoch += 1
        return (batch[0].tolist() for batch in self.epochs[self.epoch])

    def __len__(self) -> int:
        return len(self.epochs[0])


def as_everyone(model: nn.Module, loader: DataLoader, epochs: int, device: str, x_val: Tensor, y_val: Tensor) -> Tensor:
    """The usual loop, with a look at the validation data after each epoch; returns the parameters."""
    model = model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), **STEPS)
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            outputs = model(x_val)
            F.cross_entropy(outputs, y_val).item(), (outputs.argmax(1) == y_val).double().mean().item()
    return parameters_to_vector(model.parameters()).detach()


def pictures_record(runs: int, device: str) -> dict[str, Any] | None:
    """One epoch of MNIST, batches of 256; None, with a line that says so, where MNIST is not there."""
    try:
        dataset = data.load("MNIST", device=device, dtype=torch.float32)
    except DataError as error:
        print(f"left out: {error}", flush=True)
        return None
    pictures = Pictures(dataset.x_train.cpu(), dataset.y_train.cpu())

    def ours() -> Tensor:
        model = network((784, 128, 64, 10), 0).to(device)
        train(model, dataset, SGD(model.parameters(), **STEPS), epochs=1, batch_size=256, seed=0)
        return parameters_to_vector(model.parameters()).detach()

    def theirs() -> Tensor:
        loader = DataLoader(pictures, batch_sampler=Order(len(pictures), 256, 0))
        return as_everyone(network((784, 128, 64, 10), 0), loader, 1, device, dataset.x_val, dataset.y_val)

    peer = ("PIL pictures and a DataLoader", LOADER[1])
    return record("one epoch of MNIST, batches of 256", peer, ours, theirs, runs, device)


def seeds_record(runs: int, device: str, seeds: int = 20, epochs: int = 5) -> dict[str, Any]:
    """A line of a table: 20 seeds of an MLP 64-32-10 on digits, batches of 32, against one seed after another."""
    dataset: Dataset = data.load("digits", device=device, dtype=torch.float64)
    samples = TensorDataset(dataset.x_train.cpu(), dataset.y_train.cpu())

    def ours() -> Tensor:
        nets = [network((64, 32, 10), seed).to(device).double() for seed in range(seeds)]
        train_seeds(nets, dataset, SGD, seeds=range(seeds), epochs=epochs, batch_size=32, **STEPS)
        return torch.stack([parameters_to_vector(net.parameters()).detach() for net in nets])

    def theirs() -> Tensor:
        rows = []
        for seed in range(seeds):
            loader = DataLoader(samples, batch_sampler=Order(len(samples), 32, seed, epochs))
            rows.append(
                as_everyone(network((64, 32, 10), seed).double(), loader, epochs, device, dataset.x_val, dataset.y_val)
            )
        return torch.stack(rows)

    return record(f"{seeds} seeds of an MLP on digits", LOADER, ours, theirs, runs, device)


def network(sizes: tuple[int, ...], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return models.MLP(sizes)


def records(runs: int = 7, device: str = "cpu") -> list[dict[str, Any]]:
    """Both measurements, in the schema of benchmarks/results.json."""
    found = [pictures_record(runs, device), seeds_record(runs, device)]
    return [one for one in found if one is not None]
