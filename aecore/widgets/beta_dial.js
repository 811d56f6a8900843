// VAEs that differ in β alone: codes, KL of each dimension, reconstructions, samples and the ELBO, under one slider.
const sum = (values) => values.reduce((total, v) => total + v, 0);
const elbo = (logProb, kl) => logProb - sum(kl);
/** Codes as [x0, y0, x1, …] from 16-bit steps of reach / 32767. */
const unpack = (steps, reach) => Float64Array.from(steps, (k) => (k * reach) / 32767);
/** The share of the points farther than `radius` from the origin. */
const outside = (points, radius) => {
  let count = 0;
  for (let i = 0; i < points.length; i += 2) count += Math.hypot(points[i], points[i + 1]) > radius;
  return (2 * count) / points.length;
};
const best = (values) => values.indexOf(Math.max(...values));
// Six hues for ten digits: digits that autoencoders put side by side (4 7 9, 3 5 8, 0 6) never share one.
const HUES = ["blue", "blue", "green", "purple", "green", "cyan", "gold", "purple", "orange", "gold"];
const CELL = 32, RADIUS = Math.sqrt(-2 * Math.log(0.05)), REACH = 4; // of the circle with 95 % of the prior; of the plane

export default ae.define({
  math: { elbo, unpack, outside, best },
  render(f) {
    const betas = f.get("betas"), kl = f.get("kl"), logProb = f.get("log_prob"), active = f.get("active"), labels = ae.bytes(f.get("labels"));
    const raw = ae.bytes(f.get("pictures")), columns = raw.length / 784 / (1 + 2 * betas.length), dimensions = kl[0].length;
    const all = unpack(new Int16Array(ae.bytes(f.get("codes")).slice().buffer), f.get("reach"));
    if (!Number.isInteger(columns)) throw new Error(`pictures: got ${raw.length} bytes for ${betas.length} values of β`);
    if (all.length !== 2 * labels.length * betas.length) throw new Error(`codes: got ${all.length / 2} for ${labels.length} labels and ${betas.length} values of β`);
    const codes = betas.map((_, i) => all.subarray(2 * labels.length * i, 2 * labels.length * (i + 1)));
    const bounds = betas.map((_, i) => elbo(logProb[i], kl[i])), top = best(bounds);

    // ---- the dial on top: what it moves stays in sight under it, on a phone too
    const dial = ae.h("div", { class: "ae-controls" });
    f.body.append(dial);
    const slider = f.slider({ trait: "beta", label: "β", values: betas, format: String, hue: "blue", parent: dial });
    slider.parentNode.style.flex = "1 1 160px"; // Reset beside it, on a phone too
    dial.append(f.reset());

    const [left, right] = f.row(["1fr", "1fr"]);
    const box = ae.h("div", { style: "position:relative" }), canvas = ae.h("canvas", { style: "position:absolute", "aria-hidden": "true" });
    box.append(canvas);
    left.append(box);
    const plane = f.plot({ parent: box, x: [-REACH, REACH], y: [-REACH, REACH], aspect: 1, ylabel: "codes of test digits, the two dimensions of most KL", margin: { left: 22, right: 4 }, label: "Codes of test digits" });
    plane.svg.style.position = "relative";
    const circle = plane.line({ hue: "ink", width: 1, dash: "2 3" }), prior = plane.text({ hue: "ink", anchor: "middle", dx: 0, dy: -6 });
    const bars = f.plot({ parent: right, height: 188, x: [0.4, dimensions + 0.6], y: [0, 1.12 * Math.max(...kl.flat(), 1e-3)], xticks: ae.linspace(1, dimensions, dimensions), margin: { left: 22, right: 4 }, ylabel: "KL of each dimension, nats", label: "KL of each dimension" });
    const used = bars.bars({ hue: "blue" }), idle = bars.bars({ hue: "muted" });
    const marks = kl[0].map(() => bars.text({ hue: "blue", anchor: "middle", dx: 0, dy: -5 }));
    const strips = ["test digits", "their reconstructions", "samples, from the same noise for every β"].map((name) => {
      const strip = f.raster({ label: name, width: columns * CELL - 4, height: 28, size: 1200, caption: name, parent: right });
      strip.canvas.parentNode.style.cssText = "display:grid;margin-top:6px";
      strip.canvas.before(strip.canvas.nextSibling);
      return strip;
    });

    const places = betas.map((_, i) => i);
    const costs = logProb.map((v) => -v), totals = bounds.map((v) => -v), high = 50 * Math.ceil(Math.max(...totals) / 50);
    const nats = f.plot({ x: [-0.25, betas.length - 0.75], y: [0, high], height: 150, xticks: places, xformat: (i) => String(betas[i]), yticks: [0, high / 2, high], xlabel: "β", ylabel: "nats per test digit: reconstruction, and KL on top", label: "Reconstruction cost and KL over β" });
    const fits = nats.area({ hue: "green", opacity: 0.25 }), price = nats.area({ hue: "orange", opacity: 0.5 }), edge = nats.line({ hue: "ink", width: 1.5 }), rule = nats.rule(), here = nats.dot({ hue: "ink", r: 6 });
    const words = ["green", "orange", "ink"].map((hue) => nats.text({ hue, anchor: "middle", dx: 0, dy: 0 }));
    nats.svg.style.cssText = "cursor:pointer;touch-action:pan-y";
    const take = (event) => f.set("beta", betas[ae.clamp(Math.round(nats.at(event)[0]), 0, betas.length - 1)]);
    nats.svg.addEventListener("pointerdown", (event) => { if (!event.button) { nats.svg.setPointerCapture(event.pointerId); take(event); } });
    nats.svg.addEventListener("pointermove", (event) => event.buttons & 1 && take(event));

    const show = f.numbers([["E log p(x|z)", "green"], ["− KL", "orange"], ["= ELBO", "ink"], ["active units", "blue"]]), say = f.readout({ lines: 2 });

    const rows = (first) => {
      const width = columns * CELL - 4, sheet = new Float32Array(28 * width);
      for (let k = 0; k < columns; k++)
        for (let i = 0; i < 784; i++) sheet[Math.floor(i / 28) * width + k * CELL + (i % 28)] = raw[(first * columns + k) * 784 + i] / 255;
      return sheet;
    };
    const scatter = (points) => {
      const { left: x, top: y, width, height } = plane.inner, ratio = devicePixelRatio || 1, context = canvas.getContext("2d");
      Object.assign(canvas, { width: width * ratio, height: height * ratio });
      Object.assign(canvas.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
      context.scale(ratio, ratio);
      Object.assign(context, { font: "9px sans-serif", textAlign: "center", textBaseline: "middle", globalAlpha: 0.85 });
      const colours = HUES.map((name) => `rgb(${f.colour(name)})`);
      labels.forEach((label, i) => {
        context.fillStyle = colours[label];
        context.fillText(label, plane.X(points[2 * i]) - x, plane.Y(points[2 * i + 1]) - y);
      });
    };
    f.draw([], () => { // what β does not move
      const turn = ae.linspace(0, 2 * Math.PI, 120);
      circle.set(turn.map((a) => RADIUS * Math.cos(a)), turn.map((a) => RADIUS * Math.sin(a)));
      prior.set(0, RADIUS, "95 % of the prior");
      fits.set(places, costs);
      price.set(places, totals, costs);
      edge.set(places, totals);
      words[0].set(betas.length / 2, costs[betas.length >> 1] / 2, "−E log p(x|z)");
      words[1].set(0.4, (costs[0] + totals[0]) / 2 - 0.03 * high, "KL");
      words[2].set(top, totals[top] + 0.12 * high, `−ELBO, least at β = ${betas[top]}`);
      strips[0].draw(rows(0));
    });
    f.draw(["beta"], () => {
      const beta = f.get("beta"), at = betas.indexOf(beta), on = at < 0 ? 0 : active[at].filter(Boolean).length;
      if (at < 0) throw new Error(`beta: got ${beta}, takes one of ${betas.join(", ")}`);
      const edges = ae.linspace(0.5, dimensions + 0.5, dimensions + 1);
      used.set(edges, kl[at].map((v, j) => (active[at][j] ? v : 0)));
      idle.set(edges, kl[at].map((v, j) => (active[at][j] ? 0 : v)));
      // Narrow bars leave no room for a number each: then the largest has one.
      const roomy = bars.inner.width / dimensions >= 26, largest = Math.max(...kl[at]);
      marks.forEach((mark, j) => {
        mark.set(j + 1, kl[at][j], roomy || kl[at][j] === largest ? ae.fmt(kl[at][j]) : "");
        mark.el.style.setProperty("--ae-hue", ae.hue(active[at][j] ? "blue" : "muted"));
      });
      scatter(codes[at]);
      strips[1].draw(rows(1 + 2 * at));
      strips[2].draw(rows(2 + 2 * at));
      rule.x(at);
      here.set(at, totals[at]);
      show(ae.fmt(logProb[at], 1), ae.fmt(sum(kl[at]), 1), ae.fmt(bounds[at], 1), `${on} of ${dimensions}`);
      const far = Math.round(100 * outside(codes[at], RADIUS));
      const state = on === 0 ? "Collapse: no dimension is active, every digit gets nearly the same code and picture"
        : on < dimensions ? `${on} of ${dimensions} dimensions are active; the others have collapsed to the prior and say next to nothing about x`
          : `All ${dimensions} dimensions are active, and ${far} % of the codes lie outside the circle`;
      say(`β = ${beta}. ${state}. ${at === top ? "The ELBO, in which β has no part, is the best of these." : `The ELBO, in which β has no part, is ${ae.fmt(bounds[top] - bounds[at], 1)} nats below the best of these, at β = ${betas[top]}.`}`);
    });
  },
});
