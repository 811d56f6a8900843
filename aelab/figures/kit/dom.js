// Elements, colours and the theme. Nothing runs when this is loaded; `document` is asked only by what is called.
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, unknown>} Attributes */
/** @typedef {Node | string | null | undefined | false} Child */

/**
 * What `h` takes for an attribute: `on…` is a listener, false and null leave it out, true leaves it empty.
 * @param {Element} node
 * @param {Attributes} attributes
 */
function decorate(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * An HTML element: h("p", {class: "x", onclick: f}, "text", child).
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  decorate(node, attributes);
  node.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
  return node;
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  decorate(node, attributes);
  node.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
  return node;
}

/**
 * A colour by its name, as a CSS value; ink if there is none.
 * @param {string} [name]
 */
export const hue = (name) => `var(--ae-${name || "ink"})`;

/** Where a host's own keyboard shortcuts have to stay away: JupyterLab deletes a cell at two presses of d. */
export const QUIET = { "data-lm-suppress-shortcuts": "true" };

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Call `changed` when the host turns light or dark.
 * @param {() => void} changed
 * @returns {() => void} ends it
 */
export function onTheme(changed) {
  const observer = new MutationObserver(changed);
  const attributeFilter = ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind", "class"];
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  observer.observe(document.body, { attributes: true, attributeFilter });
  return () => observer.disconnect();
}
