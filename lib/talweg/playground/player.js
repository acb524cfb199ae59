// Play, pause, one step, back to the start, and a slider over the steps. show(t) draws the state after t steps.
import { fill, h } from "../widgets/dom.js";

export function player(words, show) {
  let t = 0, total = 0, frame = 0, before;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const place = (value) => {
    t = Math.min(total, Math.max(0, value));
    const whole = Math.floor(t);
    show(whole);
    range.value = whole;
    output.textContent = fill(words.time, { t: whole, n: total });
  };
  const run = (wanted) => {
    cancelAnimationFrame(frame);
    frame = wanted && requestAnimationFrame(tick);
    play.textContent = frame ? words.pause : words.play;
  };
  // The whole run in three to eight seconds.
  const tick = (now) => {
    place(t + ((now - (before ?? now)) / 1000) * Math.max(total / 8, Math.min(total / 3, 60)));
    before = now;
    run(t < total);
  };
  const jump = (value) => () => {
    run(false);
    place(value());
  };
  const button = (text, onclick, kind) => h("button", { type: "button", class: kind, onclick }, text);
  const play = button(words.play, () => {
    if (t >= total) place(0);
    before = undefined;
    run(!frame);
  }, "tw-play");
  const range = h("input", { type: "range", min: 0, step: 1, "aria-label": words.when, oninput: () => jump(() => Number(range.value))() });
  const output = h("output", {});
  return {
    node: h("div", { class: "tw-player" }, play, button(words.step, jump(() => Math.floor(t) + 1)), button(words.reset, jump(() => 0)),
      h("div", { class: "tw-time" }, range, output)),
    refresh: () => (play.hidden = calm.matches),
    stop: () => run(false),
    // A new run keeps the step shown; one that was shown whole stays whole.
    load(steps) {
      const whole = t >= total;
      range.max = total = steps;
      place(whole ? steps : t);
    },
  };
}
