"""Every measurement in this folder: python -m benchmarks [--runs 7] [--device cpu] [name …]

A module here has a function `records(runs, device)` that returns a list of
{task, peer, peer_version, ratio, ratio_min, ratio_max, ours_s, peer_s, runs, threads, device, agreement}:
`ratio` is the peer's time over ours in alternating runs (above 1: ours is faster), `agreement` the largest relative
difference between both results. A ratio is worth nothing unless both computed the same. In results.json `device` is the
name of the processor or GPU.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import torch

from talweg.recorded import processor

FOLDER = Path(__file__).parent
FIELDS = {
    *("task", "peer", "peer_version", "ratio", "ratio_min", "ratio_max"),
    *("ours_s", "peer_s", "runs", "threads", "device", "agreement"),
}


def names() -> list[str]:
    """The measurements there are."""
    return sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]) if not module.name.startswith("_"))


def device_name(device: str) -> str:
    """What was measured on: a ratio says little without it."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()


def main(arguments: list[str] | None = None) -> int:
    """The command line; writes results.json once everything has been measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"only these: {', '.join(names())}")
    parser.add_argument("--runs", type=int, default=7, help="alternating runs of ours and the peer's (default 7)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    parser.add_argument("--out", type=Path, default=FOLDER / "results.json", help="default: benchmarks/results.json")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in names()]:
        parser.error(f"name {unknown[0]!r}: unknown; there are {', '.join(names())}")
    results = []
    for name in options.names or names():
        for record in import_module(f"benchmarks.{name}").records(runs=options.runs, device=options.device):
            if set(record) != FIELDS:
                raise ValueError(f"benchmarks.{name}: fields {sorted(set(record) ^ FIELDS)} are missing or not known")
            print(
                f"{record['task']}: {record['ratio']:.2f}× {record['peer']} {record['peer_version']} "
                f"({record['ratio_min']:.2f} to {record['ratio_max']:.2f}), agreement {record['agreement']:.0e}",
                flush=True,
            )
            results.append(record | {"device": device_name(options.device)})
    options.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
