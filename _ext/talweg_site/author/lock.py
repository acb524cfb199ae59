"""Write requirements.lock: the exact versions of all that `talweg[site,test]` needs, as installed here.

python -m talweg_site.author.lock [--check]

To upgrade a package: `.venv/bin/pip install --upgrade NAME`, then `make lock`.
"""

from __future__ import annotations

import argparse
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

LOCK = Path("requirements.lock")
HEADER = """\
# The exact versions with which the book is built and tested, written by `make lock`. Python >= 3.11.
# Public versions only: torch's CPU and CUDA builds share one (the build tag after "+" is left out), so no hashes either.
# On Linux, pip's default index gives the CUDA build; the CPU build, a tenth of the size, is at
# https://download.pytorch.org/whl/cpu.
"""
OURS = {"talweg", "talweg-site"}


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str, extras: frozenset[str]) -> set[str]:
    """Canonical names of everything that `name[extras]` needs on this machine, itself included."""
    found: dict[str, set[str]] = {}
    waiting = [(canonical(name), extras)]
    while waiting:
        current, wanted = waiting.pop()
        if current in found and wanted <= found[current]:
            continue
        found.setdefault(current, set()).update(wanted)
        for text in distribution(current).requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *wanted}):
                waiting.append((canonical(requirement.name), frozenset(requirement.extras)))
    return set(found)


def lock_lines() -> list[str]:
    """`name==version` for each distribution needed, sorted; setuptools too, which builds our two packages."""
    names = needed("talweg", frozenset({"site", "test"})) | needed("setuptools", frozenset())
    pins = [(canonical(d.metadata["Name"]), Version(d.version).public) for d in map(distribution, names - OURS)]
    return [f"{name}=={version}" for name, version in sorted(pins)]


def main(arguments: list[str] | None = None) -> int:
    """The command line; with --check 1 if the lock does not say what is installed."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.author.lock", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args(arguments)
    try:
        text = HEADER + "\n".join(lock_lines()) + "\n"
    except PackageNotFoundError as error:
        print(f"error: {error.name} is not installed here: `make .venv` first", file=sys.stderr)
        return 1
    if not options.check:
        LOCK.write_text(text, encoding="utf-8")
        return 0
    written = LOCK.read_text(encoding="utf-8").splitlines() if LOCK.exists() else []
    changes = sorted(set(written) ^ set(text.splitlines()))
    for line in changes:
        print(f"{LOCK}: {'not installed so' if line in written else 'lacks'}: {line}", file=sys.stderr)
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
