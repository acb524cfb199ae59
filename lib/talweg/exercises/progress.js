// The list of exercises with what the reader has done; download it, or forget it.
import { h, fill } from "../widgets/dom.js";
import { announce, fresh, load } from "./memory.js";

// An exercise's place: on this page, else on its chapter's page of this edition, else unknown (a notebook).
function place({ id, chapter }) {
  const anchor = `exercise-${id}`;
  if (document.getElementById(anchor)) return `#${anchor}`;
  return /\.html$/.test(location.pathname) ? `${chapter}.html#${anchor}` : null;
}

function render({ model, el }) {
  const words = model.get("words");
  const items = model.get("items");
  const stored = model.get("records");
  const reader = (id) => ({ get: (name) => (name === "record" ? stored[id] : model.get(name)) });
  const records = {};
  const read = () => items.forEach(({ id }) => (records[id] = load(reader(id), id)));

  const summary = h("p", { class: "tw-summary", role: "status" });
  const list = h("ul", {});
  const ask = h("button", { type: "button", onclick: () => confirm(true) }, words.reset);
  const yes = h("button", { type: "button", class: "tw-check", onclick: () => reset() }, words.reset_yes);
  const no = h("button", { type: "button", onclick: () => confirm(false) }, words.cancel);
  const download = h("button", { type: "button", onclick: () => save() }, words.download);

  const draw = () => {
    const done = items.filter(({ id }) => records[id].state === "right").length;
    summary.textContent = fill(words.done, { k: done, n: items.length });
    list.replaceChildren(...items.map((item) => {
      const { state, attempts } = records[item.id];
      const href = place(item);
      const title = href ? h("a", { href }, item.title) : h("span", {}, item.title);
      const count = attempts ? fill(words.attempts, { n: attempts }) : "";
      return h("li", { "data-state": state }, title, h("span", { class: "tw-state" }, words.states[state]),
               h("span", { class: "tw-count" }, count));
    }));
  };
  const confirm = (sure) => {
    ask.hidden = download.hidden = sure;
    yes.hidden = no.hidden = !sure;
    (sure ? no : ask).focus();
  };
  const reset = () => {
    if (model.get("remember") === "browser") {
      try { items.forEach(({ id }) => localStorage.removeItem(`talweg:exercise:${id}`)); } catch { /* nothing is stored */ }
    } else {
      model.send({ type: "reset" });
    }
    items.forEach(({ id }) => delete stored[id]);
    confirm(false);
    announce("*");
  };
  const save = () => {
    const text = JSON.stringify({ version: 1, exercises: records }, null, 1);
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })),
                          download: "talweg-progress.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const listen = ({ detail: { key, record } }) => {
    if (key === "*") items.forEach(({ id }) => (records[id] = fresh()));
    else if (key in records) records[key] = record;
    draw();
  };
  window.addEventListener("talweg:progress", listen);
  yes.hidden = no.hidden = true;
  read();
  draw();
  const notice = h("p", { class: "tw-notice" });
  const warn = () => (notice.textContent = model.get("notice"));
  model.on("change:notice", warn);
  warn();
  el.append(h("div", { class: "tw tw-progress", role: "group", "aria-label": words.title,
                           lang: model.get("language"), "data-lm-suppress-shortcuts": "true" },
    summary, list, h("div", { class: "tw-buttons" }, download, ask, yes, no), notice));
  return () => {
    window.removeEventListener("talweg:progress", listen);
    model.off("change:notice", warn);
  };
}

export default { render };
