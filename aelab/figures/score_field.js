// The exact score of a noisy mixture and the residual of a denoising autoencoder, as arrows and as ways of a particle.
import { define } from "./kit/define.js";
import { floats, fmt, lerp, rng } from "./kit/maths.js";
import { network } from "./kit/network.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/plot.js").Plot} Plot */
/** @typedef {import("./kit/maths.js").Numbers} Numbers */
/** @typedef {import("./kit/network.js").Packed} Packed */
/** @typedef {[x: number, y: number]} Point */
/** @typedef {(x: number, y: number) => Point} Field */

const STEPS = 40;
const RATE = 0.2;
const REACH = 2.4;
const SHOWN = 400;

/**
 * The mixture at a point: log density, and noise²·score. `means` is flat: x, y, x, y, …
 * @type {(x: number, y: number, means: Numbers, width: number, noise: number) => { log: number, arrow: Point }}
 */
function mixture(x, y, means, width, noise) {
  const variance = width * width + noise * noise;
  const count = means.length / 2;
  let high = -Infinity;
  for (let k = 0; k < count; k++)
    high = Math.max(high, -((means[2 * k] - x) ** 2 + (means[2 * k + 1] - y) ** 2) / (2 * variance));
  let [total, sx, sy] = [0, 0, 0];
  for (let k = 0; k < count; k++) {
    const [dx, dy] = [means[2 * k] - x, means[2 * k + 1] - y];
    const weight = Math.exp(-(dx * dx + dy * dy) / (2 * variance) - high);
    total += weight;
    sx += weight * dx;
    sy += weight * dy;
  }
  const scale = noise ** 2 / variance / total;
  return { log: high + Math.log(total / count) - Math.log(2 * Math.PI * variance), arrow: [sx * scale, sy * scale] };
}

/**
 * Where a packed network r moves a point: r(x) − x.
 * @param {Packed} packed
 * @returns {Field}
 */
function residual(packed) {
  const run = network(packed);
  return (x, y) => {
    const [u, v] = run([x, y]);
    return [u - x, v - y];
  };
}

/**
 * The way of a particle that takes a fifth of the arrow, 40 times.
 * @type {(field: Field, x: number, y: number) => Point[]}
 */
function flow(field, x, y) {
  const way = [/** @type {Point} */ ([x, y])];
  for (let i = 0; i < STEPS; i++) {
    const [a, b] = way[i];
    const [u, v] = field(a, b);
    way.push([a + RATE * u, b + RATE * v]);
  }
  return way;
}

/**
 * Degrees between two arrows, 0 to 180.
 * @type {(one: Point, other: Point) => number}
 */
const angle = ([a, b], [c, d]) => (Math.abs(Math.atan2(a * d - b * c, a * c + b * d)) * 180) / Math.PI;

/**
 * Noisy data, as the Python class draws them.
 * @type {(count: number, means: Numbers, width: number, noise: number) => Point[]}
 */
function samples(count, means, width, noise) {
  const { uniform } = rng(1);
  const { normal } = rng(2);
  const spread = Math.hypot(width, noise);
  return Array.from({ length: count }, () => {
    const k = Math.floor(uniform() * (means.length / 2));
    return [means[2 * k] + spread * normal(), means[2 * k + 1] + spread * normal()];
  });
}

/** The two fields, the true score under the network's residual. */
const FIELDS = /** @type {const} */ ([
  {
    name: "true",
    words: "true score",
    hue: "blue",
    arrow: { width: 4.5, far: 0.16, near: 0.4 },
    way: { width: 5, r: 7, opacity: 0.55 },
    dy: -10,
  },
  {
    name: "learned",
    words: "autoencoder",
    hue: "orange",
    arrow: { width: 1.4, far: 0.35, near: 1 },
    way: { width: 2.5, r: 4.5, opacity: 1 },
    dy: 20,
  },
]);
const SIDE = 0.34; // of a cell of the grid
const GRID = Array.from({ length: 14 }, (_, i) => -2.21 + SIDE * i);

/**
 * For each noise, once: both fields, and on a grid whether the data ever were there.
 * @param {Stage} f
 */
function fieldsOf(f) {
  const means = floats(f.get("means"));
  const width = f.get("width");
  /** @param {number} noise */
  const make = (noise) => {
    const index = f.get("noises").indexOf(noise);
    /** @type {(x: number, y: number) => ReturnType<typeof mixture>} */
    const at = (x, y) => mixture(x, y, means, width, noise);
    /** @type {Record<"true" | "learned", Field>} */
    const field = { true: (x, y) => at(x, y).arrow, learned: residual(f.get("networks")[index]) };
    const edge = /** @type {number} */ (f.get("edges")[index]);
    const cells = GRID.flatMap((x) =>
      GRID.map((y) => {
        const { log, arrow } = at(x, y);
        return { x, y, near: log >= edge, arrows: { true: arrow, learned: field.learned(x, y) } };
      }),
    );
    /** @param {Point} point */
    const log = ([x, y]) => at(x, y).log;
    return { field, edge, cells, data: samples(SHOWN, means, width, noise), log };
  };
  /** @type {Map<number, ReturnType<typeof make>>} */
  const known = new Map();
  return () => {
    const noise = f.get("noise");
    const found = known.get(noise) || make(noise);
    known.set(noise, found);
    return found;
  };
}
/** @typedef {ReturnType<ReturnType<typeof fieldsOf>>} Fields */

/**
 * The plane: noisy data, and an arrow of both fields in each cell; long ones are drawn shorter, those far away pale.
 * @param {Stage} f
 * @param {HTMLElement} parent
 * @param {() => Fields} now
 */
function plane(f, parent, now) {
  const plot = f.plot({
    name: "plane",
    label: "The plane, with arrows of the true score and of the autoencoder's residual",
    parent,
    x: [-REACH, REACH],
    y: [-REACH, REACH],
    xticks: [-2, -1, 0, 1, 2],
    yticks: [-2, -1, 0, 1, 2],
    grid: false, // arrows are enough
    aspect: 1,
    margin: { left: 22, right: 4 },
  });
  const cloud = plot.dots({ name: "data", hue: "muted", r: 1.2, opacity: 0.5 });
  const marks = FIELDS.map(({ name, hue, arrow: { width, far, near } }) => ({
    name,
    far: plot.arrows({ name: `arrows ${name}, far`, hue, width, opacity: far }),
    near: plot.arrows({ name: `arrows ${name}`, hue, width, opacity: near }),
  }));
  f.draw(["noise"], () => {
    const { cells, data } = now();
    const noise = f.get("noise");
    cloud.set(
      data.map(([x]) => x),
      data.map(([, y]) => y),
    );
    for (const { name, far, near } of marks) {
      /** @type {(close: boolean) => [number, number, number, number][]} */
      const arrows = (close) =>
        cells
          .filter((cell) => cell.near === close)
          .map(({ x, y, arrows: { [name]: arrow } }) => {
            const [u, v] = arrow;
            const k = SIDE / (Math.hypot(u, v) + noise);
            return [x, y, x + k * u, y + k * v];
          });
      far.set(arrows(false));
      near.set(arrows(true));
    }
  });
  return plot;
}

/**
 * The ways of a particle along both fields, in the plane and up the density; what is shown of them, from 0 to 1.
 * @param {Stage} f
 * @param {Plot} map
 * @param {Plot} climb
 */
function ways(f, map, climb) {
  const marks = FIELDS.map(({ name, words, hue, way: { width, r, opacity }, dy }) => ({
    name,
    words,
    path: map.line({ name: `way ${name}`, hue, width }),
    dot: map.dot({ name: `particle ${name}`, hue, r }),
    rise: climb.line({ name, hue, width, opacity }),
    text: climb.text({ name, hue, anchor: "end", dx: -4, dy }),
  }));
  const axis = { min: -REACH, max: REACH, step: 0.05 };
  const [x, y] = ["x", "y"].map((trait) => ({ trait, ...axis }));
  const start = map.handle({ label: "start of the particle", hue: "ink", whole: true, r: 6, x, y });
  /** @type {(fields: Fields, done: number) => number[][]} the log density along both ways */
  return ({ field, log }, done) => {
    const [px, py] = [f.get("x"), f.get("y")];
    const paths = marks.map(({ name }) => flow(field[name], px, py));
    const logs = paths.map((path) => path.map((point) => log(point)));
    const [least, most] = [Math.min(...logs.flat()), Math.max(...logs.flat())];
    const step = most - least > 12 ? 10 : 2;
    climb.limits({ y: [step * Math.floor(least / step), step * Math.ceil((most + 0.1) / step)] });
    const low = Math.floor(done * STEPS);
    const high = Math.min(STEPS, low + 1);
    marks.forEach(({ path, dot, rise, text, words }, i) => {
      const points = paths[i];
      const [a, b] = [points[low], points[high]];
      path.set(
        points.map(([u]) => u),
        points.map(([, v]) => v),
      );
      dot.set(lerp(a[0], b[0], done * STEPS - low), lerp(a[1], b[1], done * STEPS - low));
      rise.set(
        Array.from({ length: low + 1 }, (_, k) => k),
        logs[i],
      );
      text.set(STEPS, logs[i][STEPS], words);
    });
    start.set(px, py);
    return logs;
  };
}

/** @type {(logs: number[][], low: boolean, flat: boolean, off: string, ratio: string) => string} */
function inWords([exact, learned], low, flat, off, ratio) {
  const [begin, end, best] = [learned[0], learned[STEPS], exact[STEPS]].map((v) => fmt(v));
  const led = `Its residual leads from log density ${begin} to ${end}, the true score to ${best}.`;
  if (low)
    return (
      "Not one noisy point in a thousand fell on so low a density: nothing taught the network the score here, " +
      `and its arrow is ${off}° off and ${ratio} times as long. ${led}`
    );
  if (flat)
    return `Here the density is nearly flat and the true arrow nearly vanishes: its direction means little. ${led}`;
  return `Here the network's arrow is ${off}° off the true score and ${ratio} times as long. ${led}`;
}

export default define({
  math: { mixture, residual, flow, angle, samples },
  data: ["means", "networks", "noises", "edges"],
  render(f) {
    const now = fieldsOf(f);
    const [left, right] = f.row(["1.25fr", "1fr"]);
    const map = plane(f, left, now);
    const climb = f.plot({
      name: "density",
      label: "Log density along both ways",
      parent: right,
      height: 404,
      x: [0, STEPS],
      y: [-4, 0],
      xlabel: "step",
      ylabel: "log density of the particle's place",
    });
    const draw = ways(f, map, climb);
    f.slider({ trait: "noise", label: "noise σ", values: f.get("noises"), format: (v) => fmt(v, 1) });
    let done = 1; // how much of the ways is shown
    let stop = () => {};
    /** @param {number} share */
    const place = (share) => {
      done = share;
      f.redraw();
    };
    const start = () => {
      stop();
      stop = f.animate(place, 1600);
    };
    f.button({ label: "Flow", onclick: start });
    f.reset("x", "y");
    const show = f.numbers([
      ["angle between the arrows"],
      ["length, residual : score"],
      ["log density at the start"],
      [`after ${STEPS} steps`, "orange"],
    ]);
    const say = f.readout({ lines: 3 });

    f.draw(["noise", "x", "y"], () => {
      const fields = now();
      const logs = draw(fields, done);
      const [exact, learned] = FIELDS.map(({ name }) => fields.field[name](f.get("x"), f.get("y")));
      const [off, ratio] = [fmt(angle(exact, learned), 0), fmt(Math.hypot(...learned) / Math.hypot(...exact))];
      const [begin, end] = [logs[1][0], logs[1][STEPS]];
      show(`${off}°`, ratio, fmt(begin), fmt(end));
      say(inWords(logs, begin < fields.edge, Math.hypot(...exact) < 0.1 * f.get("noise"), off, ratio));
    });
    for (const trait of ["noise", "x", "y"])
      f.on(trait, () => {
        stop();
        if (done < 1) place(1);
      });
  },
});
