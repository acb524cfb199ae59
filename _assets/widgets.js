// Runs the widgets of a static page, anywidget modules, without a kernel and without Jupyter's widget manager: each when
// it comes near the window. Until then, and where that fails, its still picture stands in its place.
import { Model } from "./widget-model.js";

const NEAR = "100% 0px"; // a window's height above and below
const words = JSON.parse(document.getElementById("talweg-words").textContent);
const experimental = { invoke: async () => { throw new Error("a static page has no kernel"); } };

async function draw(place) {
  const model = new Model(JSON.parse(place.querySelector("script").textContent));
  const tools = place.closest("figure")?.querySelector(".figure-tools");
  const [{ default: widget }, framing] = await Promise.all([
    import(new URL(place.dataset.module, document.baseURI)), tools && import("./figure-frame.js")]);
  const { initialize, render } = typeof widget === "function" ? await widget() : widget;
  const el = document.createElement("div");
  place.append(el);
  try {
    await initialize?.({ model, experimental });
    await render({ model, el, experimental });
  } catch (error) {
    el.remove();
    throw error;
  }
  const held = place.contains(document.activeElement);
  place.querySelector(".talweg-still").remove();
  place.removeAttribute("tabindex");
  if (held) el.querySelector("button:enabled, input:enabled, select:enabled, a[href]")?.focus({ preventScroll: true });
  if (!tools) return;
  el.firstElementChild.setAttribute("aria-describedby", `${tools.closest("figure").id}-alt`);
  framing.frame({ place, el, model, tools, words });
}

// What goes wrong with one figure is said there, and stays there.
function apologize(place, error) {
  console.error(error);
  place.removeAttribute("tabindex");
  const sentence = document.createElement("p");
  sentence.className = "widget-failed";
  sentence.setAttribute("role", "status");
  sentence.textContent = words["This could not be started. The rest of the page works; reloading may help."];
  place.append(sentence);
}

const started = new WeakSet();
function start(place) {
  if (started.has(place)) return;
  started.add(place);
  near.unobserve(place);
  draw(place).then(
    () => (place.dataset.state = "live"),
    (error) => { place.dataset.state = "failed"; apologize(place, error); },
  );
}

const near = new IntersectionObserver((entries) => {
  entries.filter((entry) => entry.isIntersecting).forEach((entry) => start(entry.target));
}, { rootMargin: NEAR });

document.querySelectorAll(".talweg-widget").forEach((place) => {
  // The Tab key finds its way even to what is not yet alive.
  place.tabIndex = 0;
  place.addEventListener("focusin", () => start(place));
  place.addEventListener("talweg:start", () => start(place));
  near.observe(place);
});

// An address that holds a set-up is no label that a browser would find by itself.
function follow() {
  const [label, query] = location.hash.slice(1).split("?");
  const figure = query ? document.getElementById(label) : location.hash.startsWith("#playground=") && document.querySelector(".tw-playground");
  if (figure) figure.scrollIntoView();
}
addEventListener("hashchange", follow);
follow();
if ("embed" in document.documentElement.dataset) import("./embed.js").then(({ embed }) => embed(words));
