// SGD on least squares in one variable: how low it gets, and what batch size and step size have to do with it.
import { fill } from "../../widgets/dom.js";
import { axes, number, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
import { normal, uniform } from "../../widgets/random.js";

// n points of y = 2 x + ε, x uniform with mean square 1, ε standard normal.
export function points(n, seed) {
  const random = uniform(seed);
  const gauss = normal(random);
  const x = Array.from({ length: n }, () => Math.sqrt(3) * (2 * random() - 1));
  return { x, y: x.map((xi) => 2 * xi + gauss()) };
}

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

// With e = θ − θ̂ and residuals r, the gradient of sample i is x² e − x r; what its mean and variance need.
export function moments({ x, y }) {
  const squares = x.map((v) => v * v);
  const lambda = mean(squares);
  const best = mean(x.map((v, i) => v * y[i])) / lambda;
  const pulls = x.map((v, i) => v * (y[i] - best * v));
  return {
    lambda, best, noise: mean(pulls.map((p) => p * p)),
    spread: mean(squares.map((s) => (s - lambda) ** 2)),
    cross: mean(squares.map((s, i) => (s - lambda) * pulls[i])),
  };
}

// Without replacement: the variance of a batch mean is this times that of one sample.
export const shrink = (n, batch) => (n > 1 ? (n - batch) / (batch * (n - 1)) : 0);

// E e² after each step, exactly: the mean of e decays, the variance of the batch gradient is fed in.
export function expected({ lambda, noise, spread, cross }, n, batch, eta, e, steps) {
  const c = eta * eta * shrink(n, batch);
  let [m1, m2] = [e, e * e];
  const all = [m2];
  for (let t = 0; t < steps; t++) {
    m2 = (1 - eta * lambda) ** 2 * m2 + c * (spread * m2 - 2 * cross * m1 + noise);
    m1 *= 1 - eta * lambda;
    all.push(m2);
  }
  return all;
}

// The fixed point of `expected`; infinite where e² does not settle.
export function floor({ lambda, noise, spread }, n, batch, eta) {
  const c = shrink(n, batch);
  const room = lambda * (2 - eta * lambda) - eta * c * spread;
  return room > 0 ? (eta * c * noise) / room : Infinity;
}

// θ ← θ − η mean over the batch of x (θ x − y), for given batches of indices.
export function sgdPath({ x, y }, start, eta, batches) {
  let theta = start;
  return [start, ...batches.map((batch) => {
    let sum = 0;
    for (let k = 0; k < batch.length; k++) sum += x[batch[k]] * (theta * x[batch[k]] - y[batch[k]]);
    return (theta -= (eta * sum) / batch.length);
  })];
}

// Independent batches without replacement, by the first steps of a Fisher–Yates shuffle.
export function batches(n, size, count, random) {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  // What is left out is as random as what is taken: shuffle the smaller of the two.
  const few = Math.min(size, n - size);
  return Array.from({ length: count }, () => {
    for (let i = 0; i < few; i++) {
      const j = i + Math.floor(random() * (n - i));
      const kept = order[j];
      order[j] = order[i];
      order[i] = kept;
    }
    return few === size ? order.slice(0, size) : order.slice(few);
  });
}

const [runs, shown, steps, away] = [80, 6, 400, 2];

function histogram(host, last, deviation, decimal, label) {
  const widest = Math.max(4 * (Number.isFinite(deviation) ? deviation : 1), 1e-4);
  const unit = 10 ** Math.floor(Math.log10(widest));
  const half = unit * [1, 2, 5, 10].find((m) => m * unit >= widest);
  const bins = new Array(41).fill(0);
  for (const e of last) {
    const k = Math.floor(((e + half) / (2 * half)) * 41);
    if (k >= 0 && k < 41) bins[k] += 1 / last.length;
  }
  const plot = axes(host, { x: [-half, half], y: [0, Math.max(...bins, 0.05) * 1.1], decimal, xLabel: label });
  bins.forEach((share, k) => plot.to.append(svg("rect", { class: "tw-bar", x: plot.X(-half + (k * 2 * half) / 41) + 0.5,
    y: plot.Y(share), width: (plot.X(half) - plot.X(-half)) / 41 - 1, height: plot.Y(0) - plot.Y(share) })));
  for (const e of [-deviation, deviation]) plot.line([[e, 0], [e, 1]], "tw-theory");
}

function render({ model, el }) {
  const words = model.get("words");
  const decimal = model.get("decimal");
  const n = model.get("points");
  const data = points(n, 1);
  const facts = moments(data);
  const show = (x) => number(x, decimal);

  const draw = (left, right) => {
    const [batch, eta, seed] = ["batch", "eta", "seed"].map((name) => model.get(name));
    const random = uniform(seed);
    const paths = Array.from({ length: runs }, () => sgdPath(data, facts.best - away, eta, batches(n, batch, steps, random))
      .map((theta) => theta - facts.best));
    const loss = (square) => 0.5 * facts.lambda * square;
    const average = paths[0].map((_, t) => loss(mean(paths.map((path) => path[t] ** 2))));
    const theory = expected(facts, n, batch, eta, -away, steps).map(loss);
    const level = loss(floor(facts, n, batch, eta));

    const curve = axes(left, { x: [0, steps], y: [1e-7, 1e2], log: true, decimal, xLabel: words.steps });
    paths.slice(0, shown).forEach((path) => curve.line(path.map((e, t) => [t, loss(e * e)]), "tw-run"));
    curve.line(average.map((v, t) => [t, v]), "tw-line");
    curve.line(theory.map((v, t) => [t, v]), "tw-theory");
    if (level > 0 && Number.isFinite(level)) curve.line([[0, level], [steps, level]], "tw-floor");
    const tail = Math.floor(steps * 0.6);
    histogram(right, paths.flatMap((path) => path.slice(tail)), Math.sqrt((2 * level) / facts.lambda), decimal, "θ − θ̂");

    const measured = mean(average.slice(tail));
    const state = level === Infinity ? "unstable" : batch === n ? "exact" : theory[tail] > 1.05 * level ? "falling" : "floor";
    return fill(words[state], { B: batch, N: n, eta: show(eta), measured: show(measured), predicted: show(level), steps });
  };

  return stage({ model, el }, {
    kind: "noise", draw, noise: true, traits: ["batch", "eta", "seed"],
    controls: [
      slider(model, "batch", words, { log: true, show: (v) => `${v} / ${n}` }),
      slider(model, "eta", words, { log: true, show }),
    ],
    panels: [
      { title: words.loss, keys: [["tw-line", fill(words.mean, { n: runs })], ["tw-theory", words.theory], ["tw-floor", words.level]] },
      { title: words.last, keys: [["tw-theory", words.deviation]] },
    ],
  });
}

export default { render };
