// What all figures that train have in common: the stage is set, a run is driven, and each look at it is shown.
import { bytes, thousands } from "../maths.js";
import { conductor } from "./conductor.js";
import { own } from "./own.js";
import { model, write } from "./safetensors.js";
import { SHOWN } from "./session.js";
import { buttons, curves, pictures, plane, widest } from "./views.js";

/** @typedef {import("../stage.js").Stage} Stage */
/** @typedef {import("./session.js").Look} Look */
/** @typedef {import("./session.js").Run} Run */
/** @typedef {import("./session.js").Start} Start */
/** @typedef {ReturnType<typeof model>} Loaded */
/** @typedef {Parameters<typeof curves>[1]} Placed */
/** @typedef {Placed extends infer C ? (C extends any ? Omit<C, "parent"> : never) : never} Curve */

const CODES = 500; // that are drawn
const QUIET = 2000; // milliseconds from one sentence to the next while it trains: it may be read aloud

/** @typedef {(look: Look, count: number) => number[]} Heights of bars; `count`: of test images */
/**
 * @typedef {object} Trade
 * @property {"vae" | "autoencoder"} kind
 * @property {(bar: HTMLElement) => void} controls adds them; the main one into the bar of buttons
 * @property {[words: string, which: number][]} rows of pictures: 0 test images, 1 what becomes of them, 2 and 3 samples
 * @property {Curve[]} curves
 * @property {{ name: string, hue: string, least: number, of: Heights }} bars
 * @property {[words: string, hue: string, of: (look: Look) => string][]} numbers
 * @property {(look: Look) => string} words what is to be seen
 * @property {() => string} greet before anything was trained
 * @property {() => Start["shape"]} shape
 * @property {() => Run} run
 * @property {string[]} live traits that change a run while it trains
 * @property {string[]} anew traits that begin another
 * @property {(loaded: Loaded) => void} take the sizes of a model that was read
 */

/**
 * @param {Stage} f
 * @param {Trade} trade
 */
export function workshop(f, trade) {
  const { kind, shape, run } = trade;
  const bar = buttons(f, {
    train: () => team.train(),
    pause: () => team.pause(),
    once: () => team.once(),
    back: (step) => team.back(step),
    reset() {
      f.set(f.start);
      team.begin();
    },
  });
  trade.controls(bar.node);
  const show = views(f, trade);
  const names = trade.numbers.map(([words, hue]) => /** @type {[string, string]} */ ([words, hue]));
  const numbers = f.get("small") ? () => {} : f.numbers([...names, ["images a second"]]);
  const say = f.readout({ lines: 2 });
  const given = bytes(f.get("given"));
  let loaded = given.length ? model(given, kind) : null;
  let why = "";
  let spoken = 0;
  /** @type {Look | null} */
  let last = null;
  const pace = stopwatch();

  const tell = () => {
    spoken = performance.now();
    say(`${last ? trade.words(last) : trade.greet()} ${why}`.trim());
  };
  const team = conductor(f, {
    start() {
      const slow = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const sizes = { ...shape(), ...(loaded && { encoder: loaded.encoder, decoder: loaded.decoder }) };
      return { shape: sizes, run: run(), seed: f.get("seed"), weights: loaded?.weights, every: slow ? 1000 : 150 };
    },
    changed(mood, reason) {
      bar.mood(mood);
      why = reason;
      pace.stop();
      if (mood === "loading") say("The digits are on their way.");
      else tell();
      if (mood === "paused") keep();
    },
    show(look, past, data) {
      last = look;
      show(look, past, data);
      bar.show(look);
      const speed = pace.at(look.step);
      numbers(...trade.numbers.map(([, , of]) => of(look)), speed ? thousands(speed) : "–");
      if (team.mood() !== "running" || performance.now() - spoken > QUIET) tell();
    },
  });
  const file = async () => {
    const words = Object.fromEntries(Object.entries(run()).map(([name, value]) => [name, String(value)]));
    const weights = await team.weights();
    return write(weights, (loaded || shape()).encoder.length - 1, { ...words, kind });
  };
  /** Python hears what was learned. */
  const keep = async () => f.set("weights", new DataView((await file()).buffer));

  let reading = false;
  own(f, {
    team,
    kind,
    say(words) {
      why = words; // stays until training stops or starts
      tell();
    },
    file,
    load(found) {
      reading = true;
      trade.take(found);
      reading = false;
      loaded = found;
      team.begin();
    },
  });
  for (const name of trade.live) f.on(name, () => team.set(run()));
  for (const name of trade.anew)
    f.on(name, () => {
      if (reading) return;
      loaded = null;
      team.begin();
    });
  f.draw([...trade.live, ...trade.anew], () => {
    if (!last) tell();
  });
}

/** Images a second, from one look to the next. */
function stopwatch() {
  let [step, time, speed] = [Number.NaN, 0, 0];
  return {
    stop() {
      step = Number.NaN;
      speed = 0;
    },
    /** @param {number} now the step of a look */
    at(now) {
      const clock = performance.now();
      if (now > step) speed = Math.round((1000 * (now - step)) / (clock - time)) * 100;
      [step, time] = [now, clock];
      return speed;
    },
  };
}

/**
 * @param {Stage} f
 * @param {Trade} trade
 */
function views(f, trade) {
  const seen = f.row(["1.05fr", "1fr"]);
  let labels = new Uint8Array(CODES);
  const wide = f.get("small") ? 2.2 : 1.6;
  const map = plane(f, { parent: seen[0], labels: () => labels, count: CODES, wide });
  const rows = pictures(f, { parent: seen[1], rows: trade.rows.map(([words]) => words) });
  const plots = f.get("small") ? () => {} : below(f, trade);
  /** @type {(look: Look, past: Look[], data: import("./conductor.js").Data) => void} */
  return (look, past, data) => {
    labels = /** @type {Uint8Array<ArrayBuffer>} */ (data.test.labels);
    map.show(look, widest(look.codes, labels.length));
    const all = [data.test.pixels, look.pictures, look.samples, look.samples.subarray(SHOWN * 784)];
    rows(trade.rows.map(([, which]) => all[which]));
    plots(look, past, labels.length);
  };
}

/**
 * Two plots of curves, and one of bars.
 * @param {Stage} f
 * @param {Trade} trade
 */
function below(f, trade) {
  const drawn = f.row(["1fr", "1fr", "1fr"]);
  const lines = trade.curves.map((curve, i) => curves(f, { ...curve, parent: drawn[i] }));
  const { name, hue, least, of } = trade.bars;
  const axes = { x: /** @type {[number, number]} */ ([0.5, 2.5]), y: /** @type {[number, number]} */ ([0, least]) };
  const options = { name: "bars", label: name, ylabel: name, xlabel: "dimension", height: 150, margin: { left: 30 } };
  const plot = f.plot({ ...options, ...axes, xticks: [1, 2], parent: drawn[2] });
  const bars = plot.bars({ name, hue });
  /** @type {number[]} */
  let heights = [];
  const paint = () => {
    const count = heights.length;
    if (!count) return;
    plot.options.xticks = count > 8 ? [1, count] : heights.map((_, i) => i + 1);
    plot.scales();
    const top = Math.max(...heights);
    plot.limits({ x: [0.5, count + 0.5], y: [0, Math.max(least, least * Math.ceil(top / least))] });
    bars.set(
      Array.from({ length: count + 1 }, (_, i) => i + 0.5),
      heights,
    );
  };
  f.draw([], paint);
  /** @type {(look: Look, past: Look[], count: number) => void} */
  return (look, past, count) => {
    for (const line of lines) line.show(past);
    heights = of(look, count);
    paint();
  };
}
