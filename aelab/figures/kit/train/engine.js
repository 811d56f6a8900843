// Training in the page: an autoencoder or a VAE of linear layers, its loss, its gradient, and Adam, as in aecore.
import { kernels } from "./kernels.js";
import * as terms from "./terms.js";

/** @typedef {ArrayLike<number>} Numbers */
/** @typedef {import("./terms.js").Settings} Settings */
/** @typedef {"linear" | "relu" | "tanh" | "sigmoid"} Activation */
/**
 * What is trained. A VAE's encoder ends in 2·latent numbers, first μ, then log σ².
 * @typedef {object} Shape
 * @property {"vae" | "autoencoder"} kind
 * @property {number[]} encoder widths, from the pixels on
 * @property {number[]} decoder widths, back to the pixels
 * @property {"relu" | "tanh"} activation between the layers
 * @property {"linear" | "relu" | "sigmoid"} [squash] what follows the last layer of an autoencoder's encoder
 */
/**
 * The loss and its terms, means over the batch, in nats: `error` is −log p(x|z) or the squared error, `kl` the KL term
 * of each latent dimension (without β), `penalty` the weighted sparsity penalty.
 * @typedef {{ loss: number, error: number, kl: number[], penalty: number }} Terms
 */
/** @typedef {{ steps: number, parameters: Float32Array, moments: Float32Array }} State with Adam's two moments */
/** @typedef {{ ins: number, outs: number, weight: Float32Array, bias: Float32Array }} Linear as torch has it */
/** @typedef {{ start: number, ins: number, outs: number, activation: Activation, y: number, dy: number }} Layer */
/** @typedef {ReturnType<typeof engine>} Engine */

/** Where everything stands in one block of floats. */
function plan() {
  let size = 0;
  return {
    size: () => size,
    /** @param {number} count */
    reserve(count) {
      const at = size;
      size += 4 * Math.ceil(count / 4); // vectors of four
      return at;
    },
  };
}

/**
 * @param {Shape} shape
 * @param {number} room the largest batch
 * @param {BufferSource | null} code the compiled `kernels.wat`; without it all is done in JavaScript, slower
 */
export function engine(shape, room, code) {
  const { kind, encoder, decoder, activation, squash = "linear" } = shape;
  const [pixels, latent, vae] = [encoder[0], decoder[0], kind === "vae"];
  const { size, reserve } = plan();
  /** @type {(widths: number[], last: Activation) => Layer[]} */
  const chain = (widths, last) =>
    widths.slice(1).map((outs, i) => {
      const [ins, follows] = [widths[i], i === widths.length - 2 ? last : activation];
      return { start: reserve((ins + 1) * outs), ins, outs, activation: follows, y: 0, dy: 0 };
    });
  const [encoding, decoding] = [chain(encoder, squash), chain(decoder, "linear")];
  const layers = [...encoding, ...decoding];
  const count_ = size(); // of parameters
  const [gradient, first, second] = [reserve(count_), reserve(count_), reserve(count_)];
  const [input, z, dz] = [reserve(room * pixels), reserve(room * latent), reserve(room * latent)];
  for (const layer of layers) Object.assign(layer, { y: reserve(room * layer.outs), dy: reserve(room * layer.outs) });
  const turned = reserve(Math.max(...layers.map(({ ins, outs }) => ins * outs)));
  const { f, gemm, adam, compiled } = kernels(size(), { count: count_, gradient, first, second }, code);
  const [top, out] = [encoding[encoding.length - 1], decoding[decoding.length - 1]];

  /** @type {(layer: Layer, x: number, count: number) => void} Y = activation(X·W + b); W stands input by input */
  function forward({ start, ins, outs, activation, y }, x, count) {
    const bias = start + ins * outs;
    for (let i = 0; i < count; i++) f.copyWithin(y + i * outs, bias, bias + outs);
    gemm(x, ins, 1, start, y, count, outs, ins);
    const end = y + count * outs;
    if (activation === "relu") for (let i = y; i < end; i++) f[i] = Math.max(f[i], 0);
    else if (activation === "tanh") for (let i = y; i < end; i++) f[i] = Math.tanh(f[i]);
    else if (activation === "sigmoid") for (let i = y; i < end; i++) f[i] = 1 / (1 + Math.exp(-f[i]));
  }

  /** @type {(layer: Layer, x: number, dx: number, count: number) => void} from dY to dW, db and, if wanted, dX */
  function backward({ start, ins, outs, activation, y, dy }, x, dx, count) {
    const all = count * outs;
    if (activation === "relu") for (let i = 0; i < all; i++) f[dy + i] = f[y + i] > 0 ? f[dy + i] : 0;
    else if (activation === "tanh") for (let i = 0; i < all; i++) f[dy + i] *= 1 - f[y + i] ** 2;
    else if (activation === "sigmoid") for (let i = 0; i < all; i++) f[dy + i] *= f[y + i] * (1 - f[y + i]);
    const [weights, bias] = [gradient + start, gradient + start + ins * outs];
    f.fill(0, weights, bias + outs);
    gemm(x, 1, ins, dy, weights, ins, outs, count);
    for (let i = 0; i < count; i++) for (let j = 0; j < outs; j++) f[bias + j] += f[dy + i * outs + j];
    if (dx < 0) return;
    for (let i = 0; i < ins; i++) for (let j = 0; j < outs; j++) f[turned + j * ins + i] = f[start + i * outs + j];
    f.fill(0, dx, dx + count * ins);
    gemm(dy, outs, 1, turned, dx, count, ins, outs);
  }

  /** @type {(chain: Layer[], x: number, count: number) => void} */
  const through = (chain, x, count) => chain.forEach((layer, i) => forward(layer, i ? chain[i - 1].y : x, count));

  /** @type {(chain: Layer[], x: number, dx: number, count: number) => void} */
  const backThrough = (chain, x, dx, count) => {
    for (let i = chain.length - 1; i >= 0; i--)
      backward(chain[i], i ? chain[i - 1].y : x, i ? chain[i - 1].dy : dx, count);
  };

  /** @type {(layers: Layer[]) => number} length of the gradient of these layers */
  const norm = (layers) => {
    const last = layers[layers.length - 1];
    const end = gradient + last.start + (last.ins + 1) * last.outs;
    let total = 0;
    for (let i = gradient + layers[0].start; i < end; i++) total += f[i] ** 2;
    return Math.sqrt(total);
  };

  /** @type {(count: number, noise: Numbers | null, bug: string) => void} codes of the images at `input` */
  function encode(count, noise, bug) {
    through(encoding, input, count);
    if (vae) terms.reparameterize(f, top.y, z, latent, count, noise, bug);
    else f.copyWithin(z, top.y, top.y + count * latent);
  }

  /**
   * The loss of the images at `input`. What the network computes for them stands in `f` afterwards, and if `wanted`
   * the gradient of the decoder's output.
   * @type {(target: Numbers, count: number, noise: Numbers | null, settings: Settings, wanted: boolean) => Terms}
   */
  function measure(target, count, noise, settings, wanted) {
    const { likelihood, sigma, beta, bug } = settings;
    encode(count, noise, bug);
    through(decoding, z, count);
    const [d, scale] = [wanted ? out.dy : -1, (bug === "mean" ? 1 / pixels : 1) / count];
    let error = 0;
    if (vae && likelihood === "bernoulli") error = terms.bernoulli(f, out.y, d, target, scale);
    else error = terms.squares(f, out.y, d, target, scale, vae ? 0.5 / sigma ** 2 : 1);
    if (vae && likelihood === "gaussian") error += target.length * scale * terms.gaussianConstant(sigma);
    if (!vae) {
      const penalty = terms.penalty(f, top.y, -1, latent, count, settings);
      return { loss: error + penalty, error, kl: [], penalty };
    }
    const kl = terms.divergence(f, top.y, latent, count);
    const price = (bug === "sign" ? -1 : 1) * beta;
    return { loss: error + price * kl.reduce((a, b) => a + b, 0), error, kl, penalty: 0 };
  }

  /** @type {(x: Numbers, target: Numbers, count: number, noise: Numbers | null) => void} */
  function load(x, target, count, noise) {
    for (const [name, images] of Object.entries({ x, target }))
      if (!(count >= 1 && count <= room) || images.length !== count * pixels)
        throw new Error(`${name} must hold 1 to ${room} images of ${pixels} pixels, got ${images.length} numbers`);
    if (vae && noise && noise.length !== count * latent)
      throw new Error(`noise must be ${latent} numbers an image, got ${noise.length} for ${count}`);
    f.set(x, input);
  }

  let steps = 0;
  return {
    shape,
    parameters: count_,
    /** How many steps Adam has made. */
    steps: () => steps,
    compiled,
    /** @type {(x: Numbers, count: number, noise: Numbers | null, settings: Settings, target?: Numbers) => Terms} */
    evaluate(x, count, noise, settings, target = x) {
      load(x, target, count, noise);
      return measure(target, count, noise, settings, false);
    },
    /**
     * One step of Adam on the loss of `count` images `x` that are to become `target` (themselves if left out): its
     * terms before the step, and the lengths of both networks' gradients.
     * @type {(x: Numbers, count: number, noise: Numbers, settings: Settings, target?: Numbers) =>
     *   Terms & { encoder: number, decoder: number }}
     */
    step(x, count, noise, settings, target = x) {
      load(x, target, count, noise);
      const found = measure(target, count, noise, settings, true);
      backThrough(decoding, z, dz, count);
      if (vae) terms.posteriorGradient(f, top.y, top.dy, dz, latent, count, noise, settings);
      else {
        f.copyWithin(top.dy, dz, dz + count * latent);
        terms.penalty(f, top.y, top.dy, latent, count, settings);
      }
      backThrough(encoding, input, -1, count);
      steps++;
      adam(settings.rate / (1 - 0.9 ** steps), Math.sqrt(1 - 0.999 ** steps));
      return { ...found, encoder: norm(encoding), decoder: norm(decoding) };
    },
    /** @type {(x: Numbers, count: number) => Float32Array} codes; of a VAE μ */
    codes(x, count) {
      load(x, x, count, null);
      encode(count, null, "none");
      return f.slice(z, z + count * latent);
    },
    /** @type {(count: number, likelihood: string) => Float32Array} the pictures that were decoded last */
    pictures(count, likelihood) {
      const pictures = f.slice(out.y, out.y + count * pixels);
      if (vae && likelihood === "bernoulli")
        for (let i = 0; i < pictures.length; i++) pictures[i] = 1 / (1 + Math.exp(-pictures[i]));
      return pictures;
    },
    /** @type {(codes: Numbers, count: number) => void} */
    decode(codes, count) {
      f.set(codes, z);
      through(decoding, z, count);
    },
    /** @type {() => State} to go back to */
    save: () => ({ steps, parameters: f.slice(0, count_), moments: f.slice(first, first + 2 * count_) }),
    /** @param {State} state */
    restore(state) {
      steps = state.steps;
      f.set(state.parameters, 0);
      f.set(state.moments, first);
    },
    /**
     * Other weights, and Adam from its beginning.
     * @param {{ weight: Numbers, bias: Numbers }[]} given a linear layer each, as torch has it
     */
    put(given) {
      layers.forEach(({ start, ins, outs }, l) => {
        const { weight, bias } = given[l];
        for (let i = 0; i < ins; i++) for (let j = 0; j < outs; j++) f[start + i * outs + j] = weight[j * ins + i];
        f.set(bias, start + ins * outs);
      });
      f.fill(0, first, first + 2 * count_);
      steps = 0;
    },
    /** @type {() => Linear[]} */
    take: () =>
      layers.map(({ start, ins, outs }) => {
        const weight = new Float32Array(ins * outs);
        for (let i = 0; i < ins; i++) for (let j = 0; j < outs; j++) weight[j * ins + i] = f[start + i * outs + j];
        return { ins, outs, weight, bias: f.slice(start + ins * outs, start + (ins + 1) * outs) };
      }),
  };
}
