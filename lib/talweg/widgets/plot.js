// What the driven figures share: numbers in the reader's language, axes, a stage.
import { h, newId } from "./dom.js";

const raised = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const power = (k) => "10" + [...String(k)].map((c) => raised[c]).join("");

// As talweg.i18n.number: 0,82 · 1,2·10⁻⁷ · −3
export function number(x, decimal, digits = 3) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "−∞";
  const local = (text) => text.replace(".", decimal).replace("-", "−");
  const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  if (x !== 0 && (exponent < -4 || exponent >= 6)) {
    const factor = local(trim(mantissa));
    return (/^−?1$/.test(factor) ? factor.slice(0, -1) : `${factor}·`) + power(Number(exponent));
  }
  return local(trim(x.toFixed(Math.max(digits - 1 - exponent, 0))));
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// What is as small as rounding errors beside the numbers that it is made of, is 0.
export const settled = (x, scale) => (Math.abs(x) < 1e-12 * Math.abs(scale) ? 0 : x);

// "2/λ_max" with a true subscript, never broken at the slash.
export function typeset(text) {
  return text.split(/((?:\S+ × )?\S*_\w+)/).map((part, i) => {
    const [stem, index] = part.split("_");
    return i % 2 ? h("span", { class: "tw-whole" }, stem, h("sub", {}, index)) : part;
  });
}

function ticks(low, high, count) {
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((m) => m * unit >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

function decades(low, high, count) {
  const [from, to] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const every = Math.ceil((to - from + 1) / count);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((k) => k % every === 0).map((k) => 10 ** k);
}

// Fresh axes in `host`; `to` draws into the clipped area. equal: y: centre, with the scale of x. marks: values on the y axis
// that have a number of their own.
export function axes(host, { x, y, log = false, equal = false, decimal, xLabel = "", yLabel = "", height = 0, marks = [] }) {
  const width = host.clientWidth;
  height ||= Math.round(Math.min(300, Math.max(220, width * 0.62)));
  const [left, right, top, bottom] = [equal ? 30 : 46, 14, 10, 38];
  const w = width - left - right, tall = height - top - bottom;
  if (equal) y = [y - ((x[1] - x[0]) * tall) / w / 2, y + ((x[1] - x[0]) * tall) / w / 2];
  const scale = log ? Math.log : (v) => v;
  const X = (v) => left + ((v - x[0]) / (x[1] - x[0])) * w;
  const Y = (v) => top + tall - ((scale(v) - scale(y[0])) / (scale(y[1]) - scale(y[0]))) * tall;
  const clip = newId();
  const to = svg("g", { "clip-path": `url(#${clip})` });
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("clipPath", { id: clip }, svg("rect", { x: left, y: top, width: w, height: tall })));
  for (const v of ticks(...x, Math.max(3, w / 80))) {
    picture.append(svg("line", { class: "tw-grid", x1: X(v), x2: X(v), y1: top, y2: top + tall }),
      svg("text", { x: X(v), y: top + tall + 17, "text-anchor": "middle" }, number(v, decimal)));
  }
  for (const v of log ? decades(...y, tall / 36) : ticks(...y, tall / 48)) {
    picture.append(svg("line", { class: "tw-grid", x1: left, x2: left + w, y1: Y(v), y2: Y(v) }));
    if ((yLabel && Y(v) < top + 14) || marks.some((mark) => Math.abs(Y(v) - Y(mark)) < 13)) continue;
    picture.append(
      svg("text", { x: left - 6, y: Y(v) + 4, "text-anchor": "end" },
        log && Math.abs(Math.log10(v)) > 2.5 ? power(Math.round(Math.log10(v))) : number(v, decimal)));
  }
  picture.append(...marks.map((v) => svg("text", { x: left - 6, y: Y(v) + 4, "text-anchor": "end" }, number(v, decimal))));
  picture.append(svg("text", { x: left + w, y: height - 4, "text-anchor": "end" }, xLabel),
    svg("text", { x: left - 6, y: top + 4, "text-anchor": "end" }, yLabel), to);
  host.replaceChildren(picture);
  // Values beyond the axes are drawn at a finite place outside the clip, not at infinity.
  const tidy = (v) => Math.min(9999, Math.max(-9999, v)).toFixed(1);
  const line = (points, kind) => to.append(svg("path", { class: kind, d: trace(points) }));
  const trace = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${tidy(X(a))} ${tidy(Y(log ? Math.max(b, 1e-300) : b))}`).join("");
  return { X, Y, x, y, to, line, inverse: (px, py) => [x[0] + ((px - left) / w) * (x[1] - x[0]), y[1] - ((py - top) / tall) * (y[1] - y[0])] };
}

// Panels, controls and the sentence that says what is seen. draw(...hosts) returns that sentence. rough: drawing takes long,
// and draw(...hosts, true) is a quick sketch for the time in which a value moves.
export function stage({ model, el }, { kind, panels, traits, controls, noise, rough = false, draw }) {
  const words = model.get("words");
  const hosts = panels.map(() => h("div", { class: "tw-panel" }));
  const figures = panels.map(({ title, keys = [] }, i) => h("div", {}, h("p", { class: "tw-title" }, h("span", {}, ...typeset(title)),
    ...keys.map(([style, text]) => h("span", { class: `tw-key ${style}` }, ...typeset(text)))), hosts[i]));
  const said = h("p", { class: "tw-said", "aria-live": "polite" });
  const again = h("button", { type: "button", onclick: () => {
    model.set("seed", model.get("seed") + 1);
    model.save_changes();
  } }, words.noise);
  const root = h("div", { class: `tw tw-figure tw-${kind}`, role: "group", "aria-label": words.figure,
                              lang: model.get("language"), "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "tw-panels" }, ...figures),
    h("div", { class: "tw-controls" }, ...controls.map(({ node }) => node), ...(noise ? [again] : [])), said);
  // A screen reader hears where a movement ended, not every stage of it.
  let timer, first = true;
  const say = (text) => {
    clearTimeout(timer);
    if (first) said.replaceChildren(...typeset(text));
    else timer = setTimeout(() => said.replaceChildren(...typeset(text)), 250);
    first = false;
  };
  let asked, calm;
  const redraw = () => {
    asked ??= requestAnimationFrame(() => {
      asked = undefined;
      if (!hosts[0].clientWidth) return;
      controls.forEach(({ refresh }) => refresh());
      clearTimeout(calm);
      const sketch = rough && !first, text = draw(...hosts, sketch);
      if (sketch) calm = setTimeout(() => say(draw(...hosts, false)), 150);
      else say(text);
    });
  };
  const names = traits.map((name) => `change:${name}`).join(" ");
  model.on(names, redraw);
  const watch = new ResizeObserver(redraw);
  watch.observe(root);
  el.append(root);
  redraw();
  return () => {
    watch.disconnect();
    clearTimeout(timer);
    clearTimeout(calm);
    model.off(names, redraw);
  };
}
