// One digit through a code of k numbers, by PCA and by an autoencoder, and the test error of every width.
/** One byte per pixel, in 255 steps from low to high. */
const unpack = (bytes, low, high) => Float64Array.from(bytes, (byte) => low + (byte * (high - low)) / 255);
const squaredError = (a, b) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0);
const psnr = (a, b) => -10 * Math.log10(squaredError(a, b) / a.length);
/** The first width whose error is at most `error`, or undefined. */
const enough = (widths, errors, error) => widths.find((_, i) => errors[i] <= error);

export default ae.define({
  math: { unpack, squaredError, psnr, enough },
  render(f) {
    const widths = f.get("widths"), errors = f.get("errors"), [low, high] = f.get("limits"), raw = ae.bytes(f.get("pictures"));
    const count = raw.length / 784 / (1 + 2 * widths.length);
    if (!Number.isInteger(count)) throw new Error(`pictures: got ${raw.length} bytes for ${widths.length} widths`);
    const picture = (row, digit) => unpack(raw.subarray((row * count + digit) * 784, (row * count + digit + 1) * 784), low, high);
    const kinds = [["PCA", "blue", errors.pca], ["autoencoder", "orange", errors.autoencoder]];

    const [left, right] = f.row(["1fr", "1.15fr"]);
    const logs = widths.map(Math.log2), top = 10 * Math.ceil(Math.max(...errors.pca, ...errors.autoencoder) / 10);
    const plot = f.plot({
      parent: left, height: 250, x: [logs[0] - 0.15, logs.at(-1) + 0.15], y: [0, top], xticks: logs, xformat: (v) => String(Math.round(2 ** v)),
      xlabel: "width k of the code", ylabel: "squared error per test picture", margin: { right: 6 }, label: "Squared error over the width of the code",
    });
    const rule = plot.rule();
    const marks = kinds.map(([, hue]) => ({ line: plot.line({ hue }), all: plot.dots({ hue, r: 2.5, opacity: 1 }), dot: plot.dot({ hue, r: 6 }) }));
    const names = [plot.text({ hue: "blue", dx: 6, dy: -6 }), plot.text({ hue: "orange", anchor: "end", dx: -6, dy: 14 })];
    // A press or a drag anywhere on the plot takes the nearest width.
    plot.svg.style.cursor = "pointer";
    plot.svg.style.touchAction = "pan-y";
    const take = (event) => {
      const at = plot.at(event)[0];
      f.set("width", widths[logs.reduce((best, v, i) => (Math.abs(v - at) < Math.abs(logs[best] - at) ? i : best), 0)]);
    };
    plot.svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      plot.svg.setPointerCapture(event.pointerId);
      take(event);
    });
    plot.svg.addEventListener("pointermove", (event) => event.buttons & 1 && take(event));

    const tiles = ae.h("div", { style: "display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:12px;align-items:start" });
    right.append(tiles);
    const shown = ["original", "PCA", "autoencoder"].map((name, i) => {
      const words = ae.h("span", { class: "ae-tile-name", style: "white-space:pre-line" });
      const digit = f.digit({ label: name, size: 200, parent: tiles });
      digit.canvas.parentNode.append(ae.h("span", { style: `color:${ae.hue(i && kinds[i - 1][1])}` }, name), words);
      return { ...digit, words };
    });

    f.slider({ trait: "width", label: "width k", values: widths, format: (k) => String(k) });
    const radios = f.choice({ trait: "digit", label: "digit", parent: right, options: Array.from({ length: count }, (_, i) => [i, ""]) });
    const choice = radios[0].closest(".ae-choice");
    choice.firstChild.remove(); // the pictures need no word beside them
    choice.firstChild.style.cssText = "display:grid;grid-template-columns:repeat(auto-fit,minmax(30px,1fr));gap:0;width:100%;margin-top:8px";
    const thumbnails = radios.map((radio, i) => {
      const thumbnail = f.digit({ label: `test digit ${i + 1}`, size: 28 });
      thumbnail.canvas.parentNode.remove();
      radio.nextSibling.append(thumbnail.canvas);
      radio.nextSibling.style.cssText = "padding:0 1px;justify-content:center;width:100%";
      return thumbnail;
    });
    f.reset();
    const say = f.readout({ lines: 2 });

    f.draw([], () => {
      const middle = (widths.length - 1) >> 1;
      marks.forEach(({ line, all }, m) => {
        line.set(logs, kinds[m][2]);
        all.set(logs, kinds[m][2]);
        names[m].set(logs[middle - 1 + m], kinds[m][2][middle - 1 + m], kinds[m][0]);
      });
      thumbnails.forEach((thumbnail, i) => thumbnail.draw(picture(0, i)));
    });
    f.draw(["width", "digit"], () => {
      const at = widths.indexOf(f.get("width")), digit = f.get("digit"), k = widths[at];
      if (at < 0) throw new Error(`width: got ${f.get("width")}, takes one of ${widths.join(", ")}`);
      if (!(digit in thumbnails)) throw new Error(`digit: got ${digit}, takes an integer from 0 to ${count - 1}`);
      const original = picture(0, digit), both = [picture(1 + at, digit), picture(1 + widths.length + at, digit)];
      rule.x(logs[at]);
      marks.forEach(({ dot }, m) => dot.set(logs[at], kinds[m][2][at]));
      shown[0].draw(original);
      shown[0].words.textContent = "784 numbers\n\n";
      const own = both.map((pixels, m) => {
        const error = squaredError(pixels, original);
        shown[m + 1].draw(pixels);
        shown[m + 1].words.textContent = `${k} ${k > 1 ? "numbers" : "number"}\nerror ${ae.fmt(error, 1)}\n${ae.fmt(psnr(pixels, original), 1)} dB`;
        return error;
      });
      const [pca, auto] = kinds.map(([, , values]) => values[at]), match = enough(widths, errors.pca, auto);
      const rival = auto >= pca ? "Here PCA is no worse." : match ? `Of these widths, PCA needs ${match} to do as well.` : `PCA does not do as well with ${widths.at(-1)}.`;
      say(`From ${k} ${k > 1 ? "numbers" : "number"}, test digits come back with a squared error of ${ae.fmt(pca, 1)} by PCA and ${ae.fmt(auto, 1)} by the autoencoder (this one: ${ae.fmt(own[0], 1)} and ${ae.fmt(own[1], 1)}). ${rival}`);
    });
  },
});
