// What figures compute with. Nothing here touches the page: Node loads it, and the tests compare it with Python.

/** @typedef {ArrayLike<number> & Iterable<number>} Numbers an array or a typed array */

/** @type {(value: number, low: number, high: number) => number} */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @type {(a: number, b: number, t: number) => number} */
export const lerp = (a, b, t) => a + (b - a) * t;

/**
 * n numbers from a to b, evenly spaced.
 * @type {(a: number, b: number, n: number) => Float64Array<ArrayBuffer>}
 */
export const linspace = (a, b, n) => Float64Array.from({ length: n }, (_, i) => a + ((b - a) * i) / (n - 1));

/** @type {(values: Numbers) => number} */
export const sum = (values) => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};

/**
 * A number as text, with a real minus sign and no "-0".
 * @type {(value: number, digits?: number) => string}
 */
export const fmt = (value, digits = 2) => {
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : String(value);
  return value
    .toFixed(digits)
    .replace(/^-(?=0\.?0*$)/, "")
    .replace("-", "−");
};

/**
 * A count with separators: 10,000.
 * @type {(value: number) => string}
 */
export const thousands = (value) => value.toLocaleString("en");

/**
 * The sum of the squared differences of two pictures.
 * @type {(a: Numbers, b: Numbers) => number}
 */
export const squaredError = (a, b) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] - b[i]) ** 2;
  return total;
};

/**
 * The peak signal-to-noise ratio in dB of two pictures whose white is `peak`.
 * @type {(a: Numbers, b: Numbers, peak?: number) => number}
 */
export const psnr = (a, b, peak = 1) => -10 * Math.log10(squaredError(a, b) / a.length / peak ** 2);

/**
 * The bytes of what a bytes trait becomes on the page.
 * @type {(view: ArrayBufferView) => Uint8Array<ArrayBuffer>}
 */
export const bytes = (view) =>
  new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer), view.byteOffset, view.byteLength);

/**
 * Its float32 numbers, wherever it starts in its buffer.
 * @type {(view: ArrayBufferView) => Float32Array<ArrayBuffer>}
 */
export const floats = (view) => new Float32Array(bytes(view).slice().buffer);

/**
 * A picture of bytes as numbers from 0 to 1.
 * @type {(raw: Uint8Array) => Float64Array<ArrayBuffer>}
 */
export const unit = (raw) => {
  const out = new Float64Array(raw.length); // by a loop: `from` with a function takes ten times as long
  for (let i = 0; i < raw.length; i++) out[i] = raw[i] / 255;
  return out;
};

/**
 * Seeded random numbers, the same as in `draws.py`: mulberry32, then Box and Muller.
 * `uniform()` lies in [0, 1), `normal()` comes from N(0, 1).
 * @param {number} seed
 */
export function rng(seed) {
  let state = seed >>> 0;
  /** @type {number | null} */
  let spare = null;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const r = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = r * Math.sin(angle);
    return r * Math.cos(angle);
  };
  return { uniform, normal };
}
