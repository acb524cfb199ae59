// Judging an answer: pure functions, tested in node. Each returns { state, feedback: [key, values] }.

const number = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/;

// A number as people write it: 0,5 · 0.5 · 1e-3 · 2·10^-3 · 1/3 · −1 · full-width digits. NaN if it is none.
export function parseNumber(text) {
  const plain = text.normalize("NFKC").replace(/[\s_]/g, "").replace(/[−–—]/g, "-").replace(/。/g, ".")
    .replace(/е/gi, "e").toLowerCase()
    .replace(/[xх×*·⋅]10\^?\(?([+-]?\d+)\)?$/, "e$1").replace(/^([+-]?)10\^\(?([+-]?\d+)\)?$/, (_, sign, n) => `${sign}1e${n}`);
  const parts = plain.split("/");
  if (parts.length > 2 || !parts.every((part) => number.test(part))) return NaN;
  const [top, bottom = 1] = parts.map((part) => Number(part.replace(",", ".")));
  return bottom === 0 ? NaN : top / bottom;
}

export function near(value, target) {
  return Math.abs(value - target.value) <= Math.max(target.absolute || 0, (target.relative || 0) * Math.abs(target.value));
}

export function judgeNumber(spec, text) {
  const value = parseNumber(text);
  if (Number.isNaN(value)) return { state: "untried", feedback: ["not_a_number"] };
  if (near(value, spec.answer)) return { state: "right", feedback: ["right"] };
  const known = spec.wrong.find((wrong) => near(value, wrong));
  if (known) return { state: "wrong", feedback: [known.feedback] };
  const close = near(value, { value: spec.answer.value, relative: 0.01 });
  const sign = near(-value, spec.answer) && value !== 0;
  return { state: "wrong", feedback: [sign ? "sign" : close ? "close" : "not_yet"] };
}

export function judgeChoice(spec, option) {
  if (!option) return { state: "untried", feedback: ["choose"] };
  const right = option === spec.answer;
  return { state: right ? "right" : "wrong", feedback: [right ? "right" : option] };
}

export function judgeOrdering(spec, order) {
  const n = spec.answer.length;
  const k = order.filter((item, i) => item === spec.answer[i]).length;
  return { state: k === n ? "right" : "wrong", feedback: k === n ? ["right"] : ["in_place", { k, n }] };
}
