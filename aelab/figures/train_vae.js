// A VAE that learns in the page: its plane of codes, its pictures and both terms of its ELBO, under the reader's hand.
import { define } from "./kit/define.js";
import { fmt, sum } from "./kit/maths.js";
import { plain, RATES, widest } from "./kit/train/views.js";
import { workshop } from "./kit/train/workshop.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/train/session.js").Look} Look */
/** @typedef {import("./kit/train/session.js").Run} Run */

const BETAS = [0, 0.25, 0.5, 1, 2, 4, 8, 16, 32];
const LATENTS = [1, 2, 3, 4, 6, 8, 12, 16];
const GROWING = 500; // steps, ten epochs, over which β may grow
/** @type {[string, number][]} */
const ROWS = [
  ["test digits", 0],
  ["reconstructed", 1],
  ["drawn from N(0, I)", 2],
  ["eight more", 3],
];
const USED = 0.1; // nats: a dimension with less says nothing

/** @type {(look: Look) => number} the ELBO of test images, in nats, whatever β is */
const elbo = ({ test }) => -test.error - sum(test.kl);

/** @type {(kl: number[]) => number} latent dimensions that say something about the image */
const used = (kl) => kl.filter((nats) => nats > USED).length;

/**
 * What is to be seen, in words.
 * @type {(look: Look, bug: string) => string}
 */
function words(look, bug) {
  const { kl, error } = look.test;
  const [active, all] = [used(kl), kl.length];
  const parts = `${fmt(-error, 1)} for the reconstruction, minus ${fmt(sum(kl), 1)} for the code`;
  const where = `Epoch ${fmt(look.epoch, 1)}: the ELBO on test digits is ${fmt(elbo(look), 1)} nats, ${parts}.`;
  if (look.step === 0) return `${where} Untrained, it draws the mean image.`;
  const says = -look.train.loss;
  if (bug !== "none" && look.trained && says > elbo(look) + 2)
    return `${where} Its own loss reports ${fmt(says, 1)}: too good to be true.`;
  if (active === 0) return `${where} Collapsed: every image gets the same code.`;
  if (active < all) return `${where} ${active} of ${all} dimensions are in use.`;
  const everything = ["The one dimension is", "Both dimensions are"][all - 1] || `All ${all} dimensions are`;
  return `${where} ${everything} in use.`;
}

/** @type {(f: Stage, bar: HTMLElement) => void} */
function controls(f, bar) {
  f.slider({ trait: "beta", label: "β", values: BETAS, format: plain, hue: "purple", parent: bar });
  f.slider({ trait: "latent", label: "latent dimensions", values: LATENTS, format: plain });
  f.slider({ trait: "rate", label: "learning rate", values: RATES, format: String });
  /** @type {[string, string][]} */
  const likelihoods = [
    ["bernoulli", "Bernoulli"],
    ["gaussian", "Gaussian"],
  ];
  if (!f.get("small")) {
    f.choice({ trait: "likelihood", label: "likelihood", options: likelihoods });
    f.toggle({ trait: "anneal", label: "β grows over ten epochs" });
  }
  /** @type {[string, string][]} */
  const bugs = [
    ["none", "none"],
    ["no gradient", "no gradient through z"],
    ["mean", "mean over pixels"],
    ["sign", "sign of the KL term"],
    ["log σ", "log σ for log σ²"],
  ];
  if (f.get("breaks")) f.choice({ trait: "bug", label: "planted bug", options: bugs });
}

/** @type {(f: Stage) => Run} */
const run = (f) => ({
  rate: f.get("rate"),
  likelihood: f.get("likelihood"),
  sigma: f.get("sigma"),
  beta: f.get("beta"),
  bug: f.get("bug"),
  anneal: f.get("anneal") ? GROWING : 0,
  sparsity: "none",
  weight: 0,
  rho: 0,
  noise: "none",
  level: 0,
});

export default define({
  data: ["given"],
  math: { elbo, used, words, widest },
  render(f) {
    workshop(f, {
      kind: "vae",
      controls: (bar) => controls(f, bar),
      rows: f.get("small") ? ROWS.slice(0, 3) : ROWS,
      curves: [
        { name: "reconstruction", ylabel: "reconstruction term, nats", least: 20, of: (part) => -part.error },
        { name: "kl", ylabel: "KL term, nats", least: 4, of: (part) => sum(part.kl) },
      ],
      bars: { name: "KL of each dimension", hue: "purple", least: 4, of: ({ test }) => test.kl },
      numbers: [
        ["ELBO, test", "blue", (look) => fmt(elbo(look), 1)],
        ["its own loss says", "orange", (look) => (look.trained ? fmt(-look.train.loss, 1) : "–")],
        ["KL term", "purple", ({ test }) => fmt(sum(test.kl), 1)],
        ["gradient of the encoder", "", ({ gradients }) => fmt(gradients.encoder, 2)],
        ["of the decoder", "", ({ gradients }) => fmt(gradients.decoder, 2)],
      ],
      words: (look) => words(look, f.get("bug")),
      greet() {
        const latent = f.get("latent");
        const dimensions = `${latent} latent dimension${latent > 1 ? "s" : ""}`;
        return `Press Train: a VAE with ${dimensions} and β = ${f.get("beta")} learns from 5,000 digits, in this page.`;
      },
      shape() {
        const [latent, hidden] = [f.get("latent"), f.get("hidden")];
        const networks = { encoder: [784, hidden, 2 * latent], decoder: [latent, hidden, 784] };
        return { kind: "vae", ...networks, activation: f.get("activation") };
      },
      run: () => run(f),
      live: ["beta", "rate", "anneal", "bug"],
      anew: ["latent", "likelihood", "seed", "hidden"],
      take: ({ decoder }) => f.set("latent", decoder[0]),
    });
  },
});
