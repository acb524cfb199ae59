// What an anywidget module needs of its model where nothing else holds it: values, and who wants to know of changes.
const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

export class Model {
  #values;
  #listeners = new Map(); // "change:eta" → the functions to be called

  constructor(values) {
    this.#values = { ...values };
  }

  get(name) {
    return this.#values[name];
  }

  // set("eta", 0.1), set({ eta: 0.1, steps: 20 })
  set(name, value) {
    const given = typeof name === "object" ? name : { [name]: value };
    const changed = Object.keys(given).filter((key) => !same(this.#values[key], given[key]));
    Object.assign(this.#values, given);
    for (const key of changed) this.#tell(`change:${key}`, given[key]);
    if (changed.length) this.#tell("change");
  }

  // names: one or several, with spaces between.
  on(names, listener) {
    for (const name of names.split(" ")) {
      this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    }
  }

  // Without a listener all of that name go, without a name all there are.
  off(names, listener) {
    if (names == null) return this.#listeners.clear();
    for (const name of names.split(" ")) {
      this.#listeners.set(name, listener ? (this.#listeners.get(name) ?? []).filter((one) => one !== listener) : []);
    }
  }

  save_changes() {} // there is no kernel to save to

  send() {} // and none to hear a message

  #tell(name, value) {
    for (const listener of this.#listeners.get(name) ?? []) listener(this, value);
  }
}
