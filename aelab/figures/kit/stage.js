// A figure's stage: its place in the page, its traits, and what is drawn when one of them changes.
import { askPython } from "./asset.js";
import * as controls from "./controls.js";
import { h, onTheme, reducedMotion } from "./dom.js";
import { bytes } from "./maths.js";
import { Plot } from "./plot.js";
import * as rasters from "./raster.js";

/**
 * The traits, as anywidget's model and the page's host hold them.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener: () => void) => void} off
 * @property {() => void} save_changes
 * @property {(name: string) => Promise<ArrayBufferView>} [asset] data that figures share: the page has it, or Python
 * @property {(content: any) => void} [send]
 */

export class Stage {
  /**
   * @param {HTMLElement} el
   * @param {Model} model
   */
  constructor(el, model) {
    this.model = model;
    /** @type {Plot[]} */
    this.plots = [];
    /** @type {(() => void)[]} */
    this.drawers = [];
    /** @type {(() => void)[]} what ends with the figure */
    this.ends = [];
    /** @type {Record<string, any>} what Reset goes back to */
    this.start = {};
    /** @type {Set<() => void> | undefined} what to draw when all of several traits are set */
    this.due = undefined;
    /** @type {Record<string, number[]>} */
    this.colours = {};
    this.body = h("div", { class: "ae-body" });
    this.controls = h("div", { class: "ae-controls" });
    this.notes = h("div", { class: "ae-notes" });
    this.error = h("p", { class: "ae-error", role: "alert", hidden: true });
    const [title, caption] = [model.get("title"), model.get("caption")];
    const under = (title || caption) && h("figcaption", {}, h("b", {}, title || ""), " ", caption || "");
    const parts = [this.body, this.controls, this.notes, this.error, under];
    this.root = h("figure", { class: "ae-figure" }, ...parts);
    this.host = h("div", { class: "ae-host" }, this.root);
    el.replaceChildren(this.host);
    this.watch();
  }

  /** Lay out anew when the width changes, draw anew when the theme does. */
  watch() {
    let width = 0;
    const observer = new ResizeObserver(() => {
      if (this.host.clientWidth === width || !this.host.clientWidth) return;
      width = this.host.clientWidth;
      this.layout();
    });
    observer.observe(this.host);
    this.ends.push(
      () => observer.disconnect(),
      onTheme(() => this.redraw()),
    );
  }

  /**
   * A trait; a number that is not finite is an error, not a broken picture.
   * @param {string} name
   */
  get(name) {
    const value = this.model.get(name);
    if (value === undefined || value === null || (typeof value === "number" && !Number.isFinite(value)))
      throw new Error(`${name} must be a finite number, got ${value}`);
    return value;
  }

  /**
   * Data that all figures share, when they are wanted: asset("digits").
   * @param {string} name
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async asset(name) {
    return bytes(await (this.model.asset ? this.model.asset(name) : askPython(this.model, name)));
  }

  /**
   * Set one trait or several: set("rho", 0.2), set({rho: 0.2, rho_hat: 0.1}). Draws at once, tells Python.
   * @param {string | Record<string, any>} name
   * @param {any} [value]
   */
  set(name, value) {
    const outer = this.due;
    const due = new Set(); // what several traits change is drawn once
    this.due = due;
    try {
      const traits = typeof name === "object" ? name : { [name]: value };
      for (const [key, v] of Object.entries(traits)) this.model.set(key, v);
    } finally {
      this.due = outer;
    }
    for (const paint of due) paint();
    this.model.save_changes();
  }

  /**
   * Call `changed` when a trait changes, whoever changed it.
   * @param {string} name
   * @param {() => void} changed
   */
  on(name, changed) {
    const event = `change:${name}`;
    this.model.on(event, changed);
    this.ends.push(() => this.model.off(event, changed));
  }

  /**
   * Run `paint` now, whenever one of the traits changes, on resize and on a change of theme.
   * @param {string[]} names
   * @param {() => void} paint
   */
  draw(names, paint) {
    const guarded = () => this.guard(paint);
    this.drawers.push(guarded);
    for (const name of names) this.on(name, () => (this.due ? this.due.add(guarded) : guarded()));
    guarded();
  }

  /**
   * Run `action`; what it throws is said in the figure's box.
   * @param {() => void} action
   */
  guard(action) {
    try {
      action();
      this.error.hidden = true;
    } catch (error) {
      this.error.textContent = `This figure cannot draw: ${/** @type {Error} */ (error).message}`;
      this.error.hidden = false;
    }
  }

  redraw() {
    this.colours = {};
    for (const paint of this.drawers) paint();
  }

  layout() {
    this.guard(() => {
      for (const plot of this.plots) plot.layout();
    });
    this.redraw();
  }

  /**
   * A colour of the theme as [r, g, b], for canvases: stage.colour("ink").
   * @param {string} name
   */
  colour(name) {
    if (!this.colours[name]) {
      const hex = getComputedStyle(this.root).getPropertyValue(`--ae-${name}`).trim() || "#888888";
      this.colours[name] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
    }
    return this.colours[name];
  }

  /**
   * step(t) for t from 0 to 1 over `ms`; at once where motion is not wanted.
   * @param {(t: number) => void} step
   * @param {number} [ms]
   * @returns {() => void} stops it
   */
  animate(step, ms = 600) {
    if (reducedMotion()) {
      this.guard(() => step(1));
      return () => {};
    }
    let frame = 0;
    /** @type {number | undefined} */
    let begin;
    /** @param {number} now */
    const tick = (now) => {
      begin ??= now;
      const t = Math.min(1, (now - begin) / ms);
      this.guard(() => step(t));
      if (t < 1) frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    const stop = () => cancelAnimationFrame(frame);
    this.ends.push(stop);
    return stop;
  }

  end() {
    for (const end of this.ends.splice(0)) end();
  }

  /**
   * Panels side by side that stack when there is no room: row(["2fr", "1fr"]) → two elements.
   * @param {string[]} [widths]
   * @param {HTMLElement} [parent]
   */
  row(widths = ["1fr", "1fr"], parent = this.body) {
    const cells = widths.map(() => h("div", { class: "ae-cell" }));
    const columns = widths.map((width) => `minmax(0,${width})`).join(" ");
    parent.append(h("div", { class: "ae-row", style: `--ae-columns:${columns}` }, ...cells));
    return cells;
  }

  /** @param {import("./plot.js").PlotOptions} options */
  plot(options) {
    return new Plot(this, options);
  }
  /** @param {controls.SliderOptions} options */
  slider(options) {
    return controls.slider(this, options);
  }
  /** @param {controls.ChoiceOptions} options */
  choice(options) {
    return controls.choice(this, options);
  }
  /** @param {{ trait: string, label: string, parent?: Element }} options */
  toggle(options) {
    return controls.toggle(this, options);
  }
  /** @param {{ label: string, onclick: () => void, parent?: Element }} options */
  button(options) {
    return controls.button(this, options);
  }
  /** @param {...string} names */
  reset(...names) {
    return controls.reset(this, names);
  }
  /** @param {[words: string, hue?: string][]} names */
  numbers(names) {
    return controls.numbers(this, names);
  }
  /** @param {{ lines?: number }} [options] */
  readout(options) {
    return controls.readout(this, options);
  }
  /** @param {rasters.RasterOptions} options */
  raster(options) {
    return rasters.raster(this, options);
  }
  /** @param {rasters.RasterOptions} options */
  digit(options) {
    return rasters.raster(this, options);
  }
  /** @param {{ title: string, hue?: string, size?: number, parent?: Element }} options */
  titled(options) {
    return rasters.titled(this, options);
  }
  /** @param {{ label: string, count: number, above?: boolean, parent?: Element }} options */
  strip(options) {
    return rasters.strip(this, options);
  }
  /** @param {rasters.ThumbnailOptions} options */
  thumbnails(options) {
    return rasters.thumbnails(this, options);
  }
}
