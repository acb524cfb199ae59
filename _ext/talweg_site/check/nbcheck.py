"""Run the notebooks with nbval and compare what they show with what is stored.

python -m talweg_site.check.nbcheck [--lang es] [chapter …]
python -m talweg_site.check.nbcheck --each                    every edition by itself
python -m talweg_site.check.nbcheck --lang de --cpu other     as if on a machine without AVX
python -m talweg_site.check.nbcheck --mistakes                claims must fail when they are broken, too

nbval runs one edition of each chapter from the top; which one, changes with the digest of what is checked. On the way its
kernel tells what each cell shows in the other editions (`listening`), and all are compared with what they store (`together`).
A notebook that passed is skipped until it, its chapter, the library, or the lock changes: the stamps are in _build/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from talweg.i18n import EDITIONS
from talweg_site.author.execute import BATCH
from talweg_site.author.notebooks import write_atomically
from talweg_site.chapter import ChapterError, chapters
from talweg_site.check import mistakes, together

STAMPS = Path("_build/nbcheck.json")
OTHER_CPU = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}  # stands in for another machine
CAN_COPY = sys.platform == "linux"  # elsewhere a copy of a process (fork) may not use its libraries, or cannot be made
THIS_CPU, WITH_MISTAKES = "this-cpu", "with-mistakes"  # variants of the check; the second includes the first
TIMEOUT = 300  # seconds a cell may take; three times that with its mistakes
NO_TESTS = 5  # pytest's exit status when nothing was collected
NBVAL = Path(__file__).with_name("nbval.cfg")
EXTENSION = 'get_config().InteractiveShellApp.extensions = ["talweg_site.check.listening"]\n'


def digest_files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 of the names and bytes of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def library_files(root: Path) -> list[Path]:
    """The files of the library, the kit and the book."""
    files = [path for path in (root / "lib").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [path for path in files if not any(part.endswith(".egg-info") for part in path.parts)]


def concerns(path: Path, notebook: Path, root: Path) -> bool:
    """Whether a notebook may depend on a file of the library: not if it belongs to another chapter or edition.

    A page without a folder of its own in the book (the opening page, say) depends on all chapters.
    """
    parts = path.relative_to(root / "lib").parts
    book, code = root / "lib" / "talweg" / "book", notebook.parent.name
    own = notebook.stem.replace("-", "_")
    if parts[:2] == ("talweg", "book") and len(parts) > 3 and (book / own).is_dir() and parts[2] != own:
        return False
    other_editions = EDITIONS.keys() - {code}
    if "locale" in parts:
        return not other_editions & set(parts)
    return path.suffix != ".toml" or not other_editions & set(path.name.split(".")[1:-1])


def stamps(notebooks: list[Path], root: Path, variant: str) -> dict[str, str]:
    """Notebook and variant → the stamp it gets if it passes as it is now."""
    library, stamped = library_files(root), {}
    for path in notebooks:
        files = [path, *root.glob("requirements.lock"), *(p for p in library if concerns(p, path, root))]
        if variant == WITH_MISTAKES and (broken := mistakes.path_of(root, path.stem)).exists():
            files.append(broken)
        stamped[_key(path, root, variant)] = digest_files(files, root)
    return stamped


def _key(path: Path, root: Path, variant: str) -> str:
    return f"{path.relative_to(root).as_posix()} {variant}"


def read_stamps(root: Path) -> dict[str, str]:
    """The stamps of notebooks that passed, {} where none can be read."""
    try:
        return json.loads((root / STAMPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def run_nbval(
    notebooks: list[Path], root: Path, *, jobs: int, other_cpu: bool = False, told: Path | None = None, codes: str = ""
) -> int:
    """pytest's exit status for `notebooks`. told: a folder for what their kernels tell about the editions `codes`."""
    variables = BATCH | (OTHER_CPU if other_cpu else {}) | (_listening(told, codes) if told else {})
    environment = {key: value for key, value in os.environ.items() if key != "TALWEG_DATA"} | variables
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(root), "-p", "no:cacheprovider"]
    command += ["-q", "--nbval", "--nbval-current-env", "--nbval-cell-timeout", str(3 * TIMEOUT if told else TIMEOUT)]
    command += ["--nbval-sanitize-with", str(NBVAL)]
    # spreading has a price of its own: a worker needs two seconds to start
    command += ["-n", str(min(jobs, len(notebooks))), "--dist", "loadfile"] if min(jobs, len(notebooks)) > 1 else []
    return subprocess.run([*command, *map(str, notebooks)], env=environment, cwd=root, check=False).returncode


def _listening(told: Path, codes: str) -> dict[str, str]:
    """Environment in which each kernel loads `listening`, from a profile that is made for this check."""
    profile = told / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(EXTENSION, encoding="utf-8")
    return {"IPYTHONDIR": str(told / "ipython"), together.FOLDER: str(told), together.EDITIONS: codes}


def check_together(todo: list[Path], root: Path, stamp: str, *, jobs: int, broken: bool = False) -> int:
    """Run one of each chapter's notebooks and compare all; 0 if they show what they store. broken: and make the mistakes.

    What the kernels tell lies in a new folder that only this user can read, and is gone afterwards.
    """
    editions = defaultdict(list)
    for path in todo:
        editions[path.stem].append(path)
    turn = int(hashlib.sha256(stamp.encode()).hexdigest(), 16)
    run = [paths[(turn + number) % len(paths)] for number, paths in enumerate(editions.values())]
    codes = " ".join(sorted({path.parent.name for path in todo}))
    with tempfile.TemporaryDirectory(dir=root / STAMPS.parent, prefix="nbcheck-") as told:
        texts = [path.with_suffix(".md") for path in run] if broken else []
        for md in texts:
            mistakes.write_plans(Path(told), md, root)
        status = run_nbval(run, root, jobs=jobs, told=Path(told), codes=codes)
        if status == NO_TESTS:
            return status
        found = [problem for path in todo for problem in together.problems(Path(told), path)]
        found += [problem for md in texts for problem in mistakes.survivors(Path(told), md, root)]
    for problem in found:
        print(problem, file=sys.stderr)
    return status or int(bool(found))


def check(
    paths: list[Path],
    root: Path,
    *,
    jobs: int = 2,
    other_cpu: bool = False,
    anew: bool = False,
    each: bool = False,
    broken: bool = False,
) -> int:
    """Check the notebooks beside these texts; 0 if all pass or have passed. Writes stamps only after success."""
    if broken and not CAN_COPY:
        print("notebook check: no claim is broken here; only on Linux can a process be copied", flush=True)
        broken = False
    variant = "other-cpu" if other_cpu else "each" if each else WITH_MISTAKES if broken else THIS_CPU
    notebooks = [path.with_suffix(".ipynb") for path in paths]
    missing = [path for path in notebooks if not path.exists()]
    if missing:
        raise ChapterError(f"{missing[0].relative_to(root)}: missing; run `make notebooks`")
    now, passed = stamps(notebooks, root, variant), {} if anew else read_stamps(root)
    todo = [path for path in notebooks if passed.get(_key(path, root, variant)) != now[_key(path, root, variant)]]
    print(f"notebook check: {len(todo)} to check, {len(notebooks) - len(todo)} passed before", flush=True)
    if not todo:
        return 0
    (root / STAMPS).parent.mkdir(parents=True, exist_ok=True)
    if other_cpu or each or not CAN_COPY:
        status = run_nbval(todo, root, jobs=jobs, other_cpu=other_cpu)
    else:
        status = check_together(todo, root, json.dumps(now), jobs=jobs, broken=broken)
    if status == NO_TESTS:
        raise ChapterError("nbval found no cells to run")
    if status == 0:
        now |= stamps(notebooks, root, THIS_CPU) if broken else {}
        write_atomically(root / STAMPS, json.dumps(read_stamps(root) | now, indent=1, sort_keys=True) + "\n")
    return status


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 if every notebook prints what it stores."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.check.nbcheck", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("chapters", nargs="*", metavar="chapter", help="only these chapters")
    parser.add_argument("--lang", action="append", help="only this edition (may be repeated)")
    parser.add_argument("--cpu", choices=("this", "other"), default="this", help="other: without vector units")
    parser.add_argument("--each", action="store_true", help="run every edition by itself")
    parser.add_argument("--mistakes", action="store_true", help="break each claim, too: it must fail then")
    parser.add_argument("--anew", action="store_true", help="run also what has passed before")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="notebooks at a time (default 2)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    options = parser.parse_args(arguments)
    if options.mistakes and (options.each or options.cpu == "other"):
        parser.error("--mistakes are made in the check of all editions together: without --each and --cpu other")
    root = options.root.resolve()
    try:
        paths = chapters(root, options.lang, options.chapters)
        return check(
            paths,
            root,
            jobs=options.jobs,
            other_cpu=options.cpu == "other",
            anew=options.anew,
            each=options.each,
            broken=options.mistakes,
        )
    except ChapterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
