// The exact score of a noisy mixture and the residual of a denoising autoencoder, as arrows and as ways of a particle.
const STEPS = 40, RATE = 0.2, REACH = 2.4, SHOWN = 400;

/** The mixture at a point: log density, and noise²·score. `means` is flat: x, y, x, y, … */
function mixture(x, y, means, width, noise) {
  const variance = width * width + noise * noise, count = means.length / 2;
  let high = -Infinity, total = 0, sx = 0, sy = 0;
  for (let k = 0; k < count; k++) high = Math.max(high, -((means[2 * k] - x) ** 2 + (means[2 * k + 1] - y) ** 2) / (2 * variance));
  for (let k = 0; k < count; k++) {
    const dx = means[2 * k] - x, dy = means[2 * k + 1] - y, weight = Math.exp(-(dx * dx + dy * dy) / (2 * variance) - high);
    total += weight;
    sx += weight * dx;
    sy += weight * dy;
  }
  const scale = noise ** 2 / variance / total;
  return { log: high + Math.log(total / count) - Math.log(2 * Math.PI * variance), arrow: [sx * scale, sy * scale] };
}
const ACT = { linear: (v) => v, tanh: Math.tanh, relu: (v) => Math.max(0, v) };
/** A network as Python packs it: network({layers, data})(x, y) is its residual r(x) − x. */
function network({ layers, data }) {
  const numbers = ae.floats(data);
  let at = 0;
  const dense = layers.map(([columns, rows, activation]) => {
    const weight = numbers.subarray(at, at + rows * columns), bias = numbers.subarray(at + rows * columns, (at += rows * (columns + 1)));
    return { columns, rows, weight, bias, act: ACT[activation] };
  });
  if (at !== numbers.length) throw new Error(`networks: got ${numbers.length} numbers, the layers take ${at}`);
  return (x, y) => {
    let now = [x, y];
    for (const { columns, rows, weight, bias, act } of dense) {
      const next = new Float64Array(rows);
      for (let row = 0, k = 0; row < rows; row++) {
        let sum = bias[row];
        for (let column = 0; column < columns; column++, k++) sum += weight[k] * now[column];
        next[row] = act(sum);
      }
      now = next;
    }
    return [now[0] - x, now[1] - y];
  };
}
/** The way of a particle that takes a fifth of the arrow, 40 times. */
function flow(field, x, y) {
  const way = [[x, y]];
  for (let i = 0; i < STEPS; i++) {
    const [a, b] = way[i], [u, v] = field(a, b);
    way.push([a + RATE * u, b + RATE * v]);
  }
  return way;
}
/** Degrees between two arrows, 0 to 180. */
const angle = ([a, b], [c, d]) => (Math.abs(Math.atan2(a * d - b * c, a * c + b * d)) * 180) / Math.PI;
/** Noisy data, as the Python class draws them. */
function samples(count, means, width, noise) {
  const { uniform } = ae.rng(1), { normal } = ae.rng(2), spread = Math.hypot(width, noise);
  return Array.from({ length: count }, () => {
    const k = Math.floor(uniform() * (means.length / 2));
    return [means[2 * k] + spread * normal(), means[2 * k + 1] + spread * normal()];
  });
}

export default ae.define({
  math: { mixture, network, flow, angle, samples },
  data: ["means", "networks", "noises", "edges"],
  render(f) {
    const means = ae.floats(f.get("means")), width = f.get("width"), noises = f.get("noises"), edges = f.get("edges");
    const [left, right] = f.row(["1.25fr", "1fr"]);
    const map = f.plot({ x: [-REACH, REACH], y: [-REACH, REACH], xticks: [-2, -1, 0, 1, 2], yticks: [-2, -1, 0, 1, 2], aspect: 1, parent: left, margin: { left: 22, right: 4 }, label: "The plane, with arrows of the true score and of the autoencoder's residual" });
    const cloud = map.dots({ hue: "muted", r: 1.2, opacity: 0.5 });
    const styles = { true: { hue: "blue", width: 4.5 }, learned: { hue: "orange", width: 1.4 } }, names = Object.keys(styles);
    const arrows = names.flatMap((name) => (name === "true" ? [0.16, 0.4] : [0.35, 1]).map((opacity, known) => ({ name, known, line: map.line({ ...styles[name], opacity }) })));
    const ways = names.map((name) => map.line({ hue: styles[name].hue, width: name === "true" ? 5 : 2.5 }));
    const dots = names.map((name) => map.dot({ hue: styles[name].hue, r: name === "true" ? 7 : 4.5 }));
    const start = map.handle({ label: "start of the particle", hue: "ink", whole: true, r: 6, ...Object.fromEntries(["x", "y"].map((trait) => [trait, { trait, min: -REACH, max: REACH, step: 0.05 }])) });
    const climb = f.plot({ x: [0, STEPS], y: [-4, 0], height: 404, parent: right, xlabel: "step", ylabel: "log density of the particle's place", label: "Log density along both ways" });
    const rises = names.map((name) => climb.line({ hue: styles[name].hue, width: name === "true" ? 5 : 2.5, opacity: name === "true" ? 0.55 : 1 }));
    const words = names.map((name) => climb.text({ hue: styles[name].hue, anchor: "end", dx: -4, dy: name === "true" ? -10 : 20 }));

    /** Both fields on a grid, once for each noise. */
    const grid = Array.from({ length: 14 }, (_, i) => -2.21 + 0.34 * i), known = {};
    const fields = (noise) => (known[noise] ||= (() => {
      const index = noises.indexOf(noise), learned = network(f.get("networks")[index]), edge = edges[index];
      const at = { true: (x, y) => mixture(x, y, means, width, noise).arrow, learned };
      const cells = grid.flatMap((x) => grid.map((y) => ({ x, y, known: +(mixture(x, y, means, width, noise).log >= edge), true: at.true(x, y), learned: learned(x, y) })));
      return { at, edge, cells, cloud: samples(SHOWN, means, width, noise) };
    })());
    const shape = (cells, name, noise) => cells.map(({ x, y, [name]: [u, v] }) => {
      const k = 0.34 / (Math.hypot(u, v) + noise), [a, b] = [map.X(x) - map.inner.left, map.Y(y) - map.inner.top];
      const [c, d] = [map.X(x + k * u) - map.X(x), map.Y(y + k * v) - map.Y(y)], t = Math.min(0.5, 4 / Math.hypot(c, d));
      const tip = (side) => `${(a + c - t * (c - side * d)).toFixed(1)} ${(b + d - t * (d + side * c)).toFixed(1)}`;
      const end = `${(a + c).toFixed(1)} ${(b + d).toFixed(1)}`;
      return `M${a.toFixed(1)} ${b.toFixed(1)}L${end}M${tip(0.6)}L${end}L${tip(-0.6)}`;
    }).join("");

    f.slider({ trait: "noise", label: "noise σ", values: noises, format: (v) => ae.fmt(v, 1) });
    let done = 1, stop = () => {};
    const place = (now) => { done = now; f.redraw(); };
    f.button({ label: "Flow", onclick: () => { stop(); stop = f.animate(place, 1600); } });
    f.reset("x", "y");
    const show = f.numbers([["angle between the arrows"], ["length, residual : score"], ["log density at the start"], [`after ${STEPS} steps`, "orange"]]), say = f.readout({ lines: 3 });

    f.draw(["noise"], () => {
      const noise = f.get("noise"), { cells, cloud: points } = fields(noise);
      map.axes.querySelectorAll(".ae-grid").forEach((line) => line.remove()); // arrows are enough
      cloud.set(points.map(([x]) => x), points.map(([, y]) => y));
      for (const { name, known, line } of arrows) line.el.setAttribute("d", shape(cells.filter((cell) => cell.known === known), name, noise));
    });
    f.draw(["noise", "x", "y"], () => {
      const noise = f.get("noise"), x = f.get("x"), y = f.get("y"), { at, edge } = fields(noise);
      const paths = names.map((name) => flow(at[name], x, y)), logs = paths.map((path) => path.map(([a, b]) => mixture(a, b, means, width, noise).log));
      const all = logs.flat(), step = Math.max(...all) - Math.min(...all) > 12 ? 10 : 2, limits = [step * Math.floor(Math.min(...all) / step), step * Math.ceil((Math.max(...all) + 0.1) / step)];
      if (String(climb.y) !== String(limits)) { climb.y = limits; climb.scales(); }
      const last = done * STEPS, low = Math.floor(last), high = Math.min(STEPS, low + 1);
      names.forEach((name, i) => {
        const path = paths[i], now = path[low].map((v, c) => ae.lerp(v, path[high][c], last - low));
        ways[i].set(path.map(([a]) => a), path.map(([, b]) => b));
        dots[i].set(...now);
        rises[i].set(logs[i].map((_, k) => k).slice(0, low + 1), logs[i].slice(0, low + 1));
        words[i].set(STEPS, logs[i][STEPS], name === "true" ? "true score" : "autoencoder");
      });
      start.set(x, y);
      const [exact, learned] = names.map((name) => at[name](x, y)), off = angle(exact, learned), ratio = Math.hypot(...learned) / Math.hypot(...exact), [begin, end] = [logs[1][0], logs[1][STEPS]];
      show(`${ae.fmt(off, 0)}°`, ae.fmt(ratio), ae.fmt(begin), ae.fmt(end));
      const led = `Its residual leads from log density ${ae.fmt(begin)} to ${ae.fmt(end)}, the true score to ${ae.fmt(logs[0][STEPS])}.`;
      if (begin < edge) say(`Not one noisy point in a thousand fell on so low a density: nothing taught the network the score here, and its arrow is ${ae.fmt(off, 0)}° off and ${ae.fmt(ratio)} times as long. ${led}`);
      else if (Math.hypot(...exact) < 0.1 * noise) say(`Here the density is nearly flat and the true arrow nearly vanishes: its direction means little. ${led}`);
      else say(`Here the network's arrow is ${ae.fmt(off, 0)}° off the true score and ${ae.fmt(ratio)} times as long. ${led}`);
    });
    for (const trait of ["noise", "x", "y"]) f.on(trait, () => { stop(); if (done < 1) place(1); });
  },
});
