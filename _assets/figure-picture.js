// The picture that a figure shows now, as an SVG or PNG file: panels, titles and legend in the page's colours and fonts.
import { fontFaces } from "./figure-fonts.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 16, PIXELS = 2; // of a PNG for each pixel of the page
// What a style sheet may say of a drawn thing, and what holds if it says nothing.
const STYLES = {
  fill: "rgb(0, 0, 0)", "fill-opacity": "1", stroke: "none", "stroke-width": "1px", "stroke-opacity": "1", "stroke-dasharray": "none",
  "stroke-linejoin": "miter", "stroke-linecap": "butt", opacity: "1", "paint-order": "normal", "text-anchor": "start",
};
const FONT = ["font-family", "font-size", "font-weight", "font-style"];

export async function save(kind, el, label) {
  const svg = await compose(el);
  const source = new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
  const file = kind === "svg" ? source : await painted(source, svg);
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: `talweg-${label}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function painted(source, svg) {
  const image = new Image(), address = URL.createObjectURL(source);
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = ["width", "height"].map((side) => PIXELS * Number(svg.getAttribute(side)));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no PNG"))), "image/png"));
}

export async function compose(el) {
  const figure = el.firstElementChild;
  // Panels that the page sets among other things (display: contents) have no box of their own: then each of them is a part.
  const seen = [...figure.querySelectorAll(".tw-panels, .tw-panels > div, .tw-legend")].filter((part) => part.getClientRects().length);
  const parts = seen.filter((part) => !seen.some((other) => other !== part && other.contains(part)));
  const boxes = (parts.length ? parts : [figure]).map((part) => [part, part.getBoundingClientRect()]);
  const width = Math.ceil(Math.max(...boxes.map(([, box]) => box.width)) + 2 * MARGIN);
  const height = Math.ceil(boxes.reduce((sum, [, box]) => sum + box.height + MARGIN, MARGIN));
  const svg = node("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const background = getComputedStyle(figure).getPropertyValue("background-color");
  svg.append(node("rect", { width, height, fill: plain(background) }));
  let y = MARGIN;
  for (const [part, box] of boxes) {
    const group = node("g", { transform: `translate(${round(MARGIN - box.left)} ${round(y - box.top)})` });
    group.append(...drawn(part));
    svg.append(group);
    y += box.height + MARGIN;
  }
  const style = node("style");
  style.textContent = await fontFaces(svg);
  svg.prepend(style);
  return svg;
}

// The parts of an element from back to front: pictures, canvases, text, the lines before a legend's words.
function drawn(element) {
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden" || element.matches("select, input, .tw-controls button")) return [];
  const box = element.getBoundingClientRect();
  if (element.localName === "svg") return [picture(element, box)];
  if (element.localName === "canvas") return [node("image", { ...place(box), href: element.toDataURL(), preserveAspectRatio: "none" })];
  if (element.matches(".tw-handle")) return [handle(box, style)];
  const inside = [...element.childNodes].flatMap((child) => {
    if (child.nodeType === Node.TEXT_NODE) return lines(child, style);
    return child.nodeType === Node.ELEMENT_NODE ? drawn(child) : [];
  });
  return [...sample(element, box), ...inside];
}

function picture(element, box) {
  const copy = element.cloneNode(true);
  const [from, to] = [element, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((original, i) => inline(original, to[i]));
  for (const [name, value] of Object.entries(place(box))) copy.setAttribute(name, value);
  return copy;
}

function inline(original, copy) {
  const style = getComputedStyle(original);
  for (const name of ["class", "style"]) copy.removeAttribute(name);
  if (original.namespaceURI !== SVG || /^(svg|g|clipPath|defs)$/.test(original.localName)) return;
  for (const [name, usual] of Object.entries(STYLES)) {
    const value = style.getPropertyValue(name);
    if (value && value !== usual) copy.setAttribute(name, /^(fill|stroke)$/.test(name) ? plain(value) : value);
  }
  if (original.localName === "text") FONT.forEach((name) => copy.setAttribute(name, style.getPropertyValue(name)));
}

// A text as it is broken on the page: one <text> for each line.
function lines(text, style) {
  const found = [];
  for (const match of text.data.matchAll(/\S+\s*/g)) {
    const range = document.createRange();
    range.setStart(text, match.index);
    range.setEnd(text, match.index + match[0].length);
    const box = range.getBoundingClientRect(), last = found.at(-1);
    if (!box.width) continue;
    if (last && Math.abs(last.box.top - box.top) < 2) last.words += match[0];
    else found.push({ box, words: match[0] });
  }
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  return found.map(({ box, words }) => {
    const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText(words);
    const baseline = box.top + (box.height - up - down) / 2 + up;
    const made = node("text", { x: round(box.left), y: round(baseline), fill: plain(style.color) });
    FONT.forEach((name) => made.setAttribute(name, style.getPropertyValue(name)));
    made.textContent = words.trimEnd();
    return made;
  });
}

// The piece of line before a legend's word.
function sample(element, box) {
  const before = getComputedStyle(element, "::before"), thick = parseFloat(before.borderTopWidth);
  if (before.content === "none" || !thick || before.borderTopStyle === "none") return [];
  const dashes = { dashed: `${2.5 * thick} ${1.5 * thick}`, dotted: `${thick} ${thick}` }[before.borderTopStyle];
  const y = round(box.top + box.height / 2);
  return [node("line", { x1: round(box.left), x2: round(box.left + parseFloat(before.width)), y1: y, y2: y, stroke: plain(before.borderTopColor),
    "stroke-width": thick, ...(dashes && { "stroke-dasharray": dashes }) })];
}

function handle(box, style) {
  const group = node("g", { transform: `translate(${round(box.left + box.width / 2)} ${round(box.top + box.height / 2)})` });
  group.append(node("circle", { r: box.width / 2 - 1, fill: plain(style.backgroundColor), stroke: plain(style.borderTopColor), "stroke-width": 2 }),
    node("circle", { r: 3, fill: plain(style.borderTopColor) }));
  return group;
}

// A colour as every program reads it: mixed ones are computed as color(srgb …).
const known = new Map();
function plain(colour) {
  if (!/^(color|oklab|oklch|lab|lch|rgba?)\(/.test(colour)) return colour;
  if (!known.has(colour)) {
    const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    known.set(colour, a === 255 ? `rgb(${r}, ${g}, ${b})` : `rgba(${r}, ${g}, ${b}, ${round(a / 255)})`);
  }
  return known.get(colour);
}

const round = (v) => Math.round(100 * v) / 100;
const place = (box) => ({ x: round(box.left), y: round(box.top), width: round(box.width), height: round(box.height) });

function node(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
