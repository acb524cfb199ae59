// The tools under a driven figure: back to the default, its address, its picture, the figure alone.
import { decode, encode } from "./figure-address.js";

const ICONS = {
  reset: "M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700l-1.200 1.200M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1.200-1.200",
  picture: "M12 4v11m-4.500-4.500L12 15l4.500-4.500M5 19.500h14",
  alone: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
};

function icon(name) {
  const box = document.createElement("span");
  box.innerHTML = `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="${ICONS[name]}"/></svg>`;
  return box.firstElementChild;
}

function tool(kind, name, words, onclick) {
  const node = document.createElement(onclick ? "button" : "a");
  if (onclick) Object.assign(node, { type: "button", onclick });
  const text = document.createElement("span");
  text.className = "tool-word";
  text.textContent = words[name];
  node.dataset.tool = name;
  node.title = words[name];
  node.append(icon(kind), text);
  return node;
}

export function frame({ place, el, model, tools, words }) {
  const figure = tools.closest("figure"), label = figure.id;
  const parameters = JSON.parse(place.dataset.parameters);
  const state = JSON.parse(place.querySelector("script").textContent);
  const values = () => Object.fromEntries(Object.keys(parameters).map((name) => [name, model.get(name)]));
  const said = Object.assign(document.createElement("span"), { className: "figure-said" });
  said.setAttribute("role", "status");
  const say = (text) => (said.textContent = text);

  // A figure whose set-up is more than its parameters (the playground) puts its own part of the address into the event.
  const hash = () => {
    const event = new CustomEvent("talweg:address", { detail: { hash: "" } });
    el.dispatchEvent(event);
    return event.detail.hash || encode(label, parameters, state, values());
  };
  const address = () => Object.assign(new URL(location.href), { search: "", hash: hash() }).href;

  const reset = () => {
    model.set(Object.fromEntries(Object.entries(state).filter(([name]) => name !== "words")));
    model.save_changes();
    history.replaceState(history.state, "", location.pathname + location.search);
    say(words["As it was at first"]);
  };
  const copy = async () => {
    const link = address();
    history.replaceState(history.state, "", new URL(link).hash);
    try {
      await navigator.clipboard.writeText(link);
      say(words["Link copied"]);
    } catch {
      say(words["The link is in the address bar"]); // copying may be forbidden
    }
  };
  const picture = (kind) => async () => {
    try {
      const { save } = await import("./figure-picture.js");
      await save(kind, el, label);
      say("");
    } catch (error) {
      console.error(error);
      say(words["The picture could not be made"]);
    }
  };
  const alone = tool("alone", "Show alone", words);
  const follow = () => (alone.href = Object.assign(new URL(location.href), { search: `?embed=${label}`, hash: hash() }).href);
  alone.target = "_blank";
  alone.rel = "noopener";
  follow();
  model.on("change", follow);

  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", words["Tools of the figure"]);
  tools.replaceChildren(said, tool("reset", "Reset", words, reset), tool("link", "Copy link", words, copy),
    tool("picture", "SVG", words, picture("svg")), tool("picture", "PNG", words, picture("png")), alone);

  const refuse = (what) => say(
    words["The address asks for something that this figure does not have (%s); it shows its default"].replace("%s", what.slice(0, 60)));
  const read = () => {
    const found = decode(location.hash, label, parameters);
    if (found?.refused) refuse(found.refused);
    else if (found) model.set(found.values);
  };
  el.addEventListener("talweg:refused", ({ detail }) => refuse(detail));
  addEventListener("hashchange", read);
  read();
}
