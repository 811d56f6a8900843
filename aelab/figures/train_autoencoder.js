// An autoencoder that learns in the page: how wide its code is, what activity costs, and what noise it is given.
import { define } from "./kit/define.js";
import { fmt } from "./kit/maths.js";
import { plain, RATES, widest } from "./kit/train/views.js";
import { workshop } from "./kit/train/workshop.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/train/session.js").Look} Look */
/** @typedef {import("./kit/train/session.js").Run} Run */

const WIDTHS = [1, 2, 4, 10, 32, 100, 784];
const WEIGHTS = [0, 0.03, 0.1, 0.3, 1, 3, 10];
const LEVELS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
const FREE = 784; // numbers of a code that are no constraint
/** @type {[string, number][]} */
const ROWS = [
  ["test digits", 0],
  ["reconstructed", 1],
  ["with noise", 2],
  ["reconstructed from noisy ones", 3],
];
const DEAD = 1e-3; // mean activity below which a unit does nothing

/** @type {Record<string, "linear" | "relu" | "sigmoid">} what the penalty needs the code to be */
const SQUASH = { none: "linear", l1: "relu", kl: "sigmoid" };

/**
 * Mean size of each unit of the code.
 * @type {(codes: ArrayLike<number>, units: number) => number[]}
 */
function activity(codes, units) {
  const mean = new Array(units).fill(0);
  const count = codes.length / units;
  for (let i = 0; i < codes.length; i++) mean[i % units] += Math.abs(codes[i]) / count;
  return mean;
}

/**
 * What is to be seen, in words.
 * @type {(look: Look, settings: { width: number, sparsity: string, noise: string }) => string}
 */
function words(look, { width, sparsity, noise }) {
  const error = fmt(look.test.error, 1);
  const what = noise === "none" ? "squared error" : "squared error from the noisy image";
  const where = `Epoch ${fmt(look.epoch, 1)}: the ${what} is ${error} per test digit.`;
  if (look.step === 0) return `${where} Untrained, it answers every image with the mean image.`;
  const masked = Number.isNaN(look.passed);
  const passed = masked ? "" : ` Of the energy of the noise, ${fmt(100 * look.passed, 0)} % comes out again.`;
  if (sparsity !== "none") {
    const quiet = activity(look.codes, width).filter((size) => size < DEAD).length;
    return `${where} ${quiet} of ${width} units are never active.`;
  }
  if (noise === "none" && width >= FREE) return `${where}${passed} Nothing keeps it from copying.`;
  return `${where}${passed}`;
}

/** @type {(f: Stage, bar: HTMLElement) => void} the one that the lecture is about stands beside the buttons */
function controls(f, bar) {
  /** @type {(name: string) => HTMLElement | undefined} */
  const parent = (name) => (f.get("main") === name ? bar : undefined);
  /** What a small figure leaves out. */
  const has = (/** @type {string} */ name) => !f.get("small") || f.get("main") === name;
  const width = { trait: "width", label: "numbers in the code", values: WIDTHS, format: plain };
  f.slider({ ...width, hue: "purple", parent: parent("width") });
  const weight = { trait: "weight", label: "price of activity", values: WEIGHTS, format: plain };
  if (has("sparsity")) f.slider({ ...weight, hue: "purple", parent: parent("sparsity") });
  const level = { trait: "level", label: "noise", values: LEVELS, format: plain };
  if (has("noise")) f.slider({ ...level, hue: "purple", parent: parent("noise") });
  f.slider({ trait: "rate", label: "learning rate", values: RATES, format: String });
  /** @type {[string, string][]} */
  const penalties = [
    ["none", "none"],
    ["l1", "L1"],
    ["kl", "KL"],
  ];
  if (has("sparsity")) f.choice({ trait: "sparsity", label: "penalty", options: penalties });
  /** @type {[string, string][]} */
  const kinds = [
    ["none", "none"],
    ["gaussian", "Gaussian"],
    ["masking", "masking"],
  ];
  if (has("noise")) f.choice({ trait: "noise", label: "input noise", options: kinds });
}

export default define({
  data: ["given"],
  math: { activity, words, widest },
  render(f) {
    const width = () => f.get("width");
    workshop(f, {
      kind: "autoencoder",
      controls: (bar) => controls(f, bar),
      rows: f.get("small") ? ROWS.filter(([, which]) => which !== (f.get("main") === "noise" ? 1 : 2)) : ROWS,
      curves: [
        { name: "error", ylabel: "squared error", least: 10, of: (part) => part.error },
        { name: "passed", ylabel: "noise that comes out, %", least: 10, tried: ({ passed }) => 100 * passed },
      ],
      bars: {
        name: "activity of each unit",
        hue: "purple",
        least: 1,
        of: ({ codes }, count) => activity(codes, codes.length / count),
      },
      numbers: [
        ["squared error, test", "blue", ({ test }) => fmt(test.error, 1)],
        ["in training", "orange", (look) => (look.trained ? fmt(look.train.error, 1) : "–")],
        ["penalty", "", ({ test }) => fmt(test.penalty, 2)],
        ["noise that comes out", "purple", ({ passed }) => (Number.isNaN(passed) ? "–" : `${fmt(100 * passed, 0)} %`)],
      ],
      words: (look) => words(look, { width: width(), sparsity: f.get("sparsity"), noise: f.get("noise") }),
      greet: () =>
        `Press Train: an autoencoder with ${width()} numbers in its code learns from 5,000 digits, here in the page.`,
      shape() {
        // A code as wide as the image has no hidden layers and no activation: the copier of lecture 01.
        const middle = width() < FREE ? [f.get("hidden")] : [];
        const [encoder, decoder] = [
          [784, ...middle, width()],
          [width(), ...middle, 784],
        ];
        return {
          kind: "autoencoder",
          encoder,
          decoder,
          activation: f.get("activation"),
          squash: SQUASH[f.get("sparsity")],
        };
      },
      run: () => ({
        rate: f.get("rate"),
        sparsity: f.get("sparsity"),
        weight: f.get("weight"),
        rho: f.get("rho"),
        noise: f.get("noise"),
        level: f.get("level"),
        likelihood: "gaussian",
        sigma: 1,
        beta: 0,
        anneal: 0,
        bug: "none",
      }),
      live: ["weight", "rate", "level", "noise"],
      anew: ["width", "sparsity", "seed", "hidden"],
      take: ({ decoder }) => f.set("width", decoder[0]),
    });
  },
});
