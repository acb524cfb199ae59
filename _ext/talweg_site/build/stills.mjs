// What widgets show before a reader drives them, as HTML: their own modules run in node, over a DOM without a layout.
// stdin: [{"module": source, "state": {…}, "alt": id of what describes it}, …]; stdout: [{"html": …} or {"error": …}, …].
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const COLUMN = 668, GAP = 28; // pixels: the inside of a figure on a wide page, and between two panels
const CONTROLS = "button, input, select, textarea";

const { parseHTML } = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve("linkedom")));
const widgets = JSON.parse(readFileSync(0, "utf8"));

const { window, document, Node, HTMLElement, HTMLSelectElement, DOMParser, CustomEvent } = parseHTML("<!doctype html><html><body></body></html>");
let frames = [];
class Idle { observe() {} unobserve() {} disconnect() {} }
Object.assign(globalThis, {
  window, document, Node, HTMLElement, CustomEvent, location: { hash: "", pathname: "", search: "" },
  ResizeObserver: Idle, IntersectionObserver: Idle, MutationObserver: Idle,
  DOMParser: class { parseFromString(text) { return new DOMParser().parseFromString(text, "text/xml"); } },
  addEventListener() {}, removeEventListener() {},
  matchMedia: () => ({ matches: false, addEventListener() {}, removeEventListener() {} }),
  getComputedStyle: () => ({ getPropertyValue: () => "" }),
  requestAnimationFrame: (draw) => frames.push(draw), cancelAnimationFrame: (k) => delete frames[k - 1],
  setTimeout: () => 0, clearTimeout() {},
  ImageData: class { data = { set() {} }; },
});

// Panels stand beside each other, as wide as the column allows.
const width = (node) => {
  const row = node.closest?.(".tw-panels"), count = row?.children.length || 1;
  return (COLUMN - GAP * (count - 1)) / count;
};
const left = (node) => {
  const panel = [...(node.closest?.(".tw-panels")?.children ?? [])].findIndex((one) => one.contains(node));
  return Math.max(0, panel) * (width(node) + GAP);
};
Object.defineProperties(HTMLElement.prototype, {
  clientWidth: { get() { return Math.round(width(this)); } }, offsetWidth: { get() { return Math.round(width(this)); } },
  offsetLeft: { value: 0 }, offsetTop: { value: 0 }, focus: { value() {} }, setPointerCapture: { value() {} },
});
HTMLElement.prototype.getBoundingClientRect = function () {
  return { left: left(this), right: left(this) + width(this), top: 0, bottom: 0, width: width(this), height: 0 };
};
// What linkedom lacks: choosing in a list, and a focus.
Object.defineProperty(HTMLSelectElement.prototype, "value", {
  get() { return (this.querySelector("option[selected]") ?? this.querySelector("option"))?.getAttribute("value"); },
  set(value) { this.querySelectorAll("option").forEach((one) => one.toggleAttribute("selected", one.getAttribute("value") === String(value))); },
});
const matches = HTMLElement.prototype.matches;
HTMLElement.prototype.matches = function (selector) {
  return !selector.includes(":focus") && matches.call(this, selector);
};
const create = document.createElement.bind(document);
const pen = new Proxy({}, { get: () => () => pen, set: () => true });
document.createElement = (tag) => (tag === "canvas" ? Object.assign(create("span"), { className: "canvas", getContext: () => pen }) : create(tag));

function model(state) {
  return { get: (name) => state[name], set: (name, value) => (state[name] = value), on() {}, off() {}, save_changes() {}, send() {} };
}

// A control that nothing answers is shown as such; the handle of a start point needs a layout to stand where it should.
function stilled(place) {
  place.querySelectorAll(CONTROLS).forEach((node) => {
    node.setAttribute("disabled", "");
    if (node.value && node.localName === "input") node.setAttribute("value", node.value);
  });
  place.querySelectorAll(".tw-handle, .canvas").forEach((node) => node.remove());
  place.querySelectorAll("[aria-live]").forEach((node) => node.removeAttribute("aria-live"));
  place.querySelectorAll("path[d]").forEach((node) => node.setAttribute("d", thinned(node.getAttribute("d"))));
  return place.innerHTML;
}

// The lines of a path without the points that one would not miss: 2000 steps need not be 2000 points.
const STEP = /([ML])(-?[\d.]+)[ ,](-?[\d.]+)/g;
function thinned(d) {
  if (d.replace(STEP, "").replace(/Z$/, "").trim()) return d; // curves, arcs, relative steps, several closed shapes
  const lines = d.replace("Z", "").split(/(?=M)/);
  const shorter = (line) => simplified([...line.matchAll(STEP)].map(([, , x, y]) => [Number(x), Number(y)]));
  return lines.map((line) => `M${shorter(line).map(([x, y]) => `${round(x)} ${round(y)}`).join("L")}`).join("") + (d.endsWith("Z") ? "Z" : "");
}
const round = (v) => Math.round(v * 10) / 10;

// Ramer, Douglas and Peucker: points nearer than half a pixel to the line without them are dropped.
function simplified(points) {
  if (points.length < 3) return points;
  const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)], length = Math.hypot(x1 - x0, y1 - y0);
  const off = ([x, y]) => (length ? Math.abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length : Math.hypot(x - x0, y - y0));
  let most = 0, at = 0;
  points.forEach((point, k) => { if (off(point) > most) [most, at] = [off(point), k]; });
  if (most < 0.5) return [points[0], points.at(-1)];
  return [...simplified(points.slice(0, at + 1)).slice(0, -1), ...simplified(points.slice(at))];
}

async function still({ module, state, alt }, number) {
  Date.now = () => number + 1; // ids are made of the time: so they repeat from build to build and differ on a page
  frames = [];
  const { default: widget } = await import(`data:text/javascript;base64,${Buffer.from(module).toString("base64")}`);
  const { initialize, render } = typeof widget === "function" ? await widget() : widget;
  const el = create("div"), context = { model: model(state), el, experimental: {} };
  document.body.append(el);
  await initialize?.(context);
  await render(context);
  for (let k = 0; k < frames.length && k < 100; k++) frames[k]?.(0);
  if (alt) el.firstElementChild?.setAttribute("aria-describedby", alt);
  const html = stilled(el);
  el.remove();
  return { html };
}

const found = [];
for (const [number, widget] of widgets.entries()) {
  found.push(await still(widget, number).catch((error) => ({ error: String(error.stack ?? error) })));
}
process.stdout.write(JSON.stringify(found));
