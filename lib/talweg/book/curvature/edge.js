// Full-batch descent on a small network, step by step in the browser: its sharpness beside the border of stability.
import { fill } from "../../widgets/dom.js";
import { check } from "../../widgets/choices.js";
import { dot, lanczos, ritz } from "./krylov.js";
import { axes, number, slider, stage } from "../../widgets/plot.js";
import { normal, uniform } from "../../widgets/random.js";

const units = 12, samples = 20, steps = 2000, every = 20;
const xs = Array.from({ length: samples }, (_, i) => -1 + (2 * i) / (samples - 1));
// Chebyshev's polynomial of degree 4: Cohen et al. 2021 fit such polynomials with a tanh network.
const ys = xs.map((x) => 8 * x ** 4 - 8 * x * x + 1);

// θ = (w, b, a, c), the network Σ aⱼ tanh(wⱼ x + bⱼ) + c.
export function begin(seed) {
  const random = uniform(seed), gauss = normal(random), draw = (f) => Array.from({ length: units }, f);
  return [...draw(() => 1.5 * (2 * random() - 1)), ...draw(() => 0.75 * (2 * random() - 1)), ...draw(() => (0.5 * gauss()) / Math.sqrt(units)), 0];
}

const add = (to, row, factor) => row.forEach((x, k) => (to[k] += (factor * x) / samples));

// Mean of ½ (prediction − y)², its gradient, and v ↦ Hv; the second derivatives couple only parameters of one unit.
export function at(theta) {
  const rows = [], gradient = theta.map(() => 0), blocks = Array.from({ length: units }, () => [0, 0, 0, 0, 0]);
  const part = (k, j) => theta[k * units + j], c = theta[3 * units];
  let loss = 0;
  for (let i = 0; i < samples; i++) {
    const x = xs[i], row = theta.map(() => 1), z = [];
    let r = c - ys[i];
    for (let j = 0; j < units; j++) {
      z.push(Math.tanh(part(0, j) * x + part(1, j)));
      r += part(2, j) * z[j];
    }
    for (let j = 0; j < units; j++) {
      const slope = 1 - z[j] * z[j], bend = -2 * z[j] * slope, a = part(2, j);
      row[j] = a * slope * x;
      row[units + j] = a * slope;
      row[2 * units + j] = z[j];
      [a * bend * x * x, a * bend * x, a * bend, slope * x, slope].forEach((s, k) => (blocks[j][k] += (r * s) / samples));
    }
    rows.push(row);
    loss += (r * r) / (2 * samples);
    add(gradient, row, r);
  }
  const product = (v) => {
    const out = v.map(() => 0);
    for (const row of rows) {
      add(out, row, dot(row, v));
    }
    blocks.forEach(([ww, wb, bb, wa, ba], j) => {
      const [w, b, a] = [j, units + j, 2 * units + j];
      out[w] += ww * v[w] + wb * v[b] + wa * v[a];
      out[b] += wb * v[w] + bb * v[b] + ba * v[a];
      out[a] += wa * v[w] + ba * v[b];
    });
    return out;
  };
  return { loss, gradient, product };
}

export function sharpness(product) {
  const { diagonal, beside } = lanczos(product, Array.from({ length: 3 * units + 1 }, normal(uniform(1))), 16, true);
  return ritz(diagonal, beside).values[0];
}

export const border = (eta, momentum, nesterov) => (2 + 2 * momentum) / (eta * (nesterov ? 1 + 2 * momentum : 1));

// v ← μ v + g, θ ← θ − η v (Nesterov: g + μ v), as long as the loss stays finite and below 100.
export function descend(eta, momentum, nesterov, seed, count = steps) {
  let theta = begin(seed), v = theta.map(() => 0);
  const losses = [], sharp = [];
  for (let t = 0; t <= count; t++) {
    const { loss, gradient, product } = at(theta);
    losses.push(loss);
    if (!(loss < 100)) break;
    if (t % every === 0) sharp.push([t, sharpness(product)]);
    v = v.map((x, k) => momentum * x + gradient[k]);
    theta = theta.map((x, k) => x - eta * (nesterov ? gradient[k] + momentum * v[k] : v[k]));
  }
  return { losses, sharp, theta };
}

// What the sentence tells: where the sharpness begins, when it is at the border, and its mean over the border from then
// on (if it never gets there, its maximum); how often the loss rises from then on.
export function facts({ losses, sharp }, limit) {
  const ratios = sharp.map(([, s]) => s / limit), at = ratios.findIndex((ratio) => ratio >= 1);
  const since = at < 0 ? losses : losses.slice(sharp[at][0]), late = ratios.slice(Math.max(at, 0));
  const rises = since.slice(1).filter((loss, i) => loss > since[i]).length / Math.max(1, since.length - 1);
  const state = !(losses.at(-1) < 100) ? "diverges" : at < 0 ? "below" : at === 0 ? "above" : "edge";
  return { state, first: sharp[0][1], reached: at < 0 ? null : sharp[at][0], rises,
    ratio: at < 0 ? Math.max(...ratios) : late.reduce((a, b) => a + b, 0) / late.length };
}

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits = 3) => number(x, decimal, digits);

  const draw = (left, right) => {
    const [eta, momentum, nesterov, seed] = ["eta", "momentum", "nesterov", "seed"].map((name) => model.get(name));
    const run = descend(eta, momentum, nesterov, seed), limit = border(eta, momentum, nesterov), told = facts(run, limit);
    const top = 1.2 * Math.max(limit, ...run.sharp.map(([, s]) => Math.min(s, 2 * limit)));
    const plot = axes(left, { x: [0, steps], y: [0, top], decimal, xLabel: words.steps });
    plot.line(run.sharp, "tw-line");
    plot.line([[0, limit], [steps, limit]], "tw-theory");
    const curve = axes(right, { x: [0, steps], y: [1e-5, 10], log: true, decimal, xLabel: words.steps });
    curve.line(run.losses.map((loss, t) => [t, Number.isFinite(loss) ? loss : 1e9]), "tw-line tw-thin");
    return fill(words[told.state], { eta: show(eta), momentum: show(momentum), limit: show(limit), first: show(told.first),
      reached: told.reached, ratio: show(told.ratio), rises: show(100 * told.rises, 2), steps: run.losses.length - 1,
      begin: show(run.losses[0], 2), end: show(run.losses.at(-1), 2) });
  };

  return stage({ model, el }, {
    kind: "edge", draw, noise: true, traits: ["eta", "momentum", "nesterov", "seed"],
    controls: [
      slider(model, "eta", words, { log: true, show }),
      slider(model, "momentum", words, { step: 0.05, show }),
      check(model, "nesterov", words),
    ],
    panels: [
      { title: words.sharpness, keys: [["tw-theory", words.border]] },
      { title: words.loss },
    ],
  });
}

export default { render };
