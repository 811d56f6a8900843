// Sliders, choices, buttons and read-outs, each bound to traits of a stage.
import { h, hue, QUIET } from "./dom.js";
import { clamp, fmt } from "./maths.js";

/** @typedef {import("./stage.js").Stage} Stage */
/**
 * `values`: the trait takes these, in order; else min, max, step.
 * @typedef {object} SliderOptions
 * @property {string} trait
 * @property {string} label
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 * @property {number[]} [values]
 * @property {(value: number) => string} [format]
 * @property {string} [hue]
 * @property {Element} [parent]
 */
/**
 * @typedef {object} ChoiceOptions
 * @property {string} trait
 * @property {string} label
 * @property {boolean} [labelled] whether the label is seen; it is read out in any case
 * @property {[value: any, words: string][]} options
 * @property {Element} [parent]
 */

let serial = 0; // radio buttons belong together by a name that no other figure of the page has

/**
 * The place of the value that is nearest.
 * @type {(values: number[], value: number) => number}
 */
export const nearestPlace = (values, value) =>
  values.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(values[best] - value) ? i : best), 0);

/**
 * A slider on a trait.
 * @param {Stage} stage
 * @param {SliderOptions} options
 */
export function slider(stage, { trait, label, values, format = (v) => fmt(v), hue: colour, parent, ...range }) {
  const { min = 0, max = 1, step = 1 } = values ? { max: values.length - 1 } : range;
  const input = h("input", { type: "range", min, max, step, ...QUIET });
  const value = h("span", { class: "ae-value", "aria-hidden": "true" });
  const show = () => {
    const now = stage.get(trait);
    const position = values ? nearestPlace(values, now) : now;
    if (Number(input.value) !== position) input.value = position;
    input.style.setProperty("--ae-fill", `${(100 * (clamp(position, min, max) - min)) / (max - min)}%`);
    value.textContent = format(now);
    input.setAttribute("aria-valuetext", format(now));
  };
  input.addEventListener("input", () => stage.set(trait, values ? values[Number(input.value)] : Number(input.value)));
  const words = h("span", { class: "ae-label" }, label);
  const node = h("label", { class: "ae-slider", style: `--ae-hue:${hue(colour)}` }, words, input, value);
  (parent || stage.controls).append(node);
  stage.start[trait] = stage.get(trait);
  stage.draw([trait], show);
  return input;
}

/**
 * One of several: options are [value, "words"].
 * @param {Stage} stage
 * @param {ChoiceOptions} options
 */
export function choice(stage, { trait, label, labelled = true, options, parent }) {
  const group = `ae-${++serial}`;
  const inputs = options.map(([value]) =>
    h("input", { type: "radio", name: group, onchange: () => stage.set(trait, value), ...QUIET }),
  );
  const words = labelled && h("span", { class: "ae-label", "aria-hidden": "true" }, label);
  const segments = options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)));
  const all = h("span", { class: "ae-segments" }, ...segments);
  const node = h("div", { class: "ae-choice", role: "radiogroup", "aria-label": label }, words, all);
  (parent || stage.controls).append(node);
  stage.start[trait] = stage.get(trait);
  stage.draw([trait], () => {
    options.forEach(([value], i) => {
      inputs[i].checked = value === stage.get(trait);
    });
  });
  return { node, all, segments };
}

/**
 * On or off.
 * @param {Stage} stage
 * @param {{ trait: string, label: string, parent?: Element }} options
 */
export function toggle(stage, { trait, label, parent }) {
  const input = h("input", { type: "checkbox", onchange: () => stage.set(trait, input.checked), ...QUIET });
  (parent || stage.controls).append(h("label", { class: "ae-toggle" }, input, h("span", {}, label)));
  stage.start[trait] = stage.get(trait);
  stage.draw([trait], () => {
    input.checked = stage.get(trait);
  });
  return input;
}

/**
 * @param {Stage} stage
 * @param {{ label: string, onclick: () => void, parent?: Element }} options
 */
export function button(stage, { label, onclick, parent }) {
  const node = h("button", { type: "button", class: "ae-button", onclick: () => stage.guard(onclick) }, label);
  (parent || stage.controls).append(node);
  return node;
}

/**
 * A button that puts these traits, and those of all controls, back to what they were.
 * @param {Stage} stage
 * @param {string[]} names
 */
export function reset(stage, names) {
  for (const name of names) stage.start[name] = stage.get(name);
  return button(stage, { label: "Reset", onclick: () => stage.set(stage.start) });
}

/** @type {(node: Element, words: string) => void} */
const say = (node, words) => {
  if (node.textContent !== words) node.textContent = words;
};

/**
 * Numbers in a row: const show = numbers([["KL", "blue"], …]); show("0.13", …).
 * @param {Stage} stage
 * @param {[words: string, hue?: string][]} names
 * @returns {(...texts: string[]) => void}
 */
export function numbers(stage, names) {
  const cells = names.map(([, colour]) => h("dd", { style: `color:${hue(colour)}` }));
  stage.notes.append(h("dl", {}, ...names.map(([words], i) => h("div", {}, h("dt", {}, words), cells[i]))));
  return (...texts) => texts.forEach((words, i) => say(cells[i], words));
}

/**
 * The sentence that says what the figure shows; read out when it changes.
 * @param {Stage} stage
 * @param {{ lines?: number }} [options]
 * @returns {(words: string) => void}
 */
export function readout(stage, { lines = 2 } = {}) {
  const attributes = { class: "ae-say", role: "status", "aria-live": "polite", style: `--ae-lines:${lines}` };
  const node = h("p", attributes);
  stage.notes.append(node);
  return (words) => say(node, words);
}
