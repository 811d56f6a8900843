// What every figure that trains shows: buttons, the way back, the codes of test images, rows of pictures, and curves.
import { h, hue, QUIET } from "../dom.js";
import { fmt } from "../maths.js";
import { SHOWN } from "./session.js";

/** @typedef {import("../stage.js").Stage} Stage */
/** @typedef {import("./session.js").Look} Look */
/** @typedef {import("./session.js").Measured} Part */
/** @typedef {import("../scale.js").Limits} Limits */
/** @typedef {import("../maths.js").Numbers} Numbers */

/**
 * Train, which becomes Pause, one step, and the way back in time.
 * @param {Stage} f
 * @param {Record<"train" | "pause" | "once" | "reset", () => void> & { back: (step: number) => void }} hands
 */
export function buttons(f, { train, pause, once, reset, back }) {
  const bar = h("div", { class: "ae-controls" });
  f.body.append(bar);
  let running = false;
  const go = f.button({ label: "Train", parent: bar, onclick: () => (running ? pause() : train()) });
  go.classList.add("ae-go");
  f.button({ label: "Step", parent: bar, onclick: once });
  f.button({ label: "Reset", parent: bar, onclick: reset });
  const way = h("input", { type: "range", min: 0, max: 1, step: 1, value: 1, disabled: true, ...QUIET });
  const where = h("span", { class: "ae-value", "aria-hidden": "true" });
  const words = h("span", { class: "ae-label" }, "back in time");
  const line = { class: "ae-slider", style: `--ae-hue:${hue("ink")};--ae-fill:100%` };
  f.controls.append(h("label", line, words, way, where));
  /** @type {number[]} */
  let states = [];
  way.addEventListener("input", () => back(states[Number(way.value)]));
  return {
    node: bar,
    /** @param {import("./conductor.js").Mood} mood */
    mood(mood) {
      running = mood === "running";
      go.textContent = running ? "Pause" : mood === "loading" ? "Loading the digits" : "Train";
    },
    /** @param {Look} look */
    show({ states: kept, step, epoch }) {
      states = kept;
      const at = Math.max(0, kept.indexOf(step));
      way.disabled = kept.length < 2;
      Object.assign(way, { max: String(kept.length - 1), value: String(at) });
      way.style.setProperty("--ae-fill", `${(100 * at) / Math.max(1, kept.length - 1)}%`);
      where.textContent = fmt(epoch, 1);
      way.setAttribute("aria-valuetext", `epoch ${fmt(epoch, 1)}`);
    },
  };
}

export const RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1];

/** @type {(value: number) => string} a setting: whole numbers without decimals */
export const plain = (value) => fmt(value, value < 1 && value > 0 ? 2 : 0);

const ROUND = [2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1000];

/** @type {(values: ArrayLike<number>) => number} a round number that nearly all sizes are below */
export function reach(values) {
  const sizes = Array.from(values, Math.abs).sort((a, b) => a - b);
  const large = sizes[Math.floor(0.995 * (sizes.length - 1))] || 0;
  return ROUND.find((limit) => limit >= 1.05 * large) || 1000;
}

/**
 * The codes of the test images in the plane of two of their dimensions.
 * @param {Stage} f
 * @param {{ parent: HTMLElement, labels: () => Uint8Array, count: number, wide: number }} options
 *   `wide`: how many times as wide as high
 */
export function plane(f, { parent, labels, count, wide }) {
  const limit = 3;
  const plot = f.plot({
    name: "plane",
    label: "Codes of test digits",
    parent,
    x: [-wide * limit, wide * limit],
    y: [-limit, limit],
    aspect: 1 / wide,
    ylabel: "Codes of test digits",
    margin: { left: 30, right: 4 },
  });
  const shown = new Uint8Array(count);
  const scatter = plot.scatter({ name: "codes", labels: shown });
  const hint = plot.text({ name: "hint", anchor: "middle" });
  hint.set(0, 0, "press Train");
  /** @type {Look | null} */
  let last = null;
  /** @type {(look: Look, dimensions: number[]) => Float32Array} */
  const points = ({ codes }, [a, b]) => {
    const latent = codes.length / labels().length;
    const out = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) {
      out[2 * i] = codes[i * latent + a];
      out[2 * i + 1] = b === a ? labels()[i] : codes[i * latent + b];
    }
    return out;
  };
  /** @type {number[]} */
  let pair = [0, 1];
  const paint = () => {
    if (!last) return;
    shown.set(labels().subarray(0, count));
    const where = points(last, pair);
    const size = reach(where);
    const flat = pair[0] === pair[1];
    plot.rename({ ylabel: flat ? "Codes of test digits (up: the class)" : "Codes of test digits" });
    plot.limits({ x: [-wide * size, wide * size], y: flat ? [-0.5, 9.5] : [-size, size] });
    hint.set(0, 0, "");
    scatter.set(where);
  };
  f.draw([], paint);
  return {
    /** @type {(look: Look, dimensions: number[]) => void} */
    show(look, dimensions) {
      last = look;
      pair = dimensions;
      paint();
    },
  };
}

/**
 * Curves of one quantity over the epochs, for training and for test images.
 * @param {Stage} f
 * @param {{ name: string, ylabel: string, parent: HTMLElement, least: number, of: (part: Part) => number } |
 *   { name: string, ylabel: string, parent: HTMLElement, least: number, tried: (look: Look) => number }} options
 *   `least`: how much the axis shows in any case; `tried`: what is measured on test images alone
 */
export function curves(f, { name, ylabel, parent, least, ...what }) {
  const tests = (/** @type {Look} */ look) => ("of" in what ? what.of(look.test) : what.tried(look));
  const trains = (/** @type {Look} */ look) => ("of" in what && look.trained ? what.of(look.train) : Number.NaN);
  const right = { margin: { left: 42, right: 38 } };
  const axes = { x: /** @type {Limits} */ ([0, 1]), y: /** @type {Limits} */ ([0, least]), xlabel: "epoch" };
  const plot = f.plot({ name, label: ylabel, parent, ylabel, height: 150, ...axes, ...right });
  const train = plot.line({ name: "train", hue: "orange", width: 1.5 });
  const test = plot.line({ name: "test", hue: "blue" });
  /** @type {[string, string][]} */
  const names = [["test", "blue"]];
  if ("of" in what) names.push(["train", "orange"]);
  const ends = plot.ends(names);
  /** @type {Look[]} */
  let seen = [];
  const paint = () => {
    if (!seen.length) return;
    const epochs = seen.map(({ epoch }) => epoch);
    const tested = seen.map(tests);
    const trained = seen.map(trains);
    const all = [...tested, ...trained].filter(Number.isFinite);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const room = Math.max(0, least - (high - low)) / 2 + 0.05 * (high - low);
    plot.limits({ x: [0, Math.max(1, Math.ceil(epochs[epochs.length - 1]))], y: [low - room, high + room] });
    train.set(epochs, trained);
    test.set(epochs, tested);
    const last = tested[tested.length - 1];
    ends.set([last, trained.findLast(Number.isFinite) ?? last].slice(0, names.length));
  };
  f.draw([], paint);
  return {
    /** @param {Look[]} past */
    show(past) {
      seen = past;
      paint();
    },
  };
}

/**
 * The two dimensions of the codes that spread the most, in their order; of one dimension twice that one.
 * @param {ArrayLike<number>} codes image by image
 * @param {number} count of images
 */
export function widest(codes, count) {
  const latent = codes.length / count;
  const spread = Array.from({ length: latent }, (_, j) => {
    let [mean, square] = [0, 0];
    for (let i = 0; i < count; i++) {
      mean += codes[i * latent + j] / count;
      square += codes[i * latent + j] ** 2 / count;
    }
    return square - mean ** 2;
  });
  const order = spread.map((_, j) => j).sort((a, b) => spread[b] - spread[a]);
  return latent === 1 ? [0, 0] : order.slice(0, 2).sort((a, b) => a - b);
}

/**
 * Rows of eight pictures: the test images, what becomes of them, and new ones.
 * @param {Stage} f
 * @param {{ parent: HTMLElement, rows: string[] }} options
 */
export function pictures(f, { parent, rows }) {
  const strips = rows.map((label) => f.strip({ label, count: SHOWN, above: true, parent }));
  /** @type {(images: Numbers[]) => void} a row each, image after image */
  return (images) =>
    images.forEach((row, k) => {
      const [size, top] = [784, row instanceof Uint8Array ? 255 : 1];
      const image = (/** @type {number} */ i) =>
        Float32Array.from({ length: size }, (_, j) => Math.max(0, row[i * size + j] / top));
      strips[k].draw(Array.from({ length: SHOWN }, (_, i) => image(i)));
    });
}
