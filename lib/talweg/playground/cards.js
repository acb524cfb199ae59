// One card for each method: which it is, its sliders, and a button to remove it.
import { fill, h } from "../widgets/dom.js";
import { slider, svg } from "../widgets/plot.js";

const shapes = ["M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z", "M-4.5 -4.5H4.5V4.5H-4.5Z", "M0 -6L5.8 4.5H-5.8Z", "M0 -6.2L6.2 0L0 6.2L-6.2 0Z"];
export const head = (i) => svg("path", { class: `tw-head tw-c${i}`, d: shapes[i] });
export const options = (keys, names) => Object.keys(keys).map((key) => h("option", { value: key }, names[key] ?? key));
export const swatch = (i) => svg("svg", { class: "tw-swatch", width: 34, height: 16, viewBox: "-17 -8 34 16", "aria-hidden": "true" },
  svg("path", { class: `tw-trace tw-c${i}`, d: "M-17 0H17" }), head(i));

// "Adam", or "Adam (η = 0.1)" where several cards hold the same method.
export function title(words, methods, i, show) {
  const { name, lr } = methods[i];
  const known = words.names[name] ?? name;
  return methods.filter((other) => other.name === name).length > 1 ? `${known} (η = ${show(lr)})` : known;
}

// β = 1 − 1/n remembers about n steps; the slider is even in log n: 0, 0.9, 0.99, 0.999 are at equal distances.
const memory = { into: (beta) => Number((1 / (1 - beta)).toPrecision(4)), back: (n) => Number((1 - 1 / n).toFixed(6)) };
const linear = { into: (v) => v, back: (v) => v };

function hyperparameter(model, i, key, words, { low, high, log, memory: kept }, show) {
  const { into, back } = kept ? memory : linear;
  const entry = {
    get: () => into(model.get("methods")[i]?.[key] ?? 0),
    set: (_, value) => model.set("methods", model.get("methods").map((m, j) => (j === i ? { ...m, [key]: back(value) } : m))),
    save_changes: () => model.save_changes(),
  };
  return slider(entry, key, words.sliders, { range: { low: into(low), high: into(high) }, log: log || kept, show: (v) => show(back(v), 4) });
}

export function card(model, i, { words, setup, show, replace, remove }) {
  const methods = model.get("methods");
  const { name, ...values } = methods[i], label = words.names[name] ?? name;
  const choice = h("select", { "aria-label": fill(words.method, { i: i + 1 }), onchange: () => replace(choice.value) },
    ...options(setup.methods, words.names));
  choice.value = name;
  const sliders = Object.keys(values).map((key) => hyperparameter(model, i, key, words, setup.sliders[key], show));
  const away = h("button", { type: "button", class: "tw-away", disabled: methods.length === 1, onclick: remove,
    "aria-label": fill(words.remove, { method: label }) }, "×");
  const node = h("div", { class: `tw-card tw-c${i}`, role: "group", "aria-label": label },
    h("div", { class: "tw-card-head" }, swatch(i), away), choice, ...sliders.map((s) => s.node));
  return { node, choice, refresh: () => sliders.forEach((s) => s.refresh()) };
}
