// A pad to draw a digit on: strokes with a soft brush, centred as MNIST was made.
import { QUIET } from "./dom.js";
import { drag } from "./handle.js";
import { bytes, clamp } from "./maths.js";

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {[x: number, y: number]} Point in pixels */
/** @typedef {Point[]} Stroke */

const SIDE = 28;
/** @param {number} v */
const cut = (v) => clamp(v, 0, 1);

/**
 * Ink on the picture along one straight piece of a stroke.
 * @type {(image: Float32Array, from: Point, to: Point) => void}
 */
function rub(image, [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy || 1;
  /** @type {(a: number, b: number) => [first: number, last: number]} */
  const span = (a, b) => [
    Math.max(0, Math.ceil(Math.min(a, b) - 2)),
    Math.min(SIDE - 1, Math.floor(Math.max(a, b) + 2)),
  ];
  const [left, right] = span(ax, bx);
  const [top, low] = span(ay, by);
  for (let y = top; y <= low; y++)
    for (let x = left; x <= right; x++) {
      const t = cut(((x - ax) * dx + (y - ay) * dy) / length);
      const far = Math.hypot(x - ax - t * dx, y - ay - t * dy);
      image[y * SIDE + x] = Math.max(image[y * SIDE + x], cut(1.75 - far));
    }
}

/**
 * Strokes with a soft brush.
 * @param {Stroke[]} strokes
 */
export function brush(strokes) {
  const image = new Float32Array(784);
  for (const stroke of strokes) stroke.forEach((point, i) => rub(image, stroke[Math.max(0, i - 1)], point));
  return image;
}

/**
 * As MNIST was made: the larger side 20 pixels (stroke included), the centre of mass in the middle; scaled by 2 at
 * most.
 * @param {Stroke[]} strokes
 */
export function centred(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(784);
  /** @type {(end: (a: number, b: number) => number) => Point} */
  const edge = (end) => points.reduce(([x, y], p) => [end(x, p[0]), end(y, p[1])], points[0]);
  const [low, high] = [edge(Math.min), edge(Math.max)];
  const scale = clamp(17.5 / Math.max(high[0] - low[0], high[1] - low[1], 1), 0.5, 2);
  /** @type {(v: number, c: number, to: Point) => number} */
  const place = (v, c, to) => (v - (low[c] + high[c]) / 2) * scale + to[c];
  /** @type {(to: Point) => Float32Array} */
  const around = (to) =>
    brush(strokes.map((stroke) => stroke.map(([x, y]) => /** @type {Point} */ ([place(x, 0, to), place(y, 1, to)]))));
  const rough = around([13.5, 13.5]);
  let [total, x, y] = [0, 0, 0];
  rough.forEach((v, i) => {
    total += v;
    x += v * (i % SIDE);
    y += v * Math.floor(i / SIDE);
  });
  return around([27 - x / total, 27 - y / total]);
}

const HINT =
  "Drawing pad: draw with the mouse or a finger. " +
  "On the keyboard, arrow keys move the pen, space puts it down and lifts it.";
/** @type {Record<string, Point>} */
const MOVES = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] };

/**
 * The pad: what is drawn on it becomes the trait `drawing`, centred, and the trait `digit` -1.
 * @param {Stage} f
 * @param {HTMLElement} parent
 * @param {string} caption
 */
export function drawingPad(f, parent, caption) {
  const pad = f.digit({ label: "Drawing pad", caption, size: 216, parent });
  const { canvas } = pad;
  /** @type {Stroke[]} */
  let strokes = [];
  /** @type {Uint8Array | null} what was sent last */
  let mine = null;
  /** @type {Point | null} where the keyboard holds the pen */
  let pen = null;
  let down = false;
  const send = () => {
    mine = Uint8Array.from(centred(strokes), (v) => Math.round(255 * v));
    f.set({ drawing: new DataView(mine.slice().buffer), digit: -1 });
  };
  /** Is what is on the pad drawn here, and not put there by Python? */
  const ours = () => f.get("digit") < 0 && bytes(f.get("drawing")).every((v, i) => v === mine?.[i]);
  /** @type {(point: Point, first: boolean) => void} */
  const stroke = (point, first) => {
    if (first && !ours()) strokes = [];
    if (first || !strokes.length) strokes.push([]);
    strokes[strokes.length - 1].push(point);
    send();
  };
  const lift = () => {
    pen = null;
    down = false;
  };

  let first = false;
  /** @param {PointerEvent} event */
  const move = (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    stroke([cut(x) * SIDE - 0.5, cut(y) * SIDE - 0.5], first);
    first = false;
  };
  const begin = () => {
    lift();
    first = true;
  };
  drag(canvas, { begin, move, jump: true });
  canvas.style.cssText += "cursor:crosshair;touch-action:none";
  for (const [name, value] of Object.entries({ tabindex: "0", role: "application", ...QUIET }))
    canvas.setAttribute(name, value);
  pad.label(HINT);
  canvas.addEventListener("keydown", (event) => {
    const by = MOVES[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = pen || [14, 8];
    pen = pen ? [clamp(x + by[0], 0, SIDE - 1), clamp(y + by[1], 0, SIDE - 1)] : [x, y];
    const space = event.key === " ";
    if (space) down = !down;
    if (down) stroke(pen, space);
    else f.redraw();
  });
  canvas.addEventListener("blur", () => {
    lift();
    f.redraw();
  });
  const clear = () => {
    strokes = [];
    send();
  };
  /** @param {Float32Array} image what it is without strokes of ours */
  const draw = (image) => {
    const seen = ours() ? brush(strokes) : image.slice();
    if (pen) {
      const i = pen[1] * SIDE + pen[0];
      seen[i] = seen[i] > 0.5 ? 0.4 : 0.6;
    }
    pad.draw(seen);
  };
  return { draw, clear };
}
