// A figure as an anywidget module: its mathematics, which the tests compare with aecore, and its drawing on a stage.
import { h } from "./dom.js";
import { Stage } from "./stage.js";

/** @typedef {import("./stage.js").Model} Model */
/** @typedef {Record<string, (...values: any[]) => any>} Functions */
/** @typedef {{ math: Functions, render: (host: { model: Model, el: HTMLElement }) => () => void }} Module */

/**
 * @param {object} parts
 * @param {Functions} [parts.math] pure functions
 * @param {string[]} [parts.data] traits that Python may replace whole (another model, other digits): the figure then
 *   starts anew
 * @param {(f: Stage) => void} parts.render
 * @returns {Module}
 */
export function define({ math = {}, data = [], render }) {
  return {
    math,
    render({ model, el }) {
      /** @type {Stage | undefined} */
      let stage;
      const begin = () => {
        stage?.end();
        try {
          stage = new Stage(el, model);
          render(stage);
        } catch (error) {
          stage?.end();
          refuse(el, /** @type {Error} */ (error));
        }
      };
      /** @param {boolean} away the picture that a saved notebook keeps of the figure */
      const picture = (away) => {
        const name = model.get("_saved");
        for (const still of name ? document.querySelectorAll(`[data-saved="${name}"]`) : [])
          still.toggleAttribute("hidden", away);
      };
      for (const name of data) model.on(`change:${name}`, begin);
      begin();
      picture(true);
      return () => {
        picture(false);
        for (const name of data) model.off(`change:${name}`, begin);
        stage?.end();
      };
    },
  };
}

/**
 * What stands in a figure's place when it cannot start.
 * @type {(el: Element, error: Error) => void}
 */
export const refuse = (el, error) =>
  el.replaceChildren(h("p", { class: "ae-error", role: "alert" }, `This figure cannot start: ${error.message}`));
