// The loss along one direction while hidden units are rescaled: the function stays, the picture changes.
import { fill } from "../../widgets/dom.js";
import { choice } from "../../widgets/choices.js";
import { axes, number, stage } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";

// How often the value at one factor is that at c = 1, in the middle of the list.
export const times = (values, at) => values[at] / values[(values.length - 1) / 2];

const top = 3;

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal"), factors = model.get("factors");
  const show = (x, digits) => number(x, decimal, digits);

  const draw = (...hosts) => {
    const at = model.get("at"), kind = model.get("kind"), alphas = model.get("alphas");
    const lines = model.get("lines")[kind], found = model.get("curvatures")[kind];
    ["none", "filter"].forEach((direction, i) => {
      const plot = axes(hosts[i], { x: [alphas[0], alphas[alphas.length - 1]], y: [0, top], decimal, xLabel: "α" });
      const curve = (text, style) => plot.line(text.split(" ").map(Number).map((value, k) => [alphas[k], value]), style);
      curve(lines[direction][(factors.length - 1) / 2], "tw-theory");
      curve(lines[direction][at], "tw-line");
    });
    const told = Object.fromEntries(["largest", "none", "filter"].map((name) => [name, show(found[name][at])]));
    const [a, b, d] = ["largest", "none", "filter"].map((name) => show(times(found[name], at)));
    return fill(words[2 * at === factors.length - 1 ? "one" : "said"], { ...told, a, b, d, c: show(factors[at]), loss: show(model.get("loss")) });
  };

  return stage({ model, el }, {
    kind: "rescaling", draw, traits: ["at", "kind"],
    controls: [
      choice(model, "kind", words),
      slider(model, "at", words, { values: factors, show }),
    ],
    panels: ["none", "filter"].map((direction) => ({ title: words[direction], keys: [["tw-theory", words.before]] })),
  });
}

export default { render };
