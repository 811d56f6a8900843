// Pictures of numbers on a canvas, pixel by pixel: digits, filters, rows of digits, and digits that are chosen from.
import { ofLength } from "./checks.js";
import { choice } from "./controls.js";
import { h, hue } from "./dom.js";
import { clamp, lerp } from "./maths.js";

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./dom.js").Child} Child */
/** @typedef {import("./maths.js").Numbers} Numbers */
/**
 * @typedef {object} RasterOptions
 * @property {string} label what it shows, for a reader who cannot see it
 * @property {string} [name] `data-name`; the label if left out
 * @property {number} [width] pixels; 28 if left out
 * @property {number} [height] as wide if left out
 * @property {number} [size] its width on the page
 * @property {"ink" | "diverging"} [mode] numbers from 0 to 1, or from −1 to 1
 * @property {Child} [caption]
 * @property {Element} [parent]
 */
/**
 * @typedef {object} ThumbnailOptions
 * @property {string} trait the place of the one that is chosen
 * @property {string} label
 * @property {boolean} [labelled] whether the label is seen beside them; no if left out
 * @property {string[]} names of the pictures, in words
 * @property {number} [size]
 * @property {string} [room] CSS for each label around a picture
 * @property {string} [columns] CSS of a grid as wide as its place, in place of a line
 * @property {Element} [parent]
 */

/**
 * The colours of numbers as bytes r, g, b, a: from `paper` to `plus` at 1, and to `minus` at −1.
 * @type {(values: Numbers, paper: number[], plus: number[], minus: number[], out: Uint8ClampedArray) => void}
 */
export function shade(values, paper, plus, minus, out) {
  for (let i = 0; i < values.length; i++) {
    const v = clamp(values[i], -1, 1);
    const to = v < 0 ? minus : plus;
    for (let c = 0; c < 3; c++) out[4 * i + c] = lerp(paper[c], to[c], Math.abs(v));
    out[4 * i + 3] = 255;
  }
}

/**
 * A picture of numbers: raster.draw(array).
 * @param {Stage} stage
 * @param {RasterOptions} options
 */
export function raster(
  stage,
  { label, name = label, width = 28, height = width, size = 112, mode = "ink", caption, parent },
) {
  const look = { width, height, class: "ae-raster", style: `width:${size}px`, "data-name": name };
  const canvas = h("canvas", { ...look, role: "img", "aria-label": label });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  const under = caption && h("span", { class: "ae-tile-name" }, caption);
  const tile = h("span", { class: "ae-tile" }, canvas, under);
  (parent || stage.body).append(tile);
  /** @param {Numbers} values */
  const draw = (values) => {
    ofLength(label, values.length, width * height, "pixels");
    const [paper, ink, plus, minus] = ["surface", "ink", "blue", "orange"].map((hue) => stage.colour(hue));
    if (mode === "ink") shade(values, paper, ink, paper, image.data);
    else shade(values, paper, plus, minus, image.data);
    context.putImageData(image, 0, 0);
  };
  /** @param {string} words */
  const relabel = (words) => canvas.setAttribute("aria-label", words);
  return { canvas, tile, draw, label: relabel };
}

/**
 * A picture with words under it, a title in its hue and lines that change: picture.words.textContent = "…".
 * @param {Stage} stage
 * @param {{ title: string, hue?: string, size?: number, parent?: Element }} options
 */
export function titled(stage, { title, hue: colour, size = 200, parent }) {
  const picture = raster(stage, { label: title, size, parent });
  const name = h("span", { style: `color:${hue(colour)}` }, title);
  const words = h("span", { class: "ae-tile-name", style: "white-space:pre-line" });
  picture.tile.append(name, words);
  /** @param {string} other */
  const tint = (other) => {
    name.style.color = hue(other);
  };
  return { ...picture, words, tint };
}

const CELL = 32; // pixels from one digit of a row to the next

/**
 * Digits in a row, one picture: strip.draw([pixels, pixels, …]).
 * @param {Stage} stage
 * @param {{ label: string, count: number, above?: boolean, parent?: Element }} options `above`: the label is seen, too
 */
export function strip(stage, { label, count, above = false, parent }) {
  const width = count * CELL - 4;
  const picture = raster(stage, { label, width, height: 28, size: 1200, caption: above && label, parent });
  if (above) {
    picture.tile.style.cssText = "display:grid;margin-top:6px";
    picture.tile.append(picture.canvas);
  }
  /** @param {Numbers[]} digits */
  const draw = (digits) => {
    const sheet = new Float32Array(28 * width);
    digits.forEach((pixels, k) => {
      for (let row = 0; row < 28; row++)
        for (let column = 0; column < 28; column++) sheet[row * width + k * CELL + column] = pixels[28 * row + column];
    });
    picture.draw(sheet);
  };
  return { ...picture, draw };
}

/**
 * Pictures of 28 × 28 that a trait chooses from, by its place: thumbnails.draw(i, pixels).
 * @param {Stage} stage
 * @param {ThumbnailOptions} options
 */
export function thumbnails(stage, { trait, label, labelled = false, names, size = 28, room = "", columns, parent }) {
  const options = names.map((_, i) => /** @type {[number, string]} */ ([i, ""]));
  const { all, segments } = choice(stage, { trait, label, labelled, options, parent });
  if (columns) all.style.cssText = `display:grid;gap:0;width:100%;margin-top:8px;${columns}`;
  const pictures = segments.map((segment, i) => {
    const frame = /** @type {HTMLElement} */ (segment.lastChild);
    frame.style.cssText = room;
    const picture = raster(stage, { label: names[i], size });
    picture.tile.remove();
    frame.append(picture.canvas);
    return picture;
  });
  /** @type {(i: number, pixels: Numbers) => void} */
  const draw = (i, pixels) => pictures[i].draw(pixels);
  return { draw };
}
