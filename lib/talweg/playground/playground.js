// The playground: paths of up to four methods on a surface, played in the browser.
import { fill, h } from "../widgets/dom.js";
import { axes, number, settled, stage, svg } from "../widgets/plot.js";
import { slider } from "../widgets/slider.js";
import { path } from "./rules.js";
import { surface } from "./surfaces.js";
import { terrain } from "./terrain.js";
import { verdict } from "./verdict.js";
import { decode, encode, mark } from "./link.js";
import { card, head, options, swatch, title } from "./cards.js";
import { handle } from "./handle.js";
import { player } from "./player.js";

const traits = ["surface", "kappa", "start", "steps", "methods"];

const ravines = ["ravine", "turned"];

// Where a line leaves the frame for the last time: an arrow there, pointing out; null if it stays inside.
function rim(plot, places, i) {
  const [x0, x1, y1, y0] = [...plot.x.map(plot.X), ...plot.y.map(plot.Y)];
  const last = places.findLastIndex(([x, y]) => x >= x0 && x <= x1 && y >= y0 && y <= y1);
  if (last < 0 || last === places.length - 1) return null;
  const [[x, y], [a, b]] = [places[last], places[last + 1]].map((place) => place.map(Number));
  const share = Math.min(...[[x, a, x0, x1], [y, b, y0, y1]].map(([from, to, low, high]) => (to > high ? (high - from) / (to - from) : to < low ? (low - from) / (to - from) : 1)));
  const turn = (Math.atan2(b - y, a - x) * 180) / Math.PI;
  return { step: last + 1, node: svg("path", { class: `tw-head tw-c${i}`, d: "M0 0L-15 -6.5V6.5Z",
    transform: `translate(${(x + share * (a - x)).toFixed(1)} ${(y + share * (b - y)).toFixed(1)}) rotate(${turn.toFixed(1)})` }) };
}

// A line with a head, drawn into a plot; returns what moves the head to step t and the line after it. dots: one for each
// step, where they do not touch. One that leaves ends two steps outside: more would only lay bars across the map.
function runner(plot, points, i, dots) {
  const all = points.map(([x, y]) => [plot.X(x), plot.Y(y)].map((v) => Math.min(9999, Math.max(-9999, v)).toFixed(1)));
  const out = rim(plot, all, i), places = out ? all.slice(0, out.step + 2) : all;
  const drawn = ["tw-casing", "tw-trace", "tw-dots"].slice(0, dots ? 3 : 2).map((kind, k) => {
    // The text of the whole path, and where in it each step ends.
    let text = "", last = [-99, 0];
    const ends = places.map((place, t) => {
      const far = Math.hypot(place[0] - last[0], place[1] - last[1]) > 5;
      if (k < 2) text += `${t ? "L" : "M"}${place}`;
      else if (far) text += `M${(last = place)}h0`;
      return text.length;
    });
    return { node: svg("path", { class: `${kind} tw-c${i}` }), text, ends };
  });
  const tip = head(i);
  plot.to.append(...drawn.map(({ node }) => node), tip, ...(out ? [out.node] : []));
  return (step) => {
    const t = Math.min(step, places.length - 1);
    for (const { node, text, ends } of drawn) node.setAttribute("d", text.slice(0, ends[t]));
    tip.setAttribute("transform", `translate(${places[t]})`);
    out?.node.setAttribute("visibility", t < out.step ? "hidden" : "visible");
  };
}

// Axes for the losses: they show no more of a divergence than is needed to see it.
function lossAxes(host, runs, log, settings) {
  const all = runs.flatMap(({ losses }) => losses).filter(Number.isFinite), first = runs[0].losses[0];
  const low = Math.max(Math.min(...all), log ? first * 1e-10 + 1e-16 : first - 9);
  const high = Math.min(Math.max(...all), log ? first * 100 + 0.1 : first + 9);
  const pad = 0.06 * (high - low) || 1;
  return axes(host, { ...settings, log, y: log ? [low / 2, high * 2] : [low - pad, high + pad] });
}

function render({ model, el }) {
  const [words, decimal, setup] = ["words", "decimal", "setup"].map((name) => model.get(name));
  const show = (x, digits) => number(x, decimal, digits);
  const now = () => Object.fromEntries(traits.map((name) => [name, model.get(name)]));
  const change = (values) => {
    for (const name in values) model.set(name, values[name]);
    model.save_changes();
  };
  const all = () => model.get("methods");
  const usual = (name, ground = model.get("surface")) => {
    const { rate, sliders } = setup.methods[name];
    const { [rate]: kind, [name]: lr = kind } = setup.surfaces[ground].rates;
    const scale = ravines.includes(ground) && /gradient|momentum/.test(rate) ? 20 / model.get("kappa") : 1;
    return { name, lr: Number((lr * scale).toPrecision(4)), ...sliders };
  };

  let plot, ground = {}, runners = [], cards = [], names = "";
  const film = player(words, (t) => runners.forEach((move) => move(t)));
  const start = handle(() => plot, () => model.get("start"), (point) => model.set("start", point), () => model.save_changes());

  const chooser = h("select", { onchange: () => {
    const name = chooser.value, { start, steps } = setup.surfaces[name];
    change({ surface: name, start, steps, methods: all().map((m) => ({ ...m, lr: usual(m.name, name).lr })) });
  } }, ...options(model.get("choices").surface, words.surfaces));
  const kappa = slider(model, "kappa", words, { log: true, show });
  const limit = slider(model, "steps", { steps: words.limit }, { log: true, show });
  const legend = h("div", { class: "tw-legend" }), row = h("div", { class: "tw-cards" });
  const add = h("button", { type: "button", onclick: () => {
    const free = model.get("choices").methods.find((name) => all().every((m) => m.name !== name));
    change({ methods: [...all(), usual(free)] });
  } }, words.add);

  const presets = model.get("choices").presets.map((key) => ({ preset: setup.presets[key],
    chip: h("button", { type: "button", class: "tw-chip", onclick: () => change(setup.presets[key]) }, words.presets[key]) }));

  // Cards are made anew when the methods change, not when their sliders move: so the focus stays in its place.
  const refresh = () => {
    const methods = all(), key = methods.map((m) => m.name).join();
    if (key !== names) {
      const focused = document.activeElement === add ? 3 : cards.findIndex(({ node }) => node.contains(document.activeElement));
      cards = methods.map((_, i) => card(model, i, { words, setup, show,
        replace: (name) => change({ methods: all().map((m, j) => (j === i ? usual(name) : m)) }),
        remove: () => change({ methods: all().filter((_, j) => j !== i) }) }));
      row.replaceChildren(...cards.map(({ node }) => node));
      cards[Math.min(focused, methods.length - 1)]?.choice.focus({ preventScroll: true });
      names = key;
    }
    cards.forEach((c) => c.refresh());
    chooser.value = model.get("surface");
    kappa.node.hidden = !ravines.includes(chooser.value);
    presets.forEach(({ preset, chip }) => chip.setAttribute("aria-pressed", encode(preset) === encode(now())));
    add.disabled = methods.length === 4;
    legend.replaceChildren(...methods.map((_, i) => h("span", {}, swatch(i), title(words, methods, i, show))));
  };

  // On the published page the address follows the set-up; in Jupyter and Colab the address is theirs.
  const first = () => "content_root" in document.documentElement.dataset && document.querySelector(".tw-cards") === row;
  let known = encode(now()), timer;
  const write = () => {
    const link = encode(now());
    if (link === known || !first()) return;
    known = link;
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(history.state, "", link), 400);
  };
  const read = () => {
    const asked = first() && location.hash.startsWith(mark), found = asked && decode(location.hash, setup, usual);
    if (found) change(found);
    else if (asked) el.dispatchEvent(new CustomEvent("talweg:refused", { detail: location.hash.slice(mark.length) }));
    known = encode(now());
  };

  const draw = (left, right) => {
    const { surface: name, kappa: k, start: place, steps, methods } = now();
    const facts = setup.surfaces[name], log = Boolean(facts.levels.ratio);
    const f = surface(name, k, facts.constants, model.get("grid"));
    const runs = methods.map(({ name: method, ...values }) => path(method, values, f, place, steps));

    const tall = Math.round(0.86 * left.clientWidth);
    plot = axes(left, { x: facts.view, y: facts.middle, equal: true, decimal, xLabel: "x", yLabel: "y", height: tall });
    const [x0, x1, y0, y1] = [...plot.x.map(plot.X), ...plot.y.map(plot.Y)];
    const key = [name, ravines.includes(name) && k, x1].join();
    if (ground.key !== key) ground = { key, ...terrain(f.value, plot.x, plot.y, x1 - x0, y0 - y1, facts.levels) };
    ground.canvas.style.cssText = `left:${x0}px;top:${y1}px;width:${x1 - x0}px;height:${y0 - y1}px`;
    left.prepend(ground.canvas);
    plot.to.append(svg("path", { class: "tw-contour", d: ground.lines, transform: `translate(${x0} ${y1})` }),
      ...facts.minima.map(([x, y]) => svg("path", { class: "tw-minimum", d: `M${plot.X(x) - 6} ${plot.Y(y)}h12m-6 -6v12` })));
    if (!start.node.isConnected) start.attach(left);
    start.node.style.transform = `translate(${left.offsetLeft + plot.X(place[0])}px, ${left.offsetTop + plot.Y(place[1])}px) translate(-50%, -50%)`;
    const point = { x: show(place[0]), y: show(place[1]) };
    start.node.setAttribute("aria-label", fill(words.start, point));

    const curve = lossAxes(right, runs, log, { x: [0, steps], decimal, xLabel: words.steps, height: right.clientWidth < left.clientWidth ? tall : 0 });
    runners = runs.flatMap(({ points, losses }, i) => {
      const end = points.findLastIndex((p) => p.every(Number.isFinite)) + 1;
      const curved = losses.slice(0, end).map((v, t) => [t, log ? Math.max(v, 1e-300) : v]);
      return [runner(plot, points.slice(0, end), i, true), runner(curve, curved, i, false)];
    });
    film.load(steps);
    write();

    const sentences = runs.map((run, i) => {
      const { kind, t, ...values } = verdict(run, facts);
      if ("loss" in values) values.loss = settled(values.loss, run.losses[0]);
      for (const what in values) values[what] = show(values[what]);
      return fill(words[kind], { ...values, t, n: steps, method: title(words, methods, i, show) });
    });
    const intro = fill(words.intro, { ...point, surface: words.surfaces[name], n: steps });
    return [intro, ...sentences].join(model.get("language").startsWith("zh") ? "" : " ");
  };

  const plain = (node) => ({ node, refresh() {} });
  const end = stage({ model, el }, {
    kind: "playground", draw, traits, panels: [{ title: words.plane }, { title: words.curves }],
    controls: [
      { node: legend, refresh }, film,
      plain(h("label", { class: "tw-choice" }, h("span", {}, words.surface), chooser)), kappa, plain(row), plain(add), limit,
    ],
  });
  // The map stays in sight while the controls are used (playground.css): they are neighbours in one frame.
  const root = el.querySelector(".tw-playground"), [panels, ...below] = root.children;
  panels.firstChild.append(legend);
  const chips = h("div", { class: "tw-presets", role: "group", "aria-label": words.try }, ...presets.map(({ chip }) => chip));
  root.append(h("div", { class: "tw-frame" }, chips, panels, film.node, ...below));
  // The page's "copy link" asks for the address of this set-up (_assets/figure-frame.js).
  el.addEventListener("talweg:address", ({ detail }) => (detail.hash = encode(now())));
  // The page puts the widget in place after this call: only then is it known to be the first.
  const later = requestAnimationFrame(read);
  addEventListener("hashchange", read);
  return () => {
    cancelAnimationFrame(later);
    removeEventListener("hashchange", read);
    film.stop();
    clearTimeout(timer);
    end();
  };
}

export default { render };
