// What became of a run, as facts: which sentence, where, when.

// minima, saddles: known points; view, middle: the map, taken as a square about its centre.
export function verdict({ points, losses }, { view: [low, high], middle, minima, saddles = [] }) {
  const width = high - low, center = [(low + high) / 2, middle];
  const within = (place, size) => (p) => p.every((v, i) => Math.abs(v - place[i]) <= size);
  // The first step from which on it stays.
  const since = (there) => points.findLastIndex((p) => !there(p)) + 1;
  const end = points.at(-1), loss = losses.at(-1), inside = within(center, 0.75 * width);
  if (!inside(end)) return { kind: loss < losses[0] ? "leaves" : "diverges", t: points.findLastIndex(inside) + 1 };
  for (const [kind, places] of [["reaches", minima], ["stuck", saddles]]) {
    const place = places.find((p) => within(p, 0.01 * width)(end));
    if (place) return { kind, x: place[0], y: place[1], t: since(within(place, 0.01 * width)) };
  }
  const [x, y] = end.map((v) => Number(v.toFixed(3)));
  return { kind: "underway", x, y, loss };
}
