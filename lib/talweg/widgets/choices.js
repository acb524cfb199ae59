// A native list of choices, in Python's order, and a native check box, each bound to a trait.
import { h } from "./dom.js";

function keep(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

// chosen(key): what else a reader's choice changes.
export function choice(model, name, words, chosen = () => {}) {
  const select = h("select", { name, onchange: () => {
    chosen(select.value);
    keep(model, name, select.value);
  } }, ...model.get("choices")[name].map((key) => h("option", { value: key }, words.names[key])));
  return { refresh: () => (select.value = model.get(name)), node: h("label", { class: "tw-choice" }, h("span", {}, words[name]), select) };
}

export function check(model, name, words) {
  const box = h("input", { type: "checkbox", name, onchange: () => keep(model, name, box.checked) });
  return { refresh: () => (box.checked = model.get(name)), node: h("label", { class: "tw-tick" }, box, words[name]) };
}
