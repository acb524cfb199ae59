// One row for each method: which it is, its learning rate, the rest on request, and a button to remove it.
import { fill, h } from "../widgets/dom.js";
import { svg } from "../widgets/plot.js";
import { slider } from "../widgets/slider.js";

const shapes = ["M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z", "M-4.5 -4.5H4.5V4.5H-4.5Z", "M0 -6L5.8 4.5H-5.8Z", "M0 -6.2L6.2 0L0 6.2L-6.2 0Z"];
export const head = (i) => svg("path", { class: `tw-head tw-c${i}`, d: shapes[i] });
export const options = (keys, names) => keys.map((key) => h("option", { value: key }, names[key] ?? key));
export const swatch = (i) => svg("svg", { class: "tw-swatch", width: 34, height: 16, viewBox: "-17 -8 34 16", "aria-hidden": "true" },
  svg("path", { class: `tw-trace tw-c${i}`, d: "M-17 0H17" }), head(i));

// "Adam", or "Adam (η = 0.1)" where several cards hold the same method.
export function title(words, methods, i, show) {
  const { name, lr } = methods[i];
  const known = words.names[name] ?? name;
  return methods.filter((other) => other.name === name).length > 1 ? `${known} (η = ${show(lr)})` : known;
}

function hyperparameter(model, i, key, words, { low, high, log, memory }, show) {
  const entry = {
    get: (name) => (name === key ? model.get("methods")[i]?.[key] ?? low : model.get(name)),
    set: (_, value) => model.set("methods", model.get("methods").map((m, j) => (j === i ? { ...m, [key]: value } : m))),
    save_changes: () => model.save_changes(),
  };
  const made = slider(entry, key, words.sliders, { range: { low, high }, log, memory, show: (v) => show(v, 4) });
  // In a row there is room for the letter; the name before it is heard.
  const [, name, letter] = words.sliders[key].match(/^(.*?)(\S+)$/);
  made.node.firstChild.replaceChildren(h("span", { class: "tw-heard" }, name), letter);
  made.node.title = words.sliders[key];
  return { ...made, letter };
}

export function card(model, i, { words, setup, show, replace, remove }) {
  const methods = model.get("methods");
  const { name, lr: _rate, ...values } = methods[i], label = words.names[name] ?? name;
  const choice = h("select", { "aria-label": fill(words.method, { i: i + 1 }), onchange: () => replace(choice.value) },
    ...options(model.get("choices").methods, words.names));
  choice.value = name;
  const [lr, ...others] = ["lr", ...Object.keys(values)].map((key) => hyperparameter(model, i, key, words, setup.sliders[key], show));
  const rest = h("div", { hidden: true }, ...others.map((s) => s.node));
  const more = h("button", { type: "button", class: "tw-more", "aria-expanded": "false", onclick: () => {
    rest.hidden = !rest.hidden;
    more.setAttribute("aria-expanded", !rest.hidden);
  } }, h("span", { class: "tw-heard" }, fill(words.more, { method: label }), ": "), others.map((s) => s.letter).join(" "));
  const away = h("button", { type: "button", class: "tw-away", disabled: methods.length === 1, onclick: remove,
    "aria-label": fill(words.remove, { method: label }) }, "×");
  const node = h("div", { class: `tw-card tw-c${i}`, role: "group", "aria-label": label },
    h("div", { class: "tw-card-head" }, swatch(i), choice, ...(others.length ? [more] : []), away), lr.node, rest);
  return { node, choice, refresh: () => [lr, ...others].forEach((s) => s.refresh()) };
}
