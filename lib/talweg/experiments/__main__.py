"""Command line: python -m talweg.experiments NAME [--dataset …] [--seeds N] [--device …] [--out FILE.json]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from talweg.data import DataError
from talweg.experiments import EXPERIMENTS, Config, run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m talweg.experiments", description="Rerun a recorded result.")
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--dataset", default="digits", help="digits, MNIST, FashionMNIST … (default: digits)")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="fresh seeds per result (default: 10)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="result file (default: NAME-DATASET.json)")
    parser.add_argument("--root", type=Path, help="folder of the data files (default: TALWEG_DATA, else a cache)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1; -1: all cores)")
    parser.add_argument("--tiny", action="store_true", help="the same code with next to no work, to see that it runs")
    given = parser.parse_args(arguments)
    out = given.out or Path(f"{given.name}-{given.dataset.lower()}.json")
    try:
        config = Config(given.dataset, given.seeds, given.device, given.tiny)
        run(given.name, config, out=out, root=given.root, jobs=given.jobs)
    except (ValueError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted; finished parts are kept in {out}.partial.json", file=sys.stderr)
        return 130
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
