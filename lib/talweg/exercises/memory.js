// What the reader has done: in the browser's storage on a page, through the kernel in a live notebook.

const prefix = "talweg:exercise:";

export const fresh = () => ({ state: "untried", attempts: 0, hints: 0, answer: null });

export function load(model, key) {
  let record = model.get("record");
  if (model.get("remember") === "browser") record = fromBrowser(key);
  return { ...fresh(), ...record };
}

// Storage may be forbidden (private windows, sandboxed frames) or hold someone else's text: then nothing is remembered.
export function fromBrowser(key) {
  try {
    const record = JSON.parse(localStorage.getItem(prefix + key)) ?? {};
    const known = ["untried", "wrong", "right"].includes(record.state);
    return known && Number.isInteger(record.attempts) && Number.isInteger(record.hints) ? record : {};
  } catch {
    return {};
  }
}

export function save(model, key, record) {
  if (model.get("remember") === "browser") {
    try {
      if (record.attempts || record.hints || record.answer) localStorage.setItem(prefix + key, JSON.stringify(record));
      else localStorage.removeItem(prefix + key);
    } catch {
      return;
    }
  } else {
    model.set("record", record);
    model.save_changes();
  }
}

export function forget(key) {
  try { localStorage.removeItem(prefix + key); } catch { /* nothing is stored */ }
}

// key "*" without a record: everything was reset.
export function announce(key, record) {
  window.dispatchEvent(new CustomEvent("talweg:progress", { detail: { key, record } }));
}
