// Singular values of a random matrix beside the Marchenko–Pastur law, and what the condition number owes to chance.
import { fill, h } from "../../widgets/dom.js";
import { axes, number, stage, svg } from "../../widgets/plot.js";
import { slider } from "../../widgets/slider.js";
import { normal, uniform } from "../../widgets/random.js";

// rows·columns unit normal numbers, row by row.
export function gaussian(rows, columns, seed) {
  return Array.from({ length: rows * columns }, normal(uniform(seed)));
}

// The variance that each method gives the entries; orthogonal: that of its entries, 1/max.
export function variance(method, rows, columns) {
  if (method === "orthogonal") return 1 / Math.max(rows, columns);
  return { lecun: 1 / columns, xavier: 2 / (rows + columns), kaiming: 2 / columns }[method];
}

// The shorter side's vectors (rows or columns) of the matrix, each a Float64Array.
function vectors(unit, rows, columns) {
  const wide = rows <= columns;
  return Array.from({ length: Math.min(rows, columns) }, (_, i) =>
    Float64Array.from({ length: Math.max(rows, columns) }, (_, j) => unit[wide ? i * columns + j : j * columns + i]));
}

const dot = (a, b) => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
};

// Gram and Schmidt, twice for each vector: orthonormal to rounding.
function orthonormal(all) {
  all.forEach((v, i) => {
    for (let j = 0; j < 2 * i; j++) {
      const w = all[j % i], along = dot(v, w);
      for (let k = 0; k < v.length; k++) v[k] -= along * w[k];
    }
    const length = Math.sqrt(dot(v, v));
    for (let k = 0; k < v.length; k++) v[k] /= length;
  });
  return all;
}

// Eigenvalues of a symmetric matrix, rising: Householder to tridiagonal form, then QL with implicit shifts.
export function eigenvalues(matrix) {
  const a = matrix.map((row) => Float64Array.from(row)), n = a.length, d = new Float64Array(n), e = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    const v = new Float64Array(n), p = new Float64Array(n);
    let square = 0;
    for (let i = k + 1; i < n; i++) square += (v[i] = a[i][k]) ** 2;
    const alpha = v[k + 1] > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    e[k] = alpha;
    const norm = square - alpha * v[k + 1];
    if (norm === 0) continue;
    v[k + 1] -= alpha;
    let half = 0;
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1; j < n; j++) p[i] += a[i][j] * v[j];
      half += ((p[i] /= norm) * v[i]) / (2 * norm);
    }
    for (let i = k + 1; i < n; i++) p[i] -= half * v[i];
    for (let i = k + 1; i < n; i++) for (let j = k + 1; j < n; j++) a[i][j] -= v[i] * p[j] + p[i] * v[j];
  }
  for (let i = 0; i < n; i++) d[i] = a[i][i];
  if (n > 1) e[n - 2] = a[n - 1][n - 2];
  for (let l = 0; l < n; l++) {
    for (;;) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]) > 2.3e-16 * (Math.abs(d[m]) + Math.abs(d[m + 1]))) m++;
      if (m === l) break;
      let g = (d[l + 1] - d[l]) / (2 * e[l]), r = Math.hypot(g, 1), s = 1, c = 1, p = 0;
      g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
      for (let i = m - 1; i >= l; i--) {
        const f = s * e[i], b = c * e[i];
        e[i + 1] = r = Math.hypot(f, g);
        if (r === 0) {
          d[i + 1] -= p;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        d[i + 1] = g + (p = s * r);
        g = c * r - b;
      }
      e[m] = 0;
      if (r === 0) continue;
      d[l] -= p;
      e[l] = g;
    }
  }
  return [...d].sort((x, y) => x - y);
}

// Singular values, falling, of the matrix that the method makes of unit normal numbers.
export function singularValues(method, rows, columns, unit) {
  const all = vectors(unit, rows, columns);
  if (method === "orthogonal") orthonormal(all);
  const scale = method === "orthogonal" ? 1 : Math.sqrt(variance(method, rows, columns));
  return eigenvalues(all.map((v) => all.map((w) => dot(v, w)))).reverse().map((value) => scale * Math.sqrt(Math.max(value, 0)));
}

// The Marchenko–Pastur law as a density of σ (not of σ²), and the ends of its support.
export function law(sigma, rows, columns, v) {
  const [a, b] = edges(rows, columns, v), square = sigma * sigma;
  if (sigma <= a || sigma >= b) return 0;
  return Math.sqrt((b * b - square) * (square - a * a)) / (Math.PI * v * Math.min(rows, columns) * sigma);
}
export function edges(rows, columns, v) {
  return [-1, 1].map((sign) => Math.sqrt(v) * Math.abs(Math.sqrt(Math.max(rows, columns)) + sign * Math.sqrt(Math.min(rows, columns))));
}

const [repeats, few, bars] = [30, 3, 24];
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function histogram(host, values, high, density, decimal) {
  const width = high / bars, counts = new Array(bars).fill(0);
  for (const v of values) counts[Math.min(bars - 1, Math.floor(v / width))] += 1 / (values.length * width);
  const curve = Array.from({ length: 401 }, (_, k) => [((k + 0.5) * high) / 401, density(((k + 0.5) * high) / 401)]);
  const top = 1.15 * Math.max(...counts, ...curve.map(([, f]) => f));
  const plot = axes(host, { x: [0, high], y: [0, top], decimal, xLabel: "σ" });
  counts.forEach((f, k) => plot.to.append(svg("rect", { class: "tw-bar", x: plot.X(k * width) + 0.5, y: plot.Y(f),
    width: plot.X(width) - plot.X(0) - 1, height: plot.Y(0) - plot.Y(f) })));
  if (curve.some(([, f]) => f > 0)) plot.line(curve, "tw-theory");
}

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal");
  const show = (x, digits) => number(x, decimal, digits);
  const select = h("select", { onchange: () => {
    model.set("method", select.value);
    model.save_changes();
  } }, ...model.get("choices").method.map((name) => h("option", { value: name }, words.names[name])));
  const choice = {
    node: h("label", { class: "tw-choice" }, h("span", {}, words.method), select),
    refresh: () => (select.value = model.get("method")),
  };

  const draw = (left, right, sketch) => {
    const [method, rows, columns, seed] = ["method", "rows", "columns", "seed"].map((trait) => model.get(trait));
    const spectra = Array.from({ length: sketch ? few : repeats }, (_, k) =>
      singularValues(method, rows, columns, gaussian(rows, columns, seed * repeats + k)));
    const v = variance(method, rows, columns), free = method !== "orthogonal";
    histogram(left, spectra[0], Math.max(1.12 * spectra[0][0], 1.05 * (free ? edges(rows, columns, v)[1] : 1.2)),
      (sigma) => (free ? law(sigma, rows, columns, v) : 0), decimal);
    const kappas = spectra.map((s) => s[0] / s.at(-1)), middle = median(kappas);
    const [low, high] = [Math.min(...kappas), Math.max(...kappas)];
    const plot = axes(right, { x: [0, repeats + 1], y: [0.7, Math.max(20, 2 * high)], log: true, decimal, xLabel: words.draw });
    plot.line([[0, middle], [repeats + 1, middle]], "tw-floor");
    kappas.forEach((kappa, k) => plot.to.append(svg("circle", { class: k ? "tw-dot" : "tw-first", cx: plot.X(k + 1), cy: plot.Y(kappa), r: k ? 3 : 5 })));
    return fill(words[free ? "gaussian" : "orthogonal"], { method: words.names[method], rows, columns, n: repeats, first: show(kappas[0]),
      low: show(low), high: show(high), median: show(middle), largest: show(spectra[0][0]), smallest: show(spectra[0].at(-1)) });
  };

  const whole = { step: 1, show: (n) => String(n) };
  return stage({ model, el }, {
    kind: "singular", draw, noise: true, rough: true, traits: ["method", "rows", "columns", "seed"],
    controls: [choice, slider(model, "rows", words, whole), slider(model, "columns", words, whole)],
    panels: [
      { title: words.values, keys: [["tw-theory", words.law]] },
      { title: words.kappa, keys: [["tw-floor", words.median]] },
    ],
  });
}

export default { render };
