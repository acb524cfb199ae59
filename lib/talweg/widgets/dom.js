// Small helpers for every widget: build elements, fill in words, show text with MathML safely.

// h("button", { type: "button", onclick: f }, "Check")
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// fill("Hint {i} of {n}", { i: 1, n: 3 })
export function fill(words, values) {
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

let serial = 0;
export const newId = () => `tw-${Date.now().toString(36)}-${serial++}`;
