// Gradient descent on ½(x² + κ y²): the path, the loss, and the rate the eigenvalues promise.
import { h, fill } from "../../widgets/dom.js";
import { axes, number, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";

// v ← μ v + g, θ ← θ − η v on ½ Σ λᵢ θᵢ²; all points and their losses.
export function gdPath(eigenvalues, start, eta, momentum, steps) {
  let theta = start;
  let v = start.map(() => 0);
  const path = [theta];
  for (let t = 0; t < steps; t++) {
    v = v.map((vi, i) => momentum * vi + eigenvalues[i] * theta[i]);
    theta = theta.map((x, i) => x - eta * v[i]);
    path.push(theta);
  }
  return { path, losses: path.map((point) => point.reduce((sum, x, i) => sum + 0.5 * eigenvalues[i] * x * x, 0)) };
}

// Spectral radius of one step along an eigenvector: |1 − ηλ| without momentum, √μ where the roots are complex.
export function rate(eigenvalue, eta, momentum) {
  const trace = 1 + momentum - eta * eigenvalue;
  const root = trace * trace - 4 * momentum;
  return root < 0 ? Math.sqrt(momentum) : (Math.abs(trace) + Math.sqrt(root)) / 2;
}

// The factor per step of the distance to 0: least squares through its logarithm, second half of the path.
export function measuredRate(path) {
  const tail = path.map((p, t) => [t, Math.log(Math.hypot(...p))]).slice(path.length >> 1).filter(([, d]) => Number.isFinite(d));
  if (tail.length < 2) return 0;
  const [mt, md] = [0, 1].map((k) => tail.reduce((sum, p) => sum + p[k], 0) / tail.length);
  const top = tail.reduce((sum, [t, d]) => sum + (t - mt) * (d - md), 0);
  return Math.exp(top / tail.reduce((sum, [t]) => sum + (t - mt) ** 2, 0));
}

const view = [-12, 12];

function contours(plot, kappa) {
  const [a, b] = [plot.x[1], plot.y[1]];
  for (let level = 0.25; level < (a * a + kappa * b * b) / 2; level *= 2) {
    plot.to.append(svg("ellipse", { class: "tw-contour", cx: plot.X(0), cy: plot.Y(0),
      rx: plot.X(Math.sqrt(2 * level)) - plot.X(0), ry: plot.Y(0) - plot.Y(Math.sqrt((2 * level) / kappa)) }));
  }
}

function render({ model, el }) {
  const words = model.get("words");
  const decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);
  const withMomentum = model.get("momentum") !== null;
  let plot;

  const move = (x, y) => {
    const { low, high } = model.get("ranges").start;
    const clamp = (v, [low, high]) => Math.min(high, Math.max(low, Math.round(v * 100) / 100));
    model.set("start", [clamp(x, [low, high]), clamp(y, [plot.y[0] * 0.95, plot.y[1] * 0.95])]);
  };
  const handle = h("button", { type: "button", class: "tw-handle" });
  handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = handle.previousElementSibling.getBoundingClientRect();
    move(...plot.inverse(event.clientX - box.left, event.clientY - box.top));
  });
  handle.addEventListener("pointerup", () => model.save_changes());
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const [x, y] = model.get("start");
    const size = event.shiftKey ? 0.1 : 0.5;
    move(x + size * by[0], y + size * by[1]);
    model.save_changes();
  });

  const draw = (left, right) => {
    const [kappa, step, momentum, start, steps] = ["kappa", "step", "momentum", "start", "steps"].map((n) => model.get(n) ?? 0);
    const eta = (2 * step) / kappa;
    const { path, losses } = gdPath([1, kappa], start, eta, momentum, steps);
    const predicted = Math.max(rate(1, eta, momentum), rate(kappa, eta, momentum));
    const measured = measuredRate(path);

    // Replacing the picture must not take the focus from the handle in the middle of a movement.
    const focused = document.activeElement === handle || handle.matches(":focus");
    plot = axes(left, { x: view, y: 0, equal: true, decimal, xLabel: "θ₁", yLabel: "θ₂" });
    contours(plot, kappa);
    plot.line(path, "tw-line");
    path.forEach(([x, y]) => Math.abs(x) < 20 && Math.abs(y) < 20 &&
      plot.to.append(svg("circle", { class: "tw-dot", cx: plot.X(x), cy: plot.Y(y), r: 2.2 })));
    left.parentElement.classList.add("tw-with-handle");
    if (handle.parentElement !== left.parentElement) left.after(handle);
    const place = { x: left.offsetLeft + plot.X(start[0]), y: left.offsetTop + plot.Y(start[1]) };
    handle.style.transform = `translate(${place.x}px, ${place.y}px) translate(-50%, -50%)`;
    handle.setAttribute("aria-label", fill(words.start, { x: show(start[0]), y: show(start[1]) }));
    if (focused) handle.focus({ preventScroll: true });

    const scale = Math.max(losses[0], 1e-6);
    const curve = axes(right, { x: [0, steps], y: [scale * 1e-10, scale * 1e3], log: true, decimal, xLabel: words.steps });
    curve.line(losses.map((loss, t) => [t, loss]), "tw-line");
    // The promise as a line above the second half of the curve, touching it.
    const tail = losses.map((loss, t) => Math.log(loss) - 2 * t * Math.log(predicted)).slice(steps >> 1);
    const height = Math.max(...tail.filter(Number.isFinite));
    if (Number.isFinite(height) && predicted > 0) {
      curve.line([0, steps].map((t) => [t, Math.exp(height + 2 * t * Math.log(predicted))]), "tw-theory");
    }
    const margin = Math.abs(predicted - 1) < 1e-9 ? "neither" : predicted < 1 ? "converges" : "diverges";
    return fill(words.said, { step: show(step), verdict: words[margin], limit: show(1 + momentum),
      measured: show(measured), predicted: show(predicted), kappa: show(kappa) });
  };

  const controls = [
    slider(model, "step", words, { step: 0.01, show }),
    slider(model, "kappa", words, { log: true, show }),
    ...(withMomentum ? [slider(model, "momentum", words, { step: 0.01, show })] : []),
  ];
  return stage({ model, el }, {
    kind: "ravine", controls, draw, traits: ["kappa", "step", "momentum", "start"],
    panels: [{ title: words.plane }, { title: words.loss, keys: [["tw-theory", words.rate]] }],
  });
}

export default { render };
