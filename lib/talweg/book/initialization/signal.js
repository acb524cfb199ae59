// Fifty random layers: how the second moments of signal and gradient travel, simulated beside mean-field theory.
import { fill, h } from "../../widgets/dom.js";
import { axes, number, stage } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
import { normal, uniform } from "../../widgets/random.js";

const [selu, alpha] = [1.0507009873554805, 1.6732632423543772];
const logistic = (z) => 1 / (1 + Math.exp(-z));

// φ and its derivative.
export const activations = {
  linear: [(z) => z, () => 1],
  relu: [(z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)],
  tanh: [Math.tanh, (z) => 1 - Math.tanh(z) ** 2],
  sigmoid: [logistic, (z) => logistic(z) * (1 - logistic(z))],
  selu: [(z) => selu * (z > 0 ? z : alpha * Math.expm1(z)), (z) => selu * (z > 0 ? 1 : alpha * Math.exp(z))],
};

// E f(√q z) for a standard normal z, by the midpoint rule: kinks and jumps at 0 fall between two nodes.
export function gaussian(f, q) {
  const step = 1 / 64, root = Math.sqrt(q);
  let sum = 0;
  for (let z = -8 + step / 2; z < 8; z += step) sum += f(root * z) * Math.exp((-z * z) / 2);
  return (sum * step) / Math.sqrt(2 * Math.PI);
}

// Mean field: q₁ = g², q ← g² E φ(√q z)²; the gradient's factor from layer to layer χ = g² E φ′(√q z)².
export function theory(name, gain, depth) {
  const [phi, slope] = activations[name];
  const q = [gain * gain];
  while (q.length < depth) q.push(gain * gain * gaussian((z) => phi(z) ** 2, q.at(-1)));
  const gradient = [1];
  for (let l = depth - 2; l >= 0; l--) gradient.unshift(gradient[0] * gain * gain * gaussian((z) => slope(z) ** 2, q[l]));
  return { q, gradient };
}

// One network: weights N(0, gain²/n) from unit normal numbers, layer after layer; x has mean square 1.
// The mean squares of each layer's z, and of the gradient there, that at the last layer being 1.
export function simulate(name, gain, depth, n, unit) {
  const [phi, slope] = activations[name], scale = gain / Math.sqrt(n);
  const square = (values) => values.reduce((sum, v) => sum + v * v, 0) / values.length;
  let signal = unit.slice(0, n);
  const norm = Math.sqrt(square(signal)), zs = [];
  signal = signal.map((v) => v / norm);
  const weight = (l) => n + l * n * n;
  for (let l = 0; l < depth; l++) {
    const z = new Float64Array(n);
    for (let i = 0, at = weight(l); i < n; i++) for (let j = 0; j < n; j++) z[i] += unit[at++] * signal[j];
    zs.push(z.map((v) => v * scale));
    signal = zs[l].map(phi);
  }
  let delta = unit.slice(weight(depth), weight(depth) + n);
  const last = Math.sqrt(square(delta));
  delta = delta.map((v) => v / last);
  const gradient = [square(delta)];
  for (let l = depth - 1; l > 0; l--) {
    const back = new Float64Array(n);
    for (let i = 0, at = weight(l); i < n; i++) for (let j = 0; j < n; j++) back[j] += unit[at++] * delta[i];
    delta = back.map((v, j) => v * scale * slope(zs[l - 1][j]));
    gradient.unshift(square(delta));
  }
  return { q: zs.map(square), gradient };
}

// Unit normal numbers for an input, `depth` square weights and a gradient.
export function draws(depth, n, seed) {
  const gauss = normal(uniform(seed));
  return Float64Array.from({ length: depth * n * n + 2 * n }, gauss);
}

// What fifty layers made of 1: within a factor of 100 kept, else vanishing or exploding.
export const verdict = (ratio) => (ratio > 100 ? "explodes" : ratio < 0.01 ? "vanishes" : "stays");

const [depth, width] = [50, 100];
// Decades above and below 1 that hold all curves: few enough to see a slope, and not many scales to get used to.
function decadesFor(values) {
  const widest = Math.max(...values.map((v) => Math.abs(Math.log10(v))));
  return [2, 6, 18, 40].find((decades) => widest <= decades) ?? 80;
}

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);
  const select = h("select", { onchange: () => {
    model.set("activation", select.value);
    model.save_changes();
  } }, ...model.get("choices").activation.map((name) => h("option", { value: name }, words.names[name])));
  const choice = {
    node: h("label", { class: "tw-choice" }, h("span", {}, words.activation), select),
    refresh: () => (select.value = model.get("activation")),
  };
  let drawn = {};

  const draw = (left, right) => {
    const [name, gain, seed] = ["activation", "gain", "seed"].map((trait) => model.get(trait));
    if (drawn.seed !== seed) drawn = { seed, unit: draws(depth, width, seed) };
    const expected = theory(name, gain, depth), found = simulate(name, gain, depth, width, drawn.unit);
    const reach = decadesFor([expected, found].flatMap(({ q, gradient }) => [...q, ...gradient]).filter((v) => v > 0));
    [[left, "q"], [right, "gradient"]].forEach(([host, key]) => {
      const plot = axes(host, { x: [1, depth], y: [10 ** -reach, 10 ** reach], log: true, decimal, xLabel: words.layer });
      plot.line([[1, 1], [depth, 1]], "tw-floor");
      plot.line(found[key].map((v, l) => [l + 1, v]), "tw-line");
      plot.line(expected[key].map((v, l) => [l + 1, v]), "tw-theory");
    });
    return fill(words.said, {
      activation: words.names[name], gain: show(gain), depth,
      signal: words[verdict(expected.q.at(-1))], last: show(found.q.at(-1)), promised: show(expected.q.at(-1)),
      gradient: words[verdict(expected.gradient[0])], first: show(found.gradient[0]), predicted: show(expected.gradient[0]),
    });
  };

  const keys = [["tw-line", fill(words.network, { n: width })], ["tw-theory", words.theory]];
  return stage({ model, el }, {
    kind: "signal", draw, noise: true, traits: ["activation", "gain", "seed"],
    controls: [choice, slider(model, "gain", words, { log: true, show })],
    panels: [{ title: words.forward, keys }, { title: words.backward, keys: [] }],
  });
}

export default { render };
