"""Whether the type hints of the library and of the site's package hold: pyright, as pyproject.toml sets it.

`python -m talweg_site.check.types` (part of `make check`). pyright is a package of npm, in package.json with its exact version.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from talweg_site.build.assets import install_npm_packages, node
from talweg_site.editions import find_root


def main() -> int:
    """Run pyright over what pyproject.toml names; its exit status."""
    root = find_root(Path.cwd())
    install_npm_packages(root)
    program = root / "node_modules" / "pyright" / "index.js"
    return subprocess.run([str(node()), str(program), "--pythonpath", sys.executable], cwd=root).returncode


if __name__ == "__main__":
    sys.exit(main())
