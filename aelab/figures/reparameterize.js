// z = μ + σ ε with the ε kept, and two estimators of the gradient of E f(z), f(z) = log N(x; a z + b, noise²).
import { define } from "./kit/define.js";
import { clamp, fmt, linspace, rng, sum } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */
/** @typedef {{ a: number, b: number, noise: number, x: number }} Model */
/** @typedef {[mean: number, width: number]} Pair of derivatives */
/** @typedef {(eps: number, mean: number, width: number, model: Model) => Pair} Estimate from one sample */

const COUNT = 1000;

/** @type {(eps: number, mean: number, width: number) => number} */
const place = (eps, mean, width) => mean + width * eps;

/** @type {(z: number, model: Model) => number} */
const value = (z, { a, b, noise, x }) =>
  -0.5 * Math.log(2 * Math.PI) - Math.log(noise) - 0.5 * ((x - a * z - b) / noise) ** 2;

/** @type {(z: number, model: Model) => number} */
const slope = (z, { a, b, noise, x }) => (a * (x - a * z - b)) / noise ** 2;

/** @type {Estimate} */
const pathwise = (eps, mean, width, model) => {
  const g = slope(place(eps, mean, width), model);
  return [g, g * eps];
};

/** @type {Estimate} */
const score = (eps, mean, width, model) => {
  const v = value(place(eps, mean, width), model);
  return [(v * eps) / width, (v * (eps * eps - 1)) / width];
};

/**
 * The gradient they estimate.
 * @type {(mean: number, width: number, model: Model) => Pair}
 */
const exact = (mean, width, { a, b, noise, x }) => [(a * (x - b - a * mean)) / noise ** 2, -((a / noise) ** 2) * width];

/** @type {(values: Numbers) => number} */
const average = (values) => sum(values) / values.length;

/** @type {(values: Numbers) => number} */
const variance = (values) => {
  const middle = average(values);
  let total = 0;
  for (const v of values) total += (v - middle) ** 2;
  return total / (values.length - 1);
};

/** @param {number} seed */
const draws = (seed) => Float64Array.from({ length: COUNT }, rng(seed).normal);

const MEAN = { trait: "mean", min: -2, max: 3, step: 0.01 };
const WIDTH = { trait: "width", min: 0.3, max: 1.5, step: 0.01 };
const MODEL = ["a", "b", "noise", "x"];
const GRID = linspace(-4, 4, 120);
const EDGE = 25; // of the axis of estimates

/** @type {(v: number, mean: number, sd: number) => number} a bell, not normalised to area 1 */
const bell = (v, mean, sd) => Math.exp(-0.5 * ((v - mean) / sd) ** 2) / sd;

/**
 * Straight lines from (x0, y0) to (x1, y1), as one line that NaN interrupts.
 * @param {[x0: number, y0: number, x1: number, y1: number][]} lines
 * @returns {[xs: number[], ys: number[]]}
 */
const strokes = (lines) => [
  lines.flatMap(([x0, , x1]) => [x0, x1, x1]),
  lines.flatMap(([, y0, , y1]) => [y0, y1, Number.NaN]),
];

/**
 * What the traits say: q, the model, and the ε, which only another seed changes.
 * @param {Stage} f
 */
function stateOf(f) {
  let eps = draws(0);
  let from = 0;
  return () => {
    const seed = f.get("seed");
    if (seed !== from) eps = draws(seed);
    from = seed;
    const [m, s, n] = [f.get("mean"), f.get("width"), f.get("samples")];
    /** @type {Model} */
    const model = { a: f.get("a"), b: f.get("b"), noise: f.get("noise"), x: f.get("x") };
    const k = f.get("parameter") === "mean" ? 0 : 1;
    return { m, s, n, model, k, letter: "μσ"[k], eps, z: place(eps[0], m, s) };
  };
}
/** @typedef {ReturnType<ReturnType<typeof stateOf>>} State */

/**
 * The objective over z, with its slopes at the samples.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function objective(f, parent) {
  const plot = f.plot({
    name: "objective",
    label: "The objective f over z, with its slopes at the samples",
    parent,
    height: 172,
    x: [-4, 4],
    y: [-15, 0.5],
    xticks: [],
    yticks: [-15, -10, -5, 0],
    ylabel: "f(z) = log p(x|z), nats",
    margin: { bottom: 0 },
  });
  const q = plot.area({ name: "q", hue: "blue", opacity: 0.12 });
  const curve = plot.line({ name: "objective", hue: "ink", width: 1.5 });
  const rises = plot.line({ name: "samples", hue: "blue", width: 1 });
  const slopes = plot.line({ name: "slopes", hue: "blue", width: 2.5 });
  const rise = plot.line({ name: "first sample", hue: "orange", width: 2.5 });
  const tangent = plot.arrow({ name: "first slope", hue: "orange", width: 2.5 });
  const on = plot.dot({ name: "first sample", hue: "orange", r: 4.5 });
  const word = plot.text({ name: "first slope", hue: "orange", dx: 12, dy: 4, inside: "flip" });
  const low = plot.y[0];
  /** @param {State} state */
  return ({ m, s, n, model, eps, z }) => {
    q.set(
      GRID,
      GRID.map((v) => low + 2.6 * bell(v, m, s)),
      low,
    );
    curve.fn((v) => value(v, model), 120);
    const spots = Array.from(eps.subarray(0, n), (e) => place(e, m, s));
    rises.set(...strokes(spots.map((v) => [v, low, v, value(v, model)])));
    rises.el.setAttribute("opacity", String(Math.min(0.45, 6 / n + 0.05)));
    slopes.set(
      ...strokes(
        spots.map((v) => {
          const [y, g] = [value(v, model), slope(v, model)];
          const half = 0.22 / Math.hypot(1, 0.25 * g);
          return [v - half, y - half * g, v + half, y + half * g];
        }),
      ),
    );
    const [y, g] = [value(z, model), slope(z, model)];
    const step = (0.75 * Math.sign(g)) / Math.hypot(1, 0.25 * g);
    rise.set([z, z], [low, y]);
    on.set(z, y);
    tangent.set(z, y, z + step, y + step * g);
    word.set(z, y, `f′(z) = ${fmt(g)}`, g > 0 ? "end" : "start");
  };
}

/**
 * From each ε below to its z above, and what moves z; the hands on q.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function fan(f, parent) {
  const plot = f.plot({
    name: "fan",
    label: "The fan from each ε below to its z above",
    parent,
    height: 200,
    x: [-4, 4],
    y: [0, 1],
    yticks: [],
    margin: { top: 0 },
  });
  const noise = plot.area({ name: "p(ε)", hue: "muted", opacity: 0.14 });
  const lines = plot.line({ name: "samples", hue: "blue", width: 1 });
  const mine = plot.line({ name: "first sample", hue: "orange", width: 2.5 });
  const byMean = plot.arrow({ name: "∂z/∂μ", hue: "green" });
  const byWidth = plot.arrow({ name: "∂z/∂σ", hue: "purple" });
  const forMean = plot.text({ name: "∂z/∂μ", hue: "green", dx: 8, dy: 4, inside: "flip" });
  const forWidth = plot.text({ name: "∂z/∂σ", hue: "purple", dx: 8, dy: 4, inside: "flip" });
  const below = plot.text({ name: "ε", hue: "muted", dx: 0, dy: 4 });
  const above = plot.text({ name: "z", hue: "blue", dx: 0, dy: 4 });
  const shift = plot.handle({ label: "mean μ", hue: "blue", x: MEAN });
  const offset = () => f.get("mean");
  const spread = plot.handle({ label: "width σ", hue: "blue", r: 5.5, x: { ...WIDTH, offset } });
  /** @param {State} state */
  return ({ m, s, n, eps, z }) => {
    noise.set(
      GRID,
      GRID.map((v) => 0.28 * bell(v, 0, 1)),
    );
    lines.set(...strokes(Array.from(eps.subarray(0, n), (e) => [e, 0, place(e, m, s), 1])));
    lines.el.setAttribute("opacity", String(Math.min(0.7, 12 / n + 0.12)));
    const e = eps[0];
    mine.set([e, z], [0, 1]);
    byMean.set(z, 0.8, z + 1, 0.8);
    byWidth.set(z, 0.6, z + e, 0.6);
    forMean.set(z + 1, 0.8, "∂z/∂μ = 1");
    forWidth.set(z + e, 0.6, `∂z/∂σ = ε = ${fmt(e)}`, e < 0 ? "end" : "start");
    below.set(-4, 0.06, "ε ~ N(0, 1)");
    above.set(-4, 0.93, "z = μ + σε");
    shift.set(m, 1);
    spread.set(m + s, 1);
  };
}

/** @type {{ name: string, hue: string, estimate: Estimate, at: number, of: (letter: string) => string }[]} */
const KINDS = [
  { name: "pathwise", hue: "blue", estimate: pathwise, at: 1.42, of: (letter) => `f′(z) · ∂z/∂${letter}` },
  { name: "score function", hue: "orange", estimate: score, at: 0.42, of: (letter) => `f(z) · ∂log q(z)/∂${letter}` },
];
const JITTER = Array.from({ length: COUNT }, (_, i) => 0.34 * (((i * 0.618034) % 1) - 0.5));

/**
 * The estimates of both kinds from one ε each; their variance and mean are returned.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function estimates(f, parent) {
  const plot = f.plot({
    name: "estimates",
    label: "One-sample estimates of the gradient: pathwise above, score function below",
    parent,
    height: 372,
    x: [-EDGE, EDGE],
    y: [0, 2],
    yticks: [],
    xlabel: "estimates from one ε each",
    ylabel: "gradient for μ",
    margin: { left: 8, right: 8 },
  });
  const truth = plot.rule({ name: "true gradient", hue: "ink", width: 1.5, dash: null });
  const word = plot.text({ name: "true gradient", anchor: "middle", dx: 0, dy: 0 });
  const marks = KINDS.map(({ name, hue }) => ({
    cloud: plot.dots({ name: `all of ${name}`, hue, r: 1.3, opacity: 0.35 }),
    own: plot.dots({ name, hue, r: 2, opacity: 1 }),
    mean: plot.line({ name: `mean of ${name}`, hue, width: 4 }),
    title: plot.text({ name, hue, dx: 2, dy: 0 }),
    about: plot.text({ name: `what ${name} averages`, hue, dx: 2, dy: 16 }),
  }));
  /** @param {State} state */
  return ({ m, s, n, model, k, letter, eps }) => {
    plot.rename({ ylabel: `gradient for ${letter}` });
    const target = exact(m, s, model)[k];
    truth.x(target);
    word.set(clamp(target, -15, 15), 1.96, `true gradient ${fmt(target)}`);
    const found = KINDS.map(({ name, estimate, at, of }, i) => {
      const { cloud, own, mean, title, about } = marks[i];
      const all = Array.from(eps, (e) => estimate(e, m, s, model)[k]);
      const first = all.slice(0, n);
      const heights = JITTER.map((v) => at + v);
      const middle = average(first);
      cloud.set(all, heights);
      own.set(first, heights);
      mean.set([middle, middle], [at - 0.24, at + 0.24]);
      title.set(-EDGE, at + 0.4, name);
      about.set(-EDGE, at + 0.4, of(letter));
      return { variance: variance(all), mean: middle, beyond: all.filter((v) => Math.abs(v) > EDGE).length };
    });
    return { target, found };
  };
}

export default define({
  math: { place, value, slope, pathwise, score, exact, variance, draws },
  render(f) {
    const [left, right] = f.row(["1.2fr", "1fr"]);
    const now = stateOf(f);
    const draw = [objective(f, left), fan(f, left)];
    const estimate = estimates(f, right);
    f.slider({ ...MEAN, label: "mean μ", hue: "blue" });
    f.slider({ ...WIDTH, label: "width σ", hue: "blue" });
    f.slider({ trait: "samples", label: "samples", min: 1, max: 200, step: 1, format: String });
    f.choice({
      trait: "parameter",
      label: "gradient for",
      options: [
        ["mean", "μ"],
        ["width", "σ"],
      ],
    });
    f.button({ label: "Resample", onclick: () => f.set("seed", (f.get("seed") + 1) % 2 ** 31) });
    f.reset("seed", ...MODEL);
    const show = f.numbers([
      ["true gradient", "ink"],
      ["pathwise variance", "blue"],
      ["score-function variance", "orange"],
      ["ratio", "ink"],
    ]);
    const say = f.readout();
    f.draw(["mean", "width", "samples", "parameter", "seed", ...MODEL], () => {
      const state = now();
      for (const part of draw) part(state);
      const { target, found } = estimate(state);
      const [path, score] = found;
      const ratio = score.variance / path.variance;
      const variances = found.map(({ variance }) => fmt(variance));
      show(fmt(target), ...variances, ratio < 1e4 ? `${fmt(ratio, 1)} ×` : "over 10,000 ×");
      const beyond = score.beyond ? ` ${fmt(score.beyond / 10, 1)} % of its estimates lie beyond the axis.` : "";
      say(
        `With ${state.n === 1 ? "this ε" : `these ${state.n} ε`} the gradient for ${state.letter} is ` +
          `${fmt(path.mean)} pathwise and ${fmt(score.mean)} by the score function; ` +
          `the truth is ${fmt(target)}.${beyond}`,
      );
    });
  },
});
