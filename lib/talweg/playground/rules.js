// The update rules, one coordinate at a time, with the letters of talweg.optimizers. Each takes the coordinate θ, its
// gradient g, its own state s (changed in place), the number t = 1, 2, … of the step and the hyperparameters; it
// returns the new θ. ε is that of Python's defaults. Methods that need a matrix or a layer's norm (Muon, LARS, LAMB, Adafactor's relative step) are not
// here: on a point of the plane, whose origin means nothing, they would show nothing true.

const toward = (average, g, beta) => average + (1 - beta) * (g - average);
const fresh = (theta) => ({ m: 0, v: 0, v_max: 0, s: 0, h: 0, z: theta, pi: 1 });

// m ← β₁ m + (1 - β₁) g;   v ← β₂ v + (1 - β₂) g²;   returns √v̂ + ε
function moments(s, g, t, { beta1, beta2 }) {
  s.m = toward(s.m, g, beta1);
  s.v = beta2 * s.v + (1 - beta2) * g * g;
  return Math.sqrt(s.v / (1 - beta2 ** t)) + 1e-8;
}

// θ - η m̂ / root
const adamStep = (theta, s, t, { lr, beta1 }, root) => theta - ((lr / (1 - beta1 ** t)) * s.m) / root;

// Schedule-Free: z ← z - γ d;   x ← (1 - c) x + c z;   y = (1 - β) z + β x, where the gradient belongs. With a constant
// γ = η all steps weigh the same: c = 1/t.
function average(y, d, s, t, lr, beta) {
  const moved = y + (s.z - y) / t + lr * (beta * (1 - 1 / t) - 1) * d;
  s.z -= lr * d;
  return moved;
}

export const rules = {
  // θ ← θ - η g
  SGD: (theta, g, s, t, { lr }) => theta - lr * g,

  // m ← μ m + g;   θ ← θ - η m
  Momentum(theta, g, s, t, { lr, momentum }) {
    s.m = momentum * s.m + g;
    return theta - lr * s.m;
  },

  // m ← μ m + g;   θ ← θ - η (g + μ m)
  Nesterov(theta, g, s, t, { lr, momentum }) {
    s.m = momentum * s.m + g;
    return theta - lr * (g + momentum * s.m);
  },

  // s ← s + g²;   θ ← θ - η g / (√s + ε)
  Adagrad(theta, g, s, t, { lr }) {
    s.s += g * g;
    return theta - (lr * g) / (Math.sqrt(s.s) + 1e-10);
  },

  // v ← α v + (1 - α) g²;   θ ← θ - η g / (√v + ε)
  RMSprop(theta, g, s, t, { lr, alpha }) {
    s.v = alpha * s.v + (1 - alpha) * g * g;
    return theta - (lr * g) / (Math.sqrt(s.v) + 1e-8);
  },

  // θ ← θ - η m̂ / (√v̂ + ε)
  Adam: (theta, g, s, t, h) => adamStep(theta, s, t, h, moments(s, g, t, h)),

  // v̄ ← max(v̄, v);   θ ← θ - η m̂ / (√(v̄ / (1 - β₂ᵗ)) + ε)
  AMSGrad(theta, g, s, t, h) {
    moments(s, g, t, h);
    s.v_max = Math.max(s.v_max, s.v);
    return adamStep(theta, s, t, h, Math.sqrt(s.v_max / (1 - h.beta2 ** t)) + 1e-8);
  },

  // θ ← θ - η λ θ, then Adam
  AdamW: (theta, g, s, t, h) => rules.Adam(theta * (1 - h.lr * h.weight_decay), g, s, t, h),

  // μₜ = β₁ (1 - ½ · 0.96^(t · 0.004));   π ← π μₜ;   θ ← θ - η (μₜ₊₁ m / (1 - π μₜ₊₁) + (1 - μₜ) g / (1 - π)) / (√v̂ + ε)
  NAdam(theta, g, s, t, h) {
    const root = moments(s, g, t, h);
    const [mu, next] = [t, t + 1].map((i) => h.beta1 * (1 - 0.5 * 0.96 ** (i * 4e-3)));
    s.pi *= mu;
    return theta - (h.lr * ((next * s.m) / (1 - s.pi * next) + ((1 - mu) * g) / (1 - s.pi))) / root;
  },

  // ρₜ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ);   θ ← θ - η m̂ r √(1 - β₂ᵗ) / (√v + ε) if ρₜ > 5, else θ ← θ - η m̂
  RAdam(theta, g, s, t, h) {
    moments(s, g, t, h);
    const { beta2 } = h;
    const far = 2 / (1 - beta2) - 1;
    const rho = far - (2 * t * beta2 ** t) / (1 - beta2 ** t);
    if (rho <= 5) return adamStep(theta, s, t, h, 1);
    const r = Math.sqrt(((rho - 4) * (rho - 2) * far) / ((far - 4) * (far - 2) * rho));
    return adamStep(theta, s, t, h, (Math.sqrt(s.v) + 1e-8) / (r * Math.sqrt(1 - beta2 ** t)));
  },

  // s ← β₂ s + (1 - β₂) (g - m)² + ε;   θ ← θ - η m̂ / (√ŝ + ε)
  AdaBelief(theta, g, s, t, h) {
    s.m = toward(s.m, g, h.beta1);
    s.s = h.beta2 * s.s + (1 - h.beta2) * (g - s.m) ** 2 + 1e-16;
    return adamStep(theta, s, t, h, Math.sqrt(s.s / (1 - h.beta2 ** t)) + 1e-16);
  },

  // c = β₁ m + (1 - β₁) g;   θ ← θ - η sign c;   m ← β₂ m + (1 - β₂) g
  Lion(theta, g, s, t, { lr, beta1, beta2 }) {
    const c = toward(s.m, g, beta1);
    s.m = toward(s.m, g, beta2);
    return theta - lr * Math.sign(c);
  },

  // h ← β₂ h + (1 - β₂) ĥ every k steps (see `step`);   θ ← θ - η clip(m / max(γ h, ε), 1)
  Sophia(theta, g, s, t, { lr, beta1, gamma }) {
    s.m = toward(s.m, g, beta1);
    return theta - lr * Math.max(-1, Math.min(1, s.m / Math.max(gamma * s.h, 1e-12)));
  },

  // d = g
  ScheduleFreeSGD: (y, g, s, t, { lr, momentum }) => average(y, g, s, t, lr, momentum),

  // d = g / (√v̂ + ε)
  ScheduleFreeAdamW: (y, g, s, t, h) => average(y, g / moments(s, g, t, h), s, t, h.lr, h.beta1),

  // θ ← θ - η g(θ + ê), ê = ρ g / ‖g‖ (see `step`)
  SAM: (theta, g, s, t, { lr }) => theta - lr * g,
};

// The state after one step on the surface f: { theta, t, s }, s holding an object for each coordinate.
export function step(name, h, f, { theta, t, s }) {
  t += 1;
  let g = f.gradient(theta);
  if (name === "SAM") {
    const norm = Math.hypot(...g) + 1e-12;
    g = f.gradient(theta.map((x, i) => x + g[i] * (h.rho / norm)));
  }
  s = theta.map((x, i) => ({ ...fresh(x), ...s[i] }));
  // The exact diagonal of the Hessian: what the estimators of the chapter are right about on average.
  if (name === "Sophia" && (t - 1) % 10 === 0) {
    f.curvature(theta).forEach((c, i) => (s[i].h = toward(s[i].h, c, h.beta2)));
  }
  return { theta: theta.map((x, i) => rules[name](x, g[i], s[i], t, h)), t, s };
}

// Where the method's answer lies: at θ, for Schedule-Free at the average x = y + (1 - 1/β)(z - y).
export function answer(name, h, { theta, s }) {
  if (!name.startsWith("ScheduleFree") || !s.length) return theta;
  const beta = h.momentum ?? h.beta1;
  return theta.map((y, i) => y + (1 - 1 / beta) * (s[i].z - y));
}

// All answers from the start on, and their losses; stops where they are no longer numbers.
export function path(name, h, f, start, steps) {
  let state = { theta: start, t: 0, s: [] };
  const points = [start];
  for (let t = 0; t < steps && points.at(-1).every(Number.isFinite); t++) {
    state = step(name, h, f, state);
    points.push(answer(name, h, state));
  }
  return { points, losses: points.map(f.value) };
}
