"""Recorded results: what is in the package, and how it is written."""

import json
import math
import os

import pytest
import torch

from talweg import data, recorded


def test_each_recorded_result_says_where_it_comes_from():
    assert {"gradient-descent-digits", "gradient-descent-mnist"} <= set(recorded.names())
    for name in recorded.names():
        result = recorded.load(name)
        assert result.data and result.provenance["command"].startswith("python -m talweg.experiments ")
        assert {"commit", "versions", "dataset", "data_sha256", "seeds", "hardware", "date"} <= set(result.provenance)
        assert {"python", "torch", "talweg"} <= set(result.provenance["versions"])
        assert not any(mark in json.dumps(result.provenance) for mark in ("/home", "/tmp", "/work"))


def test_digits_were_recorded_on_the_digits_of_today():
    assert recorded.load("gradient-descent-digits").provenance["data_sha256"] == data.load(device="cpu").sha256()


@pytest.mark.mnist
def test_mnist_was_recorded_on_the_mnist_of_today(mnist_root):
    hashed = data.load("MNIST", root=mnist_root, device="cpu").sha256()
    assert recorded.load("gradient-descent-mnist").provenance["data_sha256"] == hashed


def test_unknown_name_proposes_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'gradient-descent-mnist'"):
        recorded.load("gradient-decent-mnist")


def test_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "result.json"
    recorded.write(path, {"loss": 1.5}, {"command": "c"})
    assert json.loads(path.read_text()) == {"provenance": {"command": "c"}, "data": {"loss": 1.5}}
    with pytest.raises(ValueError):
        recorded.write(path, {"loss": math.nan}, {})
    with pytest.raises(TypeError):
        recorded.write(path, {"loss": torch.ones(1)}, {})
    assert json.loads(path.read_text())["data"] == {"loss": 1.5}
    assert os.listdir(path.parent) == ["result.json"]


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    recorded.write(path, {"loss": 1.5}, {})
    monkeypatch.setattr("talweg.atomic.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        recorded.write(path, {"loss": 2.5}, {})
    assert json.loads(path.read_text())["data"] == {"loss": 1.5} and os.listdir(tmp_path) == ["result.json"]


def test_hash_depends_on_values_and_labels_not_on_precision():
    digits = data.load(device="cpu")
    assert digits.to(dtype=torch.float64).sha256() == digits.sha256()
    digits.y_test[0] += 1
    assert digits.sha256() != data.load(device="cpu").sha256()


def test_a_notebook_folds_where_a_result_comes_from(monkeypatch, capsys):
    result = recorded.load("gradient-descent-mnist")
    result.show()
    assert capsys.readouterr().out == f"{result}\n"
    shown = []
    monkeypatch.setattr("talweg.recorded.show", lambda text, richer: shown.append(richer["text/html"]))
    result.show()
    assert shown[0].startswith('<details class="provenance"><summary>') and "gradient-descent-mnist" in shown[0]
    assert f"<dd>{result.provenance['command']}</dd>" in shown[0]
