// The start point of a map: a click, a drag, or the arrow keys. where(): the axes; set([x, y]), done(): what to do.
import { h } from "../widgets/dom.js";

const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function handle(where, get, set, done) {
  const move = (point) => {
    const { x, y } = where(), edge = (x[1] - x[0]) / 50;
    set(point.map((v, i) => Number(Math.min([x, y][i][1] - edge, Math.max([x, y][i][0] + edge, v)).toFixed(3))));
  };
  const node = h("button", { type: "button", class: "tw-handle", onkeydown: (event) => {
    const by = keys[event.key];
    if (!by) return;
    event.preventDefault();
    const { x } = where(), size = ((x[1] - x[0]) / 50) * (event.shiftKey ? 0.1 : 1);
    move(get().map((v, i) => v + size * by[i]));
    done();
  } });
  const follow = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    move(where().inverse(event.clientX - box.left, event.clientY - box.top));
  };
  const attach = (panel) => {
    panel.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      panel.setPointerCapture(event.pointerId);
      follow(event);
      node.focus({ preventScroll: true });
    });
    panel.addEventListener("pointermove", (event) => panel.hasPointerCapture(event.pointerId) && follow(event));
    panel.addEventListener("pointerup", done);
    panel.after(node);
  };
  return { node, attach };
}
