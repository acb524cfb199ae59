// One eigenvector under the heavy ball: the two roots of its characteristic polynomial, and the error they make.
import { fill } from "../../widgets/dom.js";
import { axes, number, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";

// The roots [re, im] of z² − (1 + μ − ηλ) z + μ = 0.
export function roots(x, momentum) {
  const half = (1 + momentum - x) / 2, square = half * half - momentum;
  if (square < 0) return [[half, Math.sqrt(-square)], [half, -Math.sqrt(-square)]];
  // The root of larger modulus first; the other from the product, without cancellation.
  const large = half + (half < 0 ? -1 : 1) * Math.sqrt(square);
  return [[large, 0], [large ? momentum / large : 0, 0]];
}

export const rate = (x, momentum) => Math.hypot(...roots(x, momentum)[0]);

// The error along the eigenvector, from 1 and at rest: v ← μ v + g, θ ← θ − η v.
export function response(x, momentum, steps) {
  const errors = [1];
  let v = 0;
  for (let t = 0; t < steps; t++) {
    v = momentum * v + x * errors[t];
    errors.push(errors[t] - v);
  }
  return errors;
}

// The factor per step: least squares through the logarithm of the length of (e_t, e_{t+1}), second half of the run.
export function measuredRate(errors) {
  const pairs = errors.slice(0, -1).map((e, t) => [t, Math.log(Math.hypot(e, errors[t + 1]))]);
  const tail = pairs.slice(pairs.length >> 1).filter(([, d]) => Number.isFinite(d));
  if (tail.length < 2) return 0;
  const [mt, md] = [0, 1].map((k) => tail.reduce((sum, p) => sum + p[k], 0) / tail.length);
  return Math.exp(tail.reduce((sum, [t, d]) => sum + (t - mt) * (d - md), 0) / tail.reduce((sum, [t]) => sum + (t - mt) ** 2, 0));
}

// Which of the regimes: still, monotone, oscillating (complex roots), alternating (negative roots), edge, diverging.
export function regime(x, momentum) {
  if (x === 0) return "still";
  const beyond = x - (2 + 2 * momentum);
  if (Math.abs(beyond) < 1e-9) return "edge";
  if (beyond > 0) return "diverging";
  const [[re, im]] = roots(x, momentum);
  return im ? "oscillating" : re < 0 ? "alternating" : "monotone";
}

const steps = 200;

// As many steps as the larger root needs to shrink the error by a factor of 200, or to let it grow by one of 30.
function horizon(predicted) {
  const needed = Math.log(predicted < 1 ? 200 : 30) / Math.abs(Math.log(predicted));
  return Math.max(predicted < 1 ? 12 : 5, Math.min(steps, Math.ceil(needed || 0)));
}

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);

  const draw = (left, right) => {
    const x = model.get("product"), momentum = model.get("momentum");
    const plane = axes(left, { x: [-3.15, 1.5], y: 0, equal: true, decimal, xLabel: "Re z", height: Math.round(0.7 * left.clientWidth) });
    const circle = (radius, kind) => plane.to.append(svg("circle", { class: kind, cx: plane.X(0), cy: plane.Y(0), r: plane.X(radius) - plane.X(0) }));
    circle(1, "tw-unit");
    if (momentum > 0) circle(Math.sqrt(momentum), "tw-radius");
    const found = roots(x, momentum), predicted = rate(x, momentum);
    for (const [re, im] of found) plane.to.append(svg("circle", { class: "tw-root", cx: plane.X(re), cy: plane.Y(im), r: 6 }));

    const all = response(x, momentum, steps), measured = measuredRate(all), errors = all.slice(0, horizon(predicted) + 1);
    const top = 1.15 * Math.max(...errors.map(Math.abs));
    const [a, b] = [left, right].map((panel) => panel.getBoundingClientRect());
    const curve = axes(right, { x: [0, errors.length - 1], y: [-top, top], decimal, xLabel: words.steps,
      height: a.right < b.left ? Math.round(0.7 * left.clientWidth) : 0 });
    // What the larger root allows, as high as needed to touch the error.
    const height = Math.max(...errors.map((e, t) => Math.abs(e) / predicted ** t).filter(Number.isFinite));
    for (const sign of [-1, 1]) {
      if (predicted > 0) curve.line(errors.map((_, t) => [t, sign * height * predicted ** t]), "tw-theory");
    }
    curve.line(errors.map((e, t) => [t, e]), "tw-line");
    errors.forEach((e, t) => curve.to.append(svg("circle", { class: "tw-dot", cx: curve.X(t), cy: curve.Y(e), r: 2 })));
    return fill(words[regime(x, momentum)], { x: show(x), momentum: show(momentum), limit: show(2 + 2 * momentum),
      radius: show(Math.sqrt(momentum)), predicted: show(predicted), measured: show(measured), steps });
  };

  return stage({ model, el }, {
    kind: "momentum", draw, traits: ["product", "momentum"],
    controls: [
      slider(model, "product", words, { step: 0.01, show }),
      slider(model, "momentum", words, { step: 0.01, show }),
    ],
    panels: [
      { title: words.plane, keys: [["tw-unit", words.unit], ["tw-radius", "√μ"]] },
      { title: words.response, keys: [["tw-theory", words.envelope]] },
    ],
  });
}

export default { render };
