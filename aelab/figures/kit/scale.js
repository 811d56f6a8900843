// From numbers to pixels and back. d3-scale does the same; with what it brings along it would weigh a third of the kit.
import { ticks } from "d3-array";

/** @typedef {[low: number, high: number]} Limits */

/**
 * A linear or logarithmic scale: scale(1) is a pixel, scale.invert(0) a number, scale.ticks(5) about five round
 * numbers; on a logarithmic scale the powers of ten.
 * @param {"linear" | "log"} kind
 * @param {Limits} domain
 * @param {Limits} range
 */
export function scale(kind, domain, [from, to]) {
  const log = kind === "log";
  const [low, high] = log ? domain.map(Math.log10) : domain;
  /** @param {number} value */
  const place = (value) => from + (((log ? Math.log10(value) : value) - low) / (high - low)) * (to - from);
  /** @param {number} pixel */
  const invert = (pixel) => {
    const value = low + ((pixel - from) / (to - from)) * (high - low);
    return log ? 10 ** value : value;
  };
  /** @param {number} n */
  const round = (n) => {
    if (!log) return ticks(low, high, n);
    const first = Math.ceil(low - 1e-9);
    return Array.from({ length: Math.floor(high + 1e-9) - first + 1 }, (_, i) => 10 ** (first + i));
  };
  return Object.assign(place, { invert, ticks: round });
}
