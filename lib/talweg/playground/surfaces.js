// The surfaces, as in talweg.surfaces: value, gradient and the diagonal of the Hessian at a point [x, y].

const quadratic = (a, b) => ({
  value: ([x, y]) => (a * x * x + b * y * y) / 2,
  gradient: ([x, y]) => [a * x, b * y],
  curvature: () => [a, b],
});

// ½(u² + κ v²) with the axes u, v of the ravine turned by 45°
const turned = (kappa) => {
  const [along, across] = [(1 + kappa) / 2, (1 - kappa) / 2];
  return {
    value: ([x, y]) => (along * (x * x + y * y)) / 2 + across * x * y,
    gradient: ([x, y]) => [along * x + across * y, across * x + along * y],
    curvature: () => [along, along],
  };
};

// (1 − x)² + 100 (y − x²)²
const rosenbrock = {
  value: ([x, y]) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
  gradient: ([x, y]) => [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
  curvature: ([x, y]) => [2 - 400 * (y - 3 * x * x), 200],
};

const sum = (values) => values.reduce((a, b) => a + b, 0);

// Σᵢ rᵢ², rᵢ = cᵢ − x (1 − yⁱ): r, its derivatives in x and y, and the second one in y
const bealeTerms = ([x, y]) => [1.5, 2.25, 2.625].map((c, k) => ({
  r: c - x * (1 - y ** (k + 1)), a: y ** (k + 1) - 1, b: x * (k + 1) * y ** k, bb: k && x * (k + 1) * k * y ** (k - 1),
}));
const beale = {
  value: (p) => sum(bealeTerms(p).map(({ r }) => r * r)),
  gradient: (p) => [sum(bealeTerms(p).map(({ r, a }) => 2 * r * a)), sum(bealeTerms(p).map(({ r, b }) => 2 * r * b))],
  curvature: (p) => [sum(bealeTerms(p).map(({ a }) => 2 * a * a)), sum(bealeTerms(p).map(({ r, b, bb }) => 2 * b * b + 2 * r * bb))],
};

// offset − Σₖ Aₖ exp(−‖θ − cₖ‖² / (2σₖ²))
function gaussians({ depths, sigmas, centers, offset }) {
  const bumps = (p) => centers.map(([cx, cy], k) => {
    const d = [p[0] - cx, p[1] - cy];
    return { d, square: sigmas[k] ** 2, height: depths[k] * Math.exp(-(d[0] * d[0] + d[1] * d[1]) / (2 * sigmas[k] ** 2)) };
  });
  return {
    value: (p) => offset - sum(bumps(p).map(({ height }) => height)),
    gradient: (p) => [0, 1].map((i) => sum(bumps(p).map(({ d, square, height }) => (height / square) * d[i]))),
    curvature: (p) => [0, 1].map((i) => sum(bumps(p).map(({ d, square, height }) => (height / square) * (1 - (d[i] * d[i]) / square)))),
  };
}

// B-spline coefficients of the natural cubic spline through values z (see talweg.surfaces.interpolated).
export function coefficients(z) {
  const n = z.length, c = z.slice(), ratio = new Array(n).fill(0);
  for (let i = 1; i < n - 1; i++) {
    const pivot = 4 - ratio[i - 1];
    ratio[i] = i < n - 2 ? 1 / pivot : 0;
    c[i] = (6 * z[i] - c[i - 1] - (i === n - 2 ? z[n - 1] : 0)) / pivot;
  }
  for (let i = n - 3; i > 0; i--) c[i] -= ratio[i] * c[i + 1];
  return [2 * c[0] - c[1], ...c, 2 * c[n - 1] - c[n - 2]];
}

// First coefficient, and the four weights of the value, the slope and the curvature; a tangent beyond the knots.
function basis(t, n) {
  const near = Math.min(n - 1, Math.max(0, t)), cell = Math.min(n - 2, Math.floor(near));
  const u = near - cell, v = 1 - u, out = t - near;
  const slopes = [-v * v / 2, (3 * u * u - 4 * u) / 2, (-3 * v * v + 4 * v) / 2, (u * u) / 2];
  const values = [v ** 3 / 6, (3 * u ** 3 - 6 * u * u + 4) / 6, (3 * v ** 3 - 6 * v * v + 4) / 6, u ** 3 / 6];
  return [cell, values.map((w, i) => w + slopes[i] * out), slopes, out ? [0, 0, 0, 0] : [v, 3 * u - 2, 3 * v - 2, u]];
}

// The bicubic spline through z (rows of equal y) on the square [−span, span]².
function interpolated({ span, z }) {
  const n = z.length, h = (2 * span) / (n - 1);
  const rows = z.map((row) => coefficients(row));
  const columns = rows[0].map((_, i) => coefficients(rows.map((row) => row[i])));
  const at = ([x, y], dx, dy) => {
    const [i, ...inX] = basis((x + span) / h, n), [j, ...inY] = basis((y + span) / h, n);
    let total = 0;
    for (let a = 0; a < 4; a++) for (let b = 0; b < 4; b++) total += columns[i + a][j + b] * inX[dx][a] * inY[dy][b];
    return total / h ** (dx + dy);
  };
  return {
    value: (p) => (p.every(Number.isFinite) ? at(p, 0, 0) : NaN),
    gradient: (p) => [at(p, 1, 0), at(p, 0, 1)],
    curvature: (p) => [at(p, 2, 0), at(p, 0, 2)],
  };
}

// The surface of that name. kappa: of the ravines; constants: those of setup.json; grid: the slice.
export function surface(name, kappa, constants, grid) {
  if (name === "slice") return interpolated(grid);
  return constants ? gaussians(constants) : { ravine: quadratic(1, kappa), turned: turned(kappa), saddle: quadratic(1, -1), rosenbrock, beale }[name];
}
