// KL between Gaussians: both directions, the integrand, its Monte Carlo estimate, the triangle inequality.
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { clamp, fmt, linspace, rng, thousands } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {[mean: number, width: number]} Normal */
/** @typedef {(x: number, mp: number, sp: number, mq: number, sq: number) => number} AtX of p and of q */
/** @typedef {(mp: number, sp: number, mq: number, sq: number) => number} OfPair */

const COUNT = 10000; // samples that the page draws

/** @type {(x: number, m: number, s: number) => number} */
const density = (x, m, s) => Math.exp(-0.5 * ((x - m) / s) ** 2) / (s * Math.sqrt(2 * Math.PI));

/** @type {OfPair} */
const kl = (mp, sp, mq, sq) => Math.log(sq / sp) + (sp * sp + (mp - mq) ** 2) / (2 * sq * sq) - 0.5;

/** @type {AtX} log p(x) − log q(x): a parabola, finite where both densities have long become 0 */
const logRatio = (x, mp, sp, mq, sq) => Math.log(sq / sp) + 0.5 * ((x - mq) / sq) ** 2 - 0.5 * ((x - mp) / sp) ** 2;

/** @type {AtX} */
const integrand = (x, mp, sp, mq, sq) => density(x, mp, sp) * logRatio(x, mp, sp, mq, sq);

/** @type {OfPair} the standard deviation of log p/q under p */
const spread = (mp, sp, mq, sq) =>
  Math.hypot((sp * sp) / (sq * sq) - 1, (Math.SQRT2 * sp * (mp - mq)) / (sq * sq)) / Math.SQRT2;

let drawn = { seed: -1, z: new Float64Array() };
/** @param {number} seed */
const normals = (seed) => {
  if (drawn.seed !== seed) drawn = { seed, z: Float64Array.from({ length: COUNT }, rng(seed).normal) };
  return drawn.z;
};

/**
 * The mean of log p/q over the first samples of p, and its standard error (NaN for one sample), at about 40 counts a
 * decade.
 * @param {number} seed
 * @param {number} samples
 * @param {[mp: number, sp: number, mq: number, sq: number]} pair
 */
const running = (seed, samples, ...pair) => {
  const z = normals(seed);
  const [mp, sp] = pair;
  const out = {
    at: /** @type {number[]} */ ([]),
    mean: /** @type {number[]} */ ([]),
    error: /** @type {number[]} */ ([]),
  };
  for (let i = 0, next = 1, mean = 0, squares = 0; i < samples; i++) {
    const value = logRatio(mp + sp * z[i], ...pair);
    const step = value - mean;
    mean += step / (i + 1);
    squares += step * (value - mean);
    if (i + 1 < next && i + 1 < samples) continue;
    out.at.push(i + 1);
    out.mean.push(mean);
    out.error.push(i ? Math.sqrt(squares / i / (i + 1)) : Number.NaN);
    next = Math.max(i + 2, Math.round((i + 1) * 1.06));
  }
  return out;
};

/**
 * The next of a few round numbers, so that axes move in few steps.
 * @param {number} v
 */
const round = (v) => {
  const power = 10 ** Math.floor(Math.log10(v));
  return power * ([1, 1.5, 2, 3, 4, 6, 8].find((k) => k * power >= v * 0.999999) || 10);
};

const VIEWS = ["asymmetry", "Monte Carlo", "triangle"];
const NAMES = ["p", "q", "r"];
const HUES = ["blue", "orange", "green"];
const MEAN = { min: -2.5, max: 2.5, step: 0.05 };
const WIDTH = { min: 0.4, max: 1.6, step: 0.05 };
const GRID = linspace(-6, 6, 145);

/** @type {(f: Stage, name: string) => Normal} */
const normal = (f, name) => [f.get(`${name}_mean`), f.get(`${name}_width`)];

/**
 * Panes in one place, of which one is seen: the room stays the same.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function panes(f, parent) {
  const all = VIEWS.map(() => h("div", { style: "grid-area:1/1;min-width:0" }));
  parent.append(h("div", { style: "display:grid" }, ...all));
  f.draw(["view"], () => {
    all.forEach((pane, i) => {
      pane.style.visibility = VIEWS[i] === f.get("view") ? "" : "hidden";
    });
  });
  return all;
}

/**
 * The densities, a hand on the mean and on the width of each; r is seen where it counts.
 * @param {Stage} f
 */
function densities(f) {
  const plot = f.plot({
    name: "densities",
    label: "The densities",
    height: 210,
    x: [-6, 6],
    y: [0, 1.05],
    yticks: [0, 0.5, 1],
    ylabel: "density",
    margin: { left: 44 },
  });
  NAMES.forEach((name, i) => {
    const hue = HUES[i];
    const fill = plot.area({ name, hue, opacity: 0.08 });
    const line = plot.line({ name, hue });
    const word = plot.text({ name, hue, anchor: "middle", dx: 0, dy: -14 });
    const peak = plot.handle({ label: `mean of ${name}`, hue, x: { trait: `${name}_mean`, ...MEAN } });
    const offset = () => f.get(`${name}_mean`);
    const width = { trait: `${name}_width`, ...WIDTH, offset };
    const side = plot.handle({ label: `width of ${name}`, hue, r: 5, x: width });
    f.draw(["view", `${name}_mean`, `${name}_width`], () => {
      const [m, s] = normal(f, name);
      const ys = GRID.map((x) => density(x, m, s));
      const seen = i < 2 || f.get("view") === "triangle";
      for (const { el } of [fill, line, word, peak, side]) el.style.visibility = seen ? "" : "hidden";
      fill.set(GRID, ys);
      line.set(GRID, ys);
      word.set(m, density(m, m, s), name);
      peak.set(m, density(m, m, s));
      side.set(m + s, density(m + s, m, s));
    });
  });
}

/**
 * What each x adds to KL(p‖q) and to KL(q‖p); what is said of it.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function asymmetry(f, parent) {
  const plot = f.plot({
    name: "integrands",
    label: "The integrands",
    parent,
    height: 210,
    x: [-6, 6],
    y: [-1, 1],
    xlabel: "x",
    ylabel: "what each x adds to KL, nats per unit of x",
    margin: { left: 44 },
  });
  const zero = plot.rule({ name: "zero", dash: null });
  const sides = ["p·log(p/q)", "q·log(q/p)"].map((name, i) => ({
    name,
    area: plot.area({ name, hue: HUES[i], opacity: 0.22 }),
    line: plot.line({ name, hue: HUES[i], width: 1.5 }),
    text: plot.text({ name, hue: HUES[i], anchor: "middle", dx: 0, dy: -8 }),
  }));
  /** The words at the tops; where they would cover each other, the higher ones stand a line above the others.
   * @param {Float64Array[]} values
   * @param {number[]} areas
   */
  const label = (values, areas) => {
    const tops = values.map((ys) => Math.max(...ys));
    const at = values.map((ys, i) => GRID[ys.indexOf(tops[i])]);
    const line = (18 * (plot.y[1] - plot.y[0])) / plot.inner.height;
    const [high, low] = tops[0] > tops[1] ? [0, 1] : [1, 0];
    const near = Math.abs(plot.X(at[0]) - plot.X(at[1])) < 150 && tops[high] - tops[low] < line;
    sides.forEach(({ name, text }, i) => {
      const x = clamp(at[i], -6 + 960 / plot.width, 6 - 960 / plot.width);
      text.set(x, near && i === high ? tops[low] + line : tops[i], `${name}, area ${fmt(areas[i])}`);
    });
  };
  /** @type {(p: Normal, q: Normal) => string} */
  return (p, q) => {
    const areas = [kl(...p, ...q), kl(...q, ...p)];
    const values = [GRID.map((x) => integrand(x, ...p, ...q)), GRID.map((x) => integrand(x, ...q, ...p))];
    const [low, high] = [Math.min, Math.max].map((end) => end(...values[0], ...values[1]));
    plot.limits({ y: [-round(Math.max(-low, 0.05)), round(1.25 * Math.max(high, 0.08))] });
    zero.y(0);
    sides.forEach(({ area, line }, i) => {
      area.set(GRID, values[i]);
      line.set(GRID, values[i]);
    });
    label(values, areas);
    const [forward, backward] = areas.map((v) => fmt(v));
    if (p[1] === q[1]) return `With equal widths, and only then, both directions come to the same: ${forward} nats.`;
    const [wide, narrow] = q[1] > p[1] ? ["q", "p"] : ["p", "q"];
    return (
      `Weighted by p, the log-ratio adds up to ${forward} nats; weighted by q, to ${backward}. ` +
      `KL(${wide}‖${narrow}) is dearer: ${wide}, the wider, has mass where ${narrow} has little.`
    );
  };
}

/**
 * The estimate over the number of samples; what is said of it.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function monteCarlo(f, parent) {
  const plot = f.plot({
    name: "estimate",
    label: "The Monte Carlo estimate over the number of samples",
    parent,
    height: 210,
    xscale: "log",
    x: [1, COUNT],
    y: [0, 1],
    xformat: thousands,
    xlabel: "samples from p",
    ylabel: "mean of log p(x)/q(x), nats",
    margin: { right: 84, left: 48 },
  });
  const exact = plot.rule({ name: "exact", hue: "ink" });
  const band = plot.area({ name: "standard error", hue: "blue" });
  const path = plot.line({ name: "estimate", hue: "blue", width: 1.5 });
  const now = plot.dot({ name: "estimate", hue: "blue" });
  const end = plot.ends([["exact", "ink"]]);
  const words = plot.text({ name: "estimate", hue: "blue", dx: 8, dy: -12 });
  /** @type {(p: Normal, q: Normal) => string} */
  return (p, q) => {
    const forward = kl(...p, ...q);
    const { at, mean, error } = running(f.get("seed"), f.get("samples"), ...p, ...q);
    const last = at.length - 1;
    const half = round(Math.max(0.01, spread(...p, ...q)));
    plot.limits({ y: [forward - half, forward + half] });
    exact.y(forward);
    end.set([forward]);
    const [high, low] = [1, -1].map((sign) => mean.map((v, i) => v + sign * (error[i] || 0)));
    band.set(at, high, low);
    path.set(at, mean);
    now.set(at[last], mean[last]);
    /** @param {number} digits */
    const estimate = (digits) => `${fmt(mean[last], digits)}${last ? ` ± ${fmt(error[last], digits)}` : ""}`;
    words.set(at[last], mean[last], estimate(2));
    const off = Math.abs(mean[last] - forward) / error[last];
    return (
      `Over ${thousands(at[last])} sample${last ? "s" : ""} from p, log p(x)/q(x) has the mean ${estimate(3)} nats; ` +
      `exact is ${fmt(forward, 3)}${off > 0 ? `, ${fmt(off, 1)} standard errors away` : ""}.`
    );
  };
}

/**
 * KL(p‖r) against the sum of KL(p‖q) and KL(q‖r), as bars; what is said of it.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function triangle(f, parent) {
  const plot = f.plot({
    name: "triangle",
    label: "KL(p‖r) against the sum of KL(p‖q) and KL(q‖r)",
    parent,
    height: 210,
    x: [0, 1],
    y: [0, 1],
    yticks: [],
    xlabel: "nats",
    ylabel: " ",
    margin: { left: 2 },
  });
  const strip = plot.area({ name: "KL(p‖r)", hue: "green", opacity: 0.75 });
  const first = plot.area({ name: "KL(p‖q)", hue: "blue", opacity: 0.75 });
  const then = plot.area({ name: "KL(q‖r)", hue: "orange", opacity: 0.75 });
  const [above, below] = ["direct", "detour"].map((name) => plot.text({ name, dx: 2 }));
  /** @type {(p: Normal, q: Normal, r: Normal) => string} */
  return (p, q, r) => {
    const [direct, forward, second] = [kl(...p, ...r), kl(...p, ...q), kl(...q, ...r)];
    const detour = forward + second;
    plot.limits({ x: [0, round(Math.max(direct, detour, 0.05))] });
    strip.set([0, direct], [0.8, 0.8], 0.6);
    first.set([0, forward], [0.1 + 0.2, 0.1 + 0.2], 0.1);
    then.set([forward, detour], [0.1 + 0.2, 0.1 + 0.2], 0.1);
    above.set(0, 0.8, `straight from p to r: ${fmt(direct)}`);
    below.set(0, 0.3, `by way of q: ${fmt(forward)} + ${fmt(second)} = ${fmt(detour)}`);
    const [one, other] = [`KL(p‖r) = ${fmt(direct)}`, `KL(p‖q) + KL(q‖r) = ${fmt(detour)} nats`];
    return direct > detour
      ? `${one} is more than ${other}: the triangle inequality fails, so KL is no distance.`
      : `${one} is no more than ${other}: here the triangle inequality holds. A distance would keep it everywhere.`;
  };
}

/**
 * Sliders of p and of q, and beside them what a view needs.
 * @param {Stage} f
 */
function controls(f) {
  const row = f.row(["1fr", "1fr", "1fr"], f.controls);
  /** @type {HTMLElement} */ (row[0].parentElement).style.flex = "1 1 100%";
  const [swap, sampling, third] = panes(f, row[2]);
  NAMES.forEach((name, i) => {
    const place = { hue: HUES[i], parent: i < 2 ? row[i] : third };
    f.slider({ trait: `${name}_mean`, label: `mean of ${name}`, ...MEAN, ...place });
    f.slider({ trait: `${name}_width`, label: `width of ${name}`, ...WIDTH, ...place });
  });
  const exchange = () => {
    const [[p_mean, p_width], [q_mean, q_width]] = [normal(f, "q"), normal(f, "p")];
    f.set({ p_mean, p_width, q_mean, q_width });
  };
  f.button({ label: "Swap p and q", parent: swap, onclick: exchange });
  const values = [1, 10, 100, 1000].flatMap((k) => [1, 2, 3, 5, 7].map((v) => v * k)).concat(COUNT);
  f.slider({ trait: "samples", label: "samples", values, format: thousands, hue: "blue", parent: sampling });
  f.button({ label: "New samples", parent: sampling, onclick: () => f.set("seed", f.get("seed") + 1) });
  f.reset("seed");
}

export default define({
  math: { kl, integrand, spread, running, normals },
  render(f) {
    densities(f);
    f.choice({
      trait: "view",
      label: "show",
      labelled: false, // the three words speak for themselves, and fit on a phone
      options: VIEWS.map((view) => [view, view]),
      parent: f.body,
    });
    const [one, two, three] = panes(f, f.body);
    const draw = [asymmetry(f, one), monteCarlo(f, two), triangle(f, three)];
    controls(f);
    const show = f.numbers([
      ["KL(p‖q)", "blue"],
      ["KL(q‖p)", "orange"],
    ]);
    const say = f.readout();
    f.draw(["view", "samples", "seed", ...NAMES.flatMap((name) => [`${name}_mean`, `${name}_width`])], () => {
      const [p, q, r] = NAMES.map((name) => normal(f, name));
      show(`${fmt(kl(...p, ...q), 3)} nats`, `${fmt(kl(...q, ...p), 3)} nats`);
      say(draw[VIEWS.indexOf(f.get("view"))](p, q, r));
    });
  },
});
