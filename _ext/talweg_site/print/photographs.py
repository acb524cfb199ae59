"""Photographs of the figures that a page draws, for print: from the built site, in headless Chromium."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

WIDTH = 668  # CSS pixels of the window: the column just holds two panels, and its words are large enough in print
HEIGHT = 1600  # so high that a figure fits: what lies outside the window takes ten times as long to be photographed
SCALE = 2  # device pixels per CSS pixel
WIDEST = 6.7  # inches: the page
PATIENCE = 60  # seconds a figure may take to be drawn and come to rest

# What works only on a screen is left out; a photograph stands on white paper.
PAPER = """
  html, body, body :has(figure), figure, figure .tw { background: #fff !important; box-shadow: none !important; }
  * { animation: none !important; transition: none !important; caret-color: transparent !important; }
  .topbar { display: none !important; }
  figure .tw button, figure .tw-controls, figure .figure-tools, figure .modebar, figure .updatemenu-container { display: none !important; }
  figure .tw { border: 0 !important; padding: 0 !important; }
"""

ADD_STYLE = """
  const style = document.createElement("style");
  style.textContent = arguments[0];
  document.head.append(style);
"""

# The box of a figure without its caption; null as long as nothing is drawn in it.
BOX = """
  const figure = document.getElementById(arguments[0]);
  if (!figure) return {missing: true};
  const widget = figure.querySelector(".talweg-widget");
  if (widget?.dataset.state === "failed") return {broken: true};
  if (widget && !widget.dataset.state) return null;  // a still picture is there until the figure is
  const drawn = [...figure.querySelectorAll("canvas, svg, .js-plotly-plot, .tw-prediction")];
  if (!drawn.some((node) => node.getBoundingClientRect().width > 40)) return null;
  const parts = [...figure.children].filter((node) => node.localName !== "figcaption");
  const boxes = parts.map((node) => node.getBoundingClientRect()).filter((box) => box.width && box.height);
  if (!boxes.length) return null;
  const left = Math.min(...boxes.map((box) => box.left)), top = Math.min(...boxes.map((box) => box.top));
  const right = Math.max(...boxes.map((box) => box.right)), bottom = Math.max(...boxes.map((box) => box.bottom));
  return {x: left + scrollX, y: top + scrollY, width: right - left, height: bottom - top};
"""


# Width and height of an SVG document.
SIZE = """
  const root = document.documentElement, view = root.viewBox?.baseVal, box = root.getBoundingClientRect();
  return view?.width ? [view.width, view.height] : [box.width, box.height];
"""


class PhotographError(RuntimeError):
    """A figure could not be photographed."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address at which the files of `folder` are served while the context lasts (a free port of this machine)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium with a light page. Raises PhotographError where there is none."""
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException

    options = webdriver.ChromeOptions()
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars", "force-color-profile=srgb"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--window-size={WIDTH},{HEIGHT}")
    options.add_argument("--enable-unsafe-swiftshader")  # WebGL without a graphics card
    driver_path = shutil.which("chromedriver")
    service = webdriver.ChromeService(executable_path=driver_path) if driver_path else None
    try:
        driver = webdriver.Chrome(options=options, service=service)
    except WebDriverException as error:
        raise PhotographError(
            "Chromium cannot be started; install the Debian packages chromium and chromium-driver "
            f"({(error.msg or '').splitlines()[0] if error.msg else 'no message'})"
        ) from error
    try:
        metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = {"prefers-color-scheme": "light", "prefers-reduced-motion": "reduce"}
        media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        yield driver
    finally:
        driver.quit()


def photograph_page(driver: Any, address: str, figures: list[str], target: Path, prefix: str) -> None:
    """Write `<prefix>.<figure id>.png` into `target` for each figure of the page at `address`."""
    driver.get(address)
    driver.execute_script(ADD_STYLE, PAPER)
    for figure in figures:
        picture = _still_picture(driver, figure, address)
        temporary = target / f"{prefix}.{figure}.part"
        temporary.write_bytes(picture)
        temporary.replace(target / f"{prefix}.{figure}.png")


def _still_picture(driver: Any, figure: str, address: str) -> bytes:
    """The figure as PNG, once two pictures taken one after the other are the same."""
    last, box, deadline = b"", None, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        driver.execute_script("document.getElementById(arguments[0])?.scrollIntoView({block: 'center'})", figure)
        box = driver.execute_script(BOX, figure)
        if box and box.get("missing"):
            raise PhotographError(f"{address} has no figure {figure!r}: build the site again")
        if box and box.get("broken"):
            break
        if box:
            options = {"format": "png", "clip": {**box, "scale": 1}, "captureBeyondViewport": box["height"] > HEIGHT}
            picture = base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"])
            if picture == last:
                return without_margins(picture)
            last = picture
        time.sleep(0.25)
    problems = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    reason = "failed" if box and box.get("broken") else f"was not drawn within {PATIENCE} s"
    raise PhotographError("\n  ".join([f"figure {figure!r} of {address} {reason}", *dict.fromkeys(problems)]))


def without_margins(picture: bytes) -> bytes:
    """The PNG without white rows above and below; its width, which sets the size of its words, stays."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    box = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    if box is None:
        raise PhotographError("a figure is an empty picture")
    room = 4 * SCALE
    cut = image.crop((0, max(box[1] - room, 0), image.width, min(box[3] + room, image.height)))
    out = io.BytesIO()
    cut.save(out, "PNG", optimize=True, dpi=(96 * SCALE, 96 * SCALE))
    return out.getvalue()


def picture_to_pdf(driver: Any, picture: Path, target: Path) -> None:
    """An SVG file as a vector PDF page of the same proportions, in its own size where that is not too wide."""
    driver.get(picture.as_uri())
    width, height = driver.execute_script(SIZE)
    style = "@page{margin:0}html,body{margin:0}img{display:block;width:100vw}"
    frame = target.with_suffix(".html")
    frame.write_text(f"<style>{style}</style><img src={json.dumps(picture.as_uri())}>", encoding="utf-8")
    driver.get(frame.as_uri())
    inches = min(WIDEST, width / 72)
    options = {"paperWidth": inches, "paperHeight": inches * height / width, "printBackground": True, "pageRanges": "1"}
    options |= {"marginTop": 0, "marginBottom": 0, "marginLeft": 0, "marginRight": 0}
    target.write_bytes(base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", options)["data"]))
    frame.unlink()
