// One column under batch normalization: drag a value, and in training every output moves.
import { fill, h } from "../../widgets/dom.js";
import { axes, number, settled, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";

const sum = (values) => values.reduce((a, b) => a + b, 0);

// Mean, biased variance (over n) and unbiased variance (over n - 1).
export function statistics(x) {
  const mean = sum(x) / x.length;
  const squares = sum(x.map((v) => (v - mean) ** 2));
  return { mean, biased: squares / x.length, unbiased: squares / (x.length - 1) };
}

// Running estimates after `steps` training steps with one and the same batch, from mean 0 and variance 1.
export function running(x, steps, momentum) {
  const { mean, unbiased } = statistics(x);
  const old = (1 - momentum) ** steps;
  return { mean: (1 - old) * mean, variance: old + (1 - old) * unbiased };
}

export const normalize = (x, mean, variance, gamma, beta, eps) =>
  x.map((v) => (gamma * (v - mean)) / Math.sqrt(variance + eps) + beta);

// The statistics that are used: in training those of the batch x, in evaluation the running ones, from `seen` batches.
export function used(x, seen, training, steps, momentum) {
  const { mean, biased } = statistics(x);
  return training ? { mean, variance: biased } : running(seen, steps, momentum);
}

const momentum = 0.1;

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);
  const before = [...model.get("values")], { low, high } = model.get("ranges").values;
  const n = before.length;
  let plot;

  const move = (i, value) => {
    const values = [...model.get("values")];
    values[i] = Math.min(high, Math.max(low, Math.round(value * 100) / 100));
    model.set("values", values);
  };
  const handles = before.map((_, i) => {
    const handle = h("button", { type: "button", class: "tw-handle" });
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = handle.parentElement.querySelector("svg").getBoundingClientRect();
      move(i, plot.inverse(event.clientX - box.left, event.clientY - box.top)[1]);
    });
    handle.addEventListener("pointerup", () => model.save_changes());
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(i, model.get("values")[i] + by * (event.shiftKey ? 0.1 : 0.5));
      model.save_changes();
    });
    return handle;
  });

  const check = h("input", { type: "checkbox", name: "training", onchange: () => {
    model.set("training", check.checked);
    model.save_changes();
  } });
  const mode = {
    node: h("label", { class: "tw-tick" }, check, words.training),
    refresh: () => (check.checked = model.get("training")),
  };

  const place = (host) => {
    host.parentElement.classList.add("tw-with-handle");
    const focused = document.activeElement;
    if (handles[0].parentElement !== host.parentElement) host.after(...handles);
    model.get("values").forEach((v, i) => {
      const [x, y] = [host.offsetLeft + plot.X(i + 1), host.offsetTop + plot.Y(v)];
      handles[i].style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
      handles[i].setAttribute("aria-label", fill(words.handle, { i: i + 1, x: show(v) }));
    });
    if (handles.includes(focused)) focused.focus({ preventScroll: true });
  };

  const draw = (left, right) => {
    const [values, gamma, beta, eps, training, steps] =
      ["values", "gamma", "beta", "eps", "training", "steps"].map((name) => model.get(name));
    const { mean, variance } = used(values, before, training, steps, momentum);
    const first = used(before, before, training, steps, momentum);
    const y = normalize(values, mean, variance, gamma, beta, eps);
    const y0 = normalize(before, first.mean, first.variance, gamma, beta, eps);
    const level = (axis, v, kind) => axis.line([[0.5, v], [n + 0.5, v]], kind);

    plot = axes(left, { x: [0.5, n + 0.5], y: [low, high], decimal, xLabel: words.sample });
    level(plot, mean, "tw-line");
    for (const side of [-1, 1]) level(plot, mean + side * Math.sqrt(variance), "tw-theory");
    place(left);

    const all = [...y, ...y0, beta - gamma, beta + gamma];
    const reach = [Math.min(-2.5, ...all) - 0.3, Math.max(2.5, ...all) + 0.3];
    const outputs = axes(right, { x: [0.5, n + 0.5], y: reach, decimal, xLabel: words.sample });
    level(outputs, beta, "tw-floor");
    y.forEach((v, i) => {
      const [x, from, to] = [outputs.X(i + 1), outputs.Y(y0[i]), outputs.Y(v)];
      outputs.to.append(svg("line", { class: "tw-moved", x1: x, x2: x, y1: from, y2: to }),
        svg("circle", { class: "tw-start", cx: x, cy: from, r: 4 }), svg("circle", { class: "tw-dot", cx: x, cy: to, r: 4 }));
    });

    const facts = (at) => ({ mean: show(at.mean), variance: show(at.variance), steps });
    const out = statistics(y);
    const still = values.map((v, i) => i).filter((i) => values[i] === before[i]);
    const moved = still.filter((i) => Math.abs(y[i] - y0[i]) > 5e-4 * (1 + Math.abs(y0[i])));
    const state = still.length === n ? "untouched" : moved.length ? "moved" : "unmoved";
    const one = moved.reduce((best, i) => (Math.abs(y[i] - y0[i]) > Math.abs(y[best] - y0[best]) ? i : best), moved[0]);
    const tale = fill(words[state], { n: moved.length, i: one + 1, from: show(y0[one]), to: show(y[one]), x: show(values[one]) });
    const told = [
      fill(words[training ? "batch" : "running"], facts({ mean, variance })),
      tale,
      fill(words.scaled, { mean: show(settled(out.mean, Math.abs(gamma) + Math.abs(beta))), deviation: show(Math.sqrt(out.biased)) }),
    ];
    if (training) told.push(fill(words.later, facts(running(before, steps, momentum))));
    return told.join(" ");
  };

  return stage({ model, el }, {
    kind: "column", draw, traits: ["values", "gamma", "beta", "eps", "training", "steps"],
    controls: [
      mode,
      slider(model, "steps", words, { step: 1, show: (v) => String(v) }),
      slider(model, "gamma", words, { step: 0.1, show }),
      slider(model, "beta", words, { step: 0.1, show }),
      slider(model, "eps", words, { log: true, show }),
    ],
    panels: [
      { title: words.inputs, keys: [["tw-line", words.mean], ["tw-theory", words.deviation]] },
      { title: words.outputs, keys: [["tw-floor", "β"]] },
    ],
  });
}

export default { render };
