// A drawing pad, noise from seeded numbers, and a denoising autoencoder that runs in the page.
const SIDE = 28;
const cut = (v) => ae.clamp(v, 0, 1);

/** The seeded numbers of a noise pattern; a level decides what they do. */
function pattern(seed) {
  const chance = ae.rng(seed), bell = ae.rng(seed);
  return { chance: Float64Array.from({ length: 784 }, chance.uniform), bell: Float64Array.from({ length: 784 }, bell.normal) };
}
function spoil(image, kind, level, seed, { chance, bell } = pattern(seed)) {
  if (kind === "masking") return image.map((v, i) => (chance[i] < level ? 0 : v));
  if (kind === "Gaussian") return image.map((v, i) => v + level * bell[i]);
  return image.map((v, i) => (chance[i] < level / 2 ? 0 : chance[i] < level ? 1 : v));
}
const psnr = (a, b) => -10 * Math.log10(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length);

/** Strokes, lists of points [x, y] in pixels, with a soft brush. */
function brush(strokes) {
  const image = new Float32Array(784);
  for (const stroke of strokes)
    stroke.forEach(([bx, by], i) => {
      const [ax, ay] = stroke[Math.max(0, i - 1)], [dx, dy] = [bx - ax, by - ay], length = dx * dx + dy * dy || 1;
      const span = (a, b) => [Math.max(0, Math.ceil(Math.min(a, b) - 2)), Math.min(SIDE - 1, Math.floor(Math.max(a, b) + 2))];
      const [left, right] = span(ax, bx), [top, low] = span(ay, by);
      for (let y = top; y <= low; y++)
        for (let x = left; x <= right; x++) {
          const t = cut(((x - ax) * dx + (y - ay) * dy) / length), far = Math.hypot(x - ax - t * dx, y - ay - t * dy);
          image[y * SIDE + x] = Math.max(image[y * SIDE + x], cut(1.75 - far));
        }
    });
  return image;
}
/** As MNIST was made: the larger side 20 pixels (stroke included), the centre of mass in the middle; scaled by 2 at most. */
function centred(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(784);
  const [low, high] = [Math.min, Math.max].map((end) => [0, 1].map((c) => points.reduce((v, p) => end(v, p[c]), points[0][c])));
  const scale = ae.clamp(17.5 / Math.max(high[0] - low[0], high[1] - low[1], 1), 0.5, 2);
  const place = (to) => strokes.map((stroke) => stroke.map((p) => p.map((v, c) => (v - (low[c] + high[c]) / 2) * scale + to[c])));
  const rough = brush(place([13.5, 13.5]));
  let sum = 0, x = 0, y = 0;
  rough.forEach((v, i) => { sum += v; x += v * (i % SIDE); y += v * Math.floor(i / SIDE); });
  return brush(place([27 - x / sum, 27 - y / sum]));
}

export default ae.define({
  math: { spoil, psnr, brush, centred },
  data: ["network", "digits"],
  render(f) {
    const clean = ae.network(f.get("network")), digits = ae.bytes(f.get("digits"));
    const [left, right] = f.row(["calc((100% - 56px) / 3)", "1fr"]);
    const pair = ae.h("div", { style: "display:grid;grid-template-columns:1fr 1fr;gap:28px" });
    right.append(pair);
    const pad = f.digit({ label: "Drawing pad", caption: "clean: draw here", size: 216, parent: left });
    const noisy = f.digit({ label: "The noisy picture", caption: "noisy", size: 216, parent: pair });
    const cleaned = f.digit({ label: "The cleaned picture", caption: "cleaned", size: 216, parent: pair });

    let strokes = [], mine = null, pen = null, down = false, noise = [null];
    const send = () => {
      mine = Uint8Array.from(centred(strokes), (v) => Math.round(255 * v));
      f.set({ drawing: new DataView(mine.slice().buffer), digit: -1 });
    };
    /** Is what is on the pad drawn here (and not put there by Python)? */
    const ours = () => f.get("digit") < 0 && ae.bytes(f.get("drawing")).every((v, i) => v === mine?.[i]);
    const begin = (point) => {
      if (!ours()) strokes = [];
      strokes.push([point]);
      send();
    };
    const extend = (point) => { strokes.at(-1).push(point); send(); };
    const canvas = pad.canvas;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((v) => cut(v) * SIDE - 0.5);
    };
    canvas.style.cssText += "cursor:crosshair;touch-action:none";
    for (const [name, value] of Object.entries({ tabindex: 0, role: "application", "data-lm-suppress-shortcuts": "true" })) canvas.setAttribute(name, value);
    pad.label("Drawing pad: draw with the mouse or a finger. On the keyboard, arrow keys move the pen, space puts it down and lifts it.");
    const drag = (event) => extend(at(event));
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      pen = null;
      down = false;
      begin(at(event));
      canvas.addEventListener("pointermove", drag);
    });
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => canvas.removeEventListener("pointermove", drag));
    canvas.addEventListener("keydown", (event) => {
      const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key] || [];
      if (dx === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      pen = pen ? [ae.clamp(pen[0] + dx, 0, SIDE - 1), ae.clamp(pen[1] + dy, 0, SIDE - 1)] : [14, 8];
      if (event.key === " ") { down = !down; if (down) return begin(pen); }
      else if (down) return extend(pen);
      f.redraw();
    });
    canvas.addEventListener("blur", () => { pen = null; down = false; f.redraw(); });

    const radios = f.choice({ trait: "digit", label: "digit", options: Array.from({ length: 10 }, (_, i) => [i, String(i)]) });
    radios[0].closest(".ae-choice").firstChild.remove(); // ten digits need no word beside them, and fit on a phone
    f.choice({ trait: "kind", label: "noise", options: ["masking", "Gaussian", "salt and pepper"].map((v) => [v, v]) });
    f.slider({ trait: "level", label: "level", min: 0, max: 0.9, step: 0.01 });
    f.button({ label: "New noise", onclick: () => f.set("seed", f.get("seed") + 1) });
    f.button({ label: "Clear", onclick: () => { strokes = []; send(); } });
    f.reset("seed", "drawing");
    const show = f.numbers([["noisy, PSNR", "orange"], ["cleaned, PSNR", "blue"], ["gain"]]), say = f.readout();

    f.draw(["digit", "drawing", "kind", "level", "seed"], () => {
      const digit = f.get("digit"), kind = f.get("kind"), level = f.get("level"), seed = f.get("seed");
      const raw = digit < 0 ? ae.bytes(f.get("drawing")) : digits.subarray(784 * digit, 784 * (digit + 1));
      const image = Float32Array.from(raw, (v) => v / 255);
      const seen = ours() ? brush(strokes) : image.slice();
      if (pen) { const i = pen[1] * SIDE + pen[0]; seen[i] = seen[i] > 0.5 ? 0.4 : 0.6; }
      pad.draw(seen);
      if (noise[0] !== seed) noise = [seed, pattern(seed)];
      const spoiled = spoil(image, kind, level, seed, noise[1]), result = clean(spoiled);
      noisy.draw(spoiled);
      cleaned.draw(result);
      const [before, after] = [psnr(spoiled.map(cut), image), psnr(result, image)], blank = !raw.some((v) => v);
      const dB = (v) => (blank ? "–" : `${ae.fmt(v, 1)} dB`);
      show(dB(before), dB(after), dB(after - before));
      if (blank) return say("The pad is empty: draw a digit.");
      const what = { masking: `Each pixel is lost with probability ${ae.fmt(level)}.`, Gaussian: `Noise of standard deviation ${ae.fmt(level)} is added.`, "salt and pepper": `${ae.fmt(level)} of the pixels turn black or white, a noise never trained on.` }[kind];
      const verdict = after > before ? `The autoencoder brings ${digit < 0 ? "your drawing, centred as in MNIST," : `this test digit ${digit}`}` : "So little noise that the autoencoder takes more than it gives:";
      say(`${what} ${verdict} from ${ae.fmt(before, 1)} to ${dB(after)}.`);
    });
  },
});
