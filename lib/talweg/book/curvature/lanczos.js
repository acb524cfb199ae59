// Lanczos's method at work on a spectrum with outliers and a bulk: what it finds first, and the ghosts.
import { fill } from "../../widgets/dom.js";
import { check } from "../../widgets/choices.js";
import { lanczos, ritz } from "./krylov.js";
import { axes, number, settled, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
import { normal, uniform } from "../../widgets/random.js";

const dimension = 200, top = 10;

// Outliers 10, 7.5, 5.6 … and the rest evenly over [−width, width], falling.
export function spectrum(outliers, width) {
  const bulk = Array.from({ length: dimension - outliers }, (_, i, all) => width * (1 - (2 * i) / (dimension - outliers - 1)));
  return [...Array.from({ length: outliers }, (_, i) => top * 0.75 ** i), ...bulk].sort((a, b) => b - a);
}

// In the basis of the eigenvectors the matrix is diagonal: a random start is one in any other basis.
export function search(outliers, width, k, again, seed) {
  const values = spectrum(outliers, width), gauss = normal(uniform(seed));
  const found = lanczos((v) => v.map((x, i) => values[i] * x), values.map(gauss), k, again);
  const rows = found.diagonal.map((_, j) => ritz(found.diagonal, found.beside, j + 1));
  return { values, ...found, rows };
}

// The largest Ritz value of each step: its error, and the residual β |s| that bounds it.
export function certificate({ values, beside, rows }) {
  return rows.map((row, j) => ({ error: Math.abs(row.values[0] - values[0]), residual: beside[j] * Math.abs(row.last[0]) }));
}

// How many of the outliers have a Ritz value within 0.1 %, and how many Ritz values sit on the largest eigenvalue.
export function tally({ values, rows }, outliers) {
  const last = rows.at(-1).values;
  return { found: values.slice(0, outliers).filter((value) => last.some((r) => Math.abs(r - value) < 1e-3 * value)).length,
    copies: last.filter((r) => Math.abs(r - values[0]) < 1e-6 * values[0]).length };
}

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits = 3) => number(x, decimal, digits);

  const draw = (left, right) => {
    const [outliers, width, k, again, seed] = ["outliers", "width", "products", "again", "seed"].map((name) => model.get(name));
    const state = search(outliers, width, k, again, seed);
    const low = Math.min(-1, -1.15 * width), ends = [0, 1.04 * Math.max(10, k)];
    const plot = axes(left, { x: ends, y: [low, top * 1.08], decimal, xLabel: words.step });
    plot.to.append(svg("rect", { class: "tw-band", x: plot.X(0), width: plot.X(ends[1]) - plot.X(0), y: plot.Y(width), height: Math.max(2, plot.Y(-width) - plot.Y(width)) }));
    state.values.slice(0, outliers).forEach((value) => plot.line(ends.map((t) => [t, value]), "tw-theory"));
    const dots = state.rows.flatMap((row, j) => row.values.map((value) => `M${plot.X(j + 1).toFixed(1)} ${plot.Y(value).toFixed(1)}h0`));
    plot.to.append(svg("path", { class: "tw-ritz", d: dots.join("") }));

    const pairs = certificate(state), curve = axes(right, { x: ends, y: [1e-17, 100], log: true, decimal, xLabel: words.step });
    curve.line(state.lost.map((lost, j) => [j + 1, Math.max(lost, 1e-17)]), "tw-floor");
    curve.line(pairs.map(({ error }, j) => [j + 1, Math.max(error, 1e-17)]), "tw-theory");
    curve.line(pairs.map(({ residual }, j) => [j + 1, Math.max(residual, 1e-17)]), "tw-line");

    const { found, copies } = tally(state, outliers), end = pairs.at(-1);
    const said = fill(words.said, { k: state.rows.length, found, outliers, ritz: show(state.rows.at(-1).values[0], 5),
      truth: show(state.values[0], 5), residual: show(settled(end.residual, top), 2), error: show(settled(end.error, top), 2) });
    const lost = show(settled(state.lost.at(-1), 1), 2);
    return `${said} ${fill(words[copies > 1 ? "ghosts" : again ? "kept" : "yet"], { copies, lost })}`;
  };

  return stage({ model, el }, {
    kind: "lanczos", draw, noise: true, traits: ["outliers", "width", "products", "again", "seed"],
    controls: [
      slider(model, "products", words, { step: 1, show }),
      slider(model, "outliers", words, { step: 1, show }),
      slider(model, "width", words, { log: true, show }),
      check(model, "again", words),
    ],
    panels: [
      { title: words.values, keys: [["tw-ritz", words.ritz], ["tw-theory", words.outlier], ["tw-band", words.bulk]] },
      { title: words.largest, keys: [["tw-line", words.residual], ["tw-theory", words.error], ["tw-floor", words.lost]] },
    ],
  });
}

export default { render };
