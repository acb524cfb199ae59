// The ground under the paths: shading and contour lines of a surface.

// The value in units of contour lines: equal ratios from the first line on, or equal differences.
export const height = (value, { ratio, from, step }) => (ratio ? Math.max(-1, Math.log(value / from) / Math.log(ratio)) : value / step);

// Marching squares: the segments [x, y, x, y] (in columns and rows of the field) along which it equals the level.
export function segments(field, columns, level) {
  const found = [];
  for (let k = 0; k + columns + 1 < field.length; k++) {
    const i = k % columns, j = (k - i) / columns;
    if (i === columns - 1) continue;
    const a = field[k] - level, b = field[k + 1] - level, d = field[k + columns] - level, c = field[k + columns + 1] - level;
    const below = (a < 0) + (b < 0) + (c < 0) + (d < 0);
    if (below === 0 || below === 4) continue;
    const points = [];
    if (a < 0 !== b < 0) points.push([i + a / (a - b), j]);
    if (a < 0 !== d < 0) points.push([i, j + a / (a - d)]);
    if (b < 0 !== c < 0) points.push([i + 1, j + b / (b - c)]);
    if (d < 0 !== c < 0) points.push([i + d / (d - c), j + 1]);
    for (let n = 0; n < points.length; n += 2) found.push([...points[n], ...points[n + 1]]);
  }
  return found;
}

// A canvas with the shading, low ground in the stronger tint, and the path of all contour lines in its pixels.
export function terrain(value, xs, ys, width, tall, levels) {
  const columns = Math.ceil(width / 3), rows = Math.ceil(tall / 3);
  const field = Float64Array.from({ length: columns * rows }, (_, k) => height(value([
    xs[0] + ((xs[1] - xs[0]) * (k % columns)) / (columns - 1), ys[1] + ((ys[0] - ys[1]) * Math.floor(k / columns)) / (rows - 1)]), levels));
  const low = field.reduce((a, b) => Math.min(a, b)), high = field.reduce((a, b) => Math.max(a, b));
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows, className: "tw-terrain" });
  const image = new ImageData(columns, rows);
  field.forEach((v, k) => image.data.set([52, 116, 140, (170 * (high - v)) / (high - low)], 4 * k));
  canvas.getContext("2d").putImageData(image, 0, 0);
  let lines = "";
  const at = (x, y) => `${((x * width) / (columns - 1)).toFixed(1)} ${((y * tall) / (rows - 1)).toFixed(1)}`;
  for (let level = Math.ceil(low); level < high; level++) {
    for (const [a, b, c, d] of segments(field, columns, level)) lines += `M${at(a, b)}L${at(c, d)}`;
  }
  return { canvas, lines };
}
