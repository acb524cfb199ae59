// The set-up in the address: #playground=ravine;20;-10,4;200;SGD,0.09;Adam,0.3,0.9,0.999 (surface; κ; start; steps; then
// each method with its sliders' values in their order).
export const mark = "#playground=";
const short = (values) => values.map((v) => (typeof v === "number" ? String(Number(v.toPrecision(6))) : v)).join();

export function encode({ surface, kappa, start, steps, methods }) {
  return mark + [surface, short([kappa]), short(start), steps, ...methods.map(({ name, lr, ...rest }) => short([name, lr, ...Object.values(rest)]))].join(";");
}

// The set-up, or null if the text is not one. Values out of range are moved to the nearest allowed one; for what is not
// said, usual(name, surface) says what a method has.
export function decode(hash, { surfaces, methods, sliders }, usual) {
  if (!hash.startsWith(mark)) return null;
  const plain = hash.slice(mark.length).replace(/%2c/gi, ",").replace(/%3b/gi, ";");
  const [[surface], [kappa] = [], start = [], [steps] = [], ...parts] = plain.split(";").map((part) => part.split(","));
  if (!Object.hasOwn(surfaces, surface)) return null;
  const known = surfaces[surface];
  const within = (text, low, high, otherwise) => (text && Number.isFinite(+text) ? Math.min(high, Math.max(low, +text)) : otherwise);
  const chosen = parts.filter(([name]) => Object.hasOwn(methods, name)).slice(0, 4).map(([name, ...values]) => {
    const { name: _, ...method } = usual(name, surface);
    Object.keys(method).forEach((key, i) => (method[key] = within(values[i], sliders[key].low, sliders[key].high, method[key])));
    return { name, ...method };
  });
  return chosen.length ? {
    surface, kappa: within(kappa, 1, 200, 20), steps: Math.round(within(steps, 10, 2000, known.steps)), methods: chosen,
    start: known.start.map((v, i) => within(start[i], ...known.view, v)),
  } : null;
}
