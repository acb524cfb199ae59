// Code exercises on the page: an editor, and Python in a worker, loaded when code is first run and stopped on request.

const seconds = 20; // what a reader's code may take

// Python for all exercises of the page. Its worker is thrown away where code must be stopped, and made anew.
const python = {
  worker: null,
  ready: null,

  start(vendor) {
    this.ready ??= new Promise((resolve, reject) => {
      this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => (data.ready ? resolve() : reject(new Error(data.failed)));
      this.worker.onerror = reject;
      this.worker.postMessage({ vendor });
    });
    return this.ready;
  },

  run(task) {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => (data.outcome ? resolve(JSON.parse(data.outcome)) : reject(new Error(data.failed)));
      this.worker.postMessage(task);
    });
  },

  stop() {
    this.worker?.terminate();
    this.worker = this.ready = null;
  },
};

// The editor of one exercise. `keep(code)` remembers what was written, `finish({ state, answer, text })` what came of it.
export function edit({ exercise, language, starter, code, words, vendor, keep, finish }) {
  const area = make("textarea", { spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off" });
  area.value = code || starter;
  area.rows = Math.max(8, area.value.split("\n").length + 2);
  const label = make("label", {}, words.editor, area);
  const start = make("button", { type: "button", class: "tw-run tw-check" }, words.run);
  const stop = make("button", { type: "button", class: "tw-stop", hidden: "" }, words.stop);
  const status = make("p", { class: "tw-status", role: "status" });
  const printed = make("pre", { class: "tw-printed", tabindex: "0", hidden: "", "aria-label": words.printed });
  let cancel = null;

  const run = async () => {
    if (cancel) return;
    keep(area.value);
    const stopped = new Promise((_, reject) => (cancel = (text) => reject(new Stopped(text))));
    let timer;
    busy(true);
    try {
      say(words.loading);
      await Promise.race([python.start(vendor), stopped]);
      say(words.running);
      timer = setTimeout(() => cancel(words.timeout.replace("{n}", seconds)), 1000 * seconds);
      show(await Promise.race([python.run({ exercise, language, code: area.value }), stopped]));
    } catch (error) {
      python.stop();
      say(error instanceof Stopped ? error.message : words.failed);
    } finally {
      clearTimeout(timer);
      cancel = null;
      busy(false);
    }
  };
  const show = ({ state, text, printed: output }) => {
    printed.textContent = output;
    printed.hidden = !output;
    say("");
    finish({ state, answer: area.value, text: text || words.nothing });
  };
  const say = (text) => (status.textContent = text);
  const busy = (is) => {
    start.hidden = is;
    stop.hidden = !is;
    (is ? stop : start).focus();
  };
  start.addEventListener("click", run);
  stop.addEventListener("click", () => cancel?.(words.stopped));
  area.addEventListener("change", () => keep(area.value));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) indent(event, area);
  });
  return make("div", {}, label, make("div", { class: "tw-buttons" }, start, stop), status, printed);
}

class Stopped extends Error {}

// A new line begins where the last one began, and further in after a colon.
function indent(event, area) {
  const before = area.value.slice(0, area.selectionStart);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  event.preventDefault();
  area.setRangeText(`\n${line.match(/^ */)[0]}${/:\s*$/.test(line) ? "    " : ""}`, area.selectionStart, area.selectionEnd, "end");
}

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
