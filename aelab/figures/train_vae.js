// A VAE that learns in the page: its plane of codes, its pictures and both terms of its ELBO, under the reader's hand.
import { define } from "./kit/define.js";
import { bytes, fmt, sum, thousands } from "./kit/maths.js";
import { conductor } from "./kit/train/conductor.js";
import { own } from "./kit/train/own.js";
import { model } from "./kit/train/safetensors.js";
import { SHOWN } from "./kit/train/session.js";
import { buttons, curves, pictures, plane, widest } from "./kit/train/views.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/train/session.js").Look} Look */
/** @typedef {import("./kit/train/session.js").Run} Run */
/** @typedef {import("./kit/train/session.js").Start} Start */

const BETAS = [0, 0.25, 0.5, 1, 2, 4, 8, 16, 32];
const LATENTS = [1, 2, 3, 4, 6, 8, 12, 16];
const RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1];
const CODES = 500; // that are drawn
const EPOCH = 50; // steps
const USED = 0.05; // nats: a dimension with less says nothing

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
  const where = `Epoch ${fmt(look.epoch, 1)}: an ELBO of ${fmt(elbo(look), 1)} nats on test digits, ${fmt(-error, 1)} for the reconstruction and ${fmt(sum(kl), 1)} for the code.`;
  if (look.step === 0) return `${where} Untrained, it draws the mean image.`;
  const says = -look.train.loss;
  if (bug !== "none" && look.trained && says > elbo(look) + 15)
    return `${where} Its own loss reports ${fmt(says, 1)}: too good to be true.`;
  if (bug === "no gradient") return `${where} The encoder hears of the KL term alone: the code says nothing.`;
  if (active === 0) return `${where} Collapsed: every image gets the same code.`;
  if (active < all) return `${where} ${active} of ${all} dimensions are in use.`;
  const everything = ["The one dimension is", "Both dimensions are"][all - 1] || `All ${all} dimensions are`;
  return `${where} ${everything} in use.`;
}

/** @type {(f: Stage) => Run} */
const run = (f) => ({
  rate: f.get("rate"),
  likelihood: f.get("likelihood"),
  sigma: f.get("sigma"),
  beta: f.get("beta"),
  bug: f.get("bug"),
  anneal: f.get("anneal") ? 10 * EPOCH : 0,
  sparsity: "none",
  weight: 0,
  rho: 0.05,
  noise: "none",
  level: 0,
});

/** @typedef {ReturnType<typeof model>} Loaded */

/** @type {(f: Stage, loaded: Loaded | null) => Start} */
function start(f, loaded) {
  const [latent, hidden] = [f.get("latent"), f.get("hidden")];
  const fresh = { encoder: [784, hidden, 2 * latent], decoder: [latent, hidden, 784], weights: null };
  const { encoder, decoder, weights } = loaded || fresh;
  const shape = { kind: /** @type {const} */ ("vae"), encoder, decoder, activation: f.get("activation") };
  return {
    shape,
    run: run(f),
    seed: f.get("seed"),
    weights,
    every: matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 150,
  };
}

/** @type {(f: Stage, bar: HTMLElement) => void} the main slider stands beside the buttons */
function controls(f, bar) {
  const format = (/** @type {number} */ v) => fmt(v, v < 1 ? 2 : 0);
  f.slider({ trait: "beta", label: "β", values: BETAS, format, hue: "purple", parent: bar });
  f.slider({ trait: "latent", label: "latent dimensions", values: LATENTS, format: (v) => fmt(v, 0) });
  f.slider({ trait: "rate", label: "learning rate", values: RATES, format: (v) => String(v) });
  /** @type {[string, string][]} */
  const likelihoods = [
    ["bernoulli", "Bernoulli"],
    ["gaussian", "Gaussian"],
  ];
  f.choice({ trait: "likelihood", label: "likelihood", options: likelihoods });
  f.toggle({ trait: "anneal", label: "β grows over ten epochs" });
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

export default define({
  data: ["given"],
  math: { elbo, used, words, widest },
  render(f) {
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
    controls(f, bar.node);
    const [seen, drawn] = [f.row(["1.05fr", "1fr"]), f.row(["1fr", "1fr", "1fr"])];
    /** @type {Uint8Array} */
    let labels = new Uint8Array(CODES);
    const map = plane(f, { parent: seen[0], labels: () => labels, count: CODES });
    const show = pictures(f, {
      parent: seen[1],
      rows: ["test digits", "reconstructed", "drawn from N(0, I)", "eight more"],
    });
    const error = { name: "reconstruction", ylabel: "reconstruction term, nats", parent: drawn[0], least: 20 };
    const first = curves(f, { ...error, of: (part) => -part.error });
    const second = curves(f, {
      name: "kl",
      ylabel: "KL term, nats",
      parent: drawn[1],
      least: 4,
      of: (part) => sum(part.kl),
    });
    const each = f.plot({
      name: "dimensions",
      label: "KL of each dimension",
      parent: drawn[2],
      x: [0.5, 2.5],
      y: [0, 4],
      ylabel: "KL of each dimension",
      xlabel: "dimension",
      height: 150,
      xticks: [],
      margin: { left: 30 },
    });
    const bars = each.bars({ name: "KL of each dimension", hue: "purple" });

    const numbers = f.numbers([
      ["ELBO, test", "blue"],
      ["its own loss says", "orange"],
      ["KL term"],
      ["gradient of the encoder"],
      ["of the decoder"],
      ["images a second"],
    ]);
    const say = f.readout({ lines: 2 });
    const given = bytes(f.get("given"));
    let loaded = given.length ? model(given, "vae") : null;
    let reading = false;
    let why = "";
    let spoken = 0;
    /** @type {Look | null} */
    let last = null;
    let pace = { step: 0, time: 0, speed: 0 };
    const team = conductor(f, {
      start: () => start(f, loaded),
      changed(mood, reason) {
        bar.mood(mood);
        why = reason;
        pace = { step: Number.NaN, time: 0, speed: 0 };
        if (mood === "loading") say("The digits are on their way.");
        else if (last) tell(last);
      },
      show(look, past, data) {
        last = look;
        labels = data.test.labels;
        map.show(look, widest(look.codes, labels.length));
        show([data.test.pixels, look.pictures, look.samples, look.samples.subarray(SHOWN * 784)]);
        for (const plot of [first, second]) plot.show(past);
        const { kl } = look.test;
        each.options.xticks = kl.length > 8 ? [1, kl.length] : kl.map((_, i) => i + 1);
        each.limits({ x: [0.5, kl.length + 0.5], y: [0, Math.max(4, Math.ceil(Math.max(...kl)))] });
        bars.set(
          Array.from({ length: kl.length + 1 }, (_, i) => i + 0.5),
          kl,
        );
        bar.show(look);
        const now = performance.now();
        if (look.step > pace.step) pace.speed = (100_000 * (look.step - pace.step)) / (now - pace.time);
        Object.assign(pace, { step: look.step, time: now });
        const norms = [look.gradients.encoder, look.gradients.decoder].map((v) => fmt(v, 2));
        const own = look.trained ? fmt(-look.train.loss, 1) : "–";
        numbers(
          fmt(elbo(look), 1),
          own,
          fmt(sum(kl), 1),
          ...norms,
          pace.speed ? thousands(Math.round(pace.speed / 100) * 100) : "–",
        );
        if (team.mood() !== "running" || now - spoken > 2000) tell(look);
      },
    });
    /** @param {Look} look */
    const tell = (look) => {
      spoken = performance.now();
      say(`${words(look, f.get("bug"))} ${why}`.trim());
    };
    own(f, {
      team,
      kind: "vae",
      say,
      deep: () => (loaded ? loaded.encoder.length - 1 : 2),
      load(found) {
        reading = true;
        f.set("latent", found.decoder[0]);
        reading = false;
        loaded = found;
        team.begin();
      },
      words: () => ({ likelihood: f.get("likelihood"), activation: f.get("activation") }),
    });
    for (const name of ["beta", "rate", "anneal", "bug"]) f.on(name, () => team.set(run(f)));
    const anew = () => {
      if (reading) return;
      loaded = null;
      team.begin();
    };
    for (const name of ["latent", "likelihood", "seed", "hidden"]) f.on(name, anew);
    f.draw(["latent", "beta"], () => {
      if (last) return;
      const [latent, beta] = [f.get("latent"), f.get("beta")];
      const dimensions = `${latent} latent dimension${latent > 1 ? "s" : ""}`;
      say(`Press Train: a VAE with ${dimensions} and β = ${beta} learns from 5,000 digits, here in the page.`);
    });
  },
});
