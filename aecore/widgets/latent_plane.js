// A plane of codes: the digit under the hand is decoded in the page; between A and B eight more.
/** Index and distance of the k codes nearest to (x, y), nearest first. */
function nearest(codes, x, y, k) {
  const best = [];
  for (let i = 0; 2 * i < codes.length; i++) {
    const square = (codes[2 * i] - x) ** 2 + (codes[2 * i + 1] - y) ** 2;
    if (best.length === k && square >= best[k - 1][1]) continue;
    let at = best.length;
    while (at && best[at - 1][1] > square) at--;
    best.splice(at, 0, [i, square]);
    if (best.length > k) best.pop();
  }
  return best.map(([i, square]) => [i, Math.sqrt(square)]);
}
/** n points from a to b. */
const between = (a, b, n) => Array.from({ length: n }, (_, i) => [0, 1].map((c) => ae.lerp(a[c], b[c], i / (n - 1))));
/** Where on the way from a to b, from 0 to 1, a point is nearest. */
function along(a, b, p) {
  const u = [b[0] - a[0], b[1] - a[1]], square = u[0] ** 2 + u[1] ** 2;
  return square ? ae.clamp(((p[0] - a[0]) * u[0] + (p[1] - a[1]) * u[1]) / square, 0, 1) : 0;
}

// Six hues for ten digits: digits that autoencoders put side by side (4 7 9, 3 5 8, 0 6) never share one.
const HUES = ["blue", "blue", "green", "purple", "green", "cyan", "gold", "purple", "orange", "gold"], STEPS = 8, CELL = 32;

export default ae.define({
  data: ["planes"],
  math: { nearest, between, along, decode: (packed, points) => points.map(ae.network({ ...packed, data: new DataView(Uint8Array.from(packed.data).buffer) })) },
  render(f) {
    const labels = ae.bytes(f.get("labels"));
    const planes = f.get("planes").map((plane) => ({ ...plane, codes: ae.floats(plane.codes), decode: ae.network(plane.decoder) }));
    for (const { name, codes } of planes)
      if (codes.length !== 2 * labels.length) throw new Error(`planes: got ${codes.length / 2} codes of ${name} for ${labels.length} labels`);
    const find = () => {
      const plane = planes.find(({ name }) => name === f.get("plane"));
      if (!plane) throw new Error(`plane: got ${f.get("plane")}, takes ${planes.map(({ name }) => name).join(" or ")}`);
      return plane;
    };
    let plane = find(), hover = null, leading = false;

    // ---- the plane, its codes on a canvas under the plot
    const [left, right] = f.row(["1.9fr", "1fr"]);
    const box = ae.h("div", { style: "position:relative" }), canvas = ae.h("canvas", { style: "position:absolute", "aria-hidden": "true" });
    box.append(canvas);
    left.append(box);
    const [[x0, x1], [y0, y1]] = plane.limits;
    const plot = f.plot({ parent: box, x: [x0, x1], y: [y0, y1], aspect: (y1 - y0) / (x1 - x0), label: "Plane of codes", ylabel: "Drag the orange point: each place is a picture", margin: { left: 26, right: 4 } });
    plot.svg.style.position = "relative";
    const segment = plot.line({ width: 1.5 }), ghost = plot.dot({ hollow: true, r: 7 });
    const all = [["the point", "x", "y", { r: 8, whole: true }], ["end A", "ax", "ay", {}], ["end B", "bx", "by", {}]].map(([label, a, b, more]) => {
      const reach = { x: { trait: a }, y: { trait: b } }; // the limits follow the plane
      return { traits: [a, b], reach, handle: plot.handle({ label, hue: more.whole ? "orange" : "ink", ...reach, ...more }) };
    });
    const letters = ["A", "B"].map(() => plot.text({ dx: 10, dy: -8 })), hint = plot.text({ hue: "orange", dx: 14, dy: 5 });
    hint.el.style.fontWeight = 600;
    let untouched = true; // until then the point asks for a hand

    // ---- what is decoded: beside the plane, on a phone in a row of its own with the choice
    right.style.cssText = "display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center";
    const digit = f.digit({ label: "decoded digit", size: 400, parent: right }), under = ae.h("span", { class: "ae-tile-name" });
    digit.canvas.parentNode.style.flex = "1 1 160px";
    const words = ae.h("div", { style: "flex:1 1 130px" }, under);
    right.append(words);
    f.choice({ trait: "plane", label: "plane of", options: planes.map(({ name }) => [name, name]), parent: words });
    words.lastChild.style.flexWrap = "wrap";
    const strip = f.raster({ label: "eight digits decoded from A to B", width: STEPS * CELL - 4, height: 28, size: 1200 });
    f.slider({ trait: "along", label: "from A to B", min: 0, max: 1, step: 0.01, hue: "orange" });
    f.reset("ax", "ay", "bx", "by", "x", "y");
    const say = f.readout({ lines: 2 });
    const end = (at) => all[at].traits.map((trait) => f.get(trait));

    const scatter = () => {
      const { left: cx, top: cy, width, height } = plot.inner, ratio = devicePixelRatio || 1, context = canvas.getContext("2d");
      Object.assign(canvas, { width: width * ratio, height: height * ratio });
      Object.assign(canvas.style, { left: `${cx}px`, top: `${cy}px`, width: `${width}px`, height: `${height}px` });
      context.scale(ratio, ratio);
      Object.assign(context, { font: "9px sans-serif", textAlign: "center", textBaseline: "middle", globalAlpha: 0.8 });
      const colours = HUES.map((name) => `rgb(${f.colour(name)})`);
      labels.forEach((label, i) => {
        context.fillStyle = colours[label];
        context.fillText(label, plot.X(plane.codes[2 * i]) - cx, plot.Y(plane.codes[2 * i + 1]) - cy);
      });
    };
    const decodeStrip = () => {
      const sheet = new Float32Array((STEPS * CELL - 4) * 28);
      between(end(1), end(2), STEPS).forEach((z, k) => {
        const pixels = plane.decode(z);
        for (let row = 0; row < 28; row++) sheet.set(pixels.subarray(28 * row, 28 * row + 28), row * (STEPS * CELL - 4) + k * CELL);
      });
      strip.draw(sheet);
    };

    // ---- another plane: A and B stay with their digits, the point with its place between them
    f.on("plane", () => f.guard(() => {
      const before = plane, t = f.get("along");
      plane = find();
      const [a, b] = [1, 2].map((at) => 2 * nearest(before.codes, ...end(at), 1)[0][0]).map((i) => plane.codes.subarray(i, i + 2));
      lead({ ax: a[0], ay: a[1], bx: b[0], by: b[1], along: t });
      place();
      f.redraw();
    }));

    // ---- a point on the way from A to B stays on it when an end moves; a point beside it stays where it is
    const lead = (values) => { leading = true; f.set(values); leading = false; };
    const place = () => { const [x, y] = [0, 1].map((c) => ae.lerp(end(1)[c], end(2)[c], f.get("along"))); lead({ x, y }); f.guard(move); };
    const follow = () => lead({ along: along(end(1), end(2), end(0)) });
    const rides = () => { const t = along(end(1), end(2), end(0)); return [0, 1].every((c) => Math.abs(ae.lerp(end(1)[c], end(2)[c], t) - end(0)[c]) < plane.spacing / 100); };
    let riding = rides();
    for (const name of ["x", "y"]) f.on(name, () => { if (!leading) riding = rides(); });
    for (const name of ["ax", "ay", "bx", "by"]) f.on(name, () => { if (!leading) riding ? place() : follow(); });
    f.on("along", () => { if (!leading) { place(); riding = true; } });

    f.draw([], () => {
      [plot.x, plot.y] = plane.limits;
      plot.scales();
      const [x, y] = plane.limits, step = (x[1] - x[0]) / 200;
      for (const { reach, handle } of all) {
        Object.assign(reach.x, { min: x[0], max: x[1], step });
        Object.assign(reach.y, { min: y[0], max: y[1], step });
        handle.el.setAttribute("aria-valuemin", x[0]);
        handle.el.setAttribute("aria-valuemax", x[1]);
      }
      scatter();
    });
    f.draw(["ax", "ay", "bx", "by"], () => {
      const ends = [end(1), end(2)];
      segment.set(ends.map(([x]) => x), ends.map(([, y]) => y));
      letters.forEach((letter, k) => letter.set(...ends[k], "AB"[k]));
      all.slice(1).forEach(({ handle }, k) => handle.set(...ends[k]));
      decodeStrip();
    });
    const show = () => {
      const z = hover || end(0), around = nearest(plane.codes, ...z, 10), far = around[0][1] / plane.spacing;
      digit.draw(plane.decode(z));
      ghost.el.setAttribute("visibility", hover ? "visible" : "hidden");
      if (hover) ghost.set(...hover);
      const counts = {};
      for (const [i] of around) counts[labels[i]] = (counts[labels[i]] || 0) + 1;
      const classes = Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([label, n]) => `${n} × ${label}`);
      if (classes.length > 4) classes.splice(3, 9, "others");
      under.textContent = `decoded at ${ae.fmt(z[0])}, ${ae.fmt(z[1])}`;
      say(`${far > 4 ? "Far from every code" : far > 2 ? "Few codes around" : "Among the codes"}: the nearest of ${labels.length.toLocaleString("en")} test digits, a ${labels[around[0][0]]}, is ${ae.fmt(far, far < 10 ? 1 : 0)} times as far away as neighbours usually are. The ten nearest: ${classes.join(", ")}.`);
    };
    const opened = String(end(0));
    const move = () => {
      all[0].handle.set(...end(0));
      untouched &&= opened === String(end(0));
      hint.set(...end(0), untouched ? "drag me" : "");
      show();
    };
    f.draw(["x", "y"], () => {
      if (leading) return; // who leads draws once, at the end
      follow();
      move();
    });

    // ---- a mouse that only passes over looks, without moving the point
    const look = (z) => { hover = z; f.guard(show); };
    plot.svg.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") look(event.buttons || event.target.closest(".ae-handle") ? null : plot.at(event));
    });
    plot.svg.addEventListener("pointerleave", () => look(null));
  },
});
