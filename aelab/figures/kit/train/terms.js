// The terms of the loss and their gradients, as in `aecore.losses`: sums over dimensions, means over the batch, nats.

/**
 * What may change while it trains.
 * @typedef {object} Settings
 * @property {number} rate of Adam
 * @property {"bernoulli" | "gaussian"} likelihood of a VAE; an autoencoder has the squared error
 * @property {number} sigma of the Gaussian likelihood
 * @property {number} beta weight of the KL term
 * @property {"none" | "l1" | "kl"} sparsity of an autoencoder's code
 * @property {number} weight of the sparsity penalty
 * @property {number} rho target of the KL penalty
 * @property {"none" | "no gradient" | "mean" | "sign" | "log σ"} bug planted in the loss of a VAE
 */
/** @typedef {import("./engine.js").Numbers} Numbers */

/**
 * −log p(x|z), Bernoulli: the logits stand at `out`; their gradient is written to `d`, if that is a place.
 * @type {(f: Float32Array, out: number, d: number, target: Numbers, scale: number) => number}
 */
export function bernoulli(f, out, d, target, scale) {
  let total = 0;
  for (let i = 0; i < target.length; i++) {
    const x = target[i];
    const logit = f[out + i];
    const e = Math.exp(-Math.abs(logit)); // log(1 + e^l) = max(l, 0) + log(1 + e^−|l|)
    total += Math.max(logit, 0) + Math.log1p(e) - x * logit;
    if (d >= 0) f[d + i] = ((logit > 0 ? 1 : e) / (1 + e) - x) * scale;
  }
  return total * scale;
}

/**
 * The squared error, and the gradient of `precision` times that.
 * @type {(f: Float32Array, out: number, d: number, target: Numbers, scale: number, precision: number) => number}
 */
export function squares(f, out, d, target, scale, precision) {
  let total = 0;
  for (let i = 0; i < target.length; i++) {
    const off = f[out + i] - target[i];
    total += off * off;
    if (d >= 0) f[d + i] = 2 * precision * off * scale;
  }
  return total * precision * scale;
}

/** The constant of the Gaussian log-likelihood, a dimension. */
export const gaussianConstant = (/** @type {number} */ sigma) => Math.log(sigma) + 0.5 * Math.log(2 * Math.PI);

/**
 * KL(q(z|x)‖N(0, I)) of each dimension, a mean over the batch; μ and log σ² of an image stand one behind the other.
 * @type {(f: Float32Array, from: number, latent: number, count: number) => number[]}
 */
export function divergence(f, from, latent, count) {
  const kl = new Array(latent).fill(0);
  for (let i = 0; i < count; i++)
    for (let j = 0; j < latent; j++) {
      const at = from + 2 * i * latent + j;
      kl[j] += (0.5 * (f[at] ** 2 + Math.expm1(f[at + latent]) - f[at + latent])) / count;
    }
  return kl;
}

/** By which power of σ the sample is spread: exp(½ log σ²), or, with the bug, exp(log σ²) as if that were log σ. */
const half = (/** @type {string} */ bug) => (bug === "log σ" ? 1 : 0.5);

/**
 * z = μ + σ ε, or μ without noise.
 * @type {(f: Float32Array, from: number, z: number, latent: number, count: number, noise: Numbers | null,
 *   bug: string) => void}
 */
export function reparameterize(f, from, z, latent, count, noise, bug) {
  for (let i = 0; i < count; i++)
    for (let j = 0; j < latent; j++) {
      const at = from + 2 * i * latent + j;
      f[z + i * latent + j] = f[at] + (noise ? Math.exp(half(bug) * f[at + latent]) * noise[i * latent + j] : 0);
    }
}

/**
 * From dz, and from the KL term, to the gradients of μ and log σ², at `d`.
 * @type {(f: Float32Array, from: number, d: number, dz: number, latent: number, count: number, noise: Numbers,
 *   settings: Settings) => void}
 */
export function posteriorGradient(f, from, d, dz, latent, count, noise, { beta, bug }) {
  const price = ((bug === "sign" ? -1 : 1) * beta) / count;
  for (let i = 0; i < count; i++)
    for (let j = 0; j < latent; j++) {
      const [at, k] = [2 * i * latent + j, i * latent + j];
      const logvar = f[from + at + latent];
      const through = bug === "no gradient" ? 0 : f[dz + k];
      const spread = half(bug) * Math.exp(half(bug) * logvar) * noise[k];
      f[d + at] = through + price * f[from + at];
      f[d + at + latent] = through * spread + price * 0.5 * Math.expm1(logvar);
    }
}

const TINY = 2 ** -23; // where aecore takes the KL penalty and its gradient for a unit that is never, or always, active

/**
 * The weighted penalty on activations at `a`; its gradient is added to `d`, if that is a place.
 * @type {(f: Float32Array, a: number, d: number, units: number, count: number, settings: Settings) => number}
 */
export function penalty(f, a, d, units, count, { sparsity, weight, rho }) {
  if (sparsity === "none") return 0;
  const l1 = sparsity === "l1";
  let total = 0;
  for (let j = 0; j < units; j++) {
    let active = 0;
    for (let i = 0; i < count; i++) active += Math.abs(f[a + i * units + j]) / count;
    if (!l1) active = Math.min(Math.max(active, TINY), 1 - TINY);
    total += l1 ? active : rho * Math.log(rho / active) + (1 - rho) * Math.log((1 - rho) / (1 - active));
    const push = (weight / count) * (l1 ? 1 : (1 - rho) / (1 - active) - rho / active);
    if (d >= 0)
      for (let i = 0; i < count; i++) f[d + i * units + j] += l1 ? push * Math.sign(f[a + i * units + j]) : push;
  }
  return weight * total;
}
