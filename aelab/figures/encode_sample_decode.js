// A digit is drawn, encoded as a cloud, sampled with noise from outside, and decoded: a VAE that runs in the page.
import { define } from "./kit/define.js";
import { bytes, clamp, floats, fmt, linspace, rng } from "./kit/maths.js";
import { network } from "./kit/network.js";
import { drawingPad } from "./kit/pad.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */
/** @typedef {[x: number, y: number]} Point */

/**
 * Mean and width of q(z|x), from what the encoder gives: the means, then log σ².
 * @type {(moments: Numbers) => { mean: Point, width: Point }}
 */
const posterior = ([m0, m1, v0, v1]) => ({ mean: [m0, m1], width: [Math.exp(v0 / 2), Math.exp(v1 / 2)] });

/** @type {(mean: Point, width: Point, eps: Point) => Point} */
const place = (mean, width, eps) => [mean[0] + width[0] * eps[0], mean[1] + width[1] * eps[1]];

/**
 * KL(q(z|x) ‖ N(0, I)) in nats.
 * @type {(mean: Point, width: Point) => number}
 */
const kl = (mean, width) =>
  [0, 1].reduce((total, j) => total + 0.5 * (width[j] ** 2 + mean[j] ** 2 - 1) - Math.log(width[j]), 0);

/**
 * The noise of a seed.
 * @param {number} seed
 * @returns {Point}
 */
const noise = (seed) => {
  const { normal } = rng(seed);
  return [normal(), normal()];
};

const TURN = linspace(0, 2 * Math.PI, 73);
const REACH = 3; // of the plane of ε
const RINGS = [1, 2]; // standard deviations
// Under each other in a column; side by side on a phone, where the columns stack.
const PAIR = ";display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:0 14px;align-items:start";

/**
 * The closed line around a centre, with its half axes.
 * @type {(centre: Point, half: Point) => [xs: Float64Array, ys: Float64Array]}
 */
const ellipse = (centre, half) => [
  TURN.map((t) => centre[0] + half[0] * Math.cos(t)),
  TURN.map((t) => centre[1] + half[1] * Math.sin(t)),
];

/**
 * The noise: the hand moves ε, rings at one and two standard deviations around it.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function noisePlane(f, parent) {
  const plot = f.plot({
    name: "noise",
    label: "The noise",
    parent,
    x: [-REACH, REACH],
    y: [-REACH, REACH],
    aspect: 1,
    ylabel: "ε, the noise",
    margin: { left: 20, right: 4 },
  });
  const rings = RINGS.map((k) => plot.line({ name: `${k} σ`, hue: "muted", width: 1 }));
  const [x, y] = ["e0", "e1"].map((trait) => ({ trait, min: -REACH, max: REACH, step: 0.05 }));
  const handle = plot.handle({ label: "noise ε", hue: "ink", x, y, whole: true });
  /** @param {Point} eps */
  return (eps) => {
    RINGS.forEach((k, i) => rings[i].set(...ellipse([0, 0], [k, k])));
    handle.set(...eps);
  };
}

/**
 * The cloud that the encoder answers with, enlarged, and z in it.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function cloudPlane(f, parent) {
  const plot = f.plot({
    name: "cloud",
    label: "The cloud",
    parent,
    x: [-1, 1],
    y: [-1, 1],
    aspect: 1,
    ylabel: "the cloud q(z|x), enlarged, and z = μ + σ ε",
    margin: { left: 40, right: 8 },
  });
  const rings = RINGS.map((k) => plot.line({ name: `${k} σ`, hue: "blue", width: 2 }));
  const way = plot.line({ name: "σ ε", hue: "ink", width: 1.5 });
  const centre = plot.dot({ name: "mean", hue: "blue", hollow: true, r: 5 });
  const point = plot.dot({ name: "z", hue: "ink", r: 7 });
  const words = plot.text({ name: "z", hue: "ink", dx: 11, dy: -9 });
  /** @type {(mean: Point, width: Point, z: Point) => void} */
  return (mean, width, z) => {
    const half = 3.4 * Math.max(...width);
    plot.limits({ x: [mean[0] - half, mean[0] + half], y: [mean[1] - half, mean[1] + half] });
    RINGS.forEach((k, i) => rings[i].set(...ellipse(mean, [k * width[0], k * width[1]])));
    way.set([mean[0], z[0]], [mean[1], z[1]]);
    centre.set(...mean);
    point.set(...z);
    words.set(...z, "z");
  };
}

/**
 * The plane of all codes, and where the cloud lies in it.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function latentPlane(f, parent) {
  const [x, y] = f.get("limits");
  const plot = f.plot({
    name: "plane",
    label: "The latent plane",
    parent,
    x,
    y,
    aspect: 1,
    ylabel: "where it lies",
    margin: { left: 20, right: 4 },
  });
  const scatter = plot.scatter({ name: "codes", labels: bytes(f.get("labels")), opacity: 0.5 });
  const here = plot.dot({ name: "mean", hue: "blue", r: 6 });
  f.draw([], () => scatter.set(floats(f.get("codes"))));
  return here;
}

/**
 * A digit of the test set or a drawing, and other noise.
 * @param {Stage} f
 * @param {() => void} clear
 */
function controls(f, clear) {
  f.choice({
    trait: "digit",
    label: "digit",
    labelled: false,
    options: Array.from({ length: 10 }, (_, i) => [i, String(i)]),
  });
  const renew = () => {
    const seed = f.get("seed") + 1;
    const [e0, e1] = noise(seed).map((v) => clamp(v, -REACH, REACH));
    f.set({ seed, e0, e1 });
  };
  f.button({ label: "New noise", onclick: renew });
  f.button({ label: "Clear", onclick: clear });
  f.reset("seed", "drawing", "e0", "e1");
}

export default define({
  math: { posterior, place, kl, noise },
  data: ["encoder", "decoder", "digits", "codes", "labels"],
  render(f) {
    const encode = network(f.get("encoder"));
    const decode = network(f.get("decoder"));
    const digits = bytes(f.get("digits"));
    const [left, middle, right] = f.row(["1fr", "1.7fr", "1fr"]);
    for (const column of [left, right]) column.style.cssText += PAIR;
    const pad = drawingPad(f, left, "x: draw here");
    const drawNoise = noisePlane(f, left);
    const drawCloud = cloudPlane(f, middle);
    const shown = f.digit({ label: "The decoded picture", caption: "decoded from z", size: 216, parent: right });
    const here = latentPlane(f, right);
    controls(f, pad.clear);
    const say = f.readout({ lines: 2 });

    f.draw(["digit", "drawing", "e0", "e1"], () => {
      const digit = f.get("digit");
      const raw = digit < 0 ? bytes(f.get("drawing")) : digits.subarray(784 * digit, 784 * (digit + 1));
      const image = Float32Array.from(raw, (v) => v / 255);
      /** @type {Point} */
      const eps = [f.get("e0"), f.get("e1")];
      const { mean, width } = posterior(encode(image));
      const z = place(mean, width, eps);
      pad.draw(image);
      drawNoise(eps);
      drawCloud(mean, width, z);
      here.set(...mean);
      shown.draw(decode(z));
      const what = digit < 0 ? "your drawing" : `this test digit ${digit}`;
      say(
        `The encoder answers ${what} with a cloud around ${fmt(mean[0])}, ${fmt(mean[1])}, of width ` +
          `${fmt(width[0])} and ${fmt(width[1])}: ${fmt(kl(mean, width), 1)} nats from the prior. ` +
          `The noise ${fmt(eps[0])}, ${fmt(eps[1])} takes z to ${fmt(z[0])}, ${fmt(z[1])}.`,
      );
    });
  },
});
