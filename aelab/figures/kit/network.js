// The forward pass of the networks that `quantize.py` packs.
import { ofLength } from "./checks.js";
import { bytes } from "./maths.js";

/** @typedef {[columns: number, rows: number, activation: string]} Layer inputs, outputs, and what follows */
/** @typedef {{ layers: Layer[], weights: "int8" | "float32", data: ArrayBufferView }} Packed */

/** @type {Record<string, (x: number) => number>} */
const ACTIVATIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/**
 * The layers: for each its scales (int8 only) and its biases as float32, then for each its weights, row by row.
 * @param {Packed} packed
 */
function unpack({ layers, weights, data }) {
  const small = weights === "int8";
  const raw = bytes(data).slice(); // aligned
  const head = layers.reduce((total, [, rows]) => total + (small ? 2 : 1) * rows, 0);
  const count = layers.reduce((total, [columns, rows]) => total + columns * rows, 0);
  const size = 4 * head + (small ? 1 : 4) * count;
  ofLength("data", raw.length, size, "bytes");
  const numbers = new Float32Array(raw.buffer, 0, head);
  const all = small ? new Int8Array(raw.buffer, 4 * head) : new Float32Array(raw.buffer, 4 * head);
  let at = 0;
  let from = 0;
  return layers.map(([columns, rows, activation]) => {
    const activate = ACTIVATIONS[activation];
    if (!activate)
      throw new Error(`activation must be one of ${Object.keys(ACTIVATIONS).join(", ")}, got ${activation}`);
    const bias = numbers.subarray(at + (small ? rows : 0), at + (small ? 2 : 1) * rows);
    const weight = Float32Array.from(all.subarray(from, from + rows * columns));
    if (small) for (let k = 0; k < weight.length; k++) weight[k] *= numbers[at + Math.floor(k / columns)];
    at += (small ? 2 : 1) * rows;
    from += rows * columns;
    return { columns, rows, weight, bias, activate };
  });
}

/**
 * The forward pass of a packed network: network({layers, weights, data})(input) → Float64Array.
 * @param {Packed} packed
 * @returns {(input: ArrayLike<number>) => Float64Array<ArrayBuffer>}
 */
export function network(packed) {
  const dense = unpack(packed);
  const inputs = dense[0].columns;
  return (input) => {
    ofLength("input", input.length, inputs);
    let x = Float64Array.from(input);
    for (const { columns, rows, weight, bias, activate } of dense) {
      const y = new Float64Array(rows);
      for (let row = 0, k = 0; row < rows; row++) {
        let total = bias[row];
        for (let column = 0; column < columns; column++, k++) total += weight[k] * x[column];
        y[row] = activate(total);
      }
      x = y;
    }
    return x;
  };
}
