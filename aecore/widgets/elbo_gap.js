// log p(x) = ELBO + KL(q‖p(z|x)) for z ~ N(0, 1), x|z ~ N(a z + b, noise²), and the climb up the ELBO.
const LOG_2PI = Math.log(2 * Math.PI);
const logNormal = (v, mean, sd) => -0.5 * LOG_2PI - Math.log(sd) - 0.5 * ((v - mean) / sd) ** 2;
/** KL(N(m0, s0²) ‖ N(m1, s1²)) */
const kl = (m0, s0, m1, s1) => Math.log(s1 / s0) + (s0 * s0 + (m0 - m1) ** 2) / (2 * s1 * s1) - 0.5;
const posterior = ({ a, b, noise, x }) => {
  const total = a * a + noise * noise;
  return [(a * (x - b)) / total, noise / Math.sqrt(total)];
};
const evidence = ({ a, b, noise, x }) => logNormal(x, b, Math.sqrt(a * a + noise * noise));
const reconstruction = (m, s, { a, b, noise, x }) => logNormal(x, a * m + b, noise) - 0.5 * ((a * s) / noise) ** 2;
const elbo = (m, s, model) => reconstruction(m, s, model) - kl(m, s, 0, 1);
/** d ELBO / d mean and d ELBO / d log width */
const gradient = (m, s, { a, b, noise, x }) => [
  (a * (x - a * m - b)) / noise ** 2 - m,
  1 - s * s * (1 + (a / noise) ** 2),
];
/** One step of gradient ascent; the rate is a fifth of the posterior's variance, inside the hand's range. */
const MEAN = { trait: "mean", min: -2.5, max: 2.5, step: 0.01 }, WIDTH = { trait: "width", min: 0.2, max: 1.5, step: 0.01 };
const step = (m, s, model) => {
  const rate = 0.2 * posterior(model)[1] ** 2, [dm, dl] = gradient(m, s, model);
  return [ae.clamp(m + rate * dm, MEAN.min, MEAN.max), ae.clamp(s * Math.exp(rate * dl), WIDTH.min, WIDTH.max)];
};
/** The closed line over (mean, log width) on which KL(q‖p(z|x)) is `level`. */
const contour = (level, [mu, sd], n = 96) => {
  const rest = (l) => level - kl(mu, Math.exp(l), mu, sd), best = Math.log(sd);
  const edge = (far) => { // where the line crosses mean = mu, by halving
    let near = best;
    for (let i = 0; i < 40; i++) { const mid = (near + far) / 2; if (rest(mid) > 0) near = mid; else far = mid; }
    return near;
  };
  const low = edge(best - level - 2), high = edge(best + level + 2), xs = [], ys = [];
  for (let i = 0; i <= n; i++) {
    const turn = (2 * Math.PI * i) / n, l = (low + high) / 2 + ((high - low) / 2) * Math.cos(turn);
    xs.push(mu + Math.sign(Math.sin(turn)) * sd * Math.sqrt(2 * Math.max(0, rest(l))));
    ys.push(l);
  }
  return [xs, ys];
};
const LEVELS = [0.1, 0.5, 1, 2, 4, 8], STEPS = 45;

export default ae.define({
  math: { kl, posterior, evidence, reconstruction, elbo, gradient, step, contour },
  render(f) {
    const model = () => Object.fromEntries(["a", "b", "noise", "x"].map((name) => [name, f.get(name)]));
    const pdf = (v, m, s) => Math.exp(logNormal(v, m, s));
    const [left, right] = f.row(["1.45fr", "1fr"]);
    const density = f.plot({ parent: left, x: [-4, 4], y: [0, 1.3], yticks: [], xlabel: "z", ylabel: "density", margin: { left: 8 }, height: 250, label: "The density q against the posterior p(z|x) and the prior p(z)" });
    const map = f.plot({ parent: right, x: [-2.5, 2.5], y: [Math.log(0.2), Math.log(1.5)], xticks: [-2, 0, 2], yticks: [-1.5, -1, -0.5, 0], xlabel: "mean of q", ylabel: "log width, lines of equal gap in nats", height: 250, label: "The ELBO over mean and log width, in lines of equal gap" });
    map.axes.style.setProperty("--ae-grid", "transparent");
    const nats = f.plot({ x: [-16, 0], y: [0, 1], yticks: [], xlabel: "nats", height: 196, margin: { top: 4, left: 10 }, label: "log p(x), the ELBO and the gap between them, in nats" });

    const prior = density.line({ hue: "muted", width: 1, dash: "3 3" }), truth = density.line({ hue: "ink" });
    const shade = density.area({ hue: "blue", opacity: 0.12 }), curve = density.line({ hue: "blue" });
    const names = ["muted", "ink", "blue"].map((hue) => density.text({ hue, anchor: "middle", dx: 0, dy: -10 }));
    const top = density.handle({ label: "mean of q", hue: "blue", x: MEAN });
    const side = density.handle({ label: "width of q", hue: "blue", r: 5.5, x: { ...WIDTH, offset: () => f.get("mean") } });

    const rings = LEVELS.map(() => map.line({ hue: "muted", width: 1, opacity: 0.55 }));
    const marks = LEVELS.map(() => map.text({ hue: "muted", anchor: "middle", dx: 0, dy: 4 }));
    const peak = map.dot({ hue: "ink", r: 3.5 }), trail = map.line({ hue: "blue", width: 1.5 }), steps = map.dots({ hue: "blue", r: 2, opacity: 1 });
    const uphill = map.arrow({ hue: "blue" }), here = map.dot({ hue: "blue", r: 6 });

    const bar = (hue, width = 16) => nats.line({ hue, width });
    const [gapBar, fit, cost] = [bar("orange"), bar("green"), bar("purple")];
    const fixed = nats.line({ hue: "ink" }), down = nats.line({ hue: "blue", width: 1, dash: "2 3" });
    const point = nats.dot({ hue: "blue", r: 7 });
    const words = Object.fromEntries(["ink", "orange", "blue", "green", "purple"].map((hue) => [hue, nats.text({ hue, anchor: "middle", dx: 0, dy: 0 })]));
    /** A label around v, kept inside the picture; `side` 0, 0.5 or 1: how much of it stands left of v. */
    const label = (hue, v, y, text, side = 0.5) => {
      const room = 6.9 * text.length, low = nats.inner.left, at = ae.clamp(nats.X(v) - side * room, low, low + nats.inner.width - room) + room / 2;
      words[hue].set(nats.x[0], y, text);
      words[hue].el.setAttribute("x", at);
    };

    f.slider({ ...MEAN, label: "mean of q", hue: "blue" });
    f.slider({ ...WIDTH, label: "width of q", hue: "blue" });
    let path = [], own = false, stop = () => {};
    const go = (m, s) => { own = true; f.set({ mean: m, width: s }); own = false; };
    f.button({ label: "Climb", onclick: () => {
      stop();
      path = [[f.get("mean"), f.get("width")]];
      stop = f.animate((t) => {
        const before = path.length;
        while (path.length <= Math.round(t * STEPS)) path.push(step(...path.at(-1), model()));
        if (path.length > before) go(...path.at(-1));
      }, 2200);
    } });
    f.reset("x", "a", "b", "noise");
    const show = f.numbers([["log p(x), fixed", "ink"], ["= ELBO", "blue"], ["+ KL(q‖p(z|x)), the gap", "orange"]]), say = f.readout({ lines: 3 });
    const press = (event) => { const [m, l] = map.at(event); f.set({ mean: ae.clamp(m, MEAN.min, MEAN.max), width: ae.clamp(Math.exp(l), WIDTH.min, WIDTH.max) }); };
    map.svg.style.cssText = "touch-action:none;cursor:pointer";
    map.svg.addEventListener("pointerdown", (event) => { if (!event.button) { map.svg.setPointerCapture(event.pointerId); press(event); } });
    map.svg.addEventListener("pointermove", (event) => { if (map.svg.hasPointerCapture(event.pointerId)) press(event); });

    f.draw(["a", "b", "noise", "x"], () => { // what the hand does not move
      const p = model(), [mu, sd] = posterior(p), corners = [MEAN.min, MEAN.max].flatMap((m) => [WIDTH.min, WIDTH.max].map((s) => elbo(m, s, p)));
      nats.x = [Math.floor(Math.min(...corners) / 2) * 2, 0];
      nats.scales();
      prior.fn((v) => pdf(v, 0, 1));
      truth.fn((v) => pdf(v, mu, sd));
      names[0].set(-2.15, pdf(2.15, 0, 1) + 0.01, "prior p(z)");
      names[0].el.setAttribute("text-anchor", "end");
      names[1].set(mu, pdf(mu, mu, sd), "posterior p(z|x)");
      LEVELS.forEach((level, i) => {
        const high = Math.log(sd) + 0.56, rest = level - kl(mu, Math.exp(high), mu, sd), at = mu - sd * Math.sqrt(2 * rest);
        rings[i].set(...contour(level, [mu, sd]));
        marks[i].set(at || 0, high, at > map.x[0] + 0.1 ? String(level) : "");
      });
      peak.set(mu, Math.log(sd));
    });
    f.draw(["mean", "width", "a", "b", "noise", "x"], () => {
      const m = f.get("mean"), s = f.get("width"), p = model(), [mu, sd] = posterior(p);
      const total = evidence(p), bound = elbo(m, s, p), gap = kl(m, s, mu, sd), fits = reconstruction(m, s, p), [dm, dl] = gradient(m, s, p);
      if (!own) { stop(); path = []; }
      const xs = ae.linspace(-4, 4, 200), ys = xs.map((v) => pdf(v, m, s));
      curve.set(xs, ys);
      shade.set(xs, ys);
      const away = m < mu ? "end" : "start";
      names[2].set(m + (m < mu ? -1 : 1) * 0.75 * s, 0.75 * pdf(m, m, s), "q(z)");
      names[2].el.setAttribute("text-anchor", away);
      top.set(m, pdf(m, m, s));
      side.set(m + s, pdf(m + s, m, s));

      const l = Math.log(s), size = 0.55 / Math.max(1, Math.hypot(dm, dl));
      trail.set(path.map(([v]) => v), path.map(([, w]) => Math.log(w)));
      steps.set(path.map(([v]) => v), path.map(([, w]) => Math.log(w)));
      uphill.set(m, l, m + size * dm, l + size * dl);
      here.set(m, l);

      fixed.set([total, total], [0.87, 0.54]);
      gapBar.set([bound, total], [0.66, 0.66]);
      fit.set([fits, 0], [0.22, 0.22]);
      cost.set([bound, fits], [0.22, 0.22]);
      down.set([bound, bound], [0.44, 0.14]);
      point.set(bound, 0.66);
      label("ink", total, 0.93, `log p(x) = ${ae.fmt(total)}`);
      label("orange", total, 0.775, `gap KL(q‖p(z|x)) ${ae.fmt(gap)} `, 1);
      label("blue", bound, 0.485, `ELBO ${ae.fmt(bound)}`);
      label("green", 0, 0.335, `E log p(x|z) ${ae.fmt(fits)}`, 1);
      label("purple", (bound + fits) / 2, 0.04, `−KL(q‖p(z)) ${ae.fmt(bound - fits)}`);
      show(...[total, bound, gap].map((v) => `${ae.fmt(v, 3)} nats`));
      const wish = [Math.abs(dm) > 0.02 && (dm > 0 ? "right" : "left"), Math.abs(dl) > 0.02 && (dl > 0 ? "wider" : "narrower")].filter(Boolean).join(" and ");
      say(`q is at ${ae.fmt(m)}, ${ae.fmt(s)} wide; the posterior at ${ae.fmt(mu)}, ${ae.fmt(sd)} wide. ` +
        (wish ? `The ELBO lies ${ae.fmt(gap)} nats under log p(x), and its gradient says: ${wish}.` : "They are one, and the ELBO touches log p(x)."));
    });
  },
});
