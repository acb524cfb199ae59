// A parabola, its secant between x and x + h, and the error of the secant's slope.
import { fill } from "../../widgets/dom.js";
import { axes, number, slider, stage } from "../../widgets/plot.js";

const parabola = (x) => x * x;

// The slope between x and x + h.
export const quotient = (x, h) => (parabola(x + h) - parabola(x)) / h;

const grid = (low, high, n) => Array.from({ length: n + 1 }, (_, i) => low + ((high - low) * i) / n);

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (value, digits) => number(value, decimal, digits);

  const draw = (left, right) => {
    const x = model.get("x"), h = model.get("h"), slope = quotient(x, h);
    const curve = axes(left, { x: [-3, 3], y: [-4, 9], decimal, xLabel: "x" });
    curve.line(grid(-3, 3, 60).map((v) => [v, parabola(v)]), "tw-line");
    curve.line([-3, 3].map((v) => [v, parabola(x) + slope * (v - x)]), "tw-theory");
    const errors = axes(right, { x: [0, 1], y: [0, 1], decimal, xLabel: "h" });
    errors.line(grid(0.01, 1, 40).map((step) => [step, quotient(x, step) - 2 * x]), "tw-line");
    return fill(words.said, { x: show(x), h: show(h), slope: show(slope), derivative: show(2 * x) });
  };

  return stage({ model, el }, {
    kind: "secant", draw, traits: ["x", "h"],
    controls: [slider(model, "x", words, { show }), slider(model, "h", words, { log: true, show })],
    panels: [{ title: words.parabola }, { title: words.deviation }],
  });
}

export default { render };
