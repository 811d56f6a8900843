// Codes as digits: on a canvas under the plot, because a thousand SVG texts would make every move wait.
import { h } from "./dom.js";

/** @typedef {import("./plot.js").Plot} Plot */

/** Six hues for ten digits: those that autoencoders put side by side (4 7 9, 3 5 8, 0 6) never share one. */
export const DIGIT_HUES = ["blue", "blue", "green", "purple", "green", "cyan", "gold", "purple", "orange", "gold"];

/**
 * The labels 0 to 9 at points: scatter.set([x0, y0, x1, y1, …]).
 * @param {Plot} plot
 * @param {{ name: string, labels: ArrayLike<number>, opacity?: number }} options
 */
export function scatter(plot, { name, labels, opacity = 0.8 }) {
  const el = h("canvas", { style: "position:absolute", "data-name": name, "aria-hidden": "true" });
  const box = h("div", { style: "position:relative" });
  plot.svg.replaceWith(box);
  box.append(el, plot.svg);
  plot.svg.style.position = "relative";
  const context = /** @type {CanvasRenderingContext2D} */ (el.getContext("2d"));
  /** @param {ArrayLike<number>} points */
  const set = (points) => {
    const { left, top, width, height } = plot.inner;
    const ratio = devicePixelRatio || 1;
    Object.assign(el, { width: width * ratio, height: height * ratio });
    Object.assign(el.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    context.scale(ratio, ratio);
    Object.assign(context, { textAlign: "center", textBaseline: "middle", globalAlpha: opacity });
    context.font = "9px sans-serif";
    const ink = `rgb(${plot.stage.colour("ink")})`; // of what has no class
    const colours = DIGIT_HUES.map((hue) => `rgb(${plot.stage.colour(hue)})`);
    for (let i = 0; i < labels.length; i++) {
      context.fillStyle = colours[labels[i]] || ink;
      context.fillText(labels[i] > 9 ? "•" : String(labels[i]), plot.across(points[2 * i]), plot.up(points[2 * i + 1]));
    }
  };
  return { el, set };
}
