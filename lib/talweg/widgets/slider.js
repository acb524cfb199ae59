// A slider that stops at round values, and beside it the number as a field in which another one can be typed.
import { fill, h, newId } from "./dom.js";
import { number, typeset } from "./plot.js";

const decade = [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.2, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9];
const plain = (v) => Number(v.toPrecision(12));

// Round values at about equal ratios, with both ends.
export function ratios(low, high) {
  const [from, to] = [low, high].map((v) => Math.floor(Math.log10(v)));
  const all = Array.from({ length: to - from + 1 }, (_, i) => decade.map((v) => plain(v * 10 ** (from + i)))).flat();
  return [low, ...all.filter((v) => v > low && v < high), high];
}

// β = 1 − 1/n remembers about n steps: round β at about equal ratios of n.
export const memories = (low, high) => ratios(plain(1 - high), plain(1 - low)).map((rest) => plain(1 - rest)).reverse();

const evenly = (low, high, step) => [...Array.from({ length: Math.ceil((high - low) / step - 1e-9) }, (_, i) => plain(low + i * step)), high];

// Where a slider stops, rising. log: equal ratios; zero: then the smallest value beside 0; memory: of an average; else
// equal steps. marks: values that the text speaks of.
export function ladder({ low, high, whole = false, marks = [] }, { step = (high - low) / 200, log = false, zero = 0, memory = false }) {
  const scale = log ? ratios(zero || low, high) : memory ? memories(low, high) : evenly(low, high, step);
  return [...new Set([low, ...scale.map((v) => (whole ? Math.round(v) : v)), ...marks])].sort((a, b) => a - b);
}

export const nearest = (all, value) => all.reduce((best, stop, i) => (Math.abs(stop - value) < Math.abs(all[best] - value) ? i : best), 0);

// A number as people type it or figures write it: 0,05 · .05 · 5e-2 · 5·10⁻² · −3. NaN if it is none.
export function typed(text) {
  const read = text.normalize("NFKC").replace(/\s/g, "").replace(/[−–]/g, "-")
    .replace(/[x×*·⋅]10\^?([+-]?\d+)$/i, "e$1").replace(/^([+-]?)10\^?([+-]\d+)$/, "$11e$2").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(read) ? Number(read) : NaN;
}

// A native range input bound to a trait, over the range that the trait declares in Python, with its number. values: the
// trait is a place in this list, and the number is what stands there.
export function slider(model, name, words, { range = model.get("ranges")[name], values, show, ...scale }) {
  const { typing } = model.get("words"), decimal = model.get("decimal"), id = newId();
  const all = values ? values.map((_, i) => i) : ladder(range, scale);
  const [low, high] = values ? [values[0], values.at(-1)] : [range.low, range.high];
  const meant = (value) => (values ? values[value] : value);
  const told = () => show(meant(model.get(name)));
  const refused = h("p", { class: "tw-refused", role: "status" });
  const refuse = (why = "", text = "") => {
    refused.textContent = why && fill(typing[why], { text, low: number(low, decimal), high: number(high, decimal) });
    field.setAttribute("aria-invalid", why !== "");
  };

  let before = "";
  const field = h("input", { type: "text", class: "tw-number", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
    title: typing.hint, "aria-label": fill(typing.field, { name: words[name].replace("_", "") }),
    onfocus: () => {
      if (field.getAttribute("aria-invalid") !== "true") field.value = before = number(meant(model.get(name)), decimal, 8);
      field.select();
    },
    onblur: () => take(),
    onkeydown: ({ key }) => {
      if (key === "Enter") take();
      if (key === "Escape") {
        refuse();
        field.value = before = number(meant(model.get(name)), decimal, 8);
      }
    } });
  // What is refused stays in the field, with a sentence below it; the figure stays as it is.
  const take = () => {
    const value = typed(field.value), same = field.value === before;
    const why = same ? "" : Number.isNaN(value) ? "no_number" : value < low || value > high ? "outside" : range.whole && !values && value % 1 ? "no_whole" : "";
    refuse(why, field.value);
    if (why) return;
    if (!same) model.set(name, values ? nearest(values, value) : value);
    if (!same) model.save_changes();
    before = field.value;
    refresh();
  };

  const input = h("input", { type: "range", id, name, min: 0, max: all.length - 1, step: 1,
    oninput: () => model.set(name, all[input.value]),
    onchange: () => model.save_changes() });
  let shown;
  const refresh = () => {
    const value = model.get(name);
    if (value !== shown) refuse();
    shown = value;
    input.value = nearest(all, value);
    input.setAttribute("aria-valuetext", told());
    if (field.getAttribute("aria-invalid") !== "true" && document.activeElement !== field) field.value = told();
    field.size = Math.max(3, field.value.length);
  };
  return { refresh, node: h("div", { class: "tw-slider" }, h("label", { for: id }, ...typeset(words[name])), field, input, refused) };
}
