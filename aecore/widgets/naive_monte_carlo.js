// log p(x) of x = W z + noise by samples from the prior: the running estimate, and which samples the sum is made of.
const MOST = 100000, BINS = 44;

/** What all samples share: the Gram matrix of W (lower triangle, off-diagonal entries doubled), Wᵀx, and the exact log p(x). */
const prepare = (weights, x, sigma) => {
  const D = x.length, d = weights.length / D, gram = new Float64Array(d * d), b = new Float64Array(d), variance = sigma * sigma;
  let xx = 0, logdet = 0, explained = 0;
  for (let k = 0; k < D; k++) {
    xx += x[k] * x[k];
    for (let i = 0; i < d; i++) {
      b[i] += weights[k * d + i] * x[k];
      for (let j = 0; j <= i; j++) gram[i * d + j] += weights[k * d + i] * weights[k * d + j] * (i === j ? 1 : 2);
    }
  }
  const L = new Float64Array(d * d), u = new Float64Array(d); // Cholesky factor of I + WᵀW/σ², and L u = Wᵀx/σ²
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
  const constant = -0.5 * D * Math.log(2 * Math.PI * variance);
  // the mean and spread of log p(x|z) over the prior, for the histogram's range
  let trace = 0, square = 0, cross = 0;
  for (let i = 0; i < d; i++) {
    trace += gram[i * d + i];
    cross += b[i] * b[i];
    for (let j = 0; j <= i; j++) square += gram[i * d + j] ** 2 / (i === j ? 1 : 2);
  }
  const typical = constant - (xx + trace) / (2 * variance), spread = Math.sqrt(4 * cross + 2 * square) / (2 * variance);
  return { d, gram, b, xx, variance, constant, typical, spread, exact: constant - 0.5 * (logdet + xx / variance - explained) };
};
const exact = (weights, x, sigma) => prepare(weights, x, sigma).exact;
/** log p(x|z) = constant − |x − W z|² / 2σ² */
const logLikelihood = ({ d, gram, b, xx, variance, constant }, z) => {
  let distance = xx;
  for (let i = 0, row = 0; i < d; i++, row += d) {
    let sum = -2 * b[i];
    for (let j = 0; j <= i; j++) sum += gram[row + j] * z[j];
    distance += z[i] * sum;
  }
  return constant - distance / (2 * variance);
};
/** How many of the largest exp(value) make up 99 % of the sum. Only those within a factor 100 n of the largest can. */
const carriers = (values) => {
  let most = -Infinity, sum = 0, part = 0, count = 0;
  for (const v of values) most = Math.max(most, v);
  const near = Float64Array.from(values.filter((v) => v > most - Math.log(100 * values.length))).sort();
  for (const v of values) sum += Math.exp(v - most);
  while (count < near.length && part < 0.99 * sum) part += Math.exp(near[near.length - ++count] - most);
  return count;
};

/** Samples of one model and seed, drawn as far as anyone has asked: log p(x|z), and the log of its running mean. */
const chain = (model, seed) => {
  const { normal } = ae.rng(seed), z = new Float64Array(model.d), values = new Float64Array(MOST), running = new Float64Array(MOST);
  let drawn = 0, most = -Infinity, sum = 0;
  const extend = (n) => {
    for (; drawn < n; drawn++) {
      for (let i = 0; i < z.length; i++) z[i] = normal();
      const v = logLikelihood(model, z);
      if (v > most) { sum = sum * Math.exp(most - v) + 1; most = v; } else sum += Math.exp(v - most);
      values[drawn] = v;
      running[drawn] = most + Math.log(sum / (drawn + 1));
    }
  };
  const low = 10 * Math.floor((model.typical - 3 * model.spread) / Math.LN10 / 10), high = 5 * Math.ceil(model.constant / Math.LN10 / 5);
  const edges = ae.linspace(low, Math.max(high, 0), BINS + 1), kept = new Map();
  /** Of the first n: each bin's share of the samples and of the sum, and how many carry it; kept, so that a slider is quick. */
  const summary = (n) => {
    extend(n);
    if (kept.has(n)) return kept.get(n);
    const samples = new Float64Array(BINS), parts = new Float64Array(BINS), first = values.subarray(0, n);
    for (const v of first) {
      const bin = ae.clamp(Math.floor(((v / Math.LN10 - low) / (edges[BINS] - low)) * BINS), 0, BINS - 1);
      samples[bin] += 1 / n;
      parts[bin] += Math.exp(v - running[n - 1]) / n;
    }
    kept.set(n, { samples, parts, carriers: carriers(first) });
    return kept.get(n);
  };
  return { model, values, running, edges, extend, summary, get drawn() { return drawn; } };
};

const superscript = (n) => String(n).replace(/\d/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]);
const times = (nats) => (nats < Math.log(9.5) ? ae.fmt(Math.exp(nats), 1) : nats < Math.log(9999.5) ? Math.round(Math.exp(nats)).toLocaleString("en") : `10${superscript(Math.round(nats / Math.LN10))}`);

export default ae.define({
  math: {
    exact,
    carriers,
    logLikelihood: (weights, x, sigma, z) => logLikelihood(prepare(weights, x, sigma), z),
    moments: (weights, x, sigma) => { const { typical, spread } = prepare(weights, x, sigma); return [typical, spread]; },
    running: (weights, x, sigma, seed, n) => { const c = chain(prepare(weights, x, sigma), seed); c.extend(n); return c.running.slice(0, n); },
    summary: (weights, x, sigma, seed, n) => { const c = chain(prepare(weights, x, sigma), seed), { samples, parts, carriers } = c.summary(n); return [c.edges, samples, parts, carriers]; },
  },
  render(f) {
    let chains = {}, stamp = "";
    const of = (dimension) => {
      const model = f.get("model"), sigma = f.get("sigma"), seed = f.get("seed"), now = `${sigma} ${seed}`;
      if (stamp !== now) [stamp, chains] = [now, {}];
      if (!chains[dimension]) {
        const numbers = ae.floats(model.data), total = model.sizes.reduce((sum, [D, d]) => sum + D * (d + 1), 0);
        if (numbers.length !== total) throw new Error(`model: got ${numbers.length} numbers, the sizes take ${total}`);
        let at = 0;
        for (const [D, d] of model.sizes) {
          if (d === dimension) chains[d] = chain(prepare(numbers.subarray(at, at + D * d), numbers.subarray(at + D * d, at + D * (d + 1)), sigma), seed);
          at += D * (d + 1);
        }
        if (!chains[dimension]) throw new Error(`dimension: got ${dimension}, takes one of the model's`);
      }
      return chains[dimension];
    };
    const dimensions = f.get("model").sizes.map(([, d]) => d);

    const [left, right] = f.row(["1.25fr", "1fr"]), thousands = (v) => v.toLocaleString("en");
    const path = f.plot({ parent: left, height: 290, x: [0, 5], y: [-1, 0], xticks: [0, 1, 2, 3, 4, 5], xformat: (v) => thousands(10 ** v), margin: { left: 40, right: 56 }, xlabel: "samples from the prior", ylabel: "log p(x), nats", label: "The estimate of log p(x) over the number of samples" });
    const truth = path.rule({ hue: "ink" }), name = path.ends([["exact", "ink"]]), gap = path.line({ hue: "muted", width: 1 }), line = path.line({ hue: "blue", width: 1.75 });
    const now = path.dot({ hue: "blue" }), off = path.text({ hue: "blue", dx: 8, dy: 4 });
    const shares = { parent: right, x: [-1, 0], margin: { left: 40 } };
    const all = f.plot({ ...shares, height: 128, y: [0, 1], ylabel: "share of the samples", yformat: (v) => `${Math.round(100 * v)} %`, label: "Histogram of log10 p(x|z): share of the samples" });
    const sum = f.plot({ ...shares, height: 162, y: [0, 1], yticks: [0, 0.5, 1], ylabel: "share of their sum", yformat: (v) => `${Math.round(100 * v)} %`, xlabel: "log₁₀ p(x|z)", label: "Histogram of log10 p(x|z): share of the sum" });
    const counts = all.bars({ hue: "blue" }), parts = sum.bars({ hue: "orange" });

    f.slider({ trait: "samples", label: "samples", hue: "blue", values: [1, 10, 100, 1000, 10000].flatMap((k) => [1, 2, 3, 5, 7].map((v) => v * k)).concat(MOST), format: thousands });
    f.slider({ trait: "dimension", label: "dimension of z", values: dimensions, format: (v) => String(v) });
    f.button({ label: "New samples", onclick: () => f.set("seed", f.get("seed") + 1) });
    f.reset("seed");
    const show = f.numbers([["estimate of log p(x)", "blue"], ["exact", "ink"], ["samples that carry 99 % of the sum", "orange"]]), say = f.readout();

    f.draw(["samples", "dimension", "seed", "sigma", "model"], () => {
      const n = f.get("samples"), dimension = f.get("dimension"), c = of(dimension), { samples, parts: weight, carriers: k } = c.summary(n);
      const goal = c.model.exact, value = c.running[n - 1], error = value - goal, reach = 20 + 2 * dimension;
      path.y = [goal - reach, goal + reach / 5];
      all.x = sum.x = [c.edges[0], c.edges[BINS]];
      all.y = [0, [0.1, 0.2, 0.5, 1].find((v) => v >= Math.max(...samples) - 1e-9)];
      for (const plot of [path, all, sum]) plot.scales();
      const at = [];
      for (let i = 1; i <= n; i = Math.max(i + 1, Math.round(i * 1.03))) at.push(i);
      if (at.at(-1) < n) at.push(n);
      truth.y(goal);
      name.set([goal]);
      line.set(at.map(Math.log10), at.map((i) => c.running[i - 1]));
      gap.set([Math.log10(n), Math.log10(n)], [value, goal]);
      now.set(Math.log10(n), value);
      const words = `${ae.fmt(Math.abs(error), 1)} nats ${error < 0 ? "short" : "over"}`, right = n > 3000;
      off.el.setAttribute("text-anchor", right ? "end" : "start");
      off.set(Math.log10(n) - (right ? (16 * 5) / path.inner.width : 0), ae.clamp(goal + error / 2, goal - reach + reach / 10, goal), Math.abs(error) < reach / 20 ? "" : words);
      counts.set(c.edges, samples);
      parts.set(c.edges, weight);
      show(`${ae.fmt(value)} nats`, `${ae.fmt(goal)} nats`, `${thousands(k)} of ${thousands(n)}`);
      const size = Math.abs(error) < 0.095 ? `within ${ae.fmt(Math.ceil(Math.abs(error) * 100 + 1e-9) / 100)} nats of the exact value`
        : `${ae.fmt(Math.abs(error), 1)} nats too ${error < 0 ? "low" : "high"}: p(x) comes out ${times(Math.abs(error))} times too ${error < 0 ? "small" : "large"}`;
      say(`In ${dimension} dimension${dimension > 1 ? "s" : ""}, ${thousands(k)} of ${thousands(n)} sample${n > 1 ? "s carry" : " carries"} 99 % of the sum. The estimate is ${size}.`);
    });

    // Once the reader is here, the rest is drawn ahead, a few milliseconds at a time: no slider has to wait for it.
    let timer;
    const ahead = () => {
      const end = performance.now() + 4, next = [f.get("dimension"), ...dimensions].map(of).find((c) => c.drawn < MOST);
      while (next && next.drawn < MOST && performance.now() < end) next.extend(Math.min(MOST, next.drawn + 250));
      timer = setTimeout(ahead, next ? 0 : 500);
    };
    const begin = () => { timer ??= setTimeout(ahead, 0); };
    for (const kind of ["pointerenter", "focusin"]) f.root.addEventListener(kind, begin);
    f.ends.push(() => clearTimeout(timer));
  },
});
