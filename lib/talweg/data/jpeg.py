"""CIFAR-10 as JPEG files: near the original, but compressed with loss, hence a data set of its own name."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from talweg.atomic import whole_file
from talweg.data.dataset import DataError, Dataset, stratified_split

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE = "cifar10-jpeg.tar.gz"


def cifar10_jpeg(folder: Path) -> Dataset:
    """From `folder`/cifar10-jpeg/cifar10-jpeg.tar.gz; the decoded tensors are kept in the cache folder."""
    from talweg.data import cache_folder

    archive = folder / "cifar10-jpeg" / ARCHIVE
    if not archive.is_file():
        raise DataError(
            f"cifar10-jpeg: there is no {str(archive)!r}. Put the archive there (train/<class>/*.jpg and "
            "test/<class>/*.jpg), or name the folder that has it with root=… or TALWEG_DATA."
        )
    stat = archive.stat()
    stamp = f"{stat.st_size} {stat.st_mtime_ns}"
    cache = cache_folder() / "cifar10-jpeg.pt"
    parts = _cached(cache, stamp)
    if parts is None:
        parts = _read(archive)
        _keep(cache, {"stamp": stamp, **parts})
    x, y, x_test, y_test = (parts[name] for name in ("x", "y", "x_test", "y_test"))
    x, x_test = x.float() / 255, x_test.float() / 255
    train, val = stratified_split(y, len(y) // 10)
    return Dataset("CIFAR-10 (JPEG)", x[train], y[train], x[val], y[val], x_test, y_test, CLASSES)


def _cached(cache: Path, stamp: str) -> dict[str, Tensor] | None:
    try:
        content = torch.load(cache, weights_only=True)
        return content if content.pop("stamp") == stamp else None
    except Exception:  # not there, or damaged: the archive is the truth
        return None


def _keep(cache: Path, content: dict) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cache) as file:
            torch.save(content, file)
    except OSError:  # a cache that cannot be written costs time, nothing else
        return


def _read(archive: Path) -> dict[str, Tensor]:
    """Decode every image, in the order of their names; nothing is unpacked to disk."""
    from PIL import Image, UnidentifiedImageError

    from talweg.bars import bar

    images: dict[str, list[tuple[str, int, Tensor]]] = {"train": [], "test": []}
    try:
        with tarfile.open(archive, "r:gz") as files, bar(60_000, "cifar10-jpeg") as progress:
            for member in files:
                path = PurePosixPath(member.name)
                if not member.isfile() or path.suffix.lower() not in (".jpg", ".jpeg"):
                    continue
                part, label = _place(path)
                content = files.extractfile(member)
                assert content is not None  # of a file
                with Image.open(io.BytesIO(content.read())) as image:
                    pixels = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
                    pixels = pixels.view(image.height, image.width, 3).permute(2, 0, 1)
                images[part].append((member.name, label, pixels))
                progress.update()
        result = {}
        for part, suffix in (("train", ""), ("test", "_test")):
            rows = sorted(images[part], key=lambda row: row[0])
            result[f"x{suffix}"] = torch.stack([pixels for *_, pixels in rows])
            result[f"y{suffix}"] = torch.tensor([label for _, label, _ in rows])
    except (tarfile.TarError, EOFError, OSError, ValueError, RuntimeError, UnidentifiedImageError) as error:
        raise DataError(f"cifar10-jpeg: {str(archive)!r} is damaged ({error}). Put a whole copy there.") from error
    return result


def _place(path: PurePosixPath) -> tuple[str, int]:
    """("train" or "test", label) of …/train/cat/0001.jpg."""
    part, name = path.parts[-3:-1] if len(path.parts) >= 3 else ("", "")
    if part not in ("train", "test") or name not in CLASSES:
        raise ValueError(f"unexpected file {str(path)!r}")
    return part, CLASSES.index(name)
