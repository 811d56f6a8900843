// The two loops that take the time of training: `kernels.wat`, compiled, where the host allows it, else JavaScript.

/**
 * C += A·B: A is m × k with any strides, B (k × n) and C (m × n) stand row by row. Places and strides in floats.
 * @callback Gemm
 * @param {number} a
 * @param {number} row
 * @param {number} column
 * @param {number} b
 * @param {number} c
 * @param {number} m
 * @param {number} n
 * @param {number} k
 */
/**
 * A step of Adam: p −= rate · m / (√v / root + 10⁻⁸), after both moments took in the gradient.
 * @typedef {(rate: number, root: number) => void} Adam
 */
/** @typedef {{ count: number, gradient: number, first: number, second: number }} Places of what Adam changes, from 0 */
/** @typedef {{ f: Float32Array, gemm: Gemm, adam: Adam, compiled: boolean }} Kernels */

/**
 * `size` floats, and what computes on them.
 * @param {number} size
 * @param {Places} places
 * @param {BufferSource | null} code the compiled `kernels.wat`
 * @returns {Kernels}
 */
export function kernels(size, places, code) {
  try {
    if (code) return assembled(size, places, code);
  } catch {} // no WebAssembly here, or none with vectors: the same numbers come slower
  return plain(size, places);
}

/** @type {(size: number, places: Places, code: BufferSource) => Kernels} */
function assembled(size, { count, gradient, first, second }, code) {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * size) / 65536) });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { engine: { memory } });
  const run = /** @type {Record<string, (...numbers: number[]) => void>} */ (/** @type {unknown} */ (exports));
  return {
    f: new Float32Array(memory.buffer, 0, size),
    compiled: true,
    gemm: (a, row, column, b, c, m, n, k) => run.gemm(4 * a, 4 * row, 4 * column, 4 * b, 4 * c, m, n, k),
    adam: (rate, root) => run.adam(0, 4 * gradient, 4 * first, 4 * second, count, rate, root),
  };
}

/** @type {(size: number, places: Places) => Kernels} */
function plain(size, { count, gradient, first, second }) {
  const f = new Float32Array(size);
  return {
    f,
    compiled: false,
    gemm(a, row, column, b, c, m, n, k) {
      for (let i = 0; i < m; i++)
        for (let q = 0; q < k; q++) {
          const x = f[a + i * row + q * column];
          if (x === 0) continue; // four of five pixels
          for (let j = 0, from = b + q * n, to = c + i * n; j < n; j++) f[to + j] += x * f[from + j];
        }
    },
    adam(rate, root) {
      for (let i = 0; i < count; i++) {
        const g = f[gradient + i];
        f[first + i] += 0.1 * (g - f[first + i]);
        f[second + i] = 0.999 * f[second + i] + 0.001 * g * g;
        f[i] -= (rate * f[first + i]) / (Math.sqrt(f[second + i]) / root + 1e-8);
      }
    },
  };
}
