// Judging an answer: pure functions, tested in node. Each returns { state, feedback: [key, values] }.
import { evaluate } from "./expression.js";

export function near(value, target) {
  return Math.abs(value - target.value) <= Math.max(target.absolute || 0, (target.relative || 0) * Math.abs(target.value));
}

// Whether `value` is the answer rounded as asked: `digits` significant digits or more, `decimals` of them or more.
export function rounded(value, answer, { digits, decimals }) {
  const first = digits ? Math.floor(Math.log10(Math.abs(answer))) - digits + 1 : -decimals;
  return [0, 1, 2].some((more) => {
    const unit = 10 ** (first - more);
    const whole = Math.abs(value / unit - Math.round(value / unit)) < 1e-6;
    return whole && Math.abs(value - answer) <= (unit / 2) * (1 + 1e-9);
  });
}

export function judgeNumber(spec, text) {
  const asked = spec.unit && text.trim().endsWith(spec.unit) ? text.trim().slice(0, -spec.unit.length) : text;
  const { value, problem } = evaluate(asked);
  if (problem) return { state: "untried", feedback: problem };
  if (near(value, spec.answer)) return { state: "right", feedback: ["right"] };
  if (spec.precision && rounded(value, spec.answer.value, spec.precision)) return { state: "right", feedback: ["right"] };
  const known = spec.wrong.find((wrong) => near(value, wrong));
  if (known) return { state: "wrong", feedback: [known.feedback] };
  const target = spec.answer.value;
  const close = near(value, { value: target, relative: 0.01 }) || rounded(value, target, { digits: 2 });
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
