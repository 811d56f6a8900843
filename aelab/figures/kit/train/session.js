// A run of training: which images come when, what is measured on the way, and the states that it can go back to.
import { rng } from "../maths.js";
import { engine } from "./engine.js";

/** @typedef {import("./engine.js").Shape} Shape */
/** @typedef {import("./engine.js").State} State */
/** @typedef {import("./engine.js").Linear} Linear */
/** @typedef {import("./terms.js").Settings} Settings */
/** @typedef {{ pixels: Uint8Array, labels: Uint8Array }} Images 0 to 255, image by image */
/**
 * What the input gets before it is encoded, and over how many steps β grows from 0.
 * @typedef {Settings & { noise: "none" | "gaussian" | "masking", level: number, anneal: number }} Run
 */
/**
 * @typedef {object} Start
 * @property {Shape} shape
 * @property {Run} run
 * @property {number} seed
 * @property {Linear[] | null} [weights] to begin with; drawn if left out
 * @property {number} [every] milliseconds from one look to the next, at least
 */
/** @typedef {{ error: number, kl: number[], penalty: number }} Measured */
/**
 * What a run looks like at one step.
 * @typedef {object} Look
 * @property {number} step
 * @property {number} epoch
 * @property {boolean} trained whether it has trained since the look before
 * @property {Measured & { loss: number }} train what its own loss said, a mean since the look before
 * @property {Measured} test on the test images, with the loss as it ought to be
 * @property {{ encoder: number, decoder: number }} gradients their lengths in the last step
 * @property {Float32Array} codes of the test images: μ
 * @property {Float32Array} pictures the first test images as they are reconstructed
 * @property {Float32Array} samples of a VAE: decoded codes from N(0, I), always the same; of an autoencoder: the first
 *   test images with noise, and what becomes of them
 * @property {number} passed how much of that noise's energy comes out of an autoencoder again; NaN if it is masking
 * @property {number[]} states the steps that it can go back to
 */

export const BATCH = 100;
export const SHOWN = 8; // images that are reconstructed; twice as many samples
const DISTURBED = 0.3; // standard deviation of the noise that a network is tried with
const SHARE = 3; // at least so many times as long as a look takes is trained after it
const KEPT = 24; // states; of twice as many every second is left out
/** @type {(seed: number, part: number, at: number) => ReturnType<typeof rng>} of its own for every part and step */
const dice = (seed, part, at) =>
  rng((Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(at + 1, 0x85ebca6b) ^ Math.imul(part + 1, 0xc2b2ae35)) >>> 0);

/** @type {(count: number, draw: { normal: () => number }) => Float32Array} */
const normals = (count, draw) => Float32Array.from({ length: count }, draw.normal);

/** @typedef {{ noise: string, level: number }} Noise */

/** @type {(clean: Float32Array, draw: ReturnType<typeof rng>, run: Noise) => Float32Array} */
function spoilt(clean, draw, { noise, level }) {
  if (noise === "none" || level === 0) return clean;
  const masked = noise === "masking";
  return clean.map((value) => (masked ? (draw.uniform() < level ? 0 : value) : value + level * draw.normal()));
}

/** @type {(a: Float32Array, b: Float32Array) => number} of the difference */
const energy = (a, b) => a.reduce((total, value, i) => total + (value - b[i]) ** 2, 0);

/**
 * The initial weights of torch's linear layers; the last bias makes the network begin at the mean image.
 * @type {(shape: Shape, seed: number, images: Float32Array, logits: boolean) => Linear[]}
 */
export function initial({ encoder, decoder }, seed, images, logits) {
  const draw = dice(seed, 0, 0);
  const layers = [encoder, decoder].flatMap((widths) =>
    widths.slice(1).map((outs, i) => {
      const ins = widths[i];
      const uniform = () => (2 * draw.uniform() - 1) / Math.sqrt(ins);
      const weight = Float32Array.from({ length: ins * outs }, uniform);
      return { ins, outs, weight, bias: Float32Array.from({ length: outs }, uniform) };
    }),
  );
  const last = layers[layers.length - 1].bias;
  const [pixels, count] = [last.length, images.length / last.length];
  const mean = new Float64Array(pixels);
  for (let i = 0; i < count; i++) for (let j = 0; j < pixels; j++) mean[j] += images[i * pixels + j] / count;
  mean.forEach((value, i) => {
    const inside = Math.min(Math.max(value, 1e-3), 1 - 1e-3);
    last[i] = logits ? Math.log(inside / (1 - inside)) : value;
  });
  return layers;
}

/** @type {(pixels: Uint8Array) => Float32Array} */
export const toUnit = (pixels) => {
  const out = new Float32Array(pixels.length);
  for (let i = 0; i < out.length; i++) out[i] = pixels[i] / 255;
  return out;
};

const nothing = () => ({ loss: 0, error: 0, kl: /** @type {number[]} */ ([]), penalty: 0, steps: 0 });

export class Session {
  /**
   * @param {{ train: Float32Array, test: Float32Array }} images
   * @param {Start} start
   * @param {BufferSource | null} code the compiled kernels
   * @param {(look: Look) => void} tell
   * @param {(problem: { step: number, back: number }) => void} warn the loss is no number any more: it went back
   * @param {() => number} now milliseconds
   */
  constructor(
    { train, test },
    { shape, run, seed, weights = null, every = 150 },
    code,
    tell,
    warn,
    now = () => performance.now(),
  ) {
    this.train = train;
    this.test = test;
    this.run = run;
    this.seed = seed;
    this.every = every;
    this.tell = tell;
    this.warn = warn;
    this.now = now;
    this.pixels = shape.encoder[0];
    this.latent = shape.decoder[0];
    this.count = train.length / this.pixels;
    this.engine = engine(shape, BATCH, code);
    const logits = shape.kind === "vae" && run.likelihood === "bernoulli";
    this.engine.put(weights || initial(shape, seed, train, logits));
    this.states = [this.engine.save()];
    this.order = new Uint32Array(0);
    this.epoch = -1; // of `order`
    this.running = false;
    this.looked = Number.NEGATIVE_INFINITY;
    this.began = now(); // the look
    this.rest = every; // from one look to the next
    this.begun = 0; // the size of the first loss
    this.sum = nothing();
    this.gradients = { encoder: 0, decoder: 0 };
    /** @type {Generator<void, Look | null> | null} */
    this.looking = this.look();
  }

  /** Look at once; what was summed since the look before is of other weights. */
  fresh() {
    this.sum = nothing();
    this.gradients = { encoder: 0, decoder: 0 };
    this.glance();
  }

  /** Look from now on. */
  glance() {
    this.looking = this.look();
    this.began = this.now();
  }

  /** The images of step `step` (from 0), the input with its noise, and ε: the same whenever it is asked. */
  batch(/** @type {number} */ step) {
    const { pixels, latent } = this;
    const epoch = Math.floor((step * BATCH) / this.count);
    if (this.epoch !== epoch) {
      this.epoch = epoch;
      const draw = dice(this.seed, 1, epoch);
      this.order = Uint32Array.from({ length: this.count }, (_, i) => i);
      for (let i = this.count - 1; i > 0; i--) {
        const j = Math.floor(draw.uniform() * (i + 1));
        [this.order[i], this.order[j]] = [this.order[j], this.order[i]];
      }
    }
    const target = new Float32Array(BATCH * pixels);
    for (let i = 0; i < BATCH; i++) {
      const image = this.order[(step * BATCH + i) % this.count];
      target.set(this.train.subarray(image * pixels, (image + 1) * pixels), i * pixels);
    }
    const draw = dice(this.seed, 2, step);
    return { target, x: spoilt(target, draw, this.run), eps: normals(BATCH * latent, draw) };
  }

  /** One step of training. */
  advance() {
    const step = this.engine.steps();
    if (this.states[this.states.length - 1].steps > step)
      this.states = this.states.filter(({ steps }) => steps <= step);
    const { x, target, eps } = this.batch(step);
    const beta = this.run.beta * (this.run.anneal ? Math.min(1, step / this.run.anneal) : 1);
    const found = this.engine.step(x, BATCH, eps, { ...this.run, beta }, target);
    this.begun ||= Math.abs(found.loss) + 1;
    if (!(Math.abs(found.loss) < 100 * this.begun)) {
      this.retreat();
      return;
    }
    const { sum } = this;
    for (const name of /** @type {const} */ (["loss", "error", "penalty"])) sum[name] += found[name];
    sum.kl = found.kl.map((value, j) => (sum.kl[j] || 0) + value);
    sum.steps++;
    this.gradients = { encoder: found.encoder, decoder: found.decoder };
  }

  /** The loss is no number any more: stop, at the last state that was looked at. */
  retreat() {
    const step = this.engine.steps();
    this.running = false;
    const good = this.states[this.states.length - 1];
    this.engine.restore(good);
    this.fresh();
    this.warn({ step, back: good.steps });
  }

  /**
   * Measure, a part at a time; null if the network computes no numbers any more.
   * @returns {Generator<void, Look | null>}
   */
  *look() {
    const { pixels, latent } = this;
    const proper = { ...this.run, bug: /** @type {const} */ ("none") };
    const count = this.test.length / pixels;
    const codes = new Float32Array(count * latent);
    const test = { error: 0, kl: /** @type {number[]} */ ([]), penalty: 0 };
    let pictures = /** @type {Float32Array} */ (new Float32Array(0));
    for (let at = 0; at < count; at += BATCH) {
      const part = Math.min(BATCH, count - at);
      const x = this.test.subarray(at * pixels, (at + part) * pixels);
      const input = spoilt(x, dice(0, 3, at), this.run);
      codes.set(this.engine.codes(x, part), at * latent);
      if (at === 0) {
        this.engine.evaluate(x, part, null, proper); // at μ
        pictures = this.engine.pictures(Math.min(SHOWN, part), this.run.likelihood);
      }
      const found = this.engine.evaluate(input, part, normals(part * latent, dice(0, 4, at)), proper, x);
      test.error += (found.error * part) / count;
      test.penalty += (found.penalty * part) / count;
      test.kl = found.kl.map((value, j) => (test.kl[j] || 0) + (value * part) / count);
      yield;
    }
    if (![test.error, ...test.kl].every(Number.isFinite)) return null;
    const { samples, passed } = this.engine.shape.kind === "vae" ? this.drawn() : this.disturbed();
    const { steps, ...sums } = this.sum;
    const mean = (/** @type {number} */ total) => (steps ? total / steps : 0);
    const step = this.engine.steps();
    const look = {
      step,
      epoch: (step * BATCH) / this.count,
      trained: steps > 0,
      train: { loss: mean(sums.loss), error: mean(sums.error), kl: sums.kl.map(mean), penalty: mean(sums.penalty) },
      test,
      gradients: this.gradients,
      codes,
      pictures,
      samples,
      passed,
      states: this.keep(),
    };
    this.sum = nothing();
    return look;
  }

  /** New images of a VAE, of codes that stay the same. */
  drawn() {
    const count = 2 * SHOWN;
    this.engine.decode(normals(count * this.latent, dice(0, 5, this.latent)), count);
    return { samples: this.engine.pictures(count, this.run.likelihood), passed: 0 };
  }

  /** An autoencoder's answer to noise: that which it trains with, or else Gaussian noise. */
  disturbed() {
    const { pixels, run } = this;
    const count = Math.min(BATCH, this.test.length / pixels);
    const clean = this.test.subarray(0, count * pixels);
    const other = run.noise === "none" || run.level === 0 ? { noise: "gaussian", level: DISTURBED } : run;
    const noisy = spoilt(clean, dice(0, 6, 0), other);
    const answers = [clean, noisy].map((x) => {
      this.engine.evaluate(x, count, null, run);
      return this.engine.pictures(count, "");
    });
    const samples = new Float32Array(2 * SHOWN * pixels);
    samples.set(noisy.subarray(0, Math.min(SHOWN, count) * pixels));
    samples.set(answers[1].subarray(0, Math.min(SHOWN, count) * pixels), SHOWN * pixels);
    const passed = other.noise === "gaussian" ? energy(answers[1], answers[0]) / energy(noisy, clean) : Number.NaN;
    return { samples, passed };
  }

  /** Keep the state there is; the first and the last always stay. */
  keep() {
    const { states } = this;
    if (states[states.length - 1].steps < this.engine.steps()) states.push(this.engine.save());
    if (states.length > KEPT) this.states = states.filter((_, i) => i % 2 === 0 || i === states.length - 1);
    return this.states.map(({ steps }) => steps);
  }

  /**
   * A few milliseconds of work; whether there is more.
   * @returns {boolean}
   */
  tick() {
    if (this.looking) {
      const { done, value } = this.looking.next();
      if (done) {
        this.looking = null;
        this.looked = this.now();
        this.rest = Math.max(this.every, SHARE * (this.looked - this.began));
        if (value) this.tell(value);
        else this.retreat();
      }
      return true;
    }
    if (!this.running) return false;
    this.advance();
    if (!this.looking && this.now() - this.looked > this.rest) this.glance();
    return true;
  }

  /** @param {Float32Array} test other test images */
  see(test) {
    this.test = test;
    this.glance();
  }

  /** @param {boolean} running */
  go(running) {
    this.running = running;
    if (!running && !this.looking) this.glance();
    if (running) this.looked = Number.NEGATIVE_INFINITY; // the first step is seen at once
  }

  /** One step, and a look at it. */
  once() {
    this.running = false;
    this.advance();
    this.glance();
  }

  /**
   * Back to the state of a step, bit for bit; what came after it is forgotten when training goes on.
   * @param {number} step
   */
  back(step) {
    const at = this.states.findIndex(({ steps }) => steps === step);
    if (at < 0) throw new Error(`step must be one of ${this.states.map(({ steps }) => steps).join(", ")}, got ${step}`);
    this.running = false;
    this.engine.restore(this.states[at]);
    this.fresh();
  }
}
