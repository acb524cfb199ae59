// The first steps of Adam: what the bias correction does while the moving averages are still young.
import { fill, h } from "../../widgets/dom.js";
import { axes, number, stage } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
import { normal, uniform } from "../../widgets/random.js";

// Gradients g (1 + σ ξ), ξ standard normal.
export function gradients(g, noise, steps, seed) {
  const gauss = normal(uniform(seed));
  return Array.from({ length: steps }, () => g * (1 + noise * gauss()));
}

// Each step in units of η with the averages behind it: m/(√v + ε), m and v divided by 1 − βᵗ if corrected.
export function adamSteps(gs, beta1, beta2, eps, corrected) {
  let m = 0, v = 0;
  return gs.map((g, k) => {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const [first, second] = corrected ? [m / (1 - beta1 ** (k + 1)), v / (1 - beta2 ** (k + 1))] : [m, v];
    return { step: first / (Math.sqrt(second) + eps), m: first, root: Math.sqrt(second) };
  });
}

// RMSprop: g/(√v + ε), never corrected; gradient descent: g.
export const rmspropSteps = (gs, beta2, eps) => {
  let v = 0;
  return gs.map((g) => {
    v = beta2 * v + (1 - beta2) * g * g;
    return { step: g / (Math.sqrt(v) + eps), m: g, root: Math.sqrt(v) };
  });
};
export const sgdSteps = (gs) => gs.map((g) => ({ step: g, m: g, root: NaN }));

const count = 200;

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };

  const method = h("select", { onchange: () => set("method", method.value) },
    ...model.get("choices").method.map((name) => h("option", { value: name }, words.names[name])));
  const check = h("input", { type: "checkbox", onchange: () => set("corrected", check.checked) });
  const choice = {
    node: h("label", { class: "tw-choice" }, h("span", {}, words.method), method),
    refresh: () => (method.value = model.get("method")),
  };
  const correction = {
    node: h("label", { class: "tw-tick" }, check, words.corrected),
    refresh: () => Object.assign(check, { checked: model.get("method") === "Adam" && model.get("corrected"), disabled: model.get("method") !== "Adam" }),
  };
  const beta = (name) => slider(model, name, words, { memory: true, show: (v) => show(v, 4) });

  const draw = (left, right) => {
    const [name, g, noise, beta1, beta2, eps, corrected, seed] =
      ["method", "g", "noise", "beta1", "beta2", "eps", "corrected", "seed"].map((trait) => model.get(trait));
    const gs = gradients(g, noise, count, seed);
    const steps = name === "Adam" ? adamSteps(gs, beta1, beta2, eps, corrected) : name === "RMSprop" ? rmspropSteps(gs, beta2, eps) : sgdSteps(gs);
    const lengths = steps.map(({ step }) => Math.abs(step));

    const high = Math.max(2, ...lengths) * 1.6, low = Math.min(0.5, Math.max(high * 1e-6, Math.min(...lengths))) / 1.6;
    const curve = axes(left, { x: [0, count], y: [low, high], log: true, decimal, xLabel: words.steps });
    curve.line([[0, 1], [count, 1]], "tw-floor");
    curve.line(lengths.map((v, k) => [k + 1, v]), "tw-line");

    const parts = [steps.map(({ m }) => m / g), steps.map(({ root }) => root / g)];
    const all = parts.flat().filter(Number.isFinite);
    const averages = axes(right, { x: [0, count], y: [Math.min(0, ...all) * 1.1, Math.max(1, ...all) * 1.15], decimal, xLabel: words.steps });
    averages.line([[0, 1], [count, 1]], "tw-floor");
    if (name !== "SGD") averages.line(parts[1].map((v, k) => [k + 1, v]), "tw-theory");
    averages.line(parts[0].map((v, k) => [k + 1, v]), noise && name !== "Adam" ? "tw-run" : "tw-line");

    const longest = Math.max(...lengths);
    const last = lengths.slice(-50).reduce((a, b) => a + b, 0) / 50;
    return fill(words[name === "Adam" && !corrected ? "biased" : name], { g: show(g), first: show(lengths[0]), longest: show(longest),
      t: lengths.indexOf(longest) + 1, last: show(last), n: count, ratio: show(g / (g + eps)) });
  };

  return stage({ model, el }, {
    kind: "adam", draw, noise: true, traits: ["method", "g", "noise", "beta1", "beta2", "eps", "corrected", "seed"],
    controls: [
      choice, correction,
      slider(model, "g", words, { log: true, show }),
      slider(model, "noise", { noise: words.spread }, { step: 0.05, show }),
      beta("beta1"), beta("beta2"),
      slider(model, "eps", words, { log: true, show }),
    ],
    panels: [
      { title: words.length, keys: [["tw-floor", "η"]] },
      { title: words.averages, keys: [["tw-line", "m"], ["tw-theory", "√v"]] },
    ],
  });
}

export default { render };
