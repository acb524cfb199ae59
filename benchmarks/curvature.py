"""Hessian eigenpairs and spectral densities beside PyHessian and SciPy.

    python -m benchmarks curvature

Eigenpairs at equal residual ‖Hv − λv‖ ≤ 1e-3 |λ|. PyHessian stops on the change of the eigenvalue; the loosest of its
tolerances 1e-2, 1e-3, … that leaves such residuals is taken.
"""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Iterator
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talweg import Objective, landscape, models

from ._alternating import mlp, mnist, record, trained

TOL = 1e-3
K = 4


def pyhessian(model: nn.Module, x: Tensor, y: Tensor) -> Any:
    """A new computation: PyHessian takes the gradient when it is made."""
    import pyhessian

    # Two things mended in PyPI's 0.1, of no weight for its time: it calls torch.eig, which is gone, and divides by
    # norm + 1e-6, which for the short vectors of Lanczos's method is an error of 1e-4.
    torch.eig = _eig
    pyhessian.hessian.__init__.__globals__["orthnormal"] = _orthonormal
    model = copy.deepcopy(model).requires_grad_()
    return pyhessian.hessian(model, F.cross_entropy, data=(x, y), cuda=x.is_cuda)


def _eig(matrix: Tensor, eigenvectors: bool = True) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(matrix)
    return torch.stack([values, torch.zeros_like(values)], 1), vectors


def _orthonormal(w: list[Tensor], others: list[list[Tensor]]) -> list[Tensor]:
    from pyhessian.utils import group_add, group_product

    for v in others:
        w = group_add(w, v, alpha=-group_product(w, v))
    norm = group_product(w, w) ** 0.5
    return [part / norm for part in w]


def by_pyhessian(model: nn.Module, x: Tensor, y: Tensor, tol: float) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    values, vectors = pyhessian(model, x, y).eigenvalues(maxIter=5000, tol=tol, top_n=K)
    flat = torch.stack([torch.cat([part.flatten() for part in v]) for v in vectors])
    return torch.tensor(values), flat


def loosest(f: Objective, model: nn.Module, x: Tensor, y: Tensor) -> float:
    """PyHessian's tolerance that leaves the residuals we ask of ourselves."""
    for exponent in range(2, 12):
        values, vectors = by_pyhessian(model, x, y, 10.0**-exponent)
        vectors = vectors / vectors.norm(dim=1, keepdim=True)
        pairs = zip(values.to(vectors), vectors, strict=True)
        residuals = torch.stack([(f.hvp(f.theta, v) - value * v).norm() for value, v in pairs])
        if (residuals.cpu() <= TOL * values.abs()).all():
            return 10.0**-exponent
    raise RuntimeError("PyHessian's power iteration did not reach the residual")


def by_scipy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """ARPACK with products as one writes them with torch.autograd, their graph kept as ours is."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    model = copy.deepcopy(model).requires_grad_()
    parameters = list(model.parameters())
    sizes, dim = [p.numel() for p in parameters], sum(p.numel() for p in parameters)
    gradient = torch.autograd.grad(F.cross_entropy(model(x), y), parameters, create_graph=True)

    def matvec(v: numpy.ndarray) -> numpy.ndarray:
        pieces = torch.from_numpy(v.reshape(-1)).to(x.device).split(sizes)
        pieces = [piece.view(p.shape) for piece, p in zip(pieces, parameters, strict=True)]
        product = torch.autograd.grad(gradient, parameters, pieces, retain_graph=True)
        return torch.cat([part.flatten() for part in product]).cpu().numpy()

    start = torch.randn(dim, generator=torch.Generator().manual_seed(0)).numpy()
    operator = LinearOperator((dim, dim), matvec=matvec, dtype=numpy.float32)
    values = eigsh(operator, K, which="LM", tol=TOL, v0=start, return_eigenvectors=True)[0]
    return torch.from_numpy(values[numpy.argsort(-numpy.abs(values))].copy())


def records(runs: int = 7, device: str = "cpu") -> list[dict[str, Any]]:
    """The records for results.json, on one thread of a CPU or on a GPU."""
    images = mnist(256, device)
    if images is None:
        return []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    x, y = images
    torch.manual_seed(0)
    cnn = trained(models.ConvNet((1, 28, 28), (10, 20)), x, y)
    found = [*compare("MLP 784-512-64-10, 256 MNIST images", mlp(x, y), x, y, runs)]
    found += compare("CNN 10/20, 256 MNIST images", cnn, x, y, min(runs, 3), density=False)
    torch.set_num_threads(before)
    return found


def compare(
    task: str, model: nn.Module, x: Tensor, y: Tensor, runs: int, density: bool = True
) -> Iterator[dict[str, Any]]:
    f = Objective.of(model, F.cross_entropy, x, y)
    device = x.device.type
    eigen = f"top {K} Hessian eigenpairs at residual {TOL:g}, {task}"

    def ours() -> Tensor:
        return landscape.eigenpairs(f, f.theta, K, TOL, which="magnitude").values

    yield record(
        eigen, ("scipy.sparse.linalg.eigsh", _version("scipy")), ours, lambda: by_scipy(model, x, y), runs, device
    )
    try:
        version = _version("pyhessian")
    except importlib.metadata.PackageNotFoundError:
        print("left out: pyhessian is not installed", flush=True)
        return
    tol = loosest(f, model, x, y)
    yield record(eigen, ("PyHessian", version), ours, lambda: by_pyhessian(model, x, y, tol)[0], min(runs, 5), device)
    if density:
        steps = 100

        def spectrum() -> Tensor:
            return landscape.spectral_density(f, f.theta, probes=1, steps=steps).nodes.max().reshape(1)

        def theirs() -> Tensor:
            nodes, _ = pyhessian(model, x, y).density(iter=steps, n_v=1)
            return torch.tensor(float(max(nodes[0]))).reshape(1)

        task = f"spectral density, {steps} steps (agreement: its largest node), {task}"
        yield record(task, ("PyHessian", version), spectrum, theirs, min(runs, 5), device)


def _version(package: str) -> str:
    return importlib.metadata.version(package)
