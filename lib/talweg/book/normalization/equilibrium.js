// A scale-invariant weight under SGD: its norm, and the learning rate that its direction feels.
import { fill } from "../../widgets/dom.js";
import { axes, number, stage } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";

// The gradient is perpendicular to w and G/‖w‖ long, so by Pythagoras ‖w‖² ← (1 − ηλ)²‖w‖² + (ηG/‖w‖)².
export function norms(eta, decay, start, steps, G = 1) {
  const found = [start];
  for (let t = 0, square = start ** 2; t < steps; t++) {
    square = (1 - eta * decay) ** 2 * square + (eta * G) ** 2 / square;
    found.push(Math.sqrt(square));
  }
  return found;
}

// The norm that stays, ‖w‖⁴ = ηG²/(λ(2 − ηλ)); none without decay.
export const fixedPoint = (eta, decay, G = 1) => (decay > 0 ? ((eta * G * G) / (decay * (2 - eta * decay))) ** 0.25 : Infinity);

// Without decay, for small steps: ‖w‖⁴ ≈ ‖w₀‖⁴ + 2η²G²t.
export const growth = (eta, start, t, G = 1) => (start ** 4 + 2 * (eta * G) ** 2 * t) ** 0.25;

export const effective = (eta, norm) => eta / norm ** 2;

// The angle by which a step turns w, in degrees.
export const turn = (eta, decay, norm, G = 1) => (Math.atan2((eta * G) / norm, (1 - eta * decay) * norm) * 180) / Math.PI;

const count = 2000;

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);

  const draw = (left, right) => {
    const [eta, decay, start] = ["eta", "decay", "start"].map((name) => model.get(name));
    const path = norms(eta, decay, start, count), last = path[count];
    const rest = fixedPoint(eta, decay);
    const theory = decay > 0 ? path.map(() => rest) : path.map((_, t) => growth(eta, start, t));
    const panel = (host, y, curve, law) => {
      const plot = axes(host, { x: [0, count], y, log: true, decimal, xLabel: words.steps });
      plot.line(curve.map((v, t) => [t, v]), "tw-line");
      plot.line(law.map((v, t) => [t, v]), "tw-theory");
    };
    // The same axes for every setting, so that a curve is seen to move.
    panel(left, [0.08, 12], path, theory);
    panel(right, [6e-5, 150], path.map((v) => effective(eta, v)), theory.map((v) => effective(eta, v)));

    const facts = { eta: show(eta), decay: show(decay), start: show(start), norm: show(last), n: count,
      effective: show(effective(eta, last)), angle: show(turn(eta, decay, last), 2), rest: show(rest) };
    const state = decay === 0 ? "free" : Math.abs(last / rest - 1) < 0.01 ? "settled" : "underway";
    return fill(words[state], facts);
  };

  return stage({ model, el }, {
    kind: "equilibrium", draw, traits: ["eta", "decay", "start"],
    controls: [
      slider(model, "eta", words, { log: true, show }),
      slider(model, "decay", words, { log: true, zero: 1e-4, show }),
      slider(model, "start", words, { log: true, show }),
    ],
    panels: [
      { title: words.norm, keys: [["tw-theory", words.law]] },
      { title: words.rate, keys: [["tw-theory", words.law]] },
    ],
  });
}

export default { render };
