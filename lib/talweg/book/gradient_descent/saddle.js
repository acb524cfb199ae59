// Gradient descent with noise near the saddle (x² − y²)/2, started where plain descent runs into it.
import { fill } from "../../widgets/dom.js";
import { axes, number, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
import { normal, uniform } from "../../widgets/random.js";

// θ ← θ − η (∇f + σ ξ); stops once far away, where the quadratic says nothing more.
export function saddlePath(start, eta, sigma, steps, gauss) {
  let [x, y] = start;
  const path = [[x, y]];
  for (let t = 0; t < steps && Math.abs(y) < 1e3; t++) {
    const [a, b] = sigma > 0 ? [gauss(), gauss()] : [0, 0];
    x -= eta * (x + sigma * a);
    y -= eta * (-y + sigma * b);
    path.push([x, y]);
  }
  return path;
}

// Variance of y after t steps from y = 0: a geometric sum with ratio (1 + η)².
export function spread(eta, sigma, t) {
  const ratio = (1 + eta) ** 2;
  return (eta * sigma) ** 2 * ((ratio ** t - 1) / (ratio - 1));
}

// First step at which half of the runs have |y| > 1: y is Gaussian, its median modulus 0.6745 standard deviations.
export function halfTime(eta, sigma) {
  if (sigma <= 0) return Infinity;
  const ratio = (1 + eta) ** 2;
  const needed = (1 / 0.6744897501960817) ** 2 / (eta * sigma) ** 2;
  return Math.ceil(Math.log(1 + needed * (ratio - 1)) / Math.log(ratio));
}

export function left(path) {
  const t = path.findIndex(([, y]) => Math.abs(y) > 1);
  return t < 0 ? Infinity : t;
}

const [runs, shown, steps] = [101, 10, 300];

function contours(plot) {
  for (const level of [0.1, 0.4, 0.9, 1.6, 2.5, 3.6]) {
    for (const sign of [-1, 1]) {
      const branch = Array.from({ length: 41 }, (_, i) => {
        const s = (i - 20) / 8;
        return [sign * Math.sqrt(2 * level) * Math.cosh(s), Math.sqrt(2 * level) * Math.sinh(s)];
      });
      plot.line(branch, "tw-contour");
      plot.line(branch.map(([x, y]) => [y, x]), "tw-contour tw-low");
    }
  }
  for (const sign of [-1, 1]) plot.line([[-9, -9 * sign], [9, 9 * sign]], "tw-contour");
}

function render({ model, el }) {
  const words = model.get("words");
  const decimal = model.get("decimal");
  const show = (x) => number(x, decimal);

  const draw = (plane, curves) => {
    const [sigma, eta, seed, start] = ["sigma", "eta", "seed", "start"].map((name) => model.get(name));
    const gauss = normal(uniform(seed));
    const paths = Array.from({ length: runs }, () => saddlePath([start, 0], eta, sigma, steps, gauss));
    const plot = axes(plane, { x: [-3.2, 3.2], y: 0, equal: true, decimal, xLabel: "x", yLabel: "y" });
    contours(plot);
    paths.slice(0, shown).forEach((path) => plot.line(path, "tw-line tw-thin"));
    plot.to.append(svg("circle", { class: "tw-start", cx: plot.X(start), cy: plot.Y(0), r: 5 }));

    const half = halfTime(eta, sigma);
    const horizon = Number.isFinite(half) ? Math.min(steps, Math.max(20, Math.ceil(half * 1.3))) : steps;
    const plotted = axes(curves, { x: [0, horizon], y: [1e-8, 10], log: true, decimal, xLabel: words.steps });
    plotted.line([[0, 1], [horizon, 1]], "tw-floor");
    if (sigma > 0) {
      paths.slice(0, shown).forEach((path) => plotted.line(path.slice(1).map(([, y], t) => [t + 1, Math.abs(y)]), "tw-line tw-thin"));
      const theory = Array.from({ length: horizon }, (_, t) => [t + 1, Math.sqrt(spread(eta, sigma, t + 1))]);
      plotted.line(theory, "tw-theory");
    }
    const median = paths.map(left).sort((a, b) => a - b)[runs >> 1];
    const state = sigma === 0 ? "never" : median === Infinity ? "later" : "leaves";
    return fill(words[state], { sigma: show(sigma), eta: show(eta), measured: median, predicted: half, steps, runs });
  };

  return stage({ model, el }, {
    kind: "saddle", draw, noise: true, traits: ["sigma", "eta", "seed", "start"],
    controls: [
      slider(model, "sigma", words, { log: true, zero: 1e-7, show }),
      slider(model, "eta", words, { log: true, show }),
    ],
    panels: [
      { title: words.plane },
      { title: words.distance, keys: [["tw-theory", words.theory], ["tw-floor", words.out]] },
    ],
  });
}

export default { render };
