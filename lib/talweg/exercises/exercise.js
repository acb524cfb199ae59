// One exercise: a form, graded hints, feedback, and a memory of what the reader did.
import { h, fill, newId } from "../widgets/dom.js";
import { rich } from "./rich.js";
import { judgeChoice, judgeNumber, judgeOrdering } from "./answers.js";
import { announce, fresh, load, save } from "./memory.js";
import { workbench } from "./workbench.js";

const forms = {
  number(spec, words, id) {
    const input = h("input", { id, type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false" });
    const label = h("label", { for: id }, ...rich(spec.prompt));
    const unit = spec.unit ? [h("span", {}, ...rich(spec.unit))] : [];
    const [[name, n]] = Object.entries(spec.precision);
    const wanted = h("span", { id: `${id}-wanted`, class: "tw-wanted" }, fill(words.precision[n ? name : "whole"], { n }));
    input.setAttribute("aria-describedby", wanted.id);
    const row = h("div", { class: "tw-row" }, input, ...unit, wanted);
    return { nodes: [label, row], read: () => input.value, write: (value) => (input.value = value || ""),
             judge: (value) => judgeNumber(spec, value) };
  },

  choice(spec, words, id) {
    const radios = spec.options.map(([value]) => h("input", { type: "radio", name: id, value }));
    const labels = spec.options.map(([, text], i) => h("label", {}, radios[i], h("span", {}, ...rich(text))));
    const legend = h("legend", {}, ...rich(spec.prompt));
    return { nodes: [h("fieldset", {}, legend, ...labels)],
             read: () => radios.find((radio) => radio.checked)?.value,
             write: (value) => radios.forEach((radio) => (radio.checked = radio.value === value)),
             judge: (value) => judgeChoice(spec, value) };
  },

  ordering(spec, words, id, say) {
    const texts = Object.fromEntries(spec.options);
    let order;
    const list = h("ol", { "aria-labelledby": id });
    const move = (item, by) => {
      const from = order.indexOf(item);
      const to = from + by;
      if (to < 0 || to >= order.length) return;
      [order[from], order[to]] = [order[to], order[from]];
      draw();
      list.querySelector(`[data-item="${item}"][data-by="${by}"]`).focus();
      say(fill(words.moved, { item: texts[item], k: to + 1, n: order.length }));
    };
    const button = (item, by, arrow, label, off) => h("button", {
      type: "button", "data-item": item, "data-by": by, "aria-disabled": String(off), title: label,
      "aria-label": `${label}: ${texts[item]}`, onclick: () => move(item, by) }, arrow);
    const draw = () => list.replaceChildren(...order.map((item, i) => h("li", {},
      h("span", { class: "tw-item" }, ...rich(texts[item])),
      button(item, -1, "↑", words.up, i === 0),
      button(item, 1, "↓", words.down, i === order.length - 1))));
    return { nodes: [h("p", { id, class: "tw-prompt" }, ...rich(spec.prompt)), list],
             read: () => [...order],
             write: (value) => { order = [...(value?.length ? value : spec.options.map(([item]) => item))]; draw(); },
             judge: (value) => judgeOrdering(spec, value) };
  },

  code(spec) {
    return { nodes: [h("p", { class: "tw-prompt" }, ...rich(spec.prompt))], read() {}, write() {} };
  },
};

function render({ model, el }) {
  const spec = model.get("spec");
  const words = model.get("words");
  const key = model.get("exercise_id");
  const id = newId();
  let record = load(model, key);

  const state = h("span", { class: "tw-state" });
  const count = h("span", { class: "tw-count" });
  const feedback = h("div", { class: "tw-feedback", role: "status", "aria-live": "polite" });
  const hints = h("ol", { class: "tw-hints", "aria-live": "polite", tabindex: "-1" });
  const hint = h("button", { type: "button", class: "tw-hint", onclick: () => update({ hints: record.hints + 1 }) });
  const check = h("button", { type: "submit", class: "tw-check" }, words.check);
  const say = (...nodes) => feedback.replaceChildren(...nodes);
  // What the kernel found when the cell ran, or where code can be run: it stays true when the record is forgotten.
  const outcome = model.get("outcome");
  const bench = workbench(model, { record: () => record, keep: (answer) => update({ answer }), finish: (found) => heard(found) });
  const told = bench ? words.practice.here : outcome.text;
  const report = () => say(...(told ? [h("p", {}, ...rich(told))] : []));
  const form = forms[spec.kind](spec, words, id, say);

  const update = (change) => {
    record = { ...record, ...change };
    save(model, key, record);
    draw();
    announce(key, record);
  };
  const submit = (event) => {
    event.preventDefault();
    const answer = form.read();
    const { state, feedback: [name, values] } = form.judge(answer);
    heard({ state, answer, text: fill(spec.feedback[name] ?? words[name] ?? "", values ?? {}) });
  };
  const heard = ({ state, answer, text }) => {
    // What was solved stays solved: later tries are for the curious, and count nothing.
    const solved = record.state === "right";
    if (state !== "untried" && !solved) update({ state, answer, attempts: record.attempts + 1 });
    const again = solved && state === "wrong";
    const before = h("span", { class: again ? "tw-last" : "tw-heard" }, again ? words.last : words.states[state]);
    const head = state === "untried" ? [] : [before, " "];
    say(h("p", {}, ...head, ...rich(text)));
  };
  const draw = () => {
    const n = spec.hints.length;
    root.dataset.state = record.state;
    state.textContent = words.states[record.state];
    count.textContent = record.attempts ? fill(words.attempts, { n: record.attempts }) : "";
    hint.textContent = fill(words.hint, { i: Math.min(record.hints + 1, n), n });
    const lost = record.hints >= n && hint.matches(":focus");
    hint.hidden = record.hints >= n;
    if (lost) (check.isConnected ? check : hints).focus();
    hints.replaceChildren(...spec.hints.slice(0, record.hints).map((text) => h("li", {}, ...rich(text))));
  };

  const body = h("form", { onsubmit: submit, novalidate: true }, ...form.nodes, ...(bench ? [bench] : []));
  const buttons = h("div", { class: "tw-buttons" }, ...(form.judge ? [check] : []), hint);
  const notice = h("p", { class: "tw-notice" });
  const warn = () => (notice.textContent = model.get("notice"));
  const root = h("div", { class: "tw tw-exercise", role: "group", "aria-label": spec.title,
                              lang: model.get("language"), "data-exercise": key, "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "tw-head" }, state, count), body, hints, notice);
  body.append(buttons, feedback);

  report();
  // Another tab, the progress widget or a reset may change what is remembered.
  const listen = (event) => {
    if (event.detail.key !== key && event.detail.key !== "*") return;
    if (event.detail.record === record) return;
    record = event.detail.record ?? fresh();
    save(model, key, record);
    form.write(record.answer);
    report();
    draw();
  };
  window.addEventListener("talweg:progress", listen);
  model.on("change:notice", warn);
  warn();
  form.write(record.answer);
  draw();
  el.append(root);
  return () => {
    window.removeEventListener("talweg:progress", listen);
    model.off("change:notice", warn);
  };
}

export default { render };
