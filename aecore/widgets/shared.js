// Shared by all figures: joined in front of every module, in Python for the live widget and once in the book's bundle.
// Import-free, no globals but `ae`, no ids (two instances of a figure may stand on one page).
const ae = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  let serial = 0;

  // ---- small things -------------------------------------------------------------------------------------------

  /** An element: h("p", {class: "x", onclick: f}, "text", child); tags that start with "svg:" are SVG. */
  function h(tag, attributes = {}, ...children) {
    const svg = tag.startsWith("svg:");
    const node = svg ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== undefined && child !== null));
    return node;
  }

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const lerp = (a, b, t) => a + (b - a) * t;
  const linspace = (a, b, n) => Float64Array.from({ length: n }, (_, i) => a + ((b - a) * i) / (n - 1));
  /** A number as text, with a real minus sign and no "-0". */
  const fmt = (value, digits = 2) =>
    value === Infinity ? "∞" : value === -Infinity ? "−∞" : value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
  const hue = (name) => (name ? `var(--ae-${name})` : "var(--ae-ink)");
  const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** A DataView (what a bytes trait becomes) as bytes, and as floats wherever it starts in its buffer. */
  const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const floats = (view) => new Float32Array(bytes(view).slice().buffer);

  /** Seeded random numbers: rng(7).uniform() in [0, 1), .normal() from N(0, 1). */
  function rng(seed) {
    let state = seed >>> 0, spare = null;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const normal = () => {
      if (spare !== null) { const value = spare; spare = null; return value; }
      const r = Math.sqrt(-2 * Math.log(1 - uniform())), angle = 2 * Math.PI * uniform();
      spare = r * Math.sin(angle);
      return r * Math.cos(angle);
    };
    return { uniform, normal };
  }

  const ACTIVATIONS = {
    linear: (x) => x,
    relu: (x) => (x > 0 ? x : 0),
    tanh: Math.tanh,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  };

  /** The forward pass of what aecore.widgets.quantize packed: network({layers, data})(input) -> Float32Array. */
  function network({ layers, data }) {
    const raw = bytes(data);
    const head = layers.reduce((sum, [, rows]) => sum + 2 * rows, 0);
    const size = 4 * head + layers.reduce((sum, [columns, rows]) => sum + columns * rows, 0);
    if (raw.length !== size) throw new Error(`network: got ${raw.length} bytes, the layers take ${size}`);
    const numbers = new Float32Array(raw.slice(0, 4 * head).buffer);
    const weights = new Int8Array(raw.buffer, raw.byteOffset + 4 * head, size - 4 * head);
    let at = 0, byte = 0;
    const dense = layers.map(([columns, rows, activation]) => {
      if (!ACTIVATIONS[activation]) throw new Error(`network: got the activation ${activation}`);
      const bias = numbers.subarray(at + rows, at + 2 * rows), weight = new Float32Array(rows * columns);
      for (let row = 0, k = 0; row < rows; row++)
        for (let column = 0; column < columns; column++, k++) weight[k] = weights[byte + k] * numbers[at + row];
      at += 2 * rows;
      byte += rows * columns;
      return { columns, rows, weight, bias, activate: ACTIVATIONS[activation] };
    });
    return (input) => {
      if (input.length !== dense[0].columns)
        throw new Error(`network: got ${input.length} inputs, takes ${dense[0].columns}`);
      let x = input;
      for (const { columns, rows, weight, bias, activate } of dense) {
        const y = new Float32Array(rows);
        for (let row = 0, k = 0; row < rows; row++) {
          let sum = bias[row];
          for (let column = 0; column < columns; column++, k++) sum += weight[k] * x[column];
          y[row] = activate(sum);
        }
        x = y;
      }
      return x;
    };
  }

  /** Call `changed` when the host turns light or dark; returns the function that stops it. */
  function onTheme(changed) {
    const observer = new MutationObserver(changed);
    const attributeFilter = ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind", "class"];
    observer.observe(document.documentElement, { attributes: true, attributeFilter });
    observer.observe(document.body, { attributes: true, attributeFilter });
    return () => observer.disconnect();
  }

  /** Round numbers between a and b, about n of them. */
  function ticks(a, b, n) {
    const rough = (b - a) / n, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const out = [];
    for (let v = Math.ceil(a / step - 1e-9) * step; v <= b + step * 1e-6; v += step) out.push(Math.round(v / step) * step);
    return out;
  }
  const tickText = (value) => fmt(value, 6).replace(/\.?0+$/, "");

  // ---- a plot -------------------------------------------------------------------------------------------------

  class Plot {
    constructor(stage, { label, height: tall = 240, x, y, xlabel = "", ylabel = "", xticks, yticks, xformat = tickText, yformat = tickText, margin = {}, parent, aspect }) {
      Object.assign(this, { stage, tall, x, y, xlabel, ylabel, xticks, yticks, xformat, yformat, aspect });
      this.margin = { top: ylabel ? 26 : 10, right: 12, bottom: xlabel ? 40 : 24, left: 34, ...margin };
      this.axes = h("svg:g", { "aria-hidden": "true" });
      this.clip = h("svg:svg", { class: "ae-clip", "aria-hidden": "true" });
      this.over = h("svg:g");
      this.svg = h("svg:svg", { class: "ae-plot", role: "group", "aria-label": label }, this.axes, this.clip, this.over);
      (parent || stage.body).append(this.svg);
      stage.plots.push(this);
      this.layout();
    }

    layout() {
      this.width = Math.max(180, this.svg.clientWidth || this.svg.parentNode.clientWidth || 640);
      const { top, right, bottom, left } = this.margin;
      const host = this.stage.host.clientWidth; // panels stack on a phone: a little lower there
      this.height = host && host <= 560 ? Math.min(this.tall, 200) : this.tall;
      if (this.aspect) this.height = (this.width - left - right) * this.aspect + top + bottom;
      this.inner = { left, top, width: this.width - left - right, height: this.height - top - bottom };
      this.svg.setAttribute("height", this.height);
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      for (const [name, value] of Object.entries({ x: left, y: top, width: this.inner.width, height: this.inner.height }))
        this.clip.setAttribute(name, value);
      this.scales();
    }

    /** Draw the axes again, for other limits: plot.x = [0, 2]; plot.scales(). */
    scales() {
      const { left, top, width, height } = this.inner, low = top + height, parts = [];
      for (const v of this.xticks || ticks(...this.x, width < 260 ? 3 : 5)) {
        parts.push(h("svg:line", { class: "ae-tick", x1: this.X(v), x2: this.X(v), y1: low, y2: low + 4 }));
        parts.push(h("svg:text", { x: this.X(v), y: low + 17, "text-anchor": "middle" }, this.xformat(v)));
      }
      for (const v of this.yticks || ticks(...this.y, height < 140 ? 3 : 4)) {
        parts.push(h("svg:line", { class: "ae-grid", x1: left, x2: left + width, y1: this.Y(v), y2: this.Y(v) }));
        parts.push(h("svg:text", { x: left - 8, y: this.Y(v) + 4, "text-anchor": "end" }, this.yformat(v)));
      }
      parts.push(h("svg:line", { class: "ae-axis", x1: left, x2: left + width, y1: low, y2: low }));
      if (this.xlabel)
        parts.push(h("svg:text", { class: "ae-name", x: left + width, y: low + 34, "text-anchor": "end" }, this.xlabel));
      if (this.ylabel) parts.push(h("svg:text", { class: "ae-name", x: 0, y: 13 }, this.ylabel));
      this.axes.replaceChildren(...parts);
    }

    X(v) { return this.inner.left + ((v - this.x[0]) / (this.x[1] - this.x[0])) * this.inner.width; }
    Y(v) { return this.inner.top + ((this.y[1] - v) / (this.y[1] - this.y[0])) * this.inner.height; }
    /** The data point under a pointer event. */
    at(event) {
      const box = this.svg.getBoundingClientRect(), k = this.width / box.width, { left, top, width, height } = this.inner;
      return [
        lerp(this.x[0], this.x[1], ((event.clientX - box.left) * k - left) / width),
        lerp(this.y[1], this.y[0], ((event.clientY - box.top) * k - top) / height),
      ];
    }

    // Marks in `clip` stay inside the axes; its own origin is the corner of the axes.
    _points(xs, ys) {
      let d = "", pen = "M";
      for (let i = 0; i < xs.length; i++) {
        const py = this.Y(ys[i]) - this.inner.top;
        if (Number.isNaN(py)) { pen = "M"; continue; }
        d += `${pen}${(this.X(xs[i]) - this.inner.left).toFixed(2)} ${clamp(py, -9999, 9999).toFixed(2)}`;
        pen = "L";
      }
      return d;
    }
    _path(attributes) {
      const path = h("svg:path", { fill: "none", ...attributes });
      this.clip.append(path);
      return path;
    }

    /** A curve: line.set(xs, ys), or line.fn(f) over the whole width. */
    line({ hue: name, width = 2, dash, opacity } = {}) {
      const el = this._path({ stroke: hue(name), "stroke-width": width, "stroke-dasharray": dash, opacity, "stroke-linejoin": "round" });
      const set = (xs, ys) => el.setAttribute("d", this._points(xs, ys));
      const fn = (f, n = 240) => {
        const edge = (this.x[1] - this.x[0]) * 1e-6, xs = linspace(this.x[0] + edge, this.x[1] - edge, n);
        set(xs, xs.map(f));
      };
      return { el, set, fn };
    }
    /** The area between a curve and `base` (a number or an array): area.set(xs, ys, base). */
    area({ hue: name, opacity = 0.16 } = {}) {
      const el = this._path({ fill: hue(name), opacity });
      const set = (xs, ys, base = 0) => {
        const down = Array.from(xs, (_, i) => (typeof base === "number" ? base : base[i])).reverse();
        el.setAttribute("d", this._points([...xs, ...Array.from(xs).reverse()], [...ys, ...down]) + "Z");
      };
      return { el, set };
    }
    /** Bars from 0: bars.set(edges, heights), one edge more than heights. */
    bars({ hue: name, opacity = 0.75 } = {}) {
      const el = this._path({ fill: hue(name), opacity });
      const set = (edges, heights) => {
        let d = "";
        const low = this.Y(Math.max(0, this.y[0])) - this.inner.top;
        heights.forEach((v, i) => {
          const a = this.X(edges[i]) - this.inner.left + 0.5, b = this.X(edges[i + 1]) - this.inner.left - 0.5;
          d += `M${a} ${low}V${this.Y(v) - this.inner.top}H${b}V${low}Z`;
        });
        el.setAttribute("d", d);
      };
      return { el, set };
    }
    /** Many small dots in one path: dots.set(xs, ys). */
    dots({ hue: name, r = 2, opacity = 0.6 } = {}) {
      const el = this._path({ stroke: hue(name), "stroke-width": 2 * r, "stroke-linecap": "round", opacity });
      const set = (xs, ys) => {
        let d = "";
        for (let i = 0; i < xs.length; i++)
          d += `M${(this.X(xs[i]) - this.inner.left).toFixed(1)} ${(this.Y(ys[i]) - this.inner.top).toFixed(1)}h0`;
        el.setAttribute("d", d);
      };
      return { el, set };
    }
    /** A straight line across the plot: rule.x(v) or rule.y(v). */
    rule({ hue: name = "muted", width = 1, dash = "2 3" } = {}) {
      const el = this._path({ stroke: hue(name), "stroke-width": width, "stroke-dasharray": dash });
      return {
        el,
        x: (v) => el.setAttribute("d", `M${this.X(v) - this.inner.left} 0V${this.inner.height}`),
        y: (v) => el.setAttribute("d", `M0 ${this.Y(v) - this.inner.top}H${this.inner.width}`),
      };
    }
    /** An arrow: arrow.set(x0, y0, x1, y1). */
    arrow({ hue: name, width = 2, opacity } = {}) {
      const el = this._path({ stroke: hue(name), "stroke-width": width, opacity, "stroke-linecap": "round", "stroke-linejoin": "round" });
      const set = (x0, y0, x1, y1) => {
        const { left, top } = this.inner;
        const [a, b, c, d] = [this.X(x0) - left, this.Y(y0) - top, this.X(x1) - left, this.Y(y1) - top];
        const length = Math.hypot(c - a, d - b), size = Math.min(6, length);
        if (length < 1) return el.setAttribute("d", "");
        const [u, v] = [((c - a) / length) * size, ((d - b) / length) * size];
        el.setAttribute("d", `M${a} ${b}L${c} ${d}M${c - u - 0.6 * v} ${d - v + 0.6 * u}L${c} ${d}L${c - u + 0.6 * v} ${d - v - 0.6 * u}`);
      };
      return { el, set };
    }
    dot({ hue: name, r = 4, hollow = false } = {}) {
      const el = h("svg:circle", { r, fill: hollow ? "var(--ae-surface)" : hue(name), stroke: hollow ? hue(name) : "var(--ae-surface)", "stroke-width": 1.5, "aria-hidden": "true" });
      this.over.append(el);
      return { el, set: (x, y) => { el.setAttribute("cx", this.X(x)); el.setAttribute("cy", clamp(this.Y(y), this.inner.top, this.inner.top + this.inner.height)); } };
    }
    /** A direct label: text.set(x, y, "words"); dx, dy in pixels; kept inside the picture. */
    text({ hue: name, anchor = "start", dx = 6, dy = -6 } = {}) {
      const el = h("svg:text", { class: "ae-text", style: `--ae-hue:${hue(name)}`, "text-anchor": anchor, "aria-hidden": "true" });
      this.over.append(el);
      const set = (x, y, words) => {
        if (words !== undefined && el.textContent !== words) el.textContent = words;
        el.setAttribute("x", this.X(x) + dx);
        el.setAttribute("y", clamp(this.Y(y) + dy, this.inner.top + 10, this.inner.top + this.inner.height - 4));
      };
      return { el, set };
    }

    /** Direct labels at the right end of curves, kept apart: ends([["KL", "blue"], …]) -> set([y, …]). Leave right margin. */
    ends(names) {
      const texts = names.map(([words, name]) => this.text({ hue: name, dx: 6, dy: 4 }));
      return {
        set: (ys) => {
          const { top, height } = this.inner, gap = 16;
          const order = names.map((_, i) => i).sort((i, j) => ys[j] - ys[i]);
          const places = order.map((i) => clamp(this.Y(ys[i]), top + 6, top + height - 4));
          for (let k = 1; k < places.length; k++) places[k] = Math.max(places[k], places[k - 1] + gap);
          for (let k = places.length - 1, low = top + height; k >= 0; k--, low -= gap) places[k] = Math.min(places[k], low);
          order.forEach((i, k) => {
            texts[i].set(this.x[1], this.y[0], names[i][0]);
            texts[i].el.setAttribute("y", places[k] + 4);
          });
        },
      };
    }

    /**
     * A point under the reader's hand: mouse, touch (a 44-pixel target) and arrow keys (Shift: ten steps; Home, End).
     * x and y: {trait, min, max, step}, or nothing where the hand does not reach; place it with handle.set(x, y).
     * `offset: () => number` on an axis: how far from the trait's value the handle stands (a width, from its mean).
     * `whole`: a press anywhere on the plot moves it.
     */
    handle({ label, hue: name, x, y, format = (a, b) => [a, b].filter((v) => v !== undefined).map((v) => fmt(v)).join(", "), r = 7, whole = false }) {
      const { stage } = this, main = x || y, value = (axis) => axis && stage.get(axis.trait);
      const el = h("svg:g", { class: "ae-handle", tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": main.min, "aria-valuemax": main.max, "data-lm-suppress-shortcuts": "true", "aria-orientation": x ? "horizontal" : "vertical", style: `touch-action:${x && !y ? "pan-y" : "none"}` },
        h("svg:circle", { class: "ae-hit", r: 22 }), h("svg:circle", { class: "ae-ring", r: r + 4.5 }), h("svg:circle", { class: "ae-knob", r, fill: hue(name) }));
      this.over.append(el);
      const snap = (axis, v) => clamp(Number((Math.round(v / axis.step) * axis.step).toFixed(10)), axis.min, axis.max);
      const move = (a, b) => stage.set({ ...(x && { [x.trait]: snap(x, a) }), ...(y && { [y.trait]: snap(y, b) }) });
      const drag = (event) => move(...this.at(event).map((v, i) => v - ([x, y][i]?.offset?.() ?? 0)));
      const grip = whole ? this.svg : el;
      if (whole) { this.svg.style.touchAction = x && !y ? "pan-y" : "none"; this.svg.style.cursor = "pointer"; }
      const down = (event) => {
        if (event.button || (whole && event.target.closest(".ae-handle") && !el.contains(event.target))) return;
        grip.setPointerCapture(event.pointerId);
        grip.addEventListener("pointermove", drag);
        el.classList.add("ae-held");
        el.focus({ preventScroll: true });
        if (whole) drag(event);
        event.preventDefault();
      };
      const up = () => { grip.removeEventListener("pointermove", drag); el.classList.remove("ae-held"); };
      grip.addEventListener("pointerdown", down);
      for (const kind of ["pointerup", "pointercancel"]) grip.addEventListener(kind, up);
      el.addEventListener("keydown", (event) => {
        const n = event.shiftKey || event.key.startsWith("Page") ? 10 : 1, [a, b] = [value(x), value(y)];
        const keys = { ArrowRight: [n, 0], ArrowLeft: [-n, 0], ArrowUp: [0, n], ArrowDown: [0, -n], PageUp: [0, n], PageDown: [0, -n] };
        let [dx, dy] = keys[event.key] || [0, 0];
        if (event.key === "Home" || event.key === "End") [dx, dy] = event.key === "End" ? [1 / 0, 0] : [-1 / 0, 0];
        if (!dx && !dy) return;
        event.preventDefault();
        event.stopPropagation();
        const go = (axis, now, by) => (Number.isFinite(by) ? now + by * axis.step : by > 0 ? axis.max : axis.min);
        if (x && y) move(dx ? go(x, a, dx) : a, dy ? go(y, b, dy) : b);
        else if (x) move(go(x, a, dx || dy));
        else move(undefined, go(y, b, dy || dx));
      });
      const set = (px, py) => {
        const { left, top, width, height } = this.inner;
        const [cx, cy] = [clamp(this.X(px), left, left + width), clamp(this.Y(py), top, top + height)];
        el.setAttribute("transform", `translate(${cx.toFixed(2)} ${cy.toFixed(2)})`);
        el.setAttribute("aria-valuenow", value(main));
        el.setAttribute("aria-valuetext", format(value(x), value(y)));
      };
      return { el, set };
    }
  }

  // ---- a figure's stage ---------------------------------------------------------------------------------------

  class Stage {
    constructor(el, model) {
      Object.assign(this, { model, plots: [], rasters: [], drawers: [], ends: [] });
      this.body = h("div", { class: "ae-body" });
      this.controls = h("div", { class: "ae-controls" });
      this.notes = h("div", { class: "ae-notes" });
      this.error = h("p", { class: "ae-error", role: "alert", hidden: true });
      const [title, caption] = [model.get("title"), model.get("caption")];
      this.root = h("figure", { class: "ae-figure" }, this.body, this.controls, this.notes, this.error,
        (title || caption) && h("figcaption", {}, h("b", {}, title || ""), " ", caption || ""));
      this.host = h("div", { class: "ae-host" }, this.root);
      el.replaceChildren(this.host);
      this.start = {};
      let width = 0;
      const observer = new ResizeObserver(() => {
        if (this.host.clientWidth === width || !this.host.clientWidth) return;
        width = this.host.clientWidth;
        this.layout();
      });
      observer.observe(this.host);
      this.ends.push(() => observer.disconnect(), onTheme(() => this.redraw()));
    }

    /** A trait; a number that is not finite is an error, not a broken picture. */
    get(name) {
      const value = this.model.get(name);
      if (value === undefined || value === null || (typeof value === "number" && !Number.isFinite(value)))
        throw new Error(`${name}: got ${value}, takes a finite number`);
      return value;
    }
    /** Set one trait or several: set("rho", 0.2), set({rho: 0.2, rho_hat: 0.1}). Draws at once, tells Python. */
    set(name, value) {
      const outer = this.due, due = (this.due = new Set()); // what several traits change is drawn once
      try {
        for (const [key, v] of Object.entries(typeof name === "object" ? name : { [name]: value })) this.model.set(key, v);
      } finally {
        this.due = outer;
      }
      due.forEach((paint) => paint());
      this.model.save_changes();
    }
    on(name, changed) {
      const event = `change:${name}`;
      this.model.on(event, changed);
      this.ends.push(() => this.model.off(event, changed));
    }
    /** Run `paint` now, whenever one of the traits changes, on resize and on a change of theme. */
    draw(names, paint) {
      const guarded = () => this.guard(paint);
      this.drawers.push(guarded);
      for (const name of names) this.on(name, () => (this.due ? this.due.add(guarded) : guarded()));
      guarded();
    }
    guard(action) {
      try {
        action();
        this.error.hidden = true;
      } catch (error) {
        this.error.textContent = `This figure cannot draw: ${error.message}`;
        this.error.hidden = false;
      }
    }
    redraw() {
      this._colours = null;
      this.drawers.forEach((paint) => paint());
    }
    layout() {
      this.guard(() => this.plots.forEach((plot) => plot.layout()));
      this.redraw();
    }
    /** The theme's colours as [r, g, b], for canvases: stage.colour("ink"). */
    colour(name) {
      this._colours ||= {};
      return (this._colours[name] ||= (() => {
        const hex = getComputedStyle(this.root).getPropertyValue(`--ae-${name}`).trim() || "#888888";
        return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
      })());
    }

    /** Panels side by side that stack when there is no room: row(["2fr", "1fr"]) -> two elements. */
    row(widths = ["1fr", "1fr"]) {
      const cells = widths.map(() => h("div", { class: "ae-cell" }));
      this.body.append(h("div", { class: "ae-row", style: `--ae-columns:${widths.map((w) => `minmax(0,${w})`).join(" ")}` }, ...cells));
      return cells;
    }
    plot(options) { return new Plot(this, options); }

    /** A slider on a trait. `values`: the trait takes these, in order; else min, max, step. */
    slider({ trait, label, min, max, step, values, format = (v) => fmt(v), hue: name, parent }) {
      if (values) [min, max, step] = [0, values.length - 1, 1];
      const input = h("input", { type: "range", min, max, step, "data-lm-suppress-shortcuts": "true" });
      const value = h("span", { class: "ae-value", "aria-hidden": "true" });
      const nearest = (v) => values.reduce((best, w, i) => (Math.abs(w - v) < Math.abs(values[best] - v) ? i : best), 0);
      const show = () => {
        const now = this.get(trait), position = values ? nearest(now) : now;
        if (Number(input.value) !== position) input.value = position;
        input.style.setProperty("--ae-fill", `${(100 * (clamp(position, min, max) - min)) / (max - min)}%`);
        value.textContent = format(now);
        input.setAttribute("aria-valuetext", format(now));
      };
      input.addEventListener("input", () => this.set(trait, values ? values[Number(input.value)] : Number(input.value)));
      const node = h("label", { class: "ae-slider", style: `--ae-hue:${hue(name)}` }, h("span", { class: "ae-label" }, label), input, value);
      (parent || this.controls).append(node);
      this.start[trait] = this.get(trait);
      this.draw([trait], show);
      return input;
    }
    /** One of several: options are [value, "words"]. */
    choice({ trait, label, options, parent }) {
      const group = `ae-${++serial}`;
      const inputs = options.map(([value]) => h("input", { type: "radio", name: group, "data-lm-suppress-shortcuts": "true", onchange: () => this.set(trait, value) }));
      (parent || this.controls).append(h("div", { class: "ae-choice", role: "radiogroup", "aria-label": label }, h("span", { class: "ae-label", "aria-hidden": "true" }, label),
        h("span", { class: "ae-segments" }, ...options.map(([, words], i) => h("label", {}, inputs[i], h("span", {}, words))))));
      this.start[trait] = this.get(trait);
      this.draw([trait], () => options.forEach(([value], i) => { inputs[i].checked = value === this.get(trait); }));
      return inputs;
    }
    /** On or off. */
    toggle({ trait, label, parent }) {
      const input = h("input", { type: "checkbox", "data-lm-suppress-shortcuts": "true", onchange: () => this.set(trait, input.checked) });
      (parent || this.controls).append(h("label", { class: "ae-toggle" }, input, h("span", {}, label)));
      this.start[trait] = this.get(trait);
      this.draw([trait], () => { input.checked = this.get(trait); });
      return input;
    }
    button({ label, onclick, parent }) {
      const node = h("button", { type: "button", class: "ae-button", onclick: () => this.guard(onclick) }, label);
      (parent || this.controls).append(node);
      return node;
    }
    /** A button that puts these traits (and those of all controls) back to what they were. */
    reset(...names) {
      for (const name of names) this.start[name] = this.get(name);
      return this.button({ label: "Reset", onclick: () => this.set(this.start) });
    }
    /** Numbers in a row: const show = stage.numbers([["KL", "blue"], …]); show("0.13", …). */
    numbers(names) {
      const cells = names.map(([, name]) => h("dd", { style: `color:${hue(name)}` }));
      this.notes.append(h("dl", {}, ...names.map(([words], i) => h("div", {}, h("dt", {}, words), cells[i]))));
      return (...texts) => texts.forEach((words, i) => { if (cells[i].textContent !== words) cells[i].textContent = words; });
    }
    /** The sentence that says what the figure shows; read out when it changes. */
    readout({ lines = 2 } = {}) {
      const node = h("p", { class: "ae-say", role: "status", "aria-live": "polite", style: `--ae-lines:${lines}` });
      this.notes.append(node);
      return (words) => { if (node.textContent !== words) node.textContent = words; };
    }
    /** A picture of numbers: raster.draw(array); mode "ink" (0 to 1) or "diverging" (−1 to 1). */
    raster({ label, width = 28, height = width, size = 112, mode = "ink", caption, parent }) {
      const canvas = h("canvas", { width, height, class: "ae-raster", role: "img", "aria-label": label, style: `width:${size}px` });
      const context = canvas.getContext("2d"), image = context.createImageData(width, height);
      (parent || this.body).append(h("span", { class: "ae-tile" }, canvas, caption && h("span", { class: "ae-tile-name" }, caption)));
      const draw = (values) => {
        if (values.length !== width * height) throw new Error(`${label}: got ${values.length} pixels, takes ${width * height}`);
        const paper = this.colour("surface"), ink = mode === "ink" ? this.colour("ink") : this.colour("blue"), minus = this.colour("orange");
        for (let i = 0, k = 0; i < values.length; i++) {
          const v = clamp(values[i], -1, 1), to = v < 0 && mode !== "ink" ? minus : ink, t = mode === "ink" ? Math.max(0, v) : Math.abs(v);
          for (let c = 0; c < 3; c++) image.data[k++] = lerp(paper[c], to[c], t);
          image.data[k++] = 255;
        }
        context.putImageData(image, 0, 0);
      };
      return { canvas, draw, label: (words) => canvas.setAttribute("aria-label", words) };
    }
    digit(options) { return this.raster({ width: 28, ...options }); }

    /** step(t) for t from 0 to 1 over `ms`; at once where motion is not wanted. Returns the function that stops it. */
    animate(step, ms = 600) {
      if (reducedMotion()) { this.guard(() => step(1)); return () => {}; }
      let frame, begin;
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
    end() { this.ends.splice(0).forEach((end) => end()); }
  }

  /** A module: its mathematics (compared with aecore in the tests) and its drawing on a stage.
   *  `data`: traits that Python may replace whole (another model, another set); the figure then starts anew. */
  function define({ math = {}, data = [], render }) {
    return {
      math,
      render({ model, el }) {
        let stage;
        const begin = () => {
          stage?.end();
          try {
            stage = new Stage(el, model);
            render(stage);
          } catch (error) {
            stage?.end();
            el.replaceChildren(h("p", { class: "ae-error", role: "alert" }, `This figure cannot start: ${error.message}`));
          }
        };
        data.forEach((name) => model.on(`change:${name}`, begin));
        begin();
        return () => {
          data.forEach((name) => model.off(`change:${name}`, begin));
          stage?.end();
        };
      },
    };
  }

  return { h, clamp, lerp, linspace, fmt, hue, reducedMotion, bytes, floats, rng, network, onTheme, define };
})();
