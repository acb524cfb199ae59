// Surfaces hold functions, which JSON cannot carry: they are made here.
import { decode, encode } from "../../lib/talweg/playground/link.js";
import { path, step } from "../../lib/talweg/playground/rules.js";
import { surface } from "../../lib/talweg/playground/surfaces.js";

export function evaluate(ground, points) {
  const f = surface(...ground);
  return { values: points.map(f.value), gradients: points.map(f.gradient), curvatures: points.map(f.curvature) };
}
export const steps = (name, h, ground, states) => states.map((state) => step(name, h, surface(...ground), state));
export const follow = (name, h, ground, start, count) => path(name, h, surface(...ground), start, count);
const usual = (setup) => (name, ground) => {
  const { rates } = setup.surfaces[ground];
  return { name, lr: rates[name] ?? rates[setup.methods[name].rate], ...setup.methods[name].sliders };
};
export const read = (hash, setup) => decode(hash, setup, usual(setup));
export const write = (state) => [encode(state).slice(1)]; // a text that begins with # would be read as a number
