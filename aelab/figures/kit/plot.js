// A plot: axes, the way from numbers to pixels, and the marks (`marks.js`) and handles (`handle.js`) on it.
import { s } from "./dom.js";
import { drag, handle } from "./handle.js";
import * as marks from "./marks.js";
import { fmt } from "./maths.js";
import { scale } from "./scale.js";
import { scatter } from "./scatter.js";

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./scale.js").Limits} Limits */
/** @typedef {"linear" | "log"} Kind */
/** @typedef {(value: number) => string} Format */
/** @typedef {{ top: number, right: number, bottom: number, left: number }} Margin */
/**
 * @typedef {object} PlotOptions
 * @property {string} label what the plot shows, for a reader who cannot see it
 * @property {string} [name] a stable name, `data-plot` on the element; of the label if left out
 * @property {Limits} x
 * @property {Limits} y
 * @property {Kind} [xscale]
 * @property {Kind} [yscale]
 * @property {string} [xlabel]
 * @property {string} [ylabel]
 * @property {ArrayLike<number> & Iterable<number>} [xticks] round numbers if left out
 * @property {ArrayLike<number> & Iterable<number>} [yticks]
 * @property {Format} [xformat]
 * @property {Format} [yformat]
 * @property {boolean} [grid] horizontal lines at the ticks; they are drawn if this is left out
 * @property {number} [height]
 * @property {number} [aspect] height over width of the room inside the axes, in place of `height`
 * @property {Partial<Margin>} [margin]
 * @property {Element} [parent]
 */

/** @type {(value: number) => string} */
const plain = (value) => fmt(value, 6).replace(/\.?0+$/, "");

export class Plot {
  /**
   * @param {Stage} stage
   * @param {PlotOptions} options
   */
  constructor(stage, options) {
    this.stage = stage;
    const { label, name = label, x, y, xlabel = "", ylabel = "" } = options;
    this.x = x;
    this.y = y;
    this.xlabel = xlabel;
    this.ylabel = ylabel;
    /** @type {PlotOptions & { xscale: Kind, yscale: Kind, xformat: Format, yformat: Format, height: number }} */
    this.options = { xscale: "linear", yscale: "linear", xformat: plain, yformat: plain, height: 240, ...options };
    /** @type {Margin} */
    this.margin = { top: ylabel ? 26 : 10, right: 12, bottom: xlabel ? 40 : 24, left: 34, ...options.margin };
    this.axes = s("g", { "aria-hidden": "true" });
    this.clip = s("svg", { class: "ae-clip", "aria-hidden": "true" });
    this.over = s("g");
    const parts = [this.axes, this.clip, this.over];
    this.svg = s("svg", { class: "ae-plot", role: "group", "aria-label": label, "data-plot": name }, ...parts);
    (options.parent || stage.body).append(this.svg);
    stage.plots.push(this);
    this.width = this.height = 0;
    this.inner = { left: 0, top: 0, width: 0, height: 0 }; // the room inside the axes
    this.across = this.up = scale("linear", x, [0, 1]);
    this.layout();
  }

  /** Take the room there is, and draw the axes in it. */
  layout() {
    const parent = /** @type {Element} */ (this.svg.parentElement);
    this.width = Math.max(140, this.svg.clientWidth || parent.clientWidth || 640);
    const { top, right, bottom, left } = this.margin;
    const host = this.stage.host.clientWidth; // panels stack on a phone: a little lower there
    const { height, aspect } = this.options;
    this.height = host && host <= 560 ? Math.min(height, 200) : height;
    if (aspect) this.height = (this.width - left - right) * aspect + top + bottom;
    this.inner = { left, top, width: this.width - left - right, height: this.height - top - bottom };
    this.svg.setAttribute("height", String(this.height));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const place = { x: left, y: top, width: this.inner.width, height: this.inner.height };
    for (const [name, value] of Object.entries(place)) this.clip.setAttribute(name, String(value));
    this.scales();
  }

  /** Draw the axes again, for other limits: plot.x = [0, 2]; plot.scales(). */
  scales() {
    const { width, height } = this.inner;
    this.across = scale(this.options.xscale, this.x, [0, width]); // inside the axes; X and Y are in the picture
    this.up = scale(this.options.yscale, this.y, [height, 0]);
    this.axes.replaceChildren(...this.xnumbers(), ...this.ynumbers(), ...this.frame());
  }

  /** The marks and numbers of the x axis; each number says its value and stands at its place. */
  *xnumbers() {
    const { top, width, height } = this.inner;
    const { xticks, xformat } = this.options;
    const low = top + height;
    for (const v of xticks || this.across.ticks(width < 260 ? 3 : 5)) {
      const at = this.X(v);
      yield s("line", { class: "ae-tick", x1: at, x2: at, y1: low, y2: low + 4 });
      const place = { x: at, y: low, dy: 17, "text-anchor": "middle", "data-axis": "x", "data-value": v };
      yield s("text", place, xformat(v));
    }
  }

  *ynumbers() {
    const { left, width, height } = this.inner;
    const { yticks, yformat, grid = true } = this.options;
    for (const v of yticks || this.up.ticks(height < 140 ? 3 : 4)) {
      const at = this.Y(v);
      if (grid) yield s("line", { class: "ae-grid", x1: left, x2: left + width, y1: at, y2: at });
      const place = { x: left - 8, y: at, dy: 4, "text-anchor": "end", "data-axis": "y", "data-value": v };
      yield s("text", place, yformat(v));
    }
  }

  *frame() {
    const { left, top, width, height } = this.inner;
    const [right, low] = [left + width, top + height];
    yield s("line", { class: "ae-axis", x1: left, x2: right, y1: low, y2: low });
    if (this.xlabel) yield s("text", { class: "ae-name", x: right, y: low + 34, "text-anchor": "end" }, this.xlabel);
    if (this.ylabel) yield s("text", { class: "ae-name", x: 0, y: 13 }, this.ylabel);
  }

  /**
   * Other limits, if they are other limits: plot.limits({y: [0, 3]}).
   * @param {{ x?: Limits, y?: Limits }} limits
   */
  limits({ x = this.x, y = this.y }) {
    if (String([this.x, this.y]) === String([x, y])) return;
    this.x = x;
    this.y = y;
    this.scales();
  }

  /**
   * Another name for an axis: plot.rename({ylabel: "nats"}).
   * @param {{ xlabel?: string, ylabel?: string }} names
   */
  rename({ xlabel = this.xlabel, ylabel = this.ylabel }) {
    if (xlabel === this.xlabel && ylabel === this.ylabel) return;
    this.xlabel = xlabel;
    this.ylabel = ylabel;
    this.scales();
  }

  /**
   * Where a number stands in the picture, in pixels.
   * @param {number} value
   */
  X(value) {
    return this.inner.left + this.across(value);
  }
  /** @param {number} value */
  Y(value) {
    return this.inner.top + this.up(value);
  }

  /**
   * The data point under a pointer event.
   * @param {MouseEvent} event
   * @returns {[x: number, y: number]}
   */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    const k = this.width / box.width;
    const { left, top } = this.inner;
    const [px, py] = [(event.clientX - box.left) * k - left, (event.clientY - box.top) * k - top];
    return [this.across.invert(px), this.up.invert(py)];
  }

  /**
   * Call `take` with the data point wherever the plot is pressed, and where the press is dragged to.
   * @param {(point: [x: number, y: number]) => void} take
   * @param {{ pan?: boolean, skip?: (event: PointerEvent) => boolean, begin?: () => void, end?: () => void }} [options]
   *   `pan`: a finger that moves up and down scrolls the page; `skip`: presses that are somebody else's
   */
  press(take, { pan = true, skip = () => false, begin = () => {}, end = () => {} } = {}) {
    this.svg.style.cursor = "pointer";
    this.svg.style.touchAction = pan ? "pan-y" : "none";
    drag(this.svg, { skip, begin, end, move: (event) => take(this.at(event)), jump: true });
  }

  /** @param {marks.Style & { dash?: string | null }} [options] */
  line(options) {
    return marks.line(this, options);
  }
  /** @param {marks.Style} [options] */
  area(options) {
    return marks.area(this, options);
  }
  /** @param {marks.Style} [options] */
  bars(options) {
    return marks.bars(this, options);
  }
  /** @param {marks.Style & { r?: number }} [options] */
  dots(options) {
    return marks.dots(this, options);
  }
  /** @param {marks.Style & { dash?: string | null }} [options] */
  rule(options) {
    return marks.rule(this, options);
  }
  /** @param {marks.Style} [options] */
  arrow(options) {
    return marks.arrow(this, options);
  }
  /** @param {marks.Style} [options] */
  arrows(options) {
    return marks.arrows(this, options);
  }
  /** @param {{ name?: string, hue?: string, r?: number, hollow?: boolean }} [options] */
  dot(options) {
    return marks.dot(this, options);
  }
  /** @param {marks.TextOptions} [options] */
  text(options) {
    return marks.text(this, options);
  }
  /** @param {[words: string, hue?: string][]} names */
  ends(names) {
    return marks.ends(this, names);
  }
  /** @param {{ name: string, labels: ArrayLike<number>, opacity?: number }} options */
  scatter(options) {
    return scatter(this, options);
  }
  /** @param {import("./handle.js").HandleOptions} options */
  handle(options) {
    return handle(this, options);
  }
}
