"""Run every notebook with nbval and compare what it prints with what is stored.

python -m talweg_site.check.nbcheck [--lang es] [chapter …]
python -m talweg_site.check.nbcheck --lang de --cpu other     as if on a machine without AVX

A notebook that passed is skipped until it, talweg, or the lock changes: the stamps are in _build/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from talweg_site.author.execute import BATCH
from talweg_site.author.notebooks import write_atomically
from talweg_site.chapter import ChapterError, chapters

STAMPS = Path("_build/nbcheck.json")
OTHER_CPU = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}  # stands in for another machine
NO_TESTS = 5  # pytest's exit status when nothing was collected


def digest_files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 of the names and bytes of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def environment_digest(root: Path) -> str:
    """What every notebook depends on: the library's files and the lock."""
    library = [p for p in (root / "lib").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    library = [p for p in library if not any(part.endswith(".egg-info") for part in p.parts)]
    return digest_files([*library, *root.glob("requirements.lock")], root)


def stamps(notebooks: list[Path], root: Path, variant: str) -> dict[str, str]:
    """Notebook and variant → the stamp it gets if it passes as it is now."""
    environment = environment_digest(root)
    return {_key(path, root, variant): f"{environment}:{digest_files([path], root)}" for path in notebooks}


def _key(path: Path, root: Path, variant: str) -> str:
    return f"{path.relative_to(root).as_posix()} {variant}"


def read_stamps(root: Path) -> dict[str, str]:
    """The stamps of notebooks that passed, {} where none can be read."""
    try:
        return json.loads((root / STAMPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def run_nbval(notebooks: list[Path], root: Path, *, jobs: int, other_cpu: bool) -> int:
    """pytest's exit status for `notebooks`."""
    variables = BATCH | (OTHER_CPU if other_cpu else {})
    environment = {key: value for key, value in os.environ.items() if key != "TALWEG_DATA"} | variables
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(root), "-p", "no:cacheprovider"]
    command += ["-q", "--nbval", "--nbval-current-env", "--nbval-cell-timeout", "300"]
    # spreading has a price of its own: a worker needs two seconds to start
    command += ["-n", str(min(jobs, len(notebooks))), "--dist", "loadfile"] if min(jobs, len(notebooks)) > 1 else []
    return subprocess.run([*command, *map(str, notebooks)], env=environment, cwd=root, check=False).returncode


def check(paths: list[Path], root: Path, *, jobs: int = 2, other_cpu: bool = False, anew: bool = False) -> int:
    """Check the notebooks beside these texts; 0 if all pass or have passed. Writes stamps only after success."""
    variant = "other-cpu" if other_cpu else "this-cpu"
    notebooks = [path.with_suffix(".ipynb") for path in paths]
    missing = [path for path in notebooks if not path.exists()]
    if missing:
        raise ChapterError(f"{missing[0].relative_to(root)}: missing; run `make notebooks`")
    now, passed = stamps(notebooks, root, variant), {} if anew else read_stamps(root)
    todo = [path for path in notebooks if passed.get(_key(path, root, variant)) != now[_key(path, root, variant)]]
    print(f"notebook check: {len(todo)} to run, {len(notebooks) - len(todo)} passed before", flush=True)
    if not todo:
        return 0
    status = run_nbval(todo, root, jobs=jobs, other_cpu=other_cpu)
    if status == NO_TESTS:
        raise ChapterError("nbval found no cells to run")
    if status == 0:
        (root / STAMPS).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(root / STAMPS, json.dumps(read_stamps(root) | now, indent=1, sort_keys=True) + "\n")
    return status


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 if every notebook prints what it stores."""
    parser = argparse.ArgumentParser(prog="python -m talweg_site.check.nbcheck", description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="chapter", help="only these chapters")
    parser.add_argument("--lang", action="append", help="only this edition (may be repeated)")
    parser.add_argument("--cpu", choices=("this", "other"), default="this", help="other: without vector units")
    parser.add_argument("--anew", action="store_true", help="run also what has passed before")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="notebooks at a time (default 2)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        paths = chapters(root, options.lang, options.chapters)
        return check(paths, root, jobs=options.jobs, other_cpu=options.cpu == "other", anew=options.anew)
    except ChapterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
