// One digit through a code of k numbers, by PCA and by an autoencoder, and the test error of every width.
import { ofLength, place, placeOf } from "./kit/checks.js";
import { nearestPlace } from "./kit/controls.js";
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes, fmt, psnr, squaredError } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */

/**
 * One byte per pixel, in 255 steps from low to high.
 * @type {(bytes: Numbers, low: number, high: number) => Float64Array}
 */
const unpack = (bytes, low, high) => Float64Array.from(bytes, (byte) => low + (byte * (high - low)) / 255);

/**
 * The first width whose error is at most `error`, or undefined.
 * @type {(widths: number[], errors: number[], error: number) => number | undefined}
 */
const enough = (widths, errors, error) => widths.find((_, i) => errors[i] <= error);

/**
 * The pictures of Python: picture(0, digit) is the original; then rows by PCA, then by the autoencoder.
 * @param {Stage} f
 */
function unpacked(f) {
  const widths = /** @type {number[]} */ (f.get("widths"));
  const raw = bytes(f.get("pictures"));
  const [low, high] = f.get("limits");
  const count = raw.length / 784 / (1 + 2 * widths.length);
  ofLength("pictures", raw.length, Math.floor(count) * 784 * (1 + 2 * widths.length), "bytes");
  /** @type {(row: number, digit: number) => Float64Array} */
  const picture = (row, digit) =>
    unpack(raw.subarray((row * count + digit) * 784, (row * count + digit + 1) * 784), low, high);
  const errors = /** @type {{ pca: number[], autoencoder: number[] }} */ (f.get("errors"));
  const kinds = [
    { name: "PCA", hue: "blue", errors: errors.pca },
    { name: "autoencoder", hue: "orange", errors: errors.autoencoder },
  ];
  return { widths, count, picture, kinds };
}
/** @typedef {ReturnType<typeof unpacked>} Data */

/**
 * The error over the width; what moves in it is returned.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function errorPlot(f, { widths, kinds }, parent) {
  const plot = f.plot({
    name: "error",
    label: "Squared error over the width of the code",
    parent,
    height: 250,
    xscale: "log",
    x: [widths[0] / 1.11, widths[widths.length - 1] * 1.11],
    y: [0, 10 * Math.ceil(Math.max(...kinds.flatMap(({ errors }) => errors)) / 10)],
    xticks: widths,
    xlabel: "width k of the code",
    ylabel: "squared error per test picture",
    margin: { right: 6 },
  });
  const rule = plot.rule({ name: "width" });
  const marks = kinds.map(({ name, hue }, i) => ({
    line: plot.line({ name, hue }),
    all: plot.dots({ name: `all of ${name}`, hue, r: 2.5, opacity: 1 }),
    dot: plot.dot({ name, hue, r: 6 }),
    name: plot.text(i ? { name, hue, anchor: "end", dx: -6, dy: 14 } : { name, hue }),
  }));
  plot.press(([at]) => f.set("width", widths[nearestPlace(widths.map(Math.log2), Math.log2(at))]));
  const middle = (widths.length - 1) >> 1;
  f.draw([], () => {
    marks.forEach((mark, i) => {
      const { name, errors } = kinds[i];
      const at = middle - 1 + i;
      mark.line.set(widths, errors);
      mark.all.set(widths, errors);
      mark.name.set(widths[at], errors[at], name);
    });
  });
  return { rule, dots: marks.map(({ dot }) => dot) };
}

export default define({
  math: { unpack, enough },
  render(f) {
    const data = unpacked(f);
    const { widths, count, picture, kinds } = data;
    const [left, right] = f.row(["1fr", "1.15fr"]);
    const { rule, dots } = errorPlot(f, data, left);

    const columns = "display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:12px;align-items:start";
    const tiles = h("div", { style: columns });
    right.append(tiles);
    const [original, ...shown] = [{ name: "original", hue: "ink" }, ...kinds].map(({ name, hue }) =>
      f.titled({ title: name, hue, parent: tiles }),
    );
    f.slider({ trait: "width", label: "width k", values: widths, format: String });
    const thumbnails = f.thumbnails({
      trait: "digit",
      label: "digit",
      names: Array.from({ length: count }, (_, i) => `test digit ${i + 1}`),
      room: "padding:0 1px;justify-content:center;width:100%",
      columns: "grid-template-columns:repeat(auto-fit,minmax(30px,1fr))",
      parent: right,
    });
    f.reset();
    const say = f.readout({ lines: 2 });

    f.draw([], () => {
      for (let i = 0; i < count; i++) thumbnails.draw(i, picture(0, i));
    });
    f.draw(["width", "digit"], () => {
      const at = placeOf("width", f.get("width"), widths);
      const digit = place("digit", f.get("digit"), count);
      const k = widths[at];
      rule.x(k);
      dots.forEach((dot, i) => dot.set(k, kinds[i].errors[at]));
      const numbers = `${k} ${k > 1 ? "numbers" : "number"}`;
      original.draw(picture(0, digit));
      original.words.textContent = "784 numbers\n\n";
      const own = shown.map((tile, i) => {
        const pixels = picture(1 + i * widths.length + at, digit);
        const error = squaredError(pixels, picture(0, digit));
        tile.draw(pixels);
        tile.words.textContent = `${numbers}\nerror ${fmt(error, 1)}\n${fmt(psnr(pixels, picture(0, digit)), 1)} dB`;
        return fmt(error, 1);
      });
      const [pca, auto] = kinds.map(({ errors }) => errors[at]);
      const match = enough(widths, kinds[0].errors, auto);
      const rival = match
        ? `Of these widths, PCA needs ${match} to do as well.`
        : `PCA does not do as well with ${widths[widths.length - 1]}.`;
      say(
        `From ${numbers}, test digits come back with a squared error of ${fmt(pca, 1)} by PCA and ` +
          `${fmt(auto, 1)} by the autoencoder (this one: ${own[0]} and ${own[1]}). ` +
          (auto >= pca ? "Here PCA is no worse." : rival),
      );
    });
  },
});
