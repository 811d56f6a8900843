// The marks on a plot. Each has `el`, its element, whose `data-name` is the mark's name.
import { area as d3area, line as d3line } from "d3-shape";
import { hue, s } from "./dom.js";
import { clamp } from "./maths.js";

/** @typedef {import("./plot.js").Plot} Plot */
/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {{ name?: string, hue?: string, width?: number, opacity?: number }} Style */

const FAR = 9999; // pixels: what lies beyond is drawn there

/**
 * A path inside the axes: its origin is their corner.
 * @param {Plot} plot
 * @param {string | undefined} name
 * @param {Record<string, unknown>} attributes
 */
function path(plot, name, attributes) {
  const el = s("path", { fill: "none", "data-name": name, ...attributes });
  plot.clip.append(el);
  /** @param {string} path */
  const d = (path) => el.setAttribute("d", path);
  return { el, d };
}

/** @type {(plot: Plot, ys: Numbers) => (_: number, i: number) => number} */
const heights = (plot, ys) => (_, i) => clamp(plot.up(ys[i]), -FAR, FAR);

/**
 * A curve: line.set(xs, ys), or line.fn(f) over the whole width. NaN interrupts it.
 * @param {Plot} plot
 * @param {Style & { dash?: string | null }} [style]
 */
export function line(plot, { name, hue: colour, width = 2, dash, opacity } = {}) {
  const stroke = { stroke: hue(colour), "stroke-width": width, "stroke-dasharray": dash, "stroke-linejoin": "round" };
  const { el, d } = path(plot, name, { ...stroke, opacity });
  /** @type {(xs: Numbers, ys: Numbers) => void} */
  const set = (xs, ys) => {
    const draw = d3line(plot.across, heights(plot, ys)).defined((_, i) => !Number.isNaN(ys[i]));
    d(draw(/** @type {Iterable<number>} */ (xs)) || "");
  };
  /** @type {(f: (x: number) => number, n?: number) => void} */
  const fn = (f, n = 240) => {
    const { width } = plot.inner;
    const xs = Float64Array.from({ length: n }, (_, i) =>
      plot.across.invert(width * clamp(i / (n - 1), 1e-6, 1 - 1e-6)),
    );
    set(xs, xs.map(f));
  };
  return { el, set, fn };
}

/**
 * The area between a curve and `base`, a number or an array: area.set(xs, ys, base).
 * @param {Plot} plot
 * @param {Style} [style]
 */
export function area(plot, { name, hue: colour, opacity = 0.16 } = {}) {
  const { el, d } = path(plot, name, { fill: hue(colour), opacity });
  /** @type {(xs: Numbers, ys: Numbers, base?: number | Numbers) => void} */
  const set = (xs, ys, base = 0) => {
    const low = typeof base === "number" ? () => clamp(plot.up(base), -FAR, FAR) : heights(plot, base);
    d(d3area(plot.across, low, heights(plot, ys))(/** @type {Iterable<number>} */ (xs)) || "");
  };
  return { el, set };
}

/**
 * Bars from 0: bars.set(edges, heights), one edge more than heights.
 * @param {Plot} plot
 * @param {Style} [style]
 */
export function bars(plot, { name, hue: colour, opacity = 0.75 } = {}) {
  const { el, d } = path(plot, name, { fill: hue(colour), opacity });
  /** @type {(edges: Numbers, heights: Numbers) => void} */
  const set = (edges, heights) => {
    const low = plot.up(Math.max(0, plot.y[0])).toFixed(2);
    const [at, up] = [Array.from(edges, plot.across), Array.from(heights, plot.up)];
    d(up.map((y, i) => `M${px(at[i] + 0.5)} ${low}V${px(y)}H${px(at[i + 1] - 0.5)}V${low}Z`).join(""));
  };
  return { el, set };
}

/** @type {(value: number) => string} */
const px = (value) => value.toFixed(2);

/**
 * Many small dots in one path: dots.set(xs, ys).
 * @param {Plot} plot
 * @param {Style & { r?: number }} [style]
 */
export function dots(plot, { name, hue: colour, r = 2, opacity = 0.6 } = {}) {
  const stroke = { stroke: hue(colour), "stroke-width": 2 * r, "stroke-linecap": "round", opacity };
  const { el, d } = path(plot, name, stroke);
  /** @type {(xs: Numbers, ys: Numbers) => void} */
  const set = (xs, ys) => {
    let all = "";
    for (let i = 0; i < xs.length; i++) all += `M${plot.across(xs[i]).toFixed(1)} ${plot.up(ys[i]).toFixed(1)}h0`;
    d(all);
  };
  return { el, set };
}

/**
 * A straight line across the plot: rule.x(v) or rule.y(v).
 * @param {Plot} plot
 * @param {Style & { dash?: string | null }} [style]
 */
export function rule(plot, { name, hue: colour = "muted", width = 1, dash = "2 3" } = {}) {
  const { el, d } = path(plot, name, { stroke: hue(colour), "stroke-width": width, "stroke-dasharray": dash });
  return {
    el,
    /** @param {number} v */
    x: (v) => d(`M${px(plot.across(v))} 0V${plot.inner.height}`),
    /** @param {number} v */
    y: (v) => d(`M0 ${px(plot.up(v))}H${plot.inner.width}`),
  };
}

/**
 * The path of an arrow from (a, b) to (c, d), in pixels; its head has the size `size`.
 * @type {(a: number, b: number, c: number, d: number, size: number, round?: typeof px) => string}
 */
export function arrowPath(a, b, c, d, size, round = px) {
  const length = Math.hypot(c - a, d - b);
  const [u, v] = [((c - a) / length) * size, ((d - b) / length) * size];
  /** @param {number} side */
  const barb = (side) => `${round(c - u - side * 0.6 * v)} ${round(d - v + side * 0.6 * u)}`;
  const tip = `${round(c)} ${round(d)}`;
  return `M${round(a)} ${round(b)}L${tip}M${barb(1)}L${tip}L${barb(-1)}`;
}

/**
 * An arrow: arrow.set(x0, y0, x1, y1).
 * @param {Plot} plot
 * @param {Style} [style]
 */
export function arrow(plot, { name, hue: colour, width = 2, opacity } = {}) {
  const round = { "stroke-linecap": "round", "stroke-linejoin": "round" };
  const { el, d } = path(plot, name, { stroke: hue(colour), "stroke-width": width, opacity, ...round });
  /** @type {(x0: number, y0: number, x1: number, y1: number) => void} */
  const set = (x0, y0, x1, y1) => {
    const [a, b, c, e] = [plot.across(x0), plot.up(y0), plot.across(x1), plot.up(y1)];
    const length = Math.hypot(c - a, e - b);
    d(length < 1 ? "" : arrowPath(a, b, c, e, Math.min(6, length)));
  };
  return { el, set };
}

/**
 * Many arrows in one path: arrows.set([[x0, y0, x1, y1], …]).
 * @param {Plot} plot
 * @param {Style} [style]
 */
export function arrows(plot, { name, hue: colour, width = 2, opacity } = {}) {
  const stroke = { stroke: hue(colour), "stroke-width": width, "stroke-linejoin": "round" };
  const { el, d } = path(plot, name, { ...stroke, opacity });
  /** @type {(value: number) => string} */
  const round = (value) => value.toFixed(1);
  /** @param {[x0: number, y0: number, x1: number, y1: number][]} all */
  const set = (all) => {
    const parts = all.map(([x0, y0, x1, y1]) => {
      const [a, b, c, e] = [plot.across(x0), plot.up(y0), plot.across(x1), plot.up(y1)];
      return arrowPath(a, b, c, e, Math.min(4, Math.hypot(c - a, e - b) / 2), round);
    });
    d(parts.join(""));
  };
  return { el, set };
}

/**
 * A point: dot.set(x, y). It may lie beside the axes to the left and right, not above and below.
 * @param {Plot} plot
 * @param {{ name?: string, hue?: string, r?: number, hollow?: boolean }} [style]
 */
export function dot(plot, { name, hue: colour, r = 4, hollow = false } = {}) {
  const [fill, stroke] = hollow ? ["var(--ae-surface)", hue(colour)] : [hue(colour), "var(--ae-surface)"];
  const el = s("circle", { r, fill, stroke, "stroke-width": 1.5, "data-name": name, "aria-hidden": "true" });
  plot.over.append(el);
  /** @type {(x: number, y: number) => void} */
  const set = (x, y) => {
    const { top, height } = plot.inner;
    el.setAttribute("cx", String(plot.X(x)));
    el.setAttribute("cy", String(clamp(plot.Y(y), top, top + height)));
  };
  return { el, set };
}

/** @typedef {"start" | "middle" | "end"} Anchor */
/**
 * @typedef {object} TextOptions
 * @property {string} [name]
 * @property {string} [hue]
 * @property {Anchor} [anchor]
 * @property {number} [dx] pixels to the right; away from the point where the words may change their side
 * @property {number} [dy] pixels down
 * @property {"shift" | "flip"} [inside] words that would reach out of the axes to the left or right are moved inside,
 *   or stand on the other side of their point
 */

const LETTER = 6.9; // pixels that a letter takes at most

/**
 * Where words start that have to stay between `low` and `high`: their place and their anchor.
 * @type {(at: number, dx: number, anchor: Anchor, width: number, limits: [low: number, high: number],
 *   how?: "shift" | "flip") => [place: number, anchor: Anchor]}
 */
export function inside(at, dx, anchor, width, [low, high], how) {
  if (how === "flip") {
    const right = anchor === "start" ? at + dx + width <= high : at - dx - width < low;
    return right ? [at + dx, "start"] : [at - dx, "end"];
  }
  const before = width * { start: 0, middle: 0.5, end: 1 }[anchor]; // how much of it stands to the left
  return [how ? clamp(at + dx - before, low, high - width) + before : at + dx, anchor];
}

/**
 * A direct label: text.set(x, y, "words"), kept above the lower and under the upper end of the axes.
 * @param {Plot} plot
 * @param {TextOptions} [options]
 */
export function text(plot, { name, hue: colour, anchor = "start", dx = 6, dy = -6, inside: how } = {}) {
  const style = { class: "ae-text", style: `--ae-hue:${hue(colour)}`, "text-anchor": anchor };
  const el = s("text", { ...style, "data-name": name, "aria-hidden": "true" });
  plot.over.append(el);
  /** @type {(x: number, y: number, words?: string, anchor?: Anchor) => void} */
  const set = (x, y, words = el.textContent || "", side = anchor) => {
    const { left, top, width, height } = plot.inner;
    if (el.textContent !== words) el.textContent = words;
    const [at, turned] = inside(plot.X(x), dx, side, LETTER * words.length, [left, left + width], how);
    el.setAttribute("x", String(at));
    el.setAttribute("y", String(clamp(plot.Y(y) + dy, top + 10, top + height - 4)));
    el.setAttribute("text-anchor", turned);
  };
  /** @param {string} name */
  const tint = (name) => el.style.setProperty("--ae-hue", hue(name));
  return { el, set, tint };
}

/**
 * Direct labels at the right end of curves, kept apart: ends([["KL", "blue"], …]).set([y, …]). Leave a right margin.
 * @param {Plot} plot
 * @param {[words: string, hue?: string][]} names
 */
export function ends(plot, names) {
  const texts = names.map(([words, colour]) => text(plot, { name: `end of ${words}`, hue: colour, dx: 6, dy: 4 }));
  /** @param {Numbers} ys */
  const set = (ys) => {
    const { top, height } = plot.inner;
    const order = names.map((_, i) => i).sort((i, j) => ys[j] - ys[i]);
    const wanted = order.map((i) => clamp(plot.Y(ys[i]), top + 6, top + height - 4));
    const places = apart(wanted, 16, top + height);
    order.forEach((i, k) => {
      texts[i].set(plot.x[1], plot.y[0], names[i][0]);
      texts[i].el.setAttribute("y", String(places[k] + 4));
    });
  };
  return { set };
}

/**
 * Places from top to bottom, moved so that neighbours are at least `gap` apart and none lies under `low`.
 * @type {(wanted: number[], gap: number, low: number) => number[]}
 */
export function apart(wanted, gap, low) {
  const places = [...wanted];
  for (let k = 1; k < places.length; k++) places[k] = Math.max(places[k], places[k - 1] + gap);
  for (let k = places.length - 1, end = low; k >= 0; k--, end -= gap) places[k] = Math.min(places[k], end);
  return places;
}
