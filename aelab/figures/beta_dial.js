// VAEs that differ in β alone: codes, KL of each dimension, reconstructions, samples and the ELBO, under one slider.
import { ofLength, placeOf } from "./kit/checks.js";
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes, clamp, fmt, linspace, sum, unit } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */

/** @type {(logProb: number, kl: Numbers) => number} */
const elbo = (logProb, kl) => logProb - sum(kl);

/**
 * Codes as [x0, y0, x1, …] from 16-bit steps of reach / 32767.
 * @type {(steps: Numbers, reach: number) => Float64Array}
 */
const unpack = (steps, reach) => Float64Array.from(steps, (k) => (k * reach) / 32767);

/**
 * The share of the points farther than `radius` from the origin.
 * @type {(points: Numbers, radius: number) => number}
 */
const outside = (points, radius) => {
  let count = 0;
  for (let i = 0; i < points.length; i += 2) count += Number(Math.hypot(points[i], points[i + 1]) > radius);
  return (2 * count) / points.length;
};

/** @type {(values: number[]) => number} */
const best = (values) => values.indexOf(Math.max(...values));

const RADIUS = Math.sqrt(-2 * Math.log(0.05)); // of the circle that holds 95 % of the prior
const REACH = 4; // of the plane

/**
 * What Python measured of each model.
 * @param {Stage} f
 */
function measured(f) {
  const betas = /** @type {number[]} */ (f.get("betas"));
  const kl = /** @type {number[][]} */ (f.get("kl"));
  const logProb = /** @type {number[]} */ (f.get("log_prob"));
  const active = /** @type {boolean[][]} */ (f.get("active"));
  const labels = bytes(f.get("labels"));
  const raw = bytes(f.get("pictures"));
  const columns = raw.length / 784 / (1 + 2 * betas.length);
  ofLength("pictures", raw.length, Math.floor(columns) * 784 * (1 + 2 * betas.length), "bytes");
  const all = unpack(new Int16Array(bytes(f.get("codes")).slice().buffer), f.get("reach"));
  ofLength("codes", all.length, 2 * labels.length * betas.length);
  const codes = betas.map((_, i) => all.subarray(2 * labels.length * i, 2 * labels.length * (i + 1)));
  const bounds = betas.map((_, i) => elbo(logProb[i], kl[i]));
  /** @type {(row: number) => Float64Array[]} the digits, then of each model its reconstructions and its samples */
  const pictures = (row) =>
    Array.from({ length: columns }, (_, k) => {
      const from = (row * columns + k) * 784;
      return unit(raw.subarray(from, from + 784));
    });
  return { betas, kl, logProb, active, labels, columns, codes, bounds, top: best(bounds), pictures };
}
/** @typedef {ReturnType<typeof measured>} Data */

/**
 * Codes of digits, and the circle that holds 95 % of the prior.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function codePlane(f, { labels, codes }, parent) {
  const plane = f.plot({
    name: "plane",
    label: "Codes of test digits",
    parent,
    x: [-REACH, REACH],
    y: [-REACH, REACH],
    aspect: 1,
    ylabel: "codes, in the two dimensions of most KL",
    margin: { left: 22, right: 4 },
  });
  const scatter = plane.scatter({ name: "codes", labels, opacity: 0.85 });
  const circle = plane.line({ name: "95 % of the prior", hue: "ink", width: 1, dash: "2 3" });
  const prior = plane.text({ name: "95 % of the prior", hue: "ink", anchor: "middle", dx: 0 });
  const turn = linspace(0, 2 * Math.PI, 120);
  /** @param {number} at */
  return (at) => {
    scatter.set(codes[at]);
    const [xs, ys] = [Math.cos, Math.sin].map((part) => turn.map((angle) => RADIUS * part(angle)));
    circle.set(xs, ys);
    prior.set(0, RADIUS, "95 % of the prior");
  };
}

/**
 * The KL of each dimension as a bar.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function dimensionBars(f, { kl, active }, parent) {
  const count = kl[0].length;
  const plot = f.plot({
    name: "dimensions",
    label: "KL of each dimension",
    parent,
    height: 188,
    x: [0.4, count + 0.6],
    y: [0, 1.12 * Math.max(...kl.flat(), 1e-3)],
    xticks: linspace(1, count, count),
    ylabel: "KL of each dimension, nats",
    margin: { left: 22, right: 4 },
  });
  const used = plot.bars({ name: "active", hue: "blue" });
  const idle = plot.bars({ name: "collapsed", hue: "muted" });
  const numbers = kl[0].map((_, j) =>
    plot.text({ name: `KL of dimension ${j + 1}`, hue: "blue", anchor: "middle", dx: 0, dy: -5 }),
  );
  const edges = linspace(0.5, count + 0.5, count + 1);
  /** @param {number} at */
  return (at) => {
    const [values, on] = [kl[at], active[at]];
    used.set(
      edges,
      values.map((v, j) => (on[j] ? v : 0)),
    );
    idle.set(
      edges,
      values.map((v, j) => (on[j] ? 0 : v)),
    );
    // Narrow bars leave no room for a number each: then the largest has one.
    const roomy = plot.inner.width / count >= 26;
    const largest = Math.max(...values);
    numbers.forEach((number, j) => {
      number.set(j + 1, values[j], roomy || values[j] === largest ? fmt(values[j]) : "");
      number.tint(on[j] ? "blue" : "muted");
    });
  };
}

/**
 * Reconstruction cost, and KL on top of it, over β.
 * @param {Stage} f
 * @param {Data} data
 */
function costs(f, { betas, logProb, bounds, top }) {
  const places = betas.map((_, i) => i);
  const cost = logProb.map((v) => -v);
  const total = bounds.map((v) => -v);
  const high = 50 * Math.ceil(Math.max(...total) / 50);
  const plot = f.plot({
    name: "nats",
    label: "Reconstruction cost and KL over β",
    height: 150,
    x: [-0.25, betas.length - 0.75],
    y: [0, high],
    xticks: places,
    xformat: (i) => String(betas[i]),
    yticks: [0, high / 2, high],
    xlabel: "β",
    ylabel: "nats per test digit: reconstruction, and KL on top",
  });
  const fits = plot.area({ name: "reconstruction", hue: "green", opacity: 0.25 });
  const price = plot.area({ name: "KL", hue: "orange", opacity: 0.5 });
  const edge = plot.line({ name: "−ELBO", hue: "ink", width: 1.5 });
  const rule = plot.rule({ name: "β" });
  const here = plot.dot({ name: "−ELBO", hue: "ink", r: 6 });
  /** @type {(name: string, hue: string) => ReturnType<typeof plot.text>} */
  const text = (name, hue) => plot.text({ name, hue, anchor: "middle", dx: 0, dy: 0 });
  const words = [text("reconstruction", "green"), text("KL", "orange"), text("−ELBO", "ink")];
  plot.press(([at]) => f.set("beta", betas[clamp(Math.round(at), 0, betas.length - 1)]));
  f.draw([], () => {
    fits.set(places, cost);
    price.set(places, total, cost);
    edge.set(places, total);
    words[0].set(betas.length / 2, cost[betas.length >> 1] / 2, "−E log p(x|z)");
    words[1].set(0.4, (cost[0] + total[0]) / 2 - 0.03 * high, "KL");
    words[2].set(top, total[top] + 0.12 * high, `−ELBO, least at β = ${betas[top]}`);
  });
  /** @param {number} at */
  return (at) => {
    rule.x(at);
    here.set(at, total[at]);
  };
}

/**
 * The dial, Reset beside it: what it moves stays in sight under it, on a phone too.
 * @param {Stage} f
 * @param {Data} data
 */
function dial(f, { betas }) {
  const parent = h("div", { class: "ae-controls" });
  f.body.append(parent);
  const input = f.slider({ trait: "beta", label: "β", values: betas, format: String, hue: "blue", parent });
  const label = /** @type {HTMLElement} */ (input.parentElement);
  label.style.flex = "1 1 160px";
  parent.append(f.reset());
}

/** @type {(on: number, of: number, far: number) => string} */
function stateInWords(on, of, far) {
  if (on === 0) return "Collapse: no dimension is active, every digit gets nearly the same code and picture";
  if (on === of) return `All ${of} dimensions are active, and ${far} % of the codes lie outside the circle`;
  const rest = "the others have collapsed to the prior and say next to nothing about x";
  return `${on} of ${of} dimensions are active; ${rest}`;
}

export default define({
  math: { elbo, unpack, outside, best },
  render(f) {
    const data = measured(f);
    const { betas, kl, logProb, active, columns: count, codes, bounds, top, pictures } = data;
    dial(f, data);
    const [left, right] = f.row(["1fr", "1fr"]);
    const drawCodes = codePlane(f, data, left);
    const drawBars = dimensionBars(f, data, right);
    const names = ["test digits", "their reconstructions", "samples, from the same noise for every β"];
    const strips = names.map((label) => f.strip({ label, count, above: true, parent: right }));
    const [digits, rebuilt, sampled] = strips;
    const drawCosts = costs(f, data);
    const show = f.numbers([
      ["E log p(x|z)", "green"],
      ["− KL", "orange"],
      ["= ELBO", "ink"],
      ["active units", "blue"],
    ]);
    const say = f.readout({ lines: 2 });

    f.draw([], () => digits.draw(pictures(0)));
    f.draw(["beta"], () => {
      const at = placeOf("beta", f.get("beta"), betas);
      drawCodes(at);
      drawBars(at);
      drawCosts(at);
      rebuilt.draw(pictures(1 + 2 * at));
      sampled.draw(pictures(2 + 2 * at));
      const [on, of] = [active[at].filter(Boolean).length, kl[at].length];
      show(fmt(logProb[at], 1), fmt(sum(kl[at]), 1), fmt(bounds[at], 1), `${on} of ${of}`);
      const state = stateInWords(on, of, Math.round(100 * outside(codes[at], RADIUS)));
      const below = `${fmt(bounds[top] - bounds[at], 1)} nats below the best of these, at β = ${betas[top]}`;
      say(
        `β = ${betas[at]}. ${state}. The ELBO, in which β has no part, is ${at === top ? "the best of these" : below}.`,
      );
    });
  },
});
