// KL between one-dimensional Gaussians: both directions, the integrand, its Monte Carlo estimate, and the triangle inequality.
const COUNT = 10000; // samples that the page draws
const density = (x, m, s) => Math.exp(-0.5 * ((x - m) / s) ** 2) / (s * Math.sqrt(2 * Math.PI));
const kl = (mp, sp, mq, sq) => Math.log(sq / sp) + (sp * sp + (mp - mq) ** 2) / (2 * sq * sq) - 0.5;
/** log p(x) − log q(x): a parabola, finite where both densities have long become 0 */
const logRatio = (x, mp, sp, mq, sq) => Math.log(sq / sp) + 0.5 * ((x - mq) / sq) ** 2 - 0.5 * ((x - mp) / sp) ** 2;
const integrand = (x, mp, sp, mq, sq) => density(x, mp, sp) * logRatio(x, mp, sp, mq, sq);
/** the standard deviation of log p/q under p */
const spread = (mp, sp, mq, sq) => Math.hypot((sp * sp) / (sq * sq) - 1, Math.SQRT2 * sp * (mp - mq) / (sq * sq)) / Math.SQRT2;

let drawn = { seed: -1 };
const normals = (seed) => {
  if (drawn.seed !== seed) { const { normal } = ae.rng(seed); drawn = { seed, z: Float64Array.from({ length: COUNT }, normal) }; }
  return drawn.z;
};
/** The mean of log p/q over the first samples of p, and its standard error (NaN for one sample), at about 40 counts a decade. */
const running = (seed, samples, mp, sp, mq, sq) => {
  const z = normals(seed), out = { at: [], mean: [], error: [] };
  for (let i = 0, next = 1, mean = 0, squares = 0; i < samples; i++) {
    const value = logRatio(mp + sp * z[i], mp, sp, mq, sq), step = value - mean;
    mean += step / (i + 1);
    squares += step * (value - mean);
    if (i + 1 < next && i + 1 < samples) continue;
    out.at.push(i + 1);
    out.mean.push(mean);
    out.error.push(i ? Math.sqrt(squares / i / (i + 1)) : NaN);
    next = Math.max(i + 2, Math.round((i + 1) * 1.06));
  }
  return out;
};
/** the next of a few round numbers, so that axes move in few steps */
const round = (v) => { const power = 10 ** Math.floor(Math.log10(v)); return [1, 1.5, 2, 3, 4, 6, 8, 10].find((k) => k * power >= v * 0.999999) * power; };

export default ae.define({
  math: { kl, integrand, spread, running, normals },
  render(f) {
    const names = ["p", "q", "r"], hues = ["blue", "orange", "green"], views = ["asymmetry", "Monte Carlo", "triangle"];
    const of = (name) => [f.get(`${name}_mean`), f.get(`${name}_width`)];
    const mean = { min: -2.5, max: 2.5, step: 0.05 }, width = { min: 0.4, max: 1.6, step: 0.05 };
    const only = (nodes, view) => nodes.forEach((node, i) => { node.style.visibility = views[i] === view ? "" : "hidden"; });
    const stack = (parent, n) => { // n panes in one place: the room stays the same
      const panes = Array.from({ length: n }, () => ae.h("div", { style: "grid-area:1/1;min-width:0" }));
      parent.append(ae.h("div", { style: "display:grid" }, ...panes));
      return panes;
    };

    const top = f.plot({ x: [-6, 6], margin: { left: 44 }, y: [0, 1.05], yticks: [0, 0.5, 1], height: 210, ylabel: "density", label: "The densities" });
    const curves = names.map((name, i) => {
      const parts = { fill: top.area({ hue: hues[i], opacity: 0.08 }), line: top.line({ hue: hues[i] }), name: top.text({ hue: hues[i], anchor: "middle", dx: 0, dy: -14 }) };
      parts.peak = top.handle({ label: `mean of ${name}`, hue: hues[i], x: { trait: `${name}_mean`, ...mean } });
      parts.side = top.handle({ label: `width of ${name}`, hue: hues[i], r: 5, x: { trait: `${name}_width`, ...width, offset: () => f.get(`${name}_mean`) } });
      return parts;
    });
    const tabs = f.choice({ trait: "view", label: "show", options: [["asymmetry", "asymmetry"], ["Monte Carlo", "Monte Carlo"], ["triangle", "triangle"]], parent: f.body });
    tabs[0].closest(".ae-choice").firstChild.remove(); // the three words speak for themselves, and fit on a phone
    const panels = stack(f.body, 3), tall = { height: 210 };
    const both = f.plot({ ...tall, parent: panels[0], x: [-6, 6], margin: { left: 44 }, y: [-1, 1], xlabel: "x", ylabel: "what each x adds to KL, nats per unit of x", label: "The integrands" });
    const zero = both.rule({ dash: null });
    const sides = [0, 1].map((i) => ({ area: both.area({ hue: hues[i], opacity: 0.22 }), line: both.line({ hue: hues[i], width: 1.5 }), name: both.text({ hue: hues[i], anchor: "middle", dx: 0, dy: -8 }) }));
    const decades = { x: [0, 4], xticks: [0, 1, 2, 3, 4], xformat: (v) => (10 ** v).toLocaleString("en") };
    const chain = f.plot({ ...tall, ...decades, parent: panels[1], y: [0, 1], margin: { right: 84, left: 48 }, xlabel: "samples from p", ylabel: "mean of log p(x)/q(x), nats", label: "The Monte Carlo estimate over the number of samples" });
    const exact = chain.rule({ hue: "ink" }), band = chain.area({ hue: "blue" }), path = chain.line({ hue: "blue", width: 1.5 }), now = chain.dot({ hue: "blue" });
    const ends = chain.ends([["exact", "ink"]]), margin = chain.text({ hue: "blue", dx: 8, dy: -12 });
    const bars = f.plot({ ...tall, parent: panels[2], x: [0, 1], y: [0, 1], yticks: [], margin: { left: 2 }, xlabel: "nats", ylabel: " ", label: "KL(p‖r) against the sum of KL(p‖q) and KL(q‖r)" });
    const strips = ["green", "blue", "orange"].map((hue) => bars.area({ hue, opacity: 0.75 }));
    const words = [bars.text({ dx: 2, dy: -6 }), bars.text({ dx: 2, dy: -6 })];

    const columns = [0, 1, 2].map(() => ae.h("div", { class: "ae-cell" }));
    f.controls.append(ae.h("div", { class: "ae-row", style: "flex:1 1 100%;--ae-columns:repeat(3,minmax(0,1fr))" }, ...columns));
    const panes = stack(columns[2], 3);
    names.forEach((name, i) => {
      const parent = i < 2 ? columns[i] : panes[2], hue = hues[i];
      f.slider({ trait: `${name}_mean`, label: `mean of ${name}`, ...mean, hue, parent });
      f.slider({ trait: `${name}_width`, label: `width of ${name}`, ...width, hue, parent });
    });
    f.button({ label: "Swap p and q", parent: panes[0], onclick: () => f.set({ p_mean: f.get("q_mean"), p_width: f.get("q_width"), q_mean: f.get("p_mean"), q_width: f.get("p_width") }) });
    const counts = [1, 10, 100, 1000].flatMap((k) => [1, 2, 3, 5, 7].map((v) => v * k)).concat(COUNT);
    f.slider({ trait: "samples", label: "samples", values: counts, format: (v) => v.toLocaleString("en"), hue: "blue", parent: panes[1] });
    f.button({ label: "New samples", parent: panes[1], onclick: () => f.set("seed", f.get("seed") + 1) });
    f.reset("seed");
    const show = f.numbers([["KL(p‖q)", "blue"], ["KL(q‖p)", "orange"]]), say = f.readout();

    const limits = (plot, axis, range) => {
      if (String(plot[axis]) === String(range)) return;
      plot[axis] = range;
      plot.scales();
    };
    const asymmetry = (p, q, forward, backward) => {
      const xs = ae.linspace(-6, 6, 145), pairs = [[...p, ...q], [...q, ...p]], values = pairs.map((pair) => xs.map((x) => integrand(x, ...pair)));
      limits(both, "y", [-round(-Math.min(...values[0], ...values[1], -0.05)), round(1.25 * Math.max(...values[0], ...values[1], 0.08))]);
      zero.y(0);
      const tops = values.map((ys) => Math.max(...ys)), at = values.map((ys, i) => xs[ys.indexOf(tops[i])]);
      const line = (18 * (both.y[1] - both.y[0])) / both.inner.height, [high, low] = tops[0] > tops[1] ? [0, 1] : [1, 0];
      const near = Math.abs(both.X(at[0]) - both.X(at[1])) < 150 && tops[high] - tops[low] < line;
      values.forEach((ys, i) => {
        const x = ae.clamp(at[i], -6 + 960 / both.width, 6 - 960 / both.width);
        sides[i].area.set(xs, ys);
        sides[i].line.set(xs, ys);
        sides[i].name.set(x, near && i === high ? tops[low] + line : tops[i], `${i ? "q·log(q/p)" : "p·log(p/q)"}, area ${ae.fmt(i ? backward : forward)}`);
      });
      const wide = q[1] > p[1] ? ["q", "p"] : ["p", "q"];
      say(p[1] === q[1]
        ? `With equal widths, and only then, both directions come to the same: ${ae.fmt(forward)} nats.`
        : `Weighted by p, the log-ratio adds up to ${ae.fmt(forward)} nats; weighted by q, to ${ae.fmt(backward)}. KL(${wide.join("‖")}) is dearer: ${wide[0]}, the wider, has mass where ${wide[1]} has little.`);
    };
    const monteCarlo = (p, q, forward) => {
      const { at, mean: m, error } = running(f.get("seed"), f.get("samples"), ...p, ...q), half = round(Math.max(0.01, spread(...p, ...q)));
      const xs = at.map(Math.log10), last = at.length - 1, off = Math.abs(m[last] - forward) / error[last];
      limits(chain, "y", [forward - half, forward + half]);
      exact.y(forward);
      ends.set([forward]);
      const sides = [1, -1].map((sign) => m.map((v, i) => v + sign * (error[i] || 0)));
      band.set(xs, ...sides);
      path.set(xs, m);
      now.set(xs[last], m[last]);
      margin.set(xs[last], m[last], last ? `${ae.fmt(m[last])} ± ${ae.fmt(error[last])}` : ae.fmt(m[last]));
      say(`Over ${at[last].toLocaleString("en")} sample${last ? "s" : ""} from p, log p(x)/q(x) has the mean ${ae.fmt(m[last], 3)}${last ? ` ± ${ae.fmt(error[last], 3)}` : ""} nats; exact is ${ae.fmt(forward, 3)}${off > 0 ? `, ${ae.fmt(off, 1)} standard errors away` : ""}.`);
    };
    const triangle = (p, q, r, forward) => {
      const direct = kl(...p, ...r), second = kl(...q, ...r), detour = forward + second;
      limits(bars, "x", [0, round(Math.max(direct, detour, 0.05))]);
      [[0, direct, 0.6], [0, forward, 0.1], [forward, detour, 0.1]].forEach(([a, b, low], i) => strips[i].set([a, b], [low + 0.2, low + 0.2], low));
      words[0].set(0, 0.8, `straight from p to r: ${ae.fmt(direct)}`);
      words[1].set(0, 0.3, `by way of q: ${ae.fmt(forward)} + ${ae.fmt(second)} = ${ae.fmt(detour)}`);
      say(direct > detour
        ? `KL(p‖r) = ${ae.fmt(direct)} is more than KL(p‖q) + KL(q‖r) = ${ae.fmt(detour)} nats: the triangle inequality fails, so KL is no distance.`
        : `KL(p‖r) = ${ae.fmt(direct)} is no more than KL(p‖q) + KL(q‖r) = ${ae.fmt(detour)} nats: here the triangle inequality holds. A distance would keep it everywhere.`);
    };

    names.forEach((word, i) => f.draw(["view", `${word}_mean`, `${word}_width`], () => {
      const { fill, line, name, peak, side } = curves[i], [m, s] = of(word), high = density(m, m, s);
      const xs = ae.linspace(-6, 6, 145), ys = xs.map((x) => density(x, m, s));
      for (const mark of Object.values(curves[i])) mark.el.style.visibility = i < 2 || f.get("view") === "triangle" ? "" : "hidden";
      fill.set(xs, ys);
      line.set(xs, ys);
      name.set(m, high, word);
      peak.set(m, high);
      side.set(m + s, density(m + s, m, s));
    }));
    f.draw(["view", "samples", "seed", ...names.flatMap((name) => [`${name}_mean`, `${name}_width`])], () => {
      const [p, q, r] = names.map(of), view = f.get("view"), forward = kl(...p, ...q), backward = kl(...q, ...p);
      only(panels, view);
      only(panes, view);
      show(`${ae.fmt(forward, 3)} nats`, `${ae.fmt(backward, 3)} nats`);
      if (view === "asymmetry") asymmetry(p, q, forward, backward);
      else if (view === "Monte Carlo") monteCarlo(p, q, forward);
      else triangle(p, q, r, forward);
    });
  },
});
