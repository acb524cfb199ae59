// What the reader has done, by chapter; save it as a file, load such a file, or forget it all.
import { h, fill } from "../widgets/dom.js";
import { merged, readProgress, written } from "./file.js";
import { announce, forget, fresh, load, save } from "./memory.js";

// An exercise's place: on this page, else on its chapter's page of this edition, else unknown (a notebook).
function place({ id, chapter }) {
  const anchor = `exercise-${id}`;
  if (document.getElementById(anchor)) return `#${anchor}`;
  return /\.html$/.test(location.pathname) ? `${chapter}.html#${anchor}` : null;
}

// One exercise: its title, how it stands, how often it was tried and how many hints were read.
function row(item, { state, attempts, hints }, words) {
  const href = place(item);
  const counts = [attempts && fill(words.attempts, { n: attempts }), hints && fill(words.hints, { n: hints })];
  return h("li", { "data-state": state }, href ? h("a", { href }, item.title) : h("span", {}, item.title),
    h("span", { class: "tw-state" }, words.states[state]), h("span", { class: "tw-count" }, counts.filter(Boolean).join(" · ")));
}

// A chapter, folded to a line with a bar; `open` where it is the only one.
function fold(title, open) {
  const share = h("span", { class: "tw-share" });
  const bar = h("span", { class: "tw-bar", "aria-hidden": "true" }, h("span", {}));
  const list = h("ul", {});
  const node = h("details", { open }, h("summary", {}, h("span", { class: "tw-chapter" }, title), bar, share), list);
  const draw = (items, records, words) => {
    const done = items.filter(({ id }) => records[id].state === "right").length;
    share.textContent = `${done}/${items.length}`;
    bar.firstChild.style.width = `${(100 * done) / items.length}%`;
    list.replaceChildren(...items.map((item) => row(item, records[item.id], words)));
  };
  return { node, draw };
}

function render({ model, el }) {
  const words = model.get("words");
  const items = model.get("items");
  const stored = { ...model.get("records") };
  const reader = (id) => ({ get: (name) => (name === "record" ? stored[id] : model.get(name)) });
  const records = {};
  items.forEach(({ id }) => (records[id] = load(reader(id), id)));

  const summary = h("p", { class: "tw-summary", role: "status" });
  const chapters = [...new Set(items.map(({ chapter }) => chapter))];
  const folds = chapters.map((chapter) => {
    const own = items.filter((item) => item.chapter === chapter);
    const { node, draw } = fold(own[0].chapter_title, chapters.length === 1);
    return { node, draw: () => draw(own, records, words) };
  });
  const ask = h("button", { type: "button", onclick: () => confirm(true) }, words.reset);
  const yes = h("button", { type: "button", class: "tw-check", onclick: () => reset() }, words.reset_yes);
  const no = h("button", { type: "button", onclick: () => confirm(false) }, words.cancel);
  const download = h("button", { type: "button", onclick: () => offer() }, words.download);
  const chooser = h("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: () => choose() });
  const pick = h("button", { type: "button", onclick: () => chooser.click() }, words.load);
  const heard = h("p", { class: "tw-feedback", role: "status" });

  const draw = () => {
    const done = items.filter(({ id }) => records[id].state === "right").length;
    summary.textContent = fill(words.done, { k: done, n: items.length });
    folds.forEach((one) => one.draw());
  };
  const confirm = (sure) => {
    ask.hidden = download.hidden = pick.hidden = sure;
    yes.hidden = no.hidden = !sure;
    (sure ? no : ask).focus();
  };
  const reset = () => {
    if (model.get("remember") === "browser") items.forEach(({ id }) => forget(id));
    else model.send({ type: "reset" });
    Object.keys(stored).forEach((id) => delete stored[id]);
    confirm(false);
    announce("*");
  };
  const offer = () => {
    const tried = Object.entries({ ...stored, ...records }).filter(([, one]) => one.attempts || one.hints);
    const file = new Blob([written(Object.fromEntries(tried))], { type: "application/json" });
    const link = h("a", { href: URL.createObjectURL(file), download: "talweg-progress.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const choose = async () => {
    const [file] = chooser.files;
    chooser.value = "";
    if (!file) return;
    const { records: theirs, problem } = readProgress(await file.text());
    heard.textContent = problem ? words[problem] : fill(words.loaded, { n: take(theirs) });
  };
  // Takes over what is better than here, also of exercises that are not listed; how many records changed.
  const take = (theirs) => {
    const changed = {};
    for (const [id, record] of Object.entries(theirs)) {
      const mine = load(reader(id), id);
      const both = merged(mine, { ...fresh(), ...record });
      if (JSON.stringify(both) !== JSON.stringify(mine)) changed[id] = both;
    }
    if (model.get("remember") === "kernel") model.send({ type: "load", records: changed });
    Object.assign(stored, changed);
    for (const [id, record] of Object.entries(changed)) {
      if (model.get("remember") === "browser") save(model, id, record);
      announce(id, record);
    }
    return Object.keys(changed).length;
  };

  const listen = ({ detail: { key, record } }) => {
    if (key === "*") items.forEach(({ id }) => (records[id] = fresh()));
    else stored[key] = record;
    if (key in records) records[key] = record;
    draw();
  };
  window.addEventListener("talweg:progress", listen);
  yes.hidden = no.hidden = true;
  draw();
  const notice = h("p", { class: "tw-notice" });
  const warn = () => (notice.textContent = model.get("notice"));
  model.on("change:notice", warn);
  warn();
  el.append(h("div", { class: "tw tw-progress", role: "group", "aria-label": words.title,
                           lang: model.get("language"), "data-lm-suppress-shortcuts": "true" },
    summary, ...folds.map(({ node }) => node), h("div", { class: "tw-buttons" }, download, pick, chooser, ask, yes, no),
    heard, notice));
  return () => {
    window.removeEventListener("talweg:progress", listen);
    model.off("change:notice", warn);
  };
}

export default { render };
