// log p(x) of x = W z + noise by samples from the prior: the running estimate, and which samples the sum is made of.
import { ofLength, placeOf } from "./kit/checks.js";
import { define } from "./kit/define.js";
import { clamp, floats, fmt, linspace, rng, thousands } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */
/** @typedef {import("./kit/plot.js").Plot} Plot */
/** @typedef {import("./kit/plot.js").PlotOptions} PlotOptions */

const MOST = 100000;
const BINS = 44;

/**
 * log det(I + WᵀW/σ²), and what of |x|²/σ² the codes explain, xᵀW(I + WᵀW/σ²)⁻¹Wᵀx/σ⁴: by Cholesky's factor L.
 * @type {(d: number, gram: Numbers, b: Numbers, variance: number) => [logdet: number, explained: number]}
 */
function factored(d, gram, b, variance) {
  const L = new Float64Array(d * d);
  const u = new Float64Array(d); // L u = Wᵀx/σ²
  let [logdet, explained] = [0, 0];
  for (let i = 0; i < d; i++) {
    let rest = b[i] / variance;
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 1 + gram[i * d + i] / variance : gram[i * d + j] / (2 * variance);
      for (let k = 0; k < j; k++) sum -= L[i * d + k] * L[j * d + k];
      L[i * d + j] = i === j ? Math.sqrt(sum) : sum / L[j * d + j];
      if (j < i) rest -= L[i * d + j] * u[j];
    }
    u[i] = rest / L[i * d + i];
    logdet += 2 * Math.log(L[i * d + i]);
    explained += u[i] * u[i];
  }
  return [logdet, explained];
}

/**
 * What all samples share: the Gram matrix of W (lower triangle, off-diagonal entries doubled), Wᵀx, the exact
 * log p(x), and the mean and spread of log p(x|z) over the prior.
 * @param {Numbers} weights of shape (D, d), row by row
 * @param {Numbers} x
 * @param {number} sigma
 */
function prepare(weights, x, sigma) {
  const D = x.length;
  const d = weights.length / D;
  const gram = new Float64Array(d * d);
  const b = new Float64Array(d);
  const variance = sigma * sigma;
  let xx = 0;
  for (let k = 0; k < D; k++) {
    xx += x[k] * x[k];
    for (let i = 0; i < d; i++) {
      b[i] += weights[k * d + i] * x[k];
      for (let j = 0; j <= i; j++) gram[i * d + j] += weights[k * d + i] * weights[k * d + j] * (i === j ? 1 : 2);
    }
  }
  const [logdet, explained] = factored(d, gram, b, variance);
  const constant = -0.5 * D * Math.log(2 * Math.PI * variance);
  let [trace, square, cross] = [0, 0, 0];
  for (let i = 0; i < d; i++) {
    trace += gram[i * d + i];
    cross += b[i] * b[i];
    for (let j = 0; j <= i; j++) square += gram[i * d + j] ** 2 / (i === j ? 1 : 2);
  }
  const typical = constant - (xx + trace) / (2 * variance);
  const spread = Math.sqrt(4 * cross + 2 * square) / (2 * variance);
  const exact = constant - 0.5 * (logdet + xx / variance - explained);
  return { d, gram, b, xx, variance, constant, typical, spread, exact };
}
/** @typedef {ReturnType<typeof prepare>} Model */

/**
 * log p(x|z) = constant − |x − W z|² / 2σ²
 * @type {(model: Model, z: Numbers) => number}
 */
const logLikelihood = ({ d, gram, b, xx, variance, constant }, z) => {
  let distance = xx;
  for (let i = 0, row = 0; i < d; i++, row += d) {
    let sum = -2 * b[i];
    for (let j = 0; j <= i; j++) sum += gram[row + j] * z[j];
    distance += z[i] * sum;
  }
  return constant - distance / (2 * variance);
};

/**
 * How many of the largest exp(value) make up 99 % of the sum. Only those within a factor 100 n of the largest can.
 * @param {Numbers} values
 */
function carriers(values) {
  let [most, sum, part, count] = [-Infinity, 0, 0, 0];
  for (const v of values) most = Math.max(most, v);
  const near = Float64Array.from(values)
    .filter((v) => v > most - Math.log(100 * values.length))
    .sort();
  for (const v of values) sum += Math.exp(v - most);
  while (count < near.length && part < 0.99 * sum) part += Math.exp(near[near.length - ++count] - most);
  return count;
}

/** Samples of one model and seed, drawn as far as anyone has asked: log p(x|z), and the log of its running mean. */
class Chain {
  /**
   * @param {Model} model
   * @param {number} seed
   */
  constructor(model, seed) {
    this.model = model;
    this.normal = rng(seed).normal;
    this.values = new Float64Array(MOST);
    this.running = new Float64Array(MOST);
    this.drawn = 0;
    this.most = -Infinity;
    this.sum = 0; // of exp(value − most)
    const low = 10 * Math.floor((model.typical - 3 * model.spread) / Math.LN10 / 10);
    const high = 5 * Math.ceil(model.constant / Math.LN10 / 5);
    this.edges = linspace(low, Math.max(high, 0), BINS + 1);
    /** @type {Map<number, { samples: Float64Array, parts: Float64Array, carriers: number }>} */
    this.kept = new Map();
  }

  /**
   * Draw on, up to n samples.
   * @param {number} n
   */
  extend(n) {
    const z = new Float64Array(this.model.d);
    for (; this.drawn < n; this.drawn++) {
      for (let i = 0; i < z.length; i++) z[i] = this.normal();
      const v = logLikelihood(this.model, z);
      if (v > this.most) {
        this.sum = this.sum * Math.exp(this.most - v) + 1;
        this.most = v;
      } else this.sum += Math.exp(v - this.most);
      this.values[this.drawn] = v;
      this.running[this.drawn] = this.most + Math.log(this.sum / (this.drawn + 1));
    }
  }

  /**
   * Of the first n: each bin's share of the samples and of the sum, and how many carry it; kept, so that a slider is
   * quick.
   * @param {number} n
   */
  summary(n) {
    this.extend(n);
    let found = this.kept.get(n);
    if (found) return found;
    const samples = new Float64Array(BINS);
    const parts = new Float64Array(BINS);
    const first = this.values.subarray(0, n);
    const [low, high] = [this.edges[0], this.edges[BINS]];
    for (const v of first) {
      const bin = clamp(Math.floor(((v / Math.LN10 - low) / (high - low)) * BINS), 0, BINS - 1);
      samples[bin] += 1 / n;
      parts[bin] += Math.exp(v - this.running[n - 1]) / n;
    }
    found = { samples, parts, carriers: carriers(first) };
    this.kept.set(n, found);
    return found;
  }
}

/** @param {number} nats of a factor, in words */
function times(nats) {
  if (nats < Math.log(9.5)) return fmt(Math.exp(nats), 1);
  if (nats < Math.log(9999.5)) return thousands(Math.round(Math.exp(nats)));
  return `10${String(Math.round(nats / Math.LN10)).replace(/\d/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])}`;
}

/**
 * The chain of a dimension, begun anew when the model, σ or the seed changes.
 * @param {Stage} f
 */
function chains(f) {
  /** @type {any[]} */
  let of = [];
  /** @type {Map<number, Chain>} */
  let known = new Map();
  /** @param {number} dimension */
  return (dimension) => {
    const now = ["model", "sigma", "seed"].map((name) => f.get(name));
    if (now.some((value, i) => value !== of[i])) known = new Map();
    of = now;
    const [, sigma, seed] = now;
    const chain = known.get(dimension) || new Chain(prepare(...given(f, dimension), sigma), seed);
    known.set(dimension, chain);
    return chain;
  };
}

/** @type {(f: Stage, dimension: number) => [weights: Float32Array, x: Float32Array]} */
function given(f, dimension) {
  const { data, sizes } = /** @type {{ data: DataView, sizes: [D: number, d: number][] }} */ (f.get("model"));
  const numbers = floats(data);
  const total = sizes.reduce((all, [D, d]) => all + D * (d + 1), 0);
  ofLength("model", numbers.length, total);
  const dimensions = sizes.map(([, d]) => d);
  const which = placeOf("dimension", dimension, dimensions);
  const at = sizes.slice(0, which).reduce((all, [D, d]) => all + D * (d + 1), 0);
  const [D, d] = sizes[which];
  return [numbers.subarray(at, at + D * d), numbers.subarray(at + D * d, at + D * (d + 1))];
}

/**
 * The estimate over the number of samples.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function estimate(f, parent) {
  const plot = f.plot({
    name: "estimate",
    label: "The estimate of log p(x) over the number of samples",
    parent,
    height: 290,
    xscale: "log",
    x: [1, MOST],
    y: [-1, 0],
    xformat: thousands,
    xlabel: "samples from the prior",
    ylabel: "log p(x), nats",
    margin: { left: 40, right: 56 },
  });
  const truth = plot.rule({ name: "exact", hue: "ink" });
  const name = plot.ends([["exact", "ink"]]);
  const gap = plot.line({ name: "gap", hue: "muted", width: 1 });
  const line = plot.line({ name: "estimate", hue: "blue", width: 1.75 });
  const now = plot.dot({ name: "estimate", hue: "blue" });
  const off = plot.text({ name: "gap", hue: "blue", dx: 8, dy: 4, inside: "flip" });
  /** @type {(chain: Chain, n: number) => void} */
  return ({ model, running }, n) => {
    const [goal, value, reach] = [model.exact, running[n - 1], 20 + 2 * model.d];
    const error = value - goal;
    plot.limits({ y: [goal - reach, goal + reach / 5] });
    truth.y(goal);
    name.set([goal]);
    const at = [];
    for (let i = 1; i < n; i = Math.max(i + 1, Math.round(i * 1.03))) at.push(i);
    at.push(n);
    line.set(
      at,
      at.map((i) => running[i - 1]),
    );
    gap.set([n, n], [value, goal]);
    now.set(n, value);
    const words = `${fmt(Math.abs(error), 1)} nats ${error < 0 ? "short" : "over"}`;
    const middle = clamp(goal + error / 2, goal - reach + reach / 10, goal);
    off.set(n, middle, Math.abs(error) < reach / 20 ? "" : words);
  };
}

/**
 * Two histograms of log₁₀ p(x|z): the shares of the samples, and of their sum.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function histograms(f, parent) {
  /** @type {(name: string, words: string, options: Partial<PlotOptions>) => Plot} */
  const histogram = (name, words, options) => {
    const label = `Histogram of log10 p(x|z): ${words}`;
    const percent = (/** @type {number} */ v) => `${Math.round(100 * v)} %`;
    const fixed = { name, label, parent, yformat: percent, margin: { left: 40 } };
    return f.plot({ ...fixed, x: [-1, 0], y: [0, 1], ylabel: words, ...options });
  };
  const all = histogram("samples", "share of the samples", { height: 128 });
  const sum = histogram("sum", "share of their sum", { height: 162, yticks: [0, 0.5, 1], xlabel: "log₁₀ p(x|z)" });
  const counts = all.bars({ name: "samples", hue: "blue" });
  const weights = sum.bars({ name: "sum", hue: "orange" });
  /** @type {(chain: Chain, n: number) => void} */
  return (chain, n) => {
    const { samples, parts } = chain.summary(n);
    const x = /** @type {[number, number]} */ ([chain.edges[0], chain.edges[BINS]]);
    all.limits({ x, y: [0, [0.1, 0.2, 0.5].find((v) => v >= Math.max(...samples) - 1e-9) || 1] });
    sum.limits({ x });
    counts.set(chain.edges, samples);
    weights.set(chain.edges, parts);
  };
}

/**
 * Once the reader is here, the rest is drawn ahead, a few milliseconds at a time: no slider has to wait for it.
 * @param {Stage} f
 * @param {() => Chain | undefined} next
 */
function drawAhead(f, next) {
  let timer = 0;
  const ahead = () => {
    const end = performance.now() + 4;
    const chain = next();
    while (chain && chain.drawn < MOST && performance.now() < end) chain.extend(Math.min(MOST, chain.drawn + 250));
    timer = Number(setTimeout(ahead, chain ? 0 : 500));
  };
  const begin = () => {
    timer ||= Number(setTimeout(ahead, 0));
  };
  for (const kind of ["pointerenter", "focusin"]) f.root.addEventListener(kind, begin);
  f.ends.push(() => clearTimeout(timer));
}

export default define({
  math: {
    prepare,
    carriers,
    logLikelihood: (weights, x, sigma, z) => logLikelihood(prepare(weights, x, sigma), z),
    chain: (weights, x, sigma, seed, n) => {
      const chain = new Chain(prepare(weights, x, sigma), seed);
      return { ...chain.summary(n), edges: chain.edges, running: chain.running.slice(0, n) };
    },
  },
  render(f) {
    const of = chains(f);
    const dimensions = /** @type {[D: number, d: number][]} */ (f.get("model").sizes).map(([, d]) => d);
    const [left, right] = f.row(["1.25fr", "1fr"]);
    const draw = [estimate(f, left), histograms(f, right)];
    const counts = [1, 10, 100, 1000, 10000].flatMap((k) => [1, 2, 3, 5, 7].map((v) => v * k)).concat(MOST);
    f.slider({ trait: "samples", label: "samples", hue: "blue", values: counts, format: thousands });
    f.slider({ trait: "dimension", label: "dimension of z", values: dimensions, format: String });
    f.button({ label: "New samples", onclick: () => f.set("seed", f.get("seed") + 1) });
    f.reset("seed");
    const show = f.numbers([
      ["estimate of log p(x)", "blue"],
      ["exact", "ink"],
      ["samples that carry 99 % of the sum", "orange"],
    ]);
    const say = f.readout();
    f.draw(["samples", "dimension", "seed", "sigma", "model"], () => {
      const [n, dimension] = [f.get("samples"), f.get("dimension")];
      const chain = of(dimension);
      const k = chain.summary(n).carriers;
      for (const part of draw) part(chain, n);
      const [value, goal] = [chain.running[n - 1], chain.model.exact];
      show(`${fmt(value)} nats`, `${fmt(goal)} nats`, `${thousands(k)} of ${thousands(n)}`);
      say(inWords(dimension, n, k, value - goal));
    });
    drawAhead(f, () => [f.get("dimension"), ...dimensions].map(of).find(({ drawn }) => drawn < MOST));
  },
});

/** @type {(dimension: number, n: number, carriers: number, error: number) => string} */
function inWords(dimension, n, carriers, error) {
  const off = Math.abs(error);
  const [way, size] = error < 0 ? ["low", "small"] : ["high", "large"];
  const near = `within ${fmt(Math.ceil(off * 100 + 1e-9) / 100)} nats of the exact value`;
  const far = `${fmt(off, 1)} nats too ${way}: p(x) comes out ${times(off)} times too ${size}`;
  return (
    `In ${dimension} dimension${dimension > 1 ? "s" : ""}, ${thousands(carriers)} of ${thousands(n)} ` +
    `sample${n > 1 ? "s carry" : " carries"} 99 % of the sum. The estimate is ${off < 0.095 ? near : far}.`
  );
}
