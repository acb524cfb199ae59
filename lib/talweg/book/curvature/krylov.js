// Lanczos's method, and the eigenvalues of the tridiagonal matrices it makes.

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

// k products from a start: diagonal and off-diagonal of T (the last entry of `beside` is the next β), and for each step
// the largest |vᵢ·v| with a vector before it. With `again`, each vector is made orthogonal to all before it, twice.
export function lanczos(product, start, k, again) {
  let v = start.map((x) => x / Math.sqrt(dot(start, start))), before, beta = 0;
  const basis = [], diagonal = [], beside = [], lost = [];
  for (let step = 0; step < k; step++) {
    lost.push(basis.reduce((worst, u) => Math.max(worst, Math.abs(dot(u, v))), 0));
    basis.push(v);
    let w = product(v);
    const alpha = dot(w, v);
    w = w.map((x, i) => x - alpha * v[i] - (before ? beta * before[i] : 0));
    for (let pass = 0; again && pass < 2; pass++) {
      for (const u of basis) {
        const c = dot(u, w);
        w = w.map((x, i) => x - c * u[i]);
      }
    }
    beta = Math.sqrt(dot(w, w));
    diagonal.push(alpha);
    beside.push(beta);
    if (beta < 1e-13) break;
    before = v;
    v = w.map((x) => x / beta);
  }
  return { diagonal, beside, lost };
}

// Eigenvalues of the tridiagonal matrix of the first m steps, falling, with the last entries of the eigenvectors
// (implicit QL: Golub & Van Loan, chapter 8).
export function ritz(diagonal, beside, m = diagonal.length) {
  const d = diagonal.slice(0, m), e = [...beside.slice(0, m - 1), 0], z = d.map((_, i) => (i === m - 1 ? 1 : 0));
  for (let l = 0; l < m; l++) {
    for (let turn = 0; turn < 60; turn++) {
      let j = l;
      while (j < m - 1 && Math.abs(e[j]) > 1e-16 * (Math.abs(d[j]) + Math.abs(d[j + 1]))) j++;
      if (j === l) break;
      let g = (d[l + 1] - d[l]) / (2 * e[l]), r = Math.hypot(g, 1);
      g = d[j] - d[l] + e[l] / (g + (g < 0 ? -r : r));
      let s = 1, c = 1, p = 0;
      for (let i = j - 1; i >= l; i--) {
        const f = s * e[i], b = c * e[i];
        r = Math.hypot(f, g);
        e[i + 1] = r;
        [s, c] = [f / r, g / r];
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        [z[i + 1], z[i]] = [s * z[i] + c * z[i + 1], c * z[i] - s * z[i + 1]];
      }
      d[l] -= p;
      e[l] = g;
      e[j] = 0;
    }
  }
  const order = d.map((_, i) => i).sort((a, b) => d[b] - d[a]);
  return { values: order.map((i) => d[i]), last: order.map((i) => z[i]) };
}
