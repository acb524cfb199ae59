"""A built site behind a small web server, and a headless Chromium with its logs.

The server puts the site under a sub-path, as GitHub Pages does: an address that starts at the root would fail.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup

from talweg_site.address import read_address
from talweg_site.check.nbcheck import digest_files

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
CODES = ("es", "de", "zh", "ru")
# Where the site is published: 404.html, which a host shows at any depth, links to pages from there.
PREFIX = urlsplit(read_address(ROOT).site).path.rstrip("/")

RUN_AXE = """
const [rules, parts] = arguments;
const options = {resultTypes: ['violations']};
if (rules) options.runOnly = {type: 'rule', values: rules};
return axe.run(parts ? {include: parts} : document, options).then(result => result.violations
  .filter(v => ['critical', 'serious'].includes(v.impact))
  .map(v => `${v.id} (${v.impact}): ` + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join(' | ')));
"""

# Widgets come to life when they come near the window; a test wants all of them.
WAKE = """
const places = [...document.querySelectorAll(".talweg-widget")];
places.forEach((place) => place.dispatchEvent(new Event("talweg:start")));
return new Promise((done) => {
  const look = () => (places.every((place) => place.dataset.state) ? done(true) : setTimeout(look, 50));
  look();
});
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site below PREFIX and nothing else."""

    def translate_path(self, path: str) -> str:
        inside = path.startswith(PREFIX + "/")
        return super().translate_path(path.removeprefix(PREFIX) if inside else "/does-not-exist")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What does not exist is answered with `404.html`, as GitHub Pages does."""
        page = SITE / "404.html"
        if code != http.HTTPStatus.NOT_FOUND or not page.exists():
            super().send_error(code, message, explain)
            return
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.read_bytes())

    def log_message(self, *args: Any) -> None:
        """Quiet."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Address of the site, with a slash at its end."""
    if not (SITE / "index.html").exists():
        pytest.fail(f"{SITE} holds no site: build it first (make html)")
    server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}/"
    server.shutdown()


def page_paths() -> list[str]:
    """Every page of the site, as `es/index.html`, the landing page first."""
    found = [f"{code}/{path.name}" for code in CODES for path in sorted((SITE / code).glob("*.html"))]
    return ["index.html", *found]


@functools.cache
def parsed(path: Path) -> BeautifulSoup:
    """A page of the site, read once."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def turn() -> int:
    """A number that changes with the texts of the book: whose turn it is where one edition stands for all."""
    return int(digest_files((ROOT / "chapters").glob("*/*.md"), ROOT)[:8], 16)


def in_turn(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each name with an edition, each edition as often as the others; TALWEG_EVERY_PAGE=1: with all of them."""
    if os.environ.get("TALWEG_EVERY_PAGE"):
        return [(code, name) for code in CODES for name in names]
    return [(CODES[(turn() + number) % len(CODES)], name) for number, name in enumerate(names)]


def shown_paths() -> list[str]:
    """The pages that a browser opens: the landing page, each edition's opening page, and each other page in one edition.

    Pages of one kind come one after the other, so that each edition has its turn with each kind of which there are four.
    """
    chapters = [path.stem for path in sorted((ROOT / "chapters" / "es").glob("*.ipynb")) if path.stem != "index"]
    others = [path.stem for path in sorted((SITE / "es").glob("*.html")) if path.stem not in ("index", *chapters)]
    shown = [*((code, "index") for code in CODES), *in_turn(chapters), *in_turn(others)]
    return ["index.html", *(f"{code}/{name}.html" for code, name in shown)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`page_path` stands for every page, `edition_page` for all but the landing page, `shown_page` for what a browser opens."""
    kinds = {"page_path": page_paths, "edition_page": lambda: page_paths()[1:], "shown_page": shown_paths}
    for name, paths in kinds.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, paths())


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def site_folder() -> Path:
    """The folder of the built site."""
    return SITE


@dataclass
class Log:
    """What the browser said since the last `take`: errors of the console, and the addresses it asked for."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def foreign(self, site: str) -> list[str]:
        """Requests to any other host."""
        own = urlsplit(site).netloc
        return [
            url for url in self.requests if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != own
        ]


class Browser:
    """A thin layer over Selenium's driver: pages by their path, sizes, themes, logs."""

    def __init__(self, driver: Any, site: str) -> None:
        self.driver, self.site = driver, site

    def open(self, path: str) -> None:
        """Load a page and wait until scripts and fonts are there."""
        self.driver.get(self.site + path)
        self.run("return document.fonts.ready.then(() => true)")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript and return its value; promises are awaited."""
        return self.driver.execute_script(script, *arguments)

    def size(self, width: int, height: int = 900) -> None:
        """Set the size of the viewport."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def theme(self, name: str) -> None:
        """Switch to "light" or "dark", by the page's own button where there is one."""
        self.run(
            "if (document.documentElement.dataset.theme !== arguments[0]) {"
            " const button = document.querySelector('.theme-button');"
            " if (button) button.click(); else document.documentElement.dataset.theme = arguments[0]; }",
            name,
        )

    def wake(self) -> None:
        """Start all widgets of the page and wait for them."""
        self.run(WAKE)

    def findings(self, rules: list[str] | None = None, parts: list[list[str]] | None = None) -> list[str]:
        """Critical and serious findings of axe-core, which the page must have loaded; all rules and the whole page."""
        return self.run(RUN_AXE, rules, parts)

    def take(self) -> Log:
        """The log since the last call."""
        log = Log()
        for entry in self.driver.get_log("browser"):
            if entry["level"] == "SEVERE":
                log.errors.append(entry["message"])
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                log.requests.append(message["params"]["request"]["url"])
        return log


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:
    """Headless Chromium; the tests are skipped where there is none. Not longer than a module: its last page may be moving."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    chromedriver = shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("no chromium and chromedriver on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    driver.set_script_timeout(30)
    yield Browser(driver, site)
    driver.quit()


@pytest.fixture(scope="session")
def axe(root: Path) -> str:
    """The source of axe-core, a development package of package.json: a script to run on a page."""
    return (root / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def wide(browser: Browser) -> Browser:
    """The browser at 1280 px in the light theme, with empty logs."""
    browser.size(1280)
    browser.take()
    return browser
