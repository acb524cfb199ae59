// The door to code exercises on a page of the site, which serves the editor and Python; nowhere else is there one.
import { h } from "../widgets/dom.js";

// A place for the editor, which opens on request, or at once where code was kept; null where it cannot be had.
export function workbench(model, { record, keep, finish }) {
  const { practice, vendor } = document.documentElement.dataset;
  const spec = model.get("spec");
  if (spec.kind !== "code" || !practice || model.get("remember") !== "browser") return null;
  const words = model.get("words").practice;
  const open = async () => {
    try {
      const { edit } = await import(new URL(practice, document.baseURI).href);
      const task = { exercise: model.get("exercise_id"), language: model.get("language").split("-")[0], starter: spec.starter };
      place.replaceChildren(edit({ ...task, words, code: record().answer, keep, finish, vendor: new URL(vendor, document.baseURI).href }));
    } catch {
      place.append(h("p", { role: "status" }, words.failed));
    }
  };
  const place = h("div", { class: "tw-practice" }, h("button", { type: "button", class: "tw-open", onclick: open }, words.open));
  if (record().answer) open();
  return place;
}
