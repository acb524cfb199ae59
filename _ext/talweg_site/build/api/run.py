"""Build the reference: `_build/html/api`, in a process of its own, since it imports the whole library."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

FOLDER = "api"


def made_from(root: Path) -> str:
    """SHA-256 of all that the reference is made from: the library's modules, these programs, templates and style."""
    files = [*(root / "lib").rglob("*.py"), *Path(__file__).parent.glob("*.py"), root / "_config.yml"]
    files += [*(root / "_templates").glob("*.html"), *(root / "_assets").glob("*.css"), root / "_assets" / "talweg.js"]
    total = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        total.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def build_reference(root: Path) -> tuple[int, str]:
    """Exit status and output of the build; nothing is done while all that it is made from is as it was."""
    work, out = root / "_build" / FOLDER, root / "_build" / "html" / FOLDER
    stamp, digest = work / "made-from", made_from(root)
    if (out / "index.html").exists() and stamp.exists() and stamp.read_text() == digest:
        return 0, ""
    (work / "source").mkdir(parents=True, exist_ok=True)  # filled by pages.py
    command = [sys.executable, "-m", "sphinx", "--quiet", "-W", "--keep-going", "-b", "html"]
    command += ["-c", str(Path(__file__).parent), "-d", str(work / "doctrees")]
    command += [str(work / "source"), str(out)]
    result = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    if result.returncode == 0:
        stamp.write_text(digest)
    return result.returncode, result.stdout
