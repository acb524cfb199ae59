"""Where the book is published: the repository and the site's address, which stand in `_config.yml`.

    python -m talweg_site.address OWNER/REPO [--site URL]

moves the book to another repository: the first step of whoever publishes it. It changes `_config.yml` and every file
that must say the address literally (set-up cells, README, CITATION, templates of issues, …). Nothing is executed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from talweg.atomic import whole_file
from talweg_site.editions import compile_catalog

OWNER = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"
REPOSITORY = re.compile(rf"{OWNER}/(?!\.{{1,2}}$)[\w.-]{{1,100}}(?<!\.git)", re.ASCII)
END = r"(?![\w-]|\.(?!git\b)\w)"  # the address ends here: no letter follows, nor a point and a letter


class AddressError(ValueError):
    """What was given is no address, or the book cannot be moved there."""


@dataclass(frozen=True)
class Address:
    """repository: "owner/repo" on GitHub. site: the URL of the published book, with a slash at its end."""

    repository: str
    site: str

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"https://github.com/{self.repository}"


def read_address(root: Path) -> Address:
    """The address that `_config.yml` gives."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return Address(config["repository"]["url"].removeprefix("https://github.com/"), config["html"]["baseurl"])


def new_address(repository: str, site: str | None = None) -> Address:
    """The address of a repository; its site is that of GitHub Pages unless another is given. AddressError if malformed."""
    if not REPOSITORY.fullmatch(repository):
        raise AddressError(f"OWNER/REPO must name a repository of GitHub, such as maria/talweg, got {repository!r}")
    owner, name = repository.split("/")
    pages = f"{owner.lower()}.github.io"
    site = site or (f"https://{pages}/" if name.lower() == pages else f"https://{pages}/{name}/")
    parts = urlsplit(site)
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w.~/-]*)?", site, re.ASCII) or not parts.hostname:
        raise AddressError(f"--site must be an address such as https://example.org/talweg/, got {site!r}")
    return Address(repository, f"{site.rstrip('/')}/")


def replaced(text: str, old: Address, new: Address) -> str:
    """`text` with the new address wherever it has the old one, as a link or as a part of a link of Colab or Binder."""
    text = re.sub(re.escape(old.site.rstrip("/")) + END, new.site.rstrip("/"), text)
    return re.sub(rf"(github\.com/|/github/|/gh/){re.escape(old.repository)}{END}", rf"\g<1>{new.repository}", text)


def move(root: Path, new: Address) -> list[Path]:
    """Put the new address in the place of the old one in every file that git knows; returns the files changed."""
    old, changed = read_address(root), []
    files = sorted(
        _files(root), key=lambda path: path.name == "_config.yml"
    )  # last: until then the old one can be read
    for path in files:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue  # compiled catalogs among them, see below; pictures and fonts hold no address
        if (moved := replaced(text, old, new)) != text:
            with whole_file(path) as file:
                file.write(moved.encode("utf-8"))
            changed.append(path)
    for catalog in changed:
        if catalog.with_suffix(".mo") in files:
            compile_catalog(catalog)
    return changed


def _files(root: Path) -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if listed.returncode:
        raise AddressError(f"{root}: git knows no files here; run from the top of a clone")
    found = [root / name for name in listed.stdout.decode("utf-8").split("\0") if name]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 if every file says the new address."""
    parser = argparse.ArgumentParser(
        prog="python -m talweg_site.address", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("repository", metavar="OWNER/REPO", help="the repository on GitHub")
    parser.add_argument("--site", metavar="URL", help="where the site is served (default: GitHub Pages of OWNER/REPO)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top of the repository (default: here)")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        changed = move(root, new_address(options.repository, options.site))
    except (AddressError, OSError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in changed:
        print(path.relative_to(root))
    if not any(path.suffix == ".ipynb" for path in changed):
        return 0
    from talweg_site.author import notebooks  # here, since Sphinx imports this module in each of its processes

    return notebooks.main(["--prose-only", "--root", str(root)])  # text and notebook changed alike: nothing is run


if __name__ == "__main__":
    sys.exit(main())
