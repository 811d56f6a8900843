// A point under the reader's hand.
import { hue, QUIET, s } from "./dom.js";
import { clamp, fmt } from "./maths.js";

/** @typedef {import("./plot.js").Plot} Plot */
/**
 * @typedef {object} Axis
 * @property {string} trait
 * @property {number} min
 * @property {number} max
 * @property {number} step
 * @property {() => number} [offset] how far from the trait's value the handle stands: a width, from its mean
 */
/**
 * @typedef {object} HandleOptions
 * @property {string} label
 * @property {string} [name] `data-name`; the label if left out
 * @property {string} [hue]
 * @property {Axis} [x] nothing where the hand does not reach
 * @property {Axis} [y]
 * @property {(x?: number, y?: number) => string} [format] what is spoken
 * @property {number} [r]
 * @property {boolean} [whole] a press anywhere on the plot moves it
 */

/**
 * Call `move` while a pointer that went down on `grip` moves; `jump`: where it goes down, too.
 * @param {SVGElement | HTMLElement} grip
 * @param {{ move: (event: PointerEvent) => void, skip?: (event: PointerEvent) => boolean,
 *   begin?: () => void, end?: () => void, jump?: boolean }} options
 */
export function drag(grip, { move, skip = () => false, begin = () => {}, end = () => {}, jump = false }) {
  const moved = /** @type {EventListener} */ (move);
  const up = () => {
    grip.removeEventListener("pointermove", moved);
    end();
  };
  grip.addEventListener("pointerdown", (any) => {
    const event = /** @type {PointerEvent} */ (any);
    if (event.button || skip(event)) return;
    grip.setPointerCapture(event.pointerId);
    grip.addEventListener("pointermove", moved);
    begin();
    if (jump) move(event);
    event.preventDefault();
  });
  grip.addEventListener("pointerup", up);
  grip.addEventListener("pointercancel", up);
}

/**
 * Steps to the right and up that a key asks for; ±Infinity for Home and End; null if the key is none of a handle's.
 * @type {(event: { key: string, shiftKey: boolean }) => [right: number, up: number] | null}
 */
export function steps({ key, shiftKey }) {
  const n = shiftKey || key.startsWith("Page") ? 10 : 1;
  /** @type {Record<string, [number, number]>} */
  const keys = {
    ArrowRight: [n, 0],
    ArrowLeft: [-n, 0],
    ArrowUp: [0, n],
    ArrowDown: [0, -n],
    PageUp: [0, n],
    PageDown: [0, -n],
    Home: [-Infinity, 0],
    End: [Infinity, 0],
  };
  return keys[key] || null;
}

/**
 * The nearest of the axis's steps from its lower limit.
 * @type {(axis: { min: number, max: number, step: number }, value: number) => number}
 */
export const snap = ({ min, max, step }, value) =>
  clamp(Number((min + Math.round((value - min) / step) * step).toFixed(10)), min, max);

/** @type {(x?: number, y?: number) => string} */
const spoken = (x, y) => [x, y].flatMap((v) => (v === undefined ? [] : [fmt(v)])).join(", ");

/** @type {(label: string, name: string, main: Axis, horizontal: boolean, touch: string) => Record<string, unknown>} */
const attributes = (label, name, main, horizontal, touch) => ({
  class: "ae-handle",
  tabindex: 0,
  role: "slider",
  "aria-label": label,
  "aria-valuemin": main.min,
  "aria-valuemax": main.max,
  "aria-orientation": horizontal ? "horizontal" : "vertical",
  "data-name": name,
  style: `touch-action:${touch}`,
  ...QUIET,
});

/**
 * A handle: mouse, touch (a 44-pixel target) and arrow keys (Shift: ten steps; Home, End). Place it with set(x, y).
 * @param {Plot} plot
 * @param {HandleOptions} options
 */
export function handle(plot, { label, name = label, hue: colour, x, y, format = spoken, r = 7, whole = false }) {
  const { stage } = plot;
  const main = x || y;
  if (!main) throw new Error(`x or y of ${label} must be an axis, got neither`);
  /** @type {(axis?: Axis) => number} */
  const value = (axis) => (axis ? /** @type {number} */ (stage.get(axis.trait)) : Number.NaN);
  /** @type {(a: number, b: number) => void} */
  const move = (a, b) => stage.set({ ...(x && { [x.trait]: snap(x, a) }), ...(y && { [y.trait]: snap(y, b) }) });

  const knob = [s("circle", { class: "ae-hit", r: 22 }), s("circle", { class: "ae-ring", r: r + 4.5 })];
  const touch = x && !y ? "pan-y" : "none"; // where the hand moves sideways only, a finger may scroll the page
  const el = s(
    "g",
    attributes(label, name, main, Boolean(x), touch),
    ...knob,
    s("circle", { class: "ae-knob", r, fill: hue(colour) }),
  );
  plot.over.append(el);

  const begin = () => {
    el.classList.add("ae-held");
    el.focus({ preventScroll: true });
  };
  const end = () => el.classList.remove("ae-held");
  /** @type {(point: [x: number, y: number]) => void} */
  const follow = ([a, b]) => move(a - (x?.offset?.() ?? 0), b - (y?.offset?.() ?? 0));
  /** @param {PointerEvent} event */
  const skip = (event) => {
    const target = /** @type {Element} */ (event.target);
    return Boolean(target.closest(".ae-handle")) && !el.contains(target);
  };
  if (whole) plot.press(follow, { pan: touch !== "none", skip, begin, end });
  else drag(el, { move: (event) => follow(plot.at(event)), begin, end });

  el.addEventListener("keydown", (event) => {
    const by = steps(event);
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const [dx, dy] = by;
    /** @type {(axis: Axis | undefined, n: number) => number} */
    const go = (axis, n) => {
      if (!axis || !n) return value(axis);
      return Number.isFinite(n) ? value(axis) + n * axis.step : n > 0 ? axis.max : axis.min;
    };
    if (x && y) move(go(x, dx), go(y, dy));
    else move(go(x, dx || dy), go(y, dy || dx));
  });

  /** @type {(px: number, py: number) => void} */
  const set = (px, py) => {
    const { left, top, width, height } = plot.inner;
    const [cx, cy] = [clamp(plot.X(px), left, left + width), clamp(plot.Y(py), top, top + height)];
    el.setAttribute("transform", `translate(${cx.toFixed(2)} ${cy.toFixed(2)})`);
    el.setAttribute("aria-valuenow", String(value(main)));
    el.setAttribute("aria-valuetext", format(x && value(x), y && value(y)));
  };
  return { el, set };
}
