// z = μ + σ ε with the ε kept, and two estimators of the gradient of E f(z), f(z) = log N(x; a z + b, noise²).
const COUNT = 1000;
const place = (eps, mean, width) => mean + width * eps;
const value = (z, { a, b, noise, x }) => -0.5 * Math.log(2 * Math.PI) - Math.log(noise) - 0.5 * ((x - a * z - b) / noise) ** 2;
const slope = (z, { a, b, noise, x }) => (a * (x - a * z - b)) / noise ** 2;
/** One-sample estimates, each [d mean, d width]. */
const pathwise = (eps, mean, width, model) => {
  const g = slope(place(eps, mean, width), model);
  return [g, g * eps];
};
const score = (eps, mean, width, model) => {
  const v = value(place(eps, mean, width), model);
  return [(v * eps) / width, (v * (eps * eps - 1)) / width];
};
/** The gradient they estimate. */
const exact = (mean, width, { a, b, noise, x }) => [(a * (x - b - a * mean)) / noise ** 2, -((a / noise) ** 2) * width];
const average = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
const variance = (values) => {
  const middle = average(values);
  return values.reduce((sum, v) => sum + (v - middle) ** 2, 0) / (values.length - 1);
};
const draws = (seed) => {
  const { normal } = ae.rng(seed);
  return Float64Array.from({ length: COUNT }, normal);
};

export default ae.define({
  math: { place, value, slope, pathwise, score, exact, variance, draws },
  render(f) {
    const [left, right] = f.row(["1.2fr", "1fr"]);
    const common = { parent: left, x: [-4, 4], yticks: [] };
    const hill = f.plot({ ...common, y: [-15, 0.5], yticks: [-15, -10, -5, 0], xticks: [], height: 172, ylabel: "f(z) = log p(x|z), nats", margin: { bottom: 0 }, label: "The objective f over z, with its slopes at the samples" });
    const fan = f.plot({ ...common, y: [0, 1], height: 200, margin: { top: 0 }, label: "The fan from each ε below to its z above" });
    const strips = f.plot({ parent: right, x: [-25, 25], y: [0, 2], yticks: [], height: 372, margin: { left: 8, right: 8 }, xlabel: "estimates from one ε each", ylabel: "gradient for μ", label: "One-sample estimates of the gradient: pathwise above, score function below" });

    const bell = fan.area({ hue: "muted", opacity: 0.14 }), lines = fan.line({ hue: "blue", width: 1 }), mine = fan.line({ hue: "orange", width: 2.5 });
    const q = hill.area({ hue: "blue", opacity: 0.12 }), curve = hill.line({ hue: "ink", width: 1.5 }), rises = hill.line({ hue: "blue", width: 1 });
    const slopes = hill.line({ hue: "blue", width: 2.5 }), rise = hill.line({ hue: "orange", width: 2.5 }), tangent = hill.arrow({ hue: "orange", width: 2.5 }), on = hill.dot({ hue: "orange", r: 4.5 });
    const byMean = fan.arrow({ hue: "green" }), byWidth = fan.arrow({ hue: "purple" });
    const words = [["green", fan], ["purple", fan], ["orange", hill], ["muted", fan], ["blue", fan], ["blue", hill]].map(([hue, plot]) => plot.text({ hue, dx: 0, dy: 4 }));
    /** A label beside v, on the side `way` (1 right, −1 left), the other side where there is no room. */
    const beside = (text, plot, v, y, content, way, off = 8) => {
      const room = 6.9 * content.length + off, { left: low, width } = plot.inner, at = plot.X(v);
      if (way > 0 && at + room > low + width) way = -1;
      else if (way < 0 && at - room < low) way = 1;
      text.set(v, y, content);
      text.el.setAttribute("x", at + way * off);
      text.el.setAttribute("text-anchor", way > 0 ? "start" : "end");
    };
    const MEAN = { trait: "mean", min: -2, max: 3, step: 0.01 }, WIDTH = { trait: "width", min: 0.3, max: 1.5, step: 0.01 };
    const shift = fan.handle({ label: "mean μ", hue: "blue", x: MEAN });
    const spread = fan.handle({ label: "width σ", hue: "blue", r: 5.5, x: { ...WIDTH, offset: () => f.get("mean") } });

    const kinds = [["pathwise", "blue", pathwise, 1.42], ["score function", "orange", score, 0.42]];
    const truth = strips.rule({ hue: "ink", width: 1.5, dash: null }), truthWord = strips.text({ anchor: "middle", dx: 0, dy: 0 });
    const marks = kinds.map(([, hue]) => ({
      cloud: strips.dots({ hue, r: 1.3, opacity: 0.35 }), own: strips.dots({ hue, r: 2, opacity: 1 }), mean: strips.line({ hue, width: 4 }),
      name: strips.text({ hue, dx: 2, dy: 0 }), about: strips.text({ hue, dx: 2, dy: 16 }),
    }));
    const jitter = Float64Array.from({ length: COUNT }, (_, i) => 0.34 * (((i * 0.618034) % 1) - 0.5));

    f.slider({ ...MEAN, label: "mean μ", hue: "blue" });
    f.slider({ ...WIDTH, label: "width σ", hue: "blue" });
    f.slider({ trait: "samples", label: "samples", min: 1, max: 200, step: 1, format: (n) => String(n) });
    f.choice({ trait: "parameter", label: "gradient for", options: [["mean", "μ"], ["width", "σ"]] });
    f.button({ label: "Resample", onclick: () => f.set("seed", (f.get("seed") + 1) % 2 ** 31) });
    f.reset("seed", "a", "b", "noise", "x");
    const show = f.numbers([["true gradient", "ink"], ["pathwise variance", "blue"], ["score-function variance", "orange"], ["ratio", "ink"]]), say = f.readout();
    let eps = [], from;

    f.draw(["mean", "width", "samples", "parameter", "seed", "a", "b", "noise", "x"], () => {
      const m = f.get("mean"), s = f.get("width"), n = f.get("samples"), k = f.get("parameter") === "mean" ? 0 : 1, letter = "μσ"[k];
      const model = Object.fromEntries(["a", "b", "noise", "x"].map((name) => [name, f.get(name)]));
      if (from !== f.get("seed")) eps = draws((from = f.get("seed")));
      const some = eps.subarray(0, n), e = eps[0], z = place(e, m, s), gap = [NaN, NaN], low = hill.y[0];

      const grid = ae.linspace(-4, 4, 120), pdf = (v, mid, sd) => Math.exp(-0.5 * ((v - mid) / sd) ** 2) / sd;
      bell.set(grid, grid.map((v) => 0.28 * pdf(v, 0, 1)));
      q.set(grid, grid.map((v) => low + 2.6 * pdf(v, m, s)), low);
      curve.fn((v) => value(v, model), 120);
      const pairs = (make) => { const out = []; for (const v of some) out.push(...make(v)); return out; };
      lines.set(pairs((v) => [v, place(v, m, s), NaN]), pairs(() => [0, 1, NaN]));
      lines.el.setAttribute("opacity", Math.min(0.7, 12 / n + 0.12));
      const spots = Array.from(some, (v) => place(v, m, s)), half = spots.map((v) => 0.22 / Math.hypot(1, 0.25 * slope(v, model)));
      rises.set(spots.flatMap((v) => [v, v, v]), spots.flatMap((v) => [low, value(v, model), NaN]));
      rises.el.setAttribute("opacity", Math.min(0.45, 6 / n + 0.05));
      slopes.set(spots.flatMap((v, i) => [v - half[i], v + half[i], v]), spots.flatMap((v, i) => {
        const y = value(v, model), d = half[i] * slope(v, model);
        return [y - d, y + d, NaN];
      }));

      const g = slope(z, model), y = value(z, model), step = (0.75 * Math.sign(g)) / Math.hypot(1, 0.25 * g);
      mine.set([e, z], [0, 1]);
      rise.set([z, z], [low, y]);
      on.set(z, y);
      tangent.set(z, y, z + step, y + step * g);
      byMean.set(z, 0.8, z + 1, 0.8);
      byWidth.set(z, 0.6, z + e, 0.6);
      beside(words[0], fan, z + 1, 0.8, "∂z/∂μ = 1", 1);
      beside(words[1], fan, z + e, 0.6, `∂z/∂σ = ε = ${ae.fmt(e)}`, Math.sign(e));
      beside(words[2], hill, z, y, `f′(z) = ${ae.fmt(g)}`, -Math.sign(g) || 1, 12);
      words[3].set(-4, 0.06, "ε ~ N(0, 1)");
      words[4].set(-4, 0.93, "z = μ + σε");
      words[5].set(m, low + 2.6 / s + 1, "");
      shift.set(m, 1);
      spread.set(m + s, 1);

      const target = exact(m, s, model)[k];
      truth.x(target);
      truthWord.set(ae.clamp(target, -15, 15), 1.96, `true gradient ${ae.fmt(target)}`);
      const found = kinds.map(([name, , estimate, at], i) => {
        const all = Array.from(eps, (v) => estimate(v, m, s, model)[k]), first = all.slice(0, n), middle = average(first);
        const heights = Array.from(jitter, (v) => at + v), { cloud, own, mean, name: title, about } = marks[i];
        cloud.set(all, heights);
        own.set(first, heights.slice(0, n));
        mean.set([middle, middle], [at - 0.24, at + 0.24]);
        title.set(-25, at + 0.4, name);
        about.set(-25, at + 0.4, i ? `f(z) · ∂log q(z)/∂${letter}` : `f′(z) · ∂z/∂${letter}`);
        return [variance(all), middle, all.filter((v) => Math.abs(v) > 25).length];
      });
      strips.svg.querySelector(".ae-name:last-child").textContent = `gradient for ${letter}`;
      const ratio = found[1][0] / found[0][0];
      show(ae.fmt(target), ...found.map(([v]) => ae.fmt(v)), ratio < 1e4 ? `${ae.fmt(ratio, 1)} ×` : "over 10,000 ×");
      say(`With ${n === 1 ? "this ε" : `these ${n} ε`} the gradient for ${letter} is ${ae.fmt(found[0][1])} pathwise and ${ae.fmt(found[1][1])} by the score function; the truth is ${ae.fmt(target)}.` +
        (found[1][2] ? ` ${ae.fmt(found[1][2] / 10, 1)} % of its estimates lie beyond the axis.` : ""));
    });
  },
});
