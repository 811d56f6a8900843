// One digit through sparse autoencoders: the filters it uses, their activations, and the sum of both.
/** int8 rows times their scales; a scale of 0 is a dead unit, which has no row: [[filter or null, …] per penalty]. */
function unpack(rows, scales) {
  let at = 0;
  return scales.map((list) => Array.from(list, (scale) => {
    if (!scale) return null;
    const filter = new Float32Array(784);
    for (let i = 0; i < 784; i++) filter[i] = rows[at++] * scale;
    return filter;
  }));
}
/** bias + Σ activation · filter */
function decode(activations, filters, bias) {
  const out = Float64Array.from(bias);
  activations.forEach((a, j) => { if (a && filters[j]) for (let i = 0; i < out.length; i++) out[i] += a * filters[j][i]; });
  return out;
}
const squaredError = (a, b) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0);
const count = (activations) => activations.reduce((sum, a) => sum + (a > 0), 0);

export default ae.define({
  math: { unpack, decode, squaredError, count },
  render(f) {
    const penalties = f.get("penalties"), error = f.get("error"), active = f.get("active");
    const pixels = Array.from(ae.bytes(f.get("originals")), (v) => v / 255), n = pixels.length / 784;
    const numbers = ae.floats(f.get("numbers")), stride = numbers.length / penalties.length, units = (stride - 784) / (1 + n);
    if (!Number.isInteger(units) || !n) throw new Error(`numbers: got ${numbers.length} of them for ${penalties.length} penalties and ${n} digits`);
    const part = (at, from, length) => numbers.subarray(at * stride + from, at * stride + from + length);
    const weights = ae.bytes(f.get("weights"));
    const filters = unpack(new Int8Array(weights.buffer, weights.byteOffset, weights.length), penalties.map((_, at) => part(at, 0, units)));
    const dead = filters.map((list) => list.filter((filter) => !filter).length);
    const codes = (at, digit) => part(at, units + 784 + digit * units, units);
    const side = Math.ceil(Math.sqrt(units)), cell = 60;

    const [left, right] = f.row(["1fr", "1.1fr"]);
    const sheet = ae.h("canvas", { class: "ae-raster", style: "width:100%;max-width:330px;outline:none", width: side * cell, height: side * cell, role: "img" });
    left.append(sheet);
    const context = sheet.getContext("2d");
    const tiles = ae.h("div", { style: "display:grid;grid-template-columns:repeat(2,minmax(0,128px));gap:20px;margin-bottom:14px" });
    right.append(tiles);
    const [original, result] = ["digit", "reconstruction"].map((name) => {
      const words = ae.h("span", { style: "white-space:nowrap" }, name);
      return Object.assign(f.digit({ label: name, size: 128, parent: tiles, caption: words }), { words });
    });
    const top = Math.ceil(numbers.reduce((max, v, i) => (i % stride >= units + 784 && v > max ? v : max), 1));
    const plot = f.plot({ parent: right, height: 150, x: [0, units], y: [0, top], xticks: [0, units / 2, units], xlabel: "hidden unit, row by row", ylabel: "activation", label: "Activation of each hidden unit" });
    const bars = plot.bars({ hue: "blue", opacity: 1 });

    f.slider({ trait: "penalty", label: "penalty λ", values: penalties, format: String });
    const radios = f.choice({ trait: "digit", label: "digit", options: Array.from({ length: n }, (_, i) => [i, ""]) });
    const thumbnails = radios.map((radio, i) => {
      radio.nextSibling.style.padding = "4px 2px";
      return f.digit({ label: `test digit ${i + 1}`, size: 28, parent: radio.nextSibling });
    });
    f.reset();
    const show = f.numbers([["active for this digit", "blue"], ["active on average"], ["dead units"], ["error, test set"]]);
    const say = f.readout({ lines: 2 });

    // The filters of one penalty as a picture, kept until the theme changes; each is scaled to its own largest weight.
    let theme = "", sheets = [];
    const drawn = (at) => {
      const [paper, plus, minus] = ["surface", "blue", "orange"].map((name) => f.colour(name));
      if (theme !== (theme = String([paper, plus]))) sheets = [];
      return (sheets[at] ||= (() => {
        const canvas = ae.h("canvas", { width: side * 28, height: side * 28 }), pen = canvas.getContext("2d");
        filters[at].forEach((filter, j) => {
          if (!filter) return;
          const image = pen.createImageData(28, 28), largest = filter.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
          filter.forEach((v, i) => {
            const share = Math.abs(v) / largest, ink = v < 0 ? minus : plus;
            for (let c = 0; c < 3; c++) image.data[4 * i + c] = ae.lerp(paper[c], ink[c], share);
            image.data[4 * i + 3] = 255;
          });
          pen.putImageData(image, 28 * (j % side), 28 * Math.floor(j / side));
        });
        return canvas;
      })());
    };
    const paint = (at, h) => {
      const picture = drawn(at), css = (name, alpha = 1) => `rgb(${f.colour(name).join(" ")} / ${alpha})`;
      context.imageSmoothingEnabled = false;
      context.clearRect(0, 0, sheet.width, sheet.height);
      for (let j = 0; j < units; j++) {
        const column = j % side, row = Math.floor(j / side), x = column * cell + 2, y = row * cell + 2;
        context.globalAlpha = h[j] > 0 ? 1 : 0.4;
        if (filters[at][j]) context.drawImage(picture, 28 * column, 28 * row, 28, 28, x, y, 56, 56);
        context.globalAlpha = 1;
        context.lineWidth = h[j] > 0 ? 3 : 1;
        context.strokeStyle = css(h[j] > 0 ? "ink" : "grid");
        context.strokeRect(x - 0.5, y - 0.5, 57, 57);
        if (filters[at][j]) continue;
        context.fillStyle = css("grid", 0.5);
        context.fillRect(x, y, 56, 56);
      }
      sheet.setAttribute("aria-label", `${units} filters: ${count(h)} framed, ${dead[at]} dead and blank`);
    };

    f.draw([], () => thumbnails.forEach((thumbnail, i) => thumbnail.draw(pixels.slice(784 * i, 784 * (i + 1)))));
    f.draw(["penalty", "digit"], () => {
      const at = penalties.indexOf(f.get("penalty")), digit = f.get("digit");
      if (at < 0) throw new Error(`penalty: got ${f.get("penalty")}, takes one of ${penalties.join(", ")}`);
      if (!(digit in radios)) throw new Error(`digit: got ${digit}, takes an integer from 0 to ${n - 1}`);
      const h = codes(at, digit), x = pixels.slice(784 * digit, 784 * (digit + 1)), r = decode(h, filters[at], part(at, units, 784));
      const used = count(h), own = squaredError(r, x);
      paint(at, h);
      original.draw(x);
      result.draw(r);
      result.words.textContent = used === 1 ? "from 1 unit" : used ? `from ${used} units` : "from the bias alone";
      bars.set(Float64Array.from({ length: units + 1 }, (_, i) => i), Array.from(h));
      show(`${used} of ${units}`, ae.fmt(active[at], 1), String(dead[at]), ae.fmt(error[at], 1));
      const dense = at ? `${ae.fmt(error[0], 1)} without a penalty` : "no penalty";
      say(`With λ = ${penalties[at]}, ${used === 1 ? "1 unit writes" : `${used || "no"} units write`} this digit, with squared error ${ae.fmt(own, 1)}; over the test set it is ${ae.fmt(error[at], 1)} (${dense}).`);
    });
  },
});
