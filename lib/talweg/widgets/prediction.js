// Predict, then reveal: the reader guesses an order, a number or a curve, and then sees the truth beside the guess.
import { fill, h } from "./dom.js";
import { axes, number, stage, svg } from "./plot.js";
import { slider } from "./slider.js";

// How near a guess comes: how many are in their place; or the ratio to the truth; or the mean distance over the points.
export const placed = (guess, truth) => guess.filter((item, i) => item === truth[i]).length;
export const distance = (guess, truth) => guess.reduce((sum, y, i) => sum + Math.abs(y - truth[i]), 0) / truth.length;

// Whether what is remembered is a guess for this truth: it may be from another edition of the book.
export function fits(kind, guess, truth) {
  if (kind === "number") return Number.isFinite(guess);
  const same = Array.isArray(guess) && guess.length === truth.length;
  return same && (kind === "order" ? truth.every((item) => guess.includes(item)) : guess.every(Number.isFinite));
}

// On a page the guess is remembered; a browser may forbid that.
function memory(model) {
  const key = `talweg:guess:${model.get("name")}`, onPage = "content_root" in document.documentElement.dataset;
  return {
    recall() {
      try {
        const { guess, revealed } = JSON.parse(localStorage.getItem(key)) ?? {};
        if (!onPage || !fits(model.get("kind"), guess, model.get("truth"))) return;
        model.set("guess", guess);
        model.set("revealed", revealed === true);
      } catch {
        return;
      }
    },
    keep() {
      model.save_changes();
      try {
        if (onPage) localStorage.setItem(key, JSON.stringify({ guess: model.get("guess"), revealed: model.get("revealed") }));
      } catch {
        return;
      }
    },
  };
}

// Each kind: draw(host) shows the guess, and the truth in parts of class tw-truth; controls; compare(): values of the sentence.
const kinds = {
  order(model, words, show, keep) {
    let moved = "";
    const move = (item, by) => {
      const order = [...model.get("guess")], from = order.indexOf(item), to = from + by;
      if (to < 0 || to >= order.length) return;
      [order[from], order[to]] = [order[to], order[from]];
      moved = fill(words.moved, { item: words.items[item], k: to + 1, n: order.length });
      model.set("guess", order);
      keep();
    };
    const button = (item, by, arrow, label, off) => h("button", { type: "button", "data-item": item, "data-by": by,
      "aria-disabled": String(off || model.get("revealed")), "aria-label": `${label}: ${words.items[item]}`, title: label,
      onclick: () => model.get("revealed") || move(item, by) }, arrow);
    const list = (host) => {
      const guess = model.get("guess"), truth = model.get("truth"), { item: held, by } = host.contains(document.activeElement) ? document.activeElement.dataset : {};
      host.replaceChildren(h("div", { class: "tw-orders" },
        h("div", {}, h("p", {}, words.yours), h("ol", { class: "tw-yours" }, ...guess.map((item, i) => h("li", {}, h("span", {}, words.items[item]),
          button(item, -1, "↑", words.up, i === 0), button(item, 1, "↓", words.down, i === guess.length - 1))))),
        h("div", { class: "tw-truth" }, h("p", {}, words.truth), h("ol", {}, ...truth.map((item, i) => h("li", { class: guess[i] === item ? "tw-hit" : "" },
          h("span", {}, words.items[item]), h("span", { class: "tw-value" }, words.values[item])))))));
      if (held) host.querySelector(`[data-item="${held}"][data-by="${by}"]`).focus({ preventScroll: true });
    };
    return { controls: [], draw: list, moved: () => moved, compare: () => ({ k: placed(model.get("guess"), model.get("truth")), n: model.get("truth").length }) };
  },

  number(model, words, show) {
    const draw = (host) => {
      const { low, high } = model.get("ranges").guess, [guess, truth] = [model.get("guess"), model.get("truth")];
      const pad = (high - low) / 25, plot = axes(host, { x: [low - pad, high + pad], y: [0.1, 0.9], decimal: model.get("decimal"), height: 110 });
      const mark = (value, kind, shape) => plot.to.append(svg("line", { class: `tw-mark ${kind}`, x1: plot.X(value), x2: plot.X(value), y1: plot.Y(0.9), y2: plot.Y(0.1) }), shape);
      mark(guess, "", svg("circle", { class: "tw-start", cx: plot.X(guess), cy: plot.Y(0.5), r: 6 }));
      mark(truth, "tw-truth tw-true", svg("circle", { class: "tw-truth tw-answer", cx: plot.X(truth), cy: plot.Y(0.5), r: 5 }));
    };
    return { controls: [slider(model, "guess", words, { show })], draw, compare: () => ({ guess: show(model.get("guess")), truth: show(model.get("truth")) }) };
  },

  line(model, words, show, keep) {
    const { x, low, high } = model.get("axis");
    let plot;
    const move = (i, y) => model.set("guess", model.get("guess").map((old, j) => (j === i ? Number(Math.min(high, Math.max(low, y)).toPrecision(4)) : old)));
    const handles = x.map((_, i) => h("button", { type: "button", class: "tw-handle",
      onpointerdown: (event) => event.target.setPointerCapture(event.pointerId),
      onpointermove: (event) => {
        if (!event.target.hasPointerCapture(event.pointerId) || model.get("revealed")) return;
        const box = event.target.parentElement.querySelector("svg").getBoundingClientRect();
        move(i, plot.inverse(event.clientX - box.left, event.clientY - box.top)[1]);
      },
      onpointerup: keep,
      onkeydown: (event) => {
        const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!by || model.get("revealed")) return;
        event.preventDefault();
        move(i, model.get("guess")[i] + (by * (high - low)) / (event.shiftKey ? 200 : 40));
        keep();
      } }));
    const draw = (host) => {
      const guess = model.get("guess"), truth = model.get("truth"), pad = (x.at(-1) - x[0]) / 20;
      plot = axes(host, { x: [x[0] - pad, x.at(-1) + pad], y: [low, high], decimal: model.get("decimal"), xLabel: words.x, yLabel: words.y });
      plot.line(guess.map((y, i) => [x[i], y]), "tw-line");
      plot.line(truth.map((y, i) => [x[i], y]), "tw-theory tw-truth");
      if (!handles[0].isConnected) host.after(...handles);
      handles.forEach((handle, i) => {
        handle.style.transform = `translate(${host.offsetLeft + plot.X(x[i])}px, ${host.offsetTop + plot.Y(guess[i])}px) translate(-50%, -50%)`;
        handle.setAttribute("aria-label", fill(words.point, { x: show(x[i]), y: show(guess[i]) }));
      });
    };
    return { controls: [], draw, compare: () => ({ distance: show(distance(model.get("guess"), model.get("truth"))) }) };
  },
};

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal"), kind = model.get("kind");
  const show = (x, digits) => number(x, decimal, digits), { recall, keep } = memory(model);
  const { controls, draw, compare, moved = () => "" } = kinds[kind](model, words, show, keep);
  const button = h("button", { type: "button", class: "tw-reveal", onclick: () => {
    model.set("revealed", !model.get("revealed"));
    keep();
  } });
  const refresh = () => {
    const revealed = model.get("revealed");
    button.textContent = revealed ? words.again : words.reveal;
    el.querySelector(".tw-prediction").classList.toggle("tw-revealed", revealed);
  };
  recall();
  return stage({ model, el }, {
    kind: "prediction", traits: ["guess", "revealed"], panels: [{ title: words.question }], controls: [...controls, { node: button, refresh }],
    draw(host) {
      draw(host);
      return model.get("revealed") ? `${fill(words.compared[kind], compare())} ${words.said}` : moved() || words.invite[kind];
    },
  });
}

export default { render };
