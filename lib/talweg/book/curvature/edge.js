// Full-batch descent on a small network, step by step in the browser: its sharpness beside the border of stability.
import { fill } from "../../widgets/dom.js";
import { check } from "../../widgets/choices.js";
import { lanczos, ritz } from "./krylov.js";
import { axes, number, stage } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
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

// Mean of ½ (prediction − y)², its gradient, and what `curvature` needs: residuals, and tanh's values of each sample.
export function at(theta) {
  const gradient = new Array(theta.length).fill(0), residuals = new Float64Array(samples), z = new Float64Array(samples * units);
  let loss = 0;
  for (let i = 0; i < samples; i++) {
    const x = xs[i], first = i * units;
    let r = theta[3 * units] - ys[i];
    for (let j = 0; j < units; j++) {
      z[first + j] = Math.tanh(theta[j] * x + theta[units + j]);
      r += theta[2 * units + j] * z[first + j];
    }
    residuals[i] = r;
    loss += (r * r) / (2 * samples);
    for (let j = 0; j < units; j++) {
      const value = z[first + j], back = (r * theta[2 * units + j] * (1 - value * value)) / samples;
      gradient[j] += back * x;
      gradient[units + j] += back;
      gradient[2 * units + j] += (r * value) / samples;
    }
    gradient[3 * units] += r / samples;
  }
  return { loss, gradient, residuals, z };
}

// v ↦ Hv; the second derivatives couple only parameters of one unit.
export function curvature(theta, { residuals, z }) {
  const n = theta.length, rows = new Float64Array(samples * n).fill(1), blocks = new Float64Array(5 * units);
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < units; j++) {
      const x = xs[i], value = z[i * units + j], slope = 1 - value * value, bend = -2 * value * slope, a = theta[2 * units + j];
      rows[i * n + j] = a * slope * x;
      rows[i * n + units + j] = a * slope;
      rows[i * n + 2 * units + j] = value;
      const share = residuals[i] / samples;
      blocks[5 * j] += share * a * bend * x * x;
      blocks[5 * j + 1] += share * a * bend * x;
      blocks[5 * j + 2] += share * a * bend;
      blocks[5 * j + 3] += share * slope * x;
      blocks[5 * j + 4] += share * slope;
    }
  }
  return (v) => {
    const out = new Array(n).fill(0);
    for (let i = 0; i < samples; i++) {
      let along = 0;
      for (let k = 0; k < n; k++) along += rows[i * n + k] * v[k];
      for (let k = 0; k < n; k++) out[k] += (rows[i * n + k] * along) / samples;
    }
    for (let j = 0; j < units; j++) {
      const [w, b, a] = [j, units + j, 2 * units + j], [ww, wb, bb, wa, ba] = blocks.subarray(5 * j, 5 * j + 5);
      out[w] += ww * v[w] + wb * v[b] + wa * v[a];
      out[b] += wb * v[w] + bb * v[b] + ba * v[a];
      out[a] += wa * v[w] + ba * v[b];
    }
    return out;
  };
}

export function sharpness(product) {
  const { diagonal, beside } = lanczos(product, Array.from({ length: 3 * units + 1 }, normal(uniform(1))), 16, true);
  return ritz(diagonal, beside).values[0];
}

export const border = (eta, momentum, nesterov) => (2 + 2 * momentum) / (eta * (nesterov ? 1 + 2 * momentum : 1));

// v ← μ v + g, θ ← θ − η v (Nesterov: g + μ v), as long as the loss stays finite and below 100; the sharpness every so many
// steps.
export function descend(eta, momentum, nesterov, seed, count = steps, often = every) {
  let theta = begin(seed), v = theta.map(() => 0);
  const losses = [], sharp = [];
  for (let t = 0; t <= count; t++) {
    const here = at(theta), { loss, gradient } = here;
    losses.push(loss);
    if (!(loss < 100)) break;
    if (t % often === 0) sharp.push([t, sharpness(curvature(theta, here))]);
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

  const draw = (left, right, sketch) => {
    const [eta, momentum, nesterov, seed] = ["eta", "momentum", "nesterov", "seed"].map((name) => model.get(name));
    const run = descend(eta, momentum, nesterov, seed, steps, sketch ? 5 * every : every), limit = border(eta, momentum, nesterov), told = facts(run, limit);
    const top = 1.2 * Math.max(limit, ...run.sharp.map(([, s]) => Math.min(s, 2 * limit)));
    const plot = axes(left, { x: [0, steps], y: [0, top], marks: [limit], decimal, xLabel: words.steps });
    plot.line(run.sharp, "tw-line");
    plot.line([[0, limit], [steps, limit]], "tw-theory");
    const curve = axes(right, { x: [0, steps], y: [1e-5, 10], log: true, decimal, xLabel: words.steps });
    curve.line(run.losses.map((loss, t) => [t, Number.isFinite(loss) ? loss : 1e9]), "tw-line tw-thin");
    return fill(words[told.state], { eta: show(eta), momentum: show(momentum), limit: show(limit), first: show(told.first),
      reached: told.reached, ratio: show(told.ratio), rises: show(100 * told.rises, 2), steps: run.losses.length - 1,
      begin: show(run.losses[0], 2), end: show(run.losses.at(-1), 2) });
  };

  return stage({ model, el }, {
    kind: "edge", draw, noise: true, rough: true, traits: ["eta", "momentum", "nesterov", "seed"],
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
