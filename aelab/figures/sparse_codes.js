// One digit through sparse autoencoders: the filters it uses, their activations, and the sum of both.
import { ofLength, place, placeOf } from "./kit/checks.js";
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes, floats, fmt, squaredError } from "./kit/maths.js";
import { shade } from "./kit/raster.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */
/** @typedef {(Float32Array | null)[]} Filters null: of a dead unit */

/**
 * int8 rows times their scales; a scale of 0 is a dead unit, which has no row: [[filter or null, …] per penalty].
 * @type {(rows: Numbers, scales: Numbers[]) => Filters[]}
 */
function unpack(rows, scales) {
  let at = 0;
  return scales.map((list) =>
    Array.from(list, (scale) => {
      if (!scale) return null;
      const filter = new Float32Array(784);
      for (let i = 0; i < 784; i++) filter[i] = rows[at++] * scale;
      return filter;
    }),
  );
}

/**
 * bias + Σ activation · filter
 * @type {(activations: Numbers, filters: (Numbers | null)[], bias: Numbers) => Float64Array}
 */
function decode(activations, filters, bias) {
  const out = Float64Array.from(bias);
  for (let j = 0; j < activations.length; j++) {
    const filter = filters[j];
    if (activations[j] && filter) for (let i = 0; i < out.length; i++) out[i] += activations[j] * filter[i];
  }
  return out;
}

/** @param {Numbers} activations */
const count = (activations) => Array.from(activations).filter((a) => a > 0).length;

/**
 * What Python packed: of each penalty its filters, its bias and the codes of the digits.
 * @param {Stage} f
 */
function unpacked(f) {
  const penalties = /** @type {number[]} */ (f.get("penalties"));
  const pixels = Array.from(bytes(f.get("originals")), (v) => v / 255);
  const n = pixels.length / 784;
  const numbers = floats(f.get("numbers"));
  const stride = numbers.length / penalties.length;
  const units = (stride - 784) / (1 + n);
  ofLength("numbers", numbers.length, penalties.length * (784 + Math.floor(units) * (1 + n)));
  /** @type {(at: number, from: number, length: number) => Float32Array} */
  const part = (at, from, length) => numbers.subarray(at * stride + from, at * stride + from + length);
  const rows = new Int8Array(bytes(f.get("weights")).slice().buffer);
  const scales = penalties.map((_, at) => part(at, 0, units));
  const filters = unpack(rows, scales);
  /** @param {number} at */
  const bias = (at) => part(at, units, 784);
  /** @type {(at: number, digit: number) => Float32Array} */
  const codes = (at, digit) => part(at, units + 784 + digit * units, units);
  /** @param {number} digit */
  const original = (digit) => pixels.slice(784 * digit, 784 * (digit + 1));
  const highest = penalties.flatMap((_, at) => Array.from({ length: n }, (_, i) => Math.max(...codes(at, i))));
  return { penalties, n, units, filters, bias, codes, original, top: Math.ceil(Math.max(1, ...highest)) };
}
/** @typedef {ReturnType<typeof unpacked>} Data */

const CELL = 60;

/**
 * The filters of a penalty, those that a digit uses in a frame. Each is scaled to its own largest weight; their
 * pictures are kept until the theme changes.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function filterSheet(f, { filters, units }, parent) {
  const side = Math.ceil(Math.sqrt(units));
  const look = { class: "ae-raster", style: "width:100%;max-width:330px;outline:none", "data-name": "filters" };
  const sheet = h("canvas", { ...look, width: side * CELL, height: side * CELL, role: "img" });
  parent.append(sheet);
  const pen = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
  /** @param {Filters} list */
  const picture = (list) => {
    const canvas = h("canvas", { width: side * 28, height: side * 28 });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const [paper, plus, minus] = ["surface", "blue", "orange"].map((hue) => f.colour(hue));
    list.forEach((filter, j) => {
      if (!filter) return;
      const image = context.createImageData(28, 28);
      const largest = Math.max(...filter.map(Math.abs));
      const values = filter.map((v) => v / largest);
      shade(values, paper, plus, minus, image.data);
      context.putImageData(image, 28 * (j % side), 28 * Math.floor(j / side));
    });
    return canvas;
  };
  let theme = "";
  /** @type {Map<number, HTMLCanvasElement>} */
  let kept = new Map();
  /** @param {number} at */
  const drawn = (at) => {
    const now = String([f.colour("surface"), f.colour("blue")]);
    if (now !== theme) kept = new Map();
    theme = now;
    const found = kept.get(at) || picture(filters[at]);
    kept.set(at, found);
    return found;
  };
  /** @type {(at: number, j: number, used: boolean) => void} */
  const cell = (at, j, used) => {
    const [column, row] = [j % side, Math.floor(j / side)];
    const [x, y] = [column * CELL + 2, row * CELL + 2];
    pen.globalAlpha = used ? 1 : 0.4;
    if (filters[at][j]) pen.drawImage(drawn(at), 28 * column, 28 * row, 28, 28, x, y, 56, 56);
    pen.globalAlpha = 1;
    pen.lineWidth = used ? 3 : 1;
    pen.strokeStyle = `rgb(${f.colour(used ? "ink" : "grid").join(" ")})`;
    pen.strokeRect(x - 0.5, y - 0.5, 57, 57);
    if (filters[at][j]) return;
    pen.fillStyle = `rgb(${f.colour("grid").join(" ")} / 0.5)`;
    pen.fillRect(x, y, 56, 56);
  };
  /** @type {(at: number, activations: Numbers) => void} */
  return (at, activations) => {
    pen.imageSmoothingEnabled = false;
    pen.clearRect(0, 0, sheet.width, sheet.height);
    for (let j = 0; j < units; j++) cell(at, j, activations[j] > 0);
    const dead = filters[at].filter((filter) => !filter).length;
    sheet.setAttribute("aria-label", `${units} filters: ${count(activations)} framed, ${dead} dead and blank`);
  };
}

/**
 * The digit beside its reconstruction, and the activations under both.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function reconstruction(f, { units, top }, parent) {
  const columns = "grid-template-columns:repeat(2,minmax(0,128px));gap:20px;margin-bottom:14px";
  const tiles = h("div", { style: `display:grid;${columns}` });
  parent.append(tiles);
  const original = f.digit({ label: "digit", size: 128, parent: tiles, caption: "digit" });
  const words = h("span", { style: "white-space:nowrap" });
  const result = f.digit({ label: "reconstruction", size: 128, parent: tiles, caption: words });
  const plot = f.plot({
    name: "activations",
    label: "Activation of each hidden unit",
    parent,
    height: 150,
    x: [0, units],
    y: [0, top],
    xticks: [0, units / 2, units],
    xlabel: "hidden unit, row by row",
    ylabel: "activation",
  });
  const bars = plot.bars({ name: "activations", hue: "blue", opacity: 1 });
  const edges = Float64Array.from({ length: units + 1 }, (_, i) => i);
  /** @type {(x: Numbers, activations: Numbers, decoded: Numbers) => void} */
  return (x, activations, decoded) => {
    const used = count(activations);
    original.draw(x);
    result.draw(decoded);
    words.textContent = used === 1 ? "from 1 unit" : used ? `from ${used} units` : "from the bias alone";
    bars.set(edges, activations);
  };
}

export default define({
  math: { unpack, decode, count },
  render(f) {
    const data = unpacked(f);
    const { penalties, n, units, filters, bias, codes, original } = data;
    const [error, active] = [f.get("error"), f.get("active")];
    const [left, right] = f.row(["1fr", "1.1fr"]);
    const drawFilters = filterSheet(f, data, left);
    const drawDigit = reconstruction(f, data, right);
    f.slider({ trait: "penalty", label: "penalty λ", values: penalties, format: String });
    const names = Array.from({ length: n }, (_, i) => `test digit ${i + 1}`);
    const choice = { trait: "digit", label: "digit", labelled: true, names, room: "padding:4px 12px" };
    const thumbnails = f.thumbnails(choice);
    f.reset();
    const show = f.numbers([
      ["active for this digit", "blue"],
      ["active on average"],
      ["dead units"],
      ["error, test set"],
    ]);
    const say = f.readout({ lines: 2 });

    f.draw([], () => names.forEach((_, i) => thumbnails.draw(i, original(i))));
    f.draw(["penalty", "digit"], () => {
      const at = placeOf("penalty", f.get("penalty"), penalties);
      const digit = place("digit", f.get("digit"), n);
      const [x, activations] = [original(digit), codes(at, digit)];
      const decoded = decode(activations, filters[at], bias(at));
      drawFilters(at, activations);
      drawDigit(x, activations, decoded);
      const used = count(activations);
      const dead = filters[at].filter((filter) => !filter).length;
      show(`${used} of ${units}`, fmt(active[at], 1), String(dead), fmt(error[at], 1));
      const dense = at ? `${fmt(error[0], 1)} without a penalty` : "no penalty";
      say(
        `With λ = ${penalties[at]}, ${used === 1 ? "1 unit writes" : `${used || "no"} units write`} this digit, ` +
          `with squared error ${fmt(squaredError(decoded, x), 1)}; over the test set it is ` +
          `${fmt(error[at], 1)} (${dense}).`,
      );
    });
  },
});
