// Surfaces of a loss over planes through one point: projected, shaded, and turned by the reader.
import { fill } from "./dom.js";
import { check, choice } from "./choices.js";
import { number, settled, stage, svg } from "./plot.js";
import { slider } from "./slider.js";

// Two letters of base 64 for each number: 0 to 4094 from low to high, 4095 for a hole (NaN).
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
export function decode(text, [low, high]) {
  return Array.from({ length: text.length / 2 }, (_, k) => {
    const code = 64 * letters.indexOf(text[2 * k]) + letters.indexOf(text[2 * k + 1]);
    return code === 4095 ? NaN : low + (code / 4094) * (high - low);
  });
}

// What the sentence tells, from log₁₀ of the loss on a square grid: centre, lowest (and where), highest, lowest on the rim.
export function facts(logs, span) {
  const n = Math.sqrt(logs.length), place = (i) => (span * (2 * i - n + 1)) / (n - 1);
  const known = logs.map((z, k) => [z, k]).filter(([z]) => !Number.isNaN(z));
  const [low, at] = known.reduce((a, b) => (b[0] < a[0] ? b : a));
  const rim = known.filter(([, k]) => [0, n - 1].includes(k % n) || [0, n - 1].includes(Math.floor(k / n)));
  const loss = (z) => 10 ** z;
  return { center: loss(logs[(logs.length - 1) / 2]), low: loss(low), x: place(at % n), y: place(Math.floor(at / n)),
    high: loss(Math.max(...known.map(([z]) => z))), rim: loss(Math.min(...rim.map(([z]) => z))) };
}

// Seen from infinity, degrees: [right, up, away] of a point; tilt 0 from the side, 90 from above.
export function project([x, y, z], turn, tilt) {
  const [t, e] = [turn, tilt].map((degrees) => (degrees * Math.PI) / 180);
  const right = x * Math.cos(t) - y * Math.sin(t), back = x * Math.sin(t) + y * Math.cos(t);
  return [right, z * Math.cos(e) + back * Math.sin(e), back * Math.cos(e) - z * Math.sin(e)];
}

// Cividis, from low to high; darker where the surface turns away from the light.
const stops = [[0, 34, 78], [75, 84, 108], [111, 112, 115], [150, 142, 120], [189, 174, 109], [254, 232, 56]];
export function colour(share, slope) {
  const place = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1), i = Math.floor(place);
  return `rgb(${stops[i].map((a, k) => Math.round((a + (stops[i + 1][k] - a) * (place - i)) * slope))})`;
}

const tall = 1.1;

function render({ model, el }) {
  const words = model.get("words"), decimal = model.get("decimal"), spans = model.get("spans");
  const show = (x, digits = 2) => number(x, decimal, digits);

  const draw = (host) => {
    const [kind, zoom, log, showPath, turn, tilt] = ["kind", "zoom", "log", "show_path", "turn", "tilt"].map((name) => model.get(name));
    const logs = decode(model.get("planes")[kind][zoom], model.get("extent")), span = spans[zoom], n = Math.sqrt(logs.length);
    const path = model.get("paths")[kind].map(([x, y], i) => [x / span, y / span, model.get("losses")[i]]);
    const inside = path.filter(([x, y]) => showPath && Math.abs(x) <= 1 && Math.abs(y) <= 1);
    const level = (z) => (log ? z : 10 ** z);
    const levels = [...logs, ...inside.map(([, , z]) => z)].filter((z) => !Number.isNaN(z)).map(level);
    const low = log ? Math.min(...levels) : 0, high = Math.max(...levels, low + 1e-9);
    const height = (z) => (level(z) - low) / (high - low);

    const width = host.clientWidth, across = Math.min(440, Math.max(300, width * 0.7)), unit = Math.min(width / 3.5, across / 3.1);
    const eye = (x, y, share) => {
      const [right, up, away] = project([x, y, tall * (share - 0.5)], turn, tilt);
      return [width / 2 + unit * right, across / 2 - unit * up, away];
    };
    const at = (points) => `M${points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L")}`;
    const picture = svg("svg", { width, height: across, viewBox: `0 0 ${width} ${across}`, "aria-hidden": "true" });

    // The frame: the floor, and the vertical edge that stands leftmost, with its scale.
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    picture.append(svg("path", { class: "tw-edge", d: `${at(corners.map(([x, y]) => eye(x, y, 0)))}Z` }));
    const [cx, cy] = corners.reduce((a, b) => (eye(...b, 0)[0] < eye(...a, 0)[0] ? b : a));
    if (tilt < 80) {
      picture.append(svg("path", { class: "tw-edge", d: at([eye(cx, cy, 0), eye(cx, cy, 1)]) }));
      for (const share of [0, 0.5, 1]) {
        const [a, b] = eye(cx, cy, share), value = low + share * (high - low);
        picture.append(svg("text", { x: Math.max(a - 7, 46), y: b + 4, "text-anchor": "end" }, show(log ? 10 ** value : value)));
      }
    }

    const cells = [];
    for (let j = 0; j + 1 < n; j++) {
      for (let i = 0; i + 1 < n; i++) {
        const four = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(([a, b]) => [a, b, logs[b * n + a]]);
        if (four.some(([, , z]) => Number.isNaN(z))) continue;
        const h = four.map(([, , z]) => height(z)), mean = (h[0] + h[1] + h[2] + h[3]) / 4;
        const steep = ((h[1] + h[2] - h[0] - h[3]) + (h[2] + h[3] - h[0] - h[1])) * 0.25 * n * tall;
        const points = four.map(([a, b], k) => eye((2 * a) / (n - 1) - 1, (2 * b) / (n - 1) - 1, h[k]));
        cells.push([points.reduce((sum, p) => sum + p[2], 0), at(points), colour(mean, 0.9 + (0.14 * steep) / Math.hypot(1, steep))]);
      }
    }
    cells.sort((a, b) => b[0] - a[0]);
    picture.append(...cells.map(([, d, paint]) => svg("path", { class: "tw-cell", d: `${d}Z`, style: `fill:${paint};stroke:${paint}` })));

    // In front: x and y at the corners nearest to the reader, and the path.
    for (const [label, [a, b]] of [["x", [0, -1]], ["y", [-1, 0]]]) {
      const sides = [[a, b], [-a, -b]].map(([x, y]) => eye(1.16 * x, 1.16 * y, 0));
      const [u, v] = sides[0][2] < sides[1][2] ? sides[0] : sides[1];
      picture.append(svg("text", { x: u, y: v + 4, "text-anchor": "middle" }, `${label}: ±${show(span)}`));
    }
    if (inside.length) {
      const line = inside.map(([x, y, z]) => eye(x, y, height(z)));
      picture.append(svg("path", { class: "tw-halo", d: at(line) }), svg("path", { class: "tw-way", d: at(line) }),
        ...line.map(([a, b], i) => svg("circle", { class: inside[i] === path[0] ? "tw-way-start" : "tw-way-dot", cx: a, cy: b, r: inside[i] === path[0] ? 4.5 : 2.6 })));
    }
    host.replaceChildren(picture);

    const told = facts(logs, span), start = path[0], outside = model.get("outside")[kind];
    const values = Object.fromEntries(Object.entries(told).map(([name, value]) => [name, show(value)]));
    const first = fill(words.said, { ...values, name: words.names[kind], span: show(span) });
    if (!showPath) return first;
    const place = (i) => show(span * settled(start[i], Math.hypot(start[0], start[1])));
    return `${first} ${fill(words[inside[0] === start ? "inside" : "beyond"], { x: place(0), y: place(1), start: show(10 ** start[2]),
      outside: `${show(100 * outside, outside > 0.99 ? 4 : 2)} %` })}`;
  };

  // A plane that holds most of the path is of use only where the window shows it.
  const widen = (kind) => {
    const reach = Math.max(...model.get("paths")[kind].flat().map(Math.abs)), needed = spans.findIndex((span) => span >= reach);
    if (model.get("outside")[kind] < 0.5 && needed > model.get("zoom")) model.set("zoom", needed);
  };
  const done = stage({ model, el }, {
    kind: "slices", draw, traits: ["kind", "zoom", "log", "show_path", "turn", "tilt"],
    controls: [
      choice(model, "kind", words, widen),
      slider(model, "zoom", words, { values: spans, show: (span) => `±${show(span)}` }),
      slider(model, "turn", words, { step: 5, show: (v) => `${show(v, 3)}°` }),
      slider(model, "tilt", words, { step: 5, show: (v) => `${show(v, 3)}°` }),
      check(model, "log", words), check(model, "show_path", words),
    ],
    panels: [{ title: words.surface, keys: [["tw-way", words.path]] }],
  });

  const host = el.querySelector(".tw-panel");
  let from;
  host.addEventListener("pointerdown", (event) => {
    host.setPointerCapture(event.pointerId);
    from = [event.clientX, event.clientY, model.get("turn"), model.get("tilt")];
  });
  host.addEventListener("pointermove", (event) => {
    if (!host.hasPointerCapture(event.pointerId)) return;
    const turn = Math.round(from[2] + (event.clientX - from[0]) / 2);
    model.set("turn", ((((turn + 180) % 360) + 360) % 360) - 180);
    model.set("tilt", Math.min(90, Math.max(5, Math.round(from[3] + (event.clientY - from[1]) / 3))));
  });
  host.addEventListener("pointerup", () => model.save_changes());
  return done;
}

export default { render };
