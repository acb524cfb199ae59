"""Code exercises on the page: what the browser's Python gets, and one exercise solved, failed and stopped in a browser."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from sphinx.errors import ExtensionError

import talweg
from talweg.exercises import exercise, loader
from talweg.exercises.kinds import Code
from talweg_site.build import practice, pyodide
from talweg_site.build.practice import part_of_torch
from talweg_site.build.pyodide import has_python

from .conftest import ROOT, in_turn

CODES = [entry for entry in loader.load().values() if isinstance(entry, Code)]


def published_solution(entry: Code) -> str:
    """The code of the chapter's solution, in Spanish; the editions' code is the same."""
    text = (ROOT / "chapters" / "es" / f"{entry.chapter}.md").read_text(encoding="utf-8")
    return re.search(rf"```python\n(def {entry.function}\(.*?)```", text, re.S)[1]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`judged(tasks)`: what the archive says to (language, exercise, code), run without the library and without torch."""
    folder = tmp_path_factory.mktemp("practice")
    practice.pack(folder / "practice.zip")
    zipfile.ZipFile(folder / "practice.zip").extractall(folder)
    script = "import json, sys; from talweg.exercises.page import run; import torch; assert 'part' in torch.__doc__\n"
    script += "print(json.dumps([json.loads(run(*task)) for task in json.load(sys.stdin)]))"

    def call(tasks: list) -> list[dict]:
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {script}"]
        done = subprocess.run(command, input=json.dumps(tasks), capture_output=True, text=True, cwd=folder, env={})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def test_the_published_solutions_are_right_on_the_page_in_every_language(judged: Any) -> None:
    tasks = [(code, entry.id, published_solution(entry)) for entry in CODES for code in ("es", "de", "zh", "ru")]
    found = judged(tasks)
    assert [task[:2] for task, outcome in zip(tasks, found, strict=True) if outcome["state"] != "right"] == []
    for (code, name, _), outcome in zip(tasks, found, strict=True):
        assert loader.texts(code)[name].feedback.get("right", "") in outcome["text"]


def test_slips_errors_and_unfinished_code_are_told(judged: Any) -> None:
    name, form = "gd-code", "def step_with_momentum(theta, velocity, gradient, lr, momentum):\n    "
    given = {
        "return theta - lr * velocity, momentum * velocity + gradient": loader.texts("de")[name].feedback[
            "old-velocity"
        ],
        "return theta": "2",
        "return theta.nonsense()": "AttributeError",
        "return torch.fft(theta), velocity": "np",
        "return theta, None": "",
    }
    found = judged([("de", name, form + body) for body in given])
    for outcome, said in zip(found, given.values(), strict=True):
        assert outcome["state"] == "wrong" and said in outcome["text"]
    unfinished, broken, nameless, raising = judged(
        [
            ("de", name, form + "..."),
            ("de", name, "def f(:"),
            ("de", name, "x = 1\nprint('hallo')"),
            ("de", name, "\n\n1/0"),
        ]
    )
    assert unfinished == {"state": "untried", "text": "", "printed": ""}
    assert broken["state"] == "wrong" and "SyntaxError" in broken["text"] and "1" in broken["text"]
    assert "step_with_momentum" in nameless["text"] and nameless["printed"] == "hallo\n"
    assert "3" in raising["text"] and "ZeroDivisionError" in raising["text"]


CALLS = """
x.norm(); x.norm(dim=1, keepdim=True); x.norm(dim=0); x.mean(0); x.mean(); x.sum(1, keepdim=True); x.var(0, correction=0)
x.var(0); x.std(); x.sqrt(); x.square(); x.relu(); x.abs(); x.exp(); x.clamp(min=1.5); x.T @ x; x[0] @ x[1]; x[:, 1]; x[0, 1]
x.pow(2); x**2 - 1 / x; -x; 2 * x; x / x[0]; x.t(); x.reshape(-1); x.view(3, 2); x.unsqueeze(0); x.size(0); x.dim(); x.numel()
torch.stack([x[0], x[1]]); torch.cat([x, x], dim=1); torch.zeros_like(x); torch.ones_like(x); torch.eye(2); torch.diag(x[0])
torch.sqrt(x); torch.relu(x - 2); torch.where(x > 1, x, 0 * x); torch.maximum(x, 1 - x); torch.outer(x[0], x[0])
torch.linalg.norm(x); torch.linalg.vector_norm(x, dim=1); torch.mean(x, 0); torch.norm(x); x.norm(p=1); torch.dot(x[0], x[1])
torch.stack([x[0] @ x[1], x[1].norm()]); sum(x); x @ x[0]; torch.as_tensor([x[0].norm(), 1.0]); float(x[0].norm()); x.clone()
""".replace("\n", ";")


@pytest.mark.parametrize("call", [call.strip() for call in CALLS.split(";") if call.strip()])
def test_the_part_of_torch_computes_what_torch_does(call: str) -> None:
    values = [[1.0, 2.0, -0.5], [0.25, 3.0, 4.0]]
    if "sqrt" in call or "std" in call:
        values = [[abs(value) for value in row] for row in values]
    ours = eval(call, {"torch": part_of_torch, "x": part_of_torch.tensor(values)})
    theirs = eval(call, {"torch": torch, "x": torch.tensor(values, dtype=torch.float64)})
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, part_of_torch.Tensor) and ours.shape == tuple(theirs.shape)
        torch.testing.assert_close(torch.tensor(ours.tolist(), dtype=torch.float64), theirs.double(), equal_nan=True)
    else:
        assert ours == theirs


@pytest.mark.browser
@pytest.mark.skipif(not has_python(ROOT / "node_modules"), reason="NumPy for the browser could not be had")
def test_code_is_judged_on_the_page_and_an_endless_loop_is_stopped(wide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python comes when code is first run, and not before; nothing is asked of any other host."""
    [(code, chapter)] = in_turn(["gradient-descent"])[:1]
    monkeypatch.setenv("TALWEG_BATCH", "1")
    talweg.use(code)
    words = exercise("gd-code").words
    feedback = {key: text.replace("`", "") for key, text in loader.texts(code)["gd-code"].feedback.items()}
    wide.open(f"{code}/{chapter}.html")
    wide.wake()
    box = '.tw-exercise[data-exercise="gd-code"]'
    wait_for(wide, f"return document.querySelector('{box} .tw-open')")
    wide.run("localStorage.clear()")
    wide.run(f"document.querySelector('{box} .tw-open').click()")
    wait_for(wide, f"return document.querySelector('{box} textarea')")
    assert not [url for url in wide.take().requests if "pyodide" in url]

    def run(body: str, until: str = f"return !document.querySelector('{box} .tw-run').hidden") -> tuple[str, str]:
        written = f"def step_with_momentum(theta, velocity, gradient, lr, momentum):\n    {body}\n"
        wide.run(f"document.querySelector('{box} textarea').value = arguments[0]", written)
        wide.run(f"document.querySelector('{box} .tw-run').click()")
        wait_for(wide, until)
        shown = f"return document.querySelector('{box}').dataset.state"
        return wide.run(shown), wide.run(f"return document.querySelector('{box} .tw-feedback').textContent")

    state, said = run("return theta - lr * velocity, momentum * velocity + gradient")
    assert state == "wrong" and feedback["old-velocity"] in said
    state, said = run("return theta.nonsense()")
    assert state == "wrong" and "AttributeError" in said
    state, said = run("v = momentum * velocity + gradient; print(v); return theta - lr * v, v")
    assert state == "right" and feedback["right"] in said
    assert "tensor" in wide.run(f"return document.querySelector('{box} .tw-printed').textContent")
    status = f"document.querySelector('{box} .tw-status').textContent"
    run("while True: pass", f"return {status} === {json.dumps(words['practice']['running'])}")
    wide.run(f"document.querySelector('{box} .tw-stop').click()")
    wait_for(wide, f"return {status} === {json.dumps(words['practice']['stopped'])}")
    assert "while True" in wide.run(f"return document.querySelector('{box} textarea').value")
    log = wide.take()
    assert not log.errors and not log.foreign(wide.site)
    wide.run("localStorage.clear()")


def wait_for(browser: Any, script: str, seconds: float = 120.0) -> None:
    """Until the script returns something true."""
    deadline = time.monotonic() + seconds
    while not browser.run(script):
        assert time.monotonic() < deadline, script
        time.sleep(0.1)


class TestWithoutNumPy:
    """The distribution that carries it may go: then the site is built without Python of its own."""

    @pytest.fixture
    def modules(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "pyodide").mkdir()
        lock = {"packages": {"numpy": {"file_name": "numpy.whl", "sha256": hashlib.sha256(b"numpy").hexdigest()}}}
        (tmp_path / "pyodide" / "pyodide-lock.json").write_text(json.dumps(lock))
        gone = subprocess.CompletedProcess([], 1, "", "No matching distribution found")
        monkeypatch.setattr(pyodide.subprocess, "run", lambda *arguments, **options: gone)
        return tmp_path

    def test_pages_offer_none(self, modules: Path) -> None:
        assert pyodide.numpy_wheel(modules) is None
        assert not has_python(modules)

    def test_a_wheel_that_was_put_there_by_hand_is_taken(self, modules: Path) -> None:
        (modules / ".numpy-for-pyodide").mkdir()
        (modules / ".numpy-for-pyodide" / "numpy.whl").write_bytes(b"numpy")
        assert has_python(modules)
        assert pyodide.numpy_wheel(modules).name == "numpy.whl"

    def test_another_file_of_that_name_is_refused(self, modules: Path) -> None:
        (modules / ".numpy-for-pyodide").mkdir()
        (modules / ".numpy-for-pyodide" / "numpy.whl").write_bytes(b"something else")
        with pytest.raises(ExtensionError, match="not the file that Pyodide was released with"):
            pyodide.numpy_wheel(modules)
