// What needs a random source, which JSON cannot carry.
import { batches } from "../../../lib/talweg/book/gradient_descent/noise.js";
import { uniform } from "../../../lib/talweg/widgets/random.js";

export const drawBatches = (n, size, count, seed) => batches(n, size, count, uniform(seed)).map((batch) => [...batch]);

export function drawUniform(seed, count) {
  const random = uniform(seed);
  return Array.from({ length: count }, random);
}
