"""Data sets: the embedded one, torchvision's from small files made here, real MNIST where it is at hand."""

import gzip
import io
import pickle
import struct
import sys
import tarfile

import numpy
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from talweg import data
from talweg.data import jpeg, vision


def write_idx(path, array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(numpy.uint8).tobytes())


def mnist_files(root, name="MNIST", n=60):
    """A tiny MNIST: image i of either set is filled with the grey value 2i, and shows the digit i mod 10."""
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for prefix, count in (("train", n), ("t10k", n // 2)):
        images = numpy.repeat(numpy.arange(count) * 2, 28 * 28).reshape(count, 28, 28)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", numpy.arange(count) % 10)
    return folder


def cifar_files(root, kind, monkeypatch, n):
    """A tiny CIFAR in torchvision's pickle layout; its table of hashes is emptied, since ours differ."""
    datasets = vision.torchvision_datasets()
    dataset = getattr(datasets, kind)
    monkeypatch.setattr(sys.modules[dataset.__module__], "check_integrity", lambda path, md5=None: True)
    folder = root / dataset.base_folder
    folder.mkdir(parents=True)
    key, classes = ("labels", 10) if kind == "CIFAR10" else ("fine_labels", 100)
    for name, _ in dataset.train_list + dataset.test_list:
        pixels = numpy.arange(n * 3072, dtype=numpy.uint8).reshape(n, 3072)
        labels = [i % classes for i in range(n)]
        (folder / name).write_bytes(pickle.dumps({"data": pixels, key: labels}))
    meta = {dataset.meta["key"]: [f"class {i}" for i in range(classes)]}
    (folder / dataset.meta["filename"]).write_bytes(pickle.dumps(meta))


@pytest.fixture
def offline(monkeypatch):
    """No network: every download fails as it does on a train."""
    from urllib.error import URLError

    def fail(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)


# digits


def test_digits_are_scikit_learns_split_into_three():
    digits = data.load(device="cpu", dtype=torch.float64)
    parts = [(digits.x_train, digits.y_train), (digits.x_val, digits.y_val), (digits.x_test, digits.y_test)]
    ours = sorted(
        (*(x.flatten() * 16).int().tolist(), int(label)) for xs, ys in parts for x, label in zip(xs, ys, strict=True)
    )
    bunch = load_digits()
    theirs = sorted(
        (*row.astype(int).tolist(), int(label)) for row, label in zip(bunch.data, bunch.target, strict=True)
    )
    assert ours == theirs
    assert digits.x_train.shape[1:] == (1, 8, 8) and digits.x_train.max() == 1 and digits.classes[3] == "3"
    assert [len(ys) for _, ys in parts] == [998, 400, 399]


def test_split_is_stratified_and_fixed():
    digits = data.load(device="cpu")
    assert all(39 <= count <= 41 for count in digits.y_val.bincount().tolist())
    assert torch.equal(digits.x_train, data.load(device="cpu").x_train)
    assert digits.sha256() == "92d79ef0755f7c04048edd7719af511ec7f9a373932fa41bed3877954cac6021"  # the book's numbers


def test_dtype_is_the_default_of_torch_or_the_one_given():
    assert data.load(device="cpu").x_val.dtype == torch.get_default_dtype()
    half = data.load(device="cpu", dtype=torch.float16)
    assert half.x_val.dtype == torch.float16 and half.y_val.dtype == torch.int64


def test_stratified_split_covers_each_row_once():
    labels = torch.tensor([0] * 50 + [1] * 10 + [2] * 3 + [3])
    rest, taken = data.stratified_split(labels, 0.2)
    assert sorted(torch.cat([rest, taken]).tolist()) == list(range(64))
    assert labels[taken].bincount().tolist() == [10, 2, 1]
    with pytest.raises(ValueError, match="part must lie between 0 and 1.*got 1.5"):
        data.stratified_split(labels, 1.5)


def test_stratified_split_of_an_exact_size():
    labels = torch.tensor([0] * 31 + [1] * 17 + [2] * 12)
    rest, taken = data.stratified_split(labels, 10)
    assert sorted(torch.cat([rest, taken]).tolist()) == list(range(60))
    assert labels[taken].bincount().tolist() == [5, 3, 2]  # 5.17, 2.83, 2.00
    with pytest.raises(ValueError, match="a number of rows below 60; got 60"):
        data.stratified_split(labels, 60)


def test_rows_that_do_not_fit_are_refused():
    x, y = torch.zeros(3, 2), torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match="x_val and y_val must have as many rows; got 3, 2"):
        data.Dataset("d", x, y, x, y[:2], x, y, ("a",))


# names


@pytest.mark.parametrize("name, near", [("mnits", "MNIST"), ("cifar-10", "CIFAR10"), ("digit", "digits")])
def test_unknown_name_proposes_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"name must be one of.*Did you mean '{near}'"):
        data.load(name)


def test_a_name_that_is_no_text():
    with pytest.raises(ValueError, match="name must be one of.*got 3"):
        data.load(3)


# torchvision


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_idx_files_become_tensors(tmp_path, name):
    mnist_files(tmp_path, name)
    loaded = data.load(name.lower(), root=tmp_path, device="cpu")
    assert (len(loaded.x_train), len(loaded.x_val), len(loaded.x_test)) == (54, 6, 30)
    for x, y in ((loaded.x_train, loaded.y_train), (loaded.x_val, loaded.y_val), (loaded.x_test, loaded.y_test)):
        assert x.shape[1:] == (1, 28, 28)
        grey = (x[:, 0, 0, 0] * 255).round().long()
        assert torch.equal(grey // 2 % 10, y)  # each image kept its label
    assert loaded.name == name and len(loaded.classes) == 10


@pytest.mark.parametrize("kind, classes, n", [("CIFAR10", 10, 20), ("CIFAR100", 100, 200)])
def test_cifar_pickles_become_tensors(tmp_path, monkeypatch, kind, classes, n):
    cifar_files(tmp_path, kind, monkeypatch, n)
    loaded = data.load(kind, root=tmp_path, device="cpu")
    assert loaded.x_test.shape == (n, 3, 32, 32) and len(loaded.classes) == classes
    first = numpy.arange(3072, dtype=numpy.uint8).reshape(3, 32, 32)
    assert torch.equal((loaded.x_test[0] * 255).round().byte(), torch.from_numpy(first))


def test_root_comes_from_the_environment(tmp_path, monkeypatch):
    mnist_files(tmp_path)
    monkeypatch.setenv("TALWEG_DATA", str(tmp_path))
    assert len(data.load("MNIST", device="cpu").x_test) == 30


def test_offline_says_what_to_do_and_substitutes_nothing(tmp_path, monkeypatch, offline):
    monkeypatch.delenv("TALWEG_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("MNIST", "CIFAR100"):
        with pytest.raises(data.DataError, match=f"{name} is not in .*talweg.*failed.*TALWEG_DATA"):
            data.load(name)


def cut(folder):
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:5000])


def swap_for_text(folder):
    (folder / "t10k-labels-idx1-ubyte").write_text("<html>not found</html>")


def fewer_labels(folder):
    write_idx(folder / "train-labels-idx1-ubyte", numpy.arange(7))


def label_beyond(folder):
    write_idx(folder / "train-labels-idx1-ubyte", numpy.full(60, 12))


@pytest.mark.parametrize("damage", [cut, swap_for_text, fewer_labels, label_beyond])
def test_damaged_files_are_named(tmp_path, offline, damage):
    damage(mnist_files(tmp_path))
    with pytest.raises(data.DataError, match="MNIST in .* are damaged"):
        data.load("MNIST", root=tmp_path)


def test_torchvision_of_another_build_is_repaired(monkeypatch):
    """The import fails as it does beside a torch of another build, then works once the operators are declared."""
    calls = []

    def import_module(name):
        calls.append(name)
        if len(calls) == 1:
            raise RuntimeError("operator torchvision::nms does not exist")
        return "datasets"

    class Library:
        def __init__(self, *_):
            self.operators = []

        def define(self, schema):
            self.operators.append(schema.partition("(")[0])

    monkeypatch.setattr(vision.importlib, "import_module", import_module)
    monkeypatch.setattr(vision.torch.library, "Library", Library)
    monkeypatch.setattr(vision, "_library", None)
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torchvision"}
    try:
        sys.modules["torchvision.half_imported"] = sys
        assert vision.torchvision_datasets() == "datasets" and len(calls) == 2
        assert vision._library.operators == ["nms", "qnms"] and "torchvision.half_imported" not in sys.modules
    finally:
        sys.modules.update(kept)


def test_other_import_errors_are_not_hidden(monkeypatch):
    def import_module(name):
        raise RuntimeError("something else")

    monkeypatch.setattr(vision.importlib, "import_module", import_module)
    with pytest.raises(RuntimeError, match="something else"):
        vision.torchvision_datasets()


# CIFAR-10 as JPEG


def jpeg_archive(root, extra=None):
    folder = root / "cifar10-jpeg"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cifar10-jpeg.tar.gz"
    with tarfile.open(path, "w:gz") as files:
        for part, count in (("train", 3), ("test", 2)):
            for label, name in enumerate(jpeg.CLASSES):
                for i in range(count):
                    buffer = io.BytesIO()
                    Image.new("RGB", (32, 32), (label * 20, 100, 200)).save(buffer, "JPEG", quality=95)
                    add(files, f"{part}/{name}/{i:04}.jpg", buffer.getvalue())
        if extra:
            add(files, *extra)
    return path


def add(files, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    files.addfile(member, io.BytesIO(content))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "talweg" / "cifar10-jpeg.pt"


def test_jpeg_folder_becomes_tensors_and_is_cached(tmp_path, cache, monkeypatch):
    path = jpeg_archive(tmp_path)
    loaded = data.load("cifar10-jpeg", root=tmp_path, device="cpu")
    assert loaded.name == "CIFAR-10 (JPEG)" and loaded.x_test.shape == (20, 3, 32, 32)
    red = (loaded.x_train[:, 0].mean((1, 2)) * 255 / 20).round().long()
    assert torch.equal(red, loaded.y_train) and len(loaded.x_val) == 3
    monkeypatch.setattr(jpeg, "_read", lambda archive: pytest.fail("the cache was not used"))
    assert data.load("cifar10-jpeg", root=tmp_path, device="cpu").sha256() == loaded.sha256()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache.write_bytes(b"damaged")
    assert data.load("cifar10-jpeg", root=tmp_path, device="cpu").sha256() == loaded.sha256()
    assert path.exists()


@pytest.mark.parametrize("extra", [("../../outside/1.jpg", b"x"), ("train/cat/9.jpg", b"no image"), ("a.jpg", b"")])
def test_strange_jpeg_archives_are_refused(tmp_path, cache, extra):
    jpeg_archive(tmp_path, extra)
    with pytest.raises(data.DataError, match="cifar10-jpeg.*damaged"):
        data.load("cifar10-jpeg", root=tmp_path)
    assert not cache.exists()


def test_damaged_and_missing_jpeg_archives(tmp_path, cache):
    with pytest.raises(data.DataError, match="there is no .*cifar10-jpeg.tar.gz"):
        data.load("cifar10-jpeg", root=tmp_path)
    path = jpeg_archive(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(data.DataError, match="cifar10-jpeg.*damaged"):
        data.load("cifar10-jpeg", root=tmp_path)
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(data.DataError, match="cifar10-jpeg.*damaged"):
        data.load("cifar10-jpeg", root=tmp_path)


# real files


@pytest.mark.mnist
def test_real_mnist(mnist_root):
    mnist = data.load("MNIST", root=mnist_root, device="cpu")
    assert (len(mnist.x_train), len(mnist.x_val), len(mnist.x_test)) == (54_000, 6_000, 10_000)
    both = torch.cat([mnist.x_train, mnist.x_val])
    assert abs(both.mean().item() - 0.1307) < 5e-5 and abs(both.std().item() - 0.3081) < 5e-5  # the well-known two
    assert mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]
