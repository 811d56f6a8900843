// log p(x) = ELBO + KL(q‖p(z|x)) for z ~ N(0, 1), x|z ~ N(a z + b, noise²), and the climb up the ELBO.
import { define } from "./kit/define.js";
import { clamp, fmt, linspace } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/plot.js").Plot} Plot */
/** @typedef {{ a: number, b: number, noise: number, x: number }} Model */
/** @typedef {[mean: number, width: number]} Normal */

const LOG_2PI = Math.log(2 * Math.PI);
/** @type {(v: number, mean: number, sd: number) => number} */
const logNormal = (v, mean, sd) => -0.5 * LOG_2PI - Math.log(sd) - 0.5 * ((v - mean) / sd) ** 2;
/** @type {(v: number, mean: number, sd: number) => number} */
const normal = (v, mean, sd) => Math.exp(logNormal(v, mean, sd));

/**
 * KL(N(m0, s0²) ‖ N(m1, s1²))
 * @type {(m0: number, s0: number, m1: number, s1: number) => number}
 */
const kl = (m0, s0, m1, s1) => Math.log(s1 / s0) + (s0 * s0 + (m0 - m1) ** 2) / (2 * s1 * s1) - 0.5;

/** @type {(model: Model) => Normal} */
const posterior = ({ a, b, noise, x }) => {
  const total = a * a + noise * noise;
  return [(a * (x - b)) / total, noise / Math.sqrt(total)];
};

/** @type {(model: Model) => number} */
const evidence = ({ a, b, noise, x }) => logNormal(x, b, Math.sqrt(a * a + noise * noise));

/** @type {(m: number, s: number, model: Model) => number} */
const reconstruction = (m, s, { a, b, noise, x }) => logNormal(x, a * m + b, noise) - 0.5 * ((a * s) / noise) ** 2;

/** @type {(m: number, s: number, model: Model) => number} */
const elbo = (m, s, model) => reconstruction(m, s, model) - kl(m, s, 0, 1);

/**
 * d ELBO / d mean and d ELBO / d log width
 * @type {(m: number, s: number, model: Model) => [number, number]}
 */
const gradient = (m, s, { a, b, noise, x }) => [
  (a * (x - a * m - b)) / noise ** 2 - m,
  1 - s * s * (1 + (a / noise) ** 2),
];

const MEAN = { trait: "mean", min: -2.5, max: 2.5, step: 0.01 };
const WIDTH = { trait: "width", min: 0.2, max: 1.5, step: 0.01 };

/**
 * One step of gradient ascent; the rate is a fifth of the posterior's variance, inside the hand's range.
 * @type {(m: number, s: number, model: Model) => Normal}
 */
const step = (m, s, model) => {
  const rate = 0.2 * posterior(model)[1] ** 2;
  const [dm, dl] = gradient(m, s, model);
  return [clamp(m + rate * dm, MEAN.min, MEAN.max), clamp(s * Math.exp(rate * dl), WIDTH.min, WIDTH.max)];
};

/**
 * The place between `near`, where f is positive, and `far`, where f crosses 0: by halving.
 * @type {(f: (v: number) => number, near: number, far: number) => number}
 */
const crossing = (f, near, far) => {
  let [low, high] = [near, far];
  for (let i = 0; i < 40; i++) {
    const mid = (low + high) / 2;
    if (f(mid) > 0) low = mid;
    else high = mid;
  }
  return low;
};

/**
 * The closed line over (mean, log width) on which KL(q‖p(z|x)) is `level`.
 * @type {(level: number, posterior: Normal, n?: number) => [xs: number[], ys: number[]]}
 */
const contour = (level, [mu, sd], n = 96) => {
  /** @param {number} l */
  const rest = (l) => level - kl(mu, Math.exp(l), mu, sd);
  const best = Math.log(sd);
  const [low, high] = [best - level - 2, best + level + 2].map((far) => crossing(rest, best, far));
  const turns = Array.from({ length: n + 1 }, (_, i) => (2 * Math.PI * i) / n);
  const ys = turns.map((turn) => (low + high) / 2 + ((high - low) / 2) * Math.cos(turn));
  const xs = turns.map((turn, i) => mu + Math.sign(Math.sin(turn)) * sd * Math.sqrt(2 * Math.max(0, rest(ys[i]))));
  return [xs, ys];
};

const LEVELS = [0.1, 0.5, 1, 2, 4, 8];
const STEPS = 45;
const FIXED = ["a", "b", "noise", "x"];

/** @type {(f: Stage) => Model} */
const model = (f) => ({ a: f.get("a"), b: f.get("b"), noise: f.get("noise"), x: f.get("x") });

/**
 * The density q against the posterior and the prior, with the hands on q.
 * @param {Stage} f
 * @param {HTMLElement} parent
 */
function densities(f, parent) {
  const plot = f.plot({
    name: "density",
    label: "The density q against the posterior p(z|x) and the prior p(z)",
    parent,
    height: 250,
    x: [-4, 4],
    y: [0, 1.3],
    yticks: [],
    xlabel: "z",
    ylabel: "density",
    margin: { left: 8 },
  });
  const prior = plot.line({ name: "prior", hue: "muted", width: 1, dash: "3 3" });
  const truth = plot.line({ name: "posterior", hue: "ink" });
  const shade = plot.area({ name: "q", hue: "blue", opacity: 0.12 });
  const curve = plot.line({ name: "q", hue: "blue" });
  /** @type {(name: string, hue: string) => ReturnType<typeof plot.text>} */
  const text = (name, hue) => plot.text({ name, hue, anchor: "middle", dx: 0, dy: -10 });
  const names = [text("prior", "muted"), text("posterior", "ink"), text("q", "blue")];
  const top = plot.handle({ label: "mean of q", hue: "blue", x: MEAN });
  const offset = () => f.get("mean");
  const side = plot.handle({ label: "width of q", hue: "blue", r: 5.5, x: { ...WIDTH, offset } });
  f.draw(FIXED, () => {
    const [mu, sd] = posterior(model(f));
    prior.fn((v) => normal(v, 0, 1));
    truth.fn((v) => normal(v, mu, sd));
    names[0].set(-2.15, normal(2.15, 0, 1) + 0.01, "prior p(z)", "end");
    names[1].set(mu, normal(mu, mu, sd), "posterior p(z|x)");
  });
  f.draw(["mean", "width", ...FIXED], () => {
    const [m, s] = [f.get("mean"), f.get("width")];
    const [mu] = posterior(model(f));
    const xs = linspace(-4, 4, 200);
    const ys = xs.map((v) => normal(v, m, s));
    curve.set(xs, ys);
    shade.set(xs, ys);
    const away = m < mu ? -1 : 1; // from the posterior
    names[2].set(m + away * 0.75 * s, 0.75 * normal(m, m, s), "q(z)", away < 0 ? "end" : "start");
    top.set(m, normal(m, m, s));
    side.set(m + s, normal(m + s, m, s));
  });
}

/**
 * Lines of equal gap over mean and log width, the gradient and the way of a climb.
 * @param {Stage} f
 * @param {HTMLElement} parent
 * @param {() => Normal[]} path
 */
function mapOfTheGap(f, parent, path) {
  const map = f.plot({
    name: "map",
    label: "The ELBO over mean and log width, in lines of equal gap",
    parent,
    height: 250,
    x: [MEAN.min, MEAN.max],
    y: [Math.log(WIDTH.min), Math.log(WIDTH.max)],
    xticks: [-2, 0, 2],
    yticks: [-1.5, -1, -0.5, 0],
    grid: false,
    xlabel: "mean of q",
    ylabel: "log width, lines of equal gap in nats",
  });
  const rings = LEVELS.map((level) => map.line({ name: `gap ${level}`, hue: "muted", width: 1, opacity: 0.55 }));
  const numbers = LEVELS.map((level) =>
    map.text({ name: `gap ${level}`, hue: "muted", anchor: "middle", dx: 0, dy: 4 }),
  );
  const peak = map.dot({ name: "posterior", hue: "ink", r: 3.5 });
  const trail = map.line({ name: "climb", hue: "blue", width: 1.5 });
  const steps = map.dots({ name: "climb", hue: "blue", opacity: 1 });
  const uphill = map.arrow({ name: "gradient", hue: "blue" });
  const here = map.dot({ name: "q", hue: "blue", r: 6 });
  /** @param {[mean: number, logWidth: number]} point */
  const take = ([m, l]) =>
    f.set({ mean: clamp(m, MEAN.min, MEAN.max), width: clamp(Math.exp(l), WIDTH.min, WIDTH.max) });
  map.press(take, { pan: false });
  f.draw(FIXED, () => {
    const [mu, sd] = posterior(model(f));
    const high = Math.log(sd) + 0.56; // the numbers stand on this height
    LEVELS.forEach((level, i) => {
      rings[i].set(...contour(level, [mu, sd]));
      const at = mu - sd * Math.sqrt(2 * (level - kl(mu, Math.exp(high), mu, sd)));
      numbers[i].set(at || 0, high, at > map.x[0] + 0.1 ? String(level) : "");
    });
    peak.set(mu, Math.log(sd));
  });
  f.draw(["mean", "width", ...FIXED], () => {
    const [m, s] = [f.get("mean"), f.get("width")];
    const l = Math.log(s);
    const [dm, dl] = gradient(m, s, model(f));
    const size = 0.55 / Math.max(1, Math.hypot(dm, dl));
    const [xs, ys] = [path().map(([mean]) => mean), path().map(([, width]) => Math.log(width))];
    trail.set(xs, ys);
    steps.set(xs, ys);
    uphill.set(m, l, m + size * dm, l + size * dl);
    here.set(m, l);
  });
}

/**
 * log p(x), the ELBO and the gap between them, as bars in nats.
 * @param {Stage} f
 */
function bars(f) {
  const plot = f.plot({
    name: "nats",
    label: "log p(x), the ELBO and the gap between them, in nats",
    height: 196,
    x: [-16, 0],
    y: [0, 1],
    yticks: [],
    xlabel: "nats",
    margin: { top: 4, left: 10 },
  });
  const gap = plot.line({ name: "gap", hue: "orange", width: 16 });
  const fit = plot.line({ name: "reconstruction", hue: "green", width: 16 });
  const cost = plot.line({ name: "KL", hue: "purple", width: 16 });
  const fixed = plot.line({ name: "evidence", hue: "ink" });
  const down = plot.line({ name: "bound", hue: "blue", width: 1, dash: "2 3" });
  const point = plot.dot({ name: "ELBO", hue: "blue", r: 7 });
  /** @type {(hue: string, anchor?: "middle" | "end", dx?: number) => ReturnType<typeof plot.text>} */
  const text = (hue, anchor = "middle", dx = 0) =>
    plot.text({ name: `${hue} label`, hue, anchor, dx, dy: 0, inside: "shift" });
  const [ink, orange, blue] = [text("ink"), text("orange", "end", -6), text("blue")];
  const [green, purple] = [text("green", "end"), text("purple")];
  f.draw(FIXED, () => {
    const ends = [MEAN.min, MEAN.max].flatMap((m) => [WIDTH.min, WIDTH.max].map((s) => elbo(m, s, model(f))));
    plot.limits({ x: [Math.floor(Math.min(...ends) / 2) * 2, 0] });
  });
  f.draw(["mean", "width", ...FIXED], () => {
    const p = model(f);
    const [m, s] = [f.get("mean"), f.get("width")];
    const [total, bound, fits] = [evidence(p), elbo(m, s, p), reconstruction(m, s, p)];
    fixed.set([total, total], [0.87, 0.54]);
    gap.set([bound, total], [0.66, 0.66]);
    fit.set([fits, 0], [0.22, 0.22]);
    cost.set([bound, fits], [0.22, 0.22]);
    down.set([bound, bound], [0.44, 0.14]);
    point.set(bound, 0.66);
    ink.set(total, 0.93, `log p(x) = ${fmt(total)}`);
    orange.set(total, 0.775, `gap KL(q‖p(z|x)) ${fmt(total - bound)} `);
    blue.set(bound, 0.485, `ELBO ${fmt(bound)}`);
    green.set(0, 0.335, `E log p(x|z) ${fmt(fits)}`);
    purple.set((bound + fits) / 2, 0.04, `−KL(q‖p(z)) ${fmt(bound - fits)}`);
  });
}

/** @type {(dm: number, dl: number) => string} where the gradient leads; nothing at the top */
function wish(dm, dl) {
  const ways = [dm > 0 ? "right" : "left", dl > 0 ? "wider" : "narrower"];
  return ways.filter((_, i) => Math.abs([dm, dl][i]) > 0.02).join(" and ");
}

export default define({
  math: { kl, posterior, evidence, reconstruction, elbo, gradient, step, contour },
  render(f) {
    /** @type {Normal[]} where the climb has been */
    let path = [];
    let climbing = false;
    let stop = () => {};
    f.draw(["mean", "width", ...FIXED], () => {
      if (climbing) return;
      stop(); // the hand ends a climb
      path = [];
    });
    const climb = () => {
      stop();
      path = [[f.get("mean"), f.get("width")]];
      stop = f.animate((t) => {
        const before = path.length;
        while (path.length <= Math.round(t * STEPS)) path.push(step(...path[path.length - 1], model(f)));
        if (path.length === before) return;
        climbing = true;
        const [mean, width] = path[path.length - 1];
        f.set({ mean, width });
        climbing = false;
      }, 2200);
    };

    const [left, right] = f.row(["1.45fr", "1fr"]);
    densities(f, left);
    mapOfTheGap(f, right, () => path);
    bars(f);
    f.slider({ ...MEAN, label: "mean of q", hue: "blue" });
    f.slider({ ...WIDTH, label: "width of q", hue: "blue" });
    f.button({ label: "Climb", onclick: climb });
    f.reset(...FIXED);
    const show = f.numbers([
      ["log p(x), fixed", "ink"],
      ["= ELBO", "blue"],
      ["+ KL(q‖p(z|x)), the gap", "orange"],
    ]);
    const say = f.readout({ lines: 3 });
    f.draw(["mean", "width", ...FIXED], () => {
      const p = model(f);
      const [m, s] = [f.get("mean"), f.get("width")];
      const [mu, sd] = posterior(p);
      const gap = kl(m, s, mu, sd);
      show(...[evidence(p), elbo(m, s, p), gap].map((v) => `${fmt(v, 3)} nats`));
      const way = wish(...gradient(m, s, p));
      say(
        `q is at ${fmt(m)}, ${fmt(s)} wide; the posterior at ${fmt(mu)}, ${fmt(sd)} wide. ` +
          (way
            ? `The ELBO lies ${fmt(gap)} nats under log p(x), and its gradient says: ${way}.`
            : "They are one, and the ELBO touches log p(x)."),
      );
    });
  },
});
