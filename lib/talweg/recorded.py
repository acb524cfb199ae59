"""Recorded results: what `python -m talweg.experiments` measured at scale, with its provenance, as package data."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from talweg.arguments import one_of
from talweg.atomic import whole_file
from talweg.chapters import chapters, folder
from talweg.data import Dataset
from talweg.i18n import gettext as _
from talweg.output import show

__all__ = ["Recorded", "load", "names", "provenance", "write"]


@dataclass(frozen=True)
class Recorded:
    """A recorded result and where it comes from; printed, it says the latter in the reader's language.

    Parameters
    ----------
    name
        Name of the result: its chapter's experiment, a hyphen, the data set.
    data
        The numbers.
    provenance
        Command, commit, versions, data set and its hash, seeds, hardware and date, as `provenance` gives them.

    Examples
    --------
    >>> from talweg.recorded import load
    >>> from talweg.i18n import use
    >>> use("es")
    >>> print(load("curvature-digits"))
    Orden: python -m talweg.experiments curvature --dataset digits --seeds 10 --device cpu
    Datos: digits (SHA-256 ...)
    Semillas: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
    ...
    """

    name: str
    data: dict[str, Any]
    provenance: dict[str, Any]

    def __str__(self) -> str:
        """Where the numbers come from, in the reader's language."""
        return "\n".join(f"{name}: {value}" for name, value in self._told().items())

    def show(self) -> None:
        """Say where the numbers come from: in a notebook folded, elsewhere as text.

        Examples
        --------
        >>> from talweg.recorded import load
        >>> from talweg.i18n import use
        >>> use("es")
        >>> load("curvature-digits").show()
        Orden: python -m talweg.experiments curvature --dataset digits --seeds 10 --device cpu
        ...
        """
        head = _("Recorded result {name}: where it comes from").format(name=self.name)
        told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in self._told().items())
        html = f'<details class="provenance"><summary>{escape(head)}</summary><dl>{told}</dl></details>'
        show(str(self), {"text/html": html})

    def _told(self) -> dict[str, str]:
        p = self.provenance
        versions = ", ".join(f"{name} {version}" for name, version in p["versions"].items())
        hardware = p["hardware"]
        machine = hardware["cpu"] if hardware["device"] == "cpu" else f"{hardware['cpu']}, {hardware['device']}"
        return {
            _("Command"): p["command"],
            _("Data"): f"{p['dataset']} (SHA-256 {p['data_sha256'][:12]}…)",
            _("Seeds"): ", ".join(map(str, p["seeds"])),
            _("Software"): f"{versions}, git {p['commit'][:7]}",
            _("Hardware"): _("{machine}, threads: {threads}").format(machine=machine, threads=hardware["threads"]),
            _("Date"): p["date"],
        }


def names() -> list[str]:
    """Names of the recorded results of all chapters, sorted.

    Examples
    --------
    >>> from talweg.recorded import names
    >>> [name for name in names() if name.startswith("curvature")]
    ['curvature-digits', 'curvature-mnist']
    """
    return sorted(_files())


def _files() -> dict[str, Path]:
    """`book/<chapter>/recorded/<name>.json` by name."""
    return {path.stem: path for chapter in chapters() for path in folder(chapter).glob("recorded/*.json")}


def load(name: str) -> Recorded:
    """The recorded result of that name.

    Raises
    ------
    ValueError
        There is no result of that name; the message lists those that there are.

    Examples
    --------
    >>> from talweg.recorded import load
    >>> result = load("curvature-digits")
    >>> result.provenance["dataset"], len(result.provenance["seeds"])
    ('digits', 10)
    """
    files = _files()
    content = json.loads(files[one_of("name", name, sorted(files))].read_text(encoding="utf-8"))
    return Recorded(name, content["data"], content["provenance"])


def write(path: str | os.PathLike, data: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Write a result as JSON: whole, or not at all.

    Parameters
    ----------
    path
        The file; folders that are not there yet are made.
    data
        The numbers, as JSON knows them.
    provenance
        Where they come from.

    Raises
    ------
    ValueError
        NaN or infinity, of which JSON has neither; use None.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from talweg.recorded import write
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write(Path(folder) / "result.json", {"loss": 0.25}, {"command": "by hand"})
    ...     json.loads((Path(folder) / "result.json").read_text())
    {'provenance': {'command': 'by hand'}, 'data': {'loss': 0.25}}
    """
    write_json(path, {"provenance": dict(provenance), "data": dict(data)})


def write_json(path: str | os.PathLike, content: Mapping[str, Any]) -> None:
    """Write JSON through a file beside it, so that there is never half a file."""
    path = Path(path)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(text.encode())


def provenance(command: str, dataset: Dataset, seeds: Sequence[int], device: torch.device | str) -> dict[str, Any]:
    """Where a result comes from. Names no path and no machine but its processor.

    Parameters
    ----------
    command
        The command that measures the result again.
    dataset
        What was trained on; its name and its SHA-256 are kept.
    seeds
        The seeds of the runs.
    device
        Where they ran; of a GPU the name is kept too.

    Returns
    -------
    dict
        Command, commit of the working tree, versions, data set and its hash, seeds, hardware, and today's date.

    Examples
    --------
    >>> from talweg.recorded import provenance
    >>> from talweg import data
    >>> origin = provenance("python -m measure", data.load("digits", device="cpu"), range(3), "cpu")
    >>> origin["dataset"], origin["seeds"], origin["hardware"]["device"]
    ('digits', [0, 1, 2], 'cpu')
    """
    device = torch.device(device)
    hardware = {"cpu": processor(), "threads": torch.get_num_threads(), "device": device.type}
    if device.type == "cuda":
        hardware["gpu"] = torch.cuda.get_device_name(device)
    versions = {"python": platform.python_version(), "torch": torch.__version__, "talweg": _version()}
    return {
        "command": command,
        "commit": _commit(),
        "versions": versions,
        "dataset": dataset.name,
        "data_sha256": dataset.sha256(),
        "seeds": list(seeds),
        "hardware": hardware,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _version() -> str:
    try:
        return metadata.version("talweg")
    except metadata.PackageNotFoundError:
        return sys.modules["talweg"].__version__


def _commit() -> str:
    """The commit of the working tree, with "+changes" if files of the library differ from it."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # an installed copy may lie inside some other repository
        changed = git("status", "--porcelain", "--", "*.py")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "uncommitted"


def processor() -> str:
    """The name of this machine's processor, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
