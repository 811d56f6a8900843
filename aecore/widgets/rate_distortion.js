// One picture as PNG, as JPEG and through a learned codec: bytes against decibels.
/** −10 log10 of the mean squared error of two pictures of bytes, in units of 255. */
const psnr = (a, b) => -10 * Math.log10(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length / 65025);
/** The place of the size that is nearest to `bytes`, by ratio. */
const nearest = (sizes, bytes) => sizes.reduce((best, v, i) => (Math.abs(Math.log(v / bytes)) < Math.abs(Math.log(sizes[best] / bytes)) ? i : best), 0);

export default ae.define({
  data: ["files", "pixels"],
  math: { psnr, nearest },
  render(f) {
    const files = f.get("files"), names = f.get("names"), raw = ae.bytes(f.get("pixels")), n = names.length;
    const rows = Object.keys(files.learned), hues = ["blue", "green"], sizes = files.learned[rows[0]].length;
    const total = 1 + files.qualities.length + rows.length * sizes;
    if (raw.length !== total * n * 784) throw new Error(`pixels: got ${raw.length} bytes, takes ${total * n * 784}`);
    const pixels = (row) => raw.subarray((row * n + f.get("picture")) * 784, (row * n + f.get("picture") + 1) * 784);
    const jpegRow = (i) => 1 + i, learnedRow = (r, i) => 1 + files.qualities.length + r * sizes + i;
    const which = () => (f.get("headers") ? 0 : 1), own = (list) => list.map((at) => at[f.get("picture")]);
    const jpegBytes = () => own(files.jpeg).map((pair) => pair[which()]), learnedBytes = (r) => own(files.learned[rows[r]]);
    const row = () => {
      const r = rows.indexOf(f.get("codec"));
      if (r < 0) throw new Error(`codec: got ${f.get("codec")}, takes one of ${rows.join(", ")}`);
      return r;
    };

    const [left, right] = f.row(["1.1fr", "1fr"]), decades = [3, 10, 30, 100, 300, 1000].map(Math.log10);
    const plot = f.plot({ parent: left, height: 300, x: [Math.log10(2), 3], y: [0, 52], xticks: decades, xformat: (v) => (10 ** v).toFixed(0), yticks: [10, 20, 30, 40, 50], xlabel: "bytes", ylabel: "PSNR, dB: higher is closer to the original", margin: { left: 28 }, label: "Decibels over bytes for this picture" });
    const png = plot.rule({ hue: "muted" }), pngName = plot.text({ hue: "muted", anchor: "middle", dx: 0, dy: 4 });
    const curve = (hue, place) => ({ line: plot.line({ hue, width: 1.5 }), all: plot.dots({ hue, r: 2.5, opacity: 1 }), name: plot.text({ hue, ...place }) });
    const learned = [curve(hues[0], { anchor: "middle", dx: 0, dy: 4 }), curve(hues[1], { dx: 0, dy: -10 })].slice(0, rows.length), jpeg = curve("orange", { anchor: "end", dx: -9, dy: 0 });
    const dots = [plot.dot({ hue: "orange", r: 7 }), ...rows.map((_, r) => plot.dot({ hue: hues[r], r: 7 }))];

    const tiles = ae.h("div", { style: "display:grid;margin-bottom:10px;grid-template-columns:repeat(3,minmax(0,1fr));gap:12px;align-items:start" });
    right.append(tiles);
    const shown = ["PNG", "JPEG", "learned"].map((name, i) => {
      const title = ae.h("span", { style: `color:${ae.hue(["", "orange", "blue"][i])}` }, name), words = ae.h("span", { class: "ae-tile-name", style: "white-space:pre-line" });
      const digit = f.digit({ label: name, size: 200, parent: tiles });
      digit.canvas.parentNode.append(title, words);
      return { ...digit, title, words };
    });
    const radios = f.choice({ trait: "picture", label: "picture", parent: right, options: names.map((_, i) => [i, ""]) });
    radios[0].closest(".ae-choice").firstChild.remove(); // the pictures need no word beside them
    const thumbnails = radios.map((radio, i) => {
      const thumbnail = f.digit({ label: names[i], size: 36 });
      thumbnail.canvas.parentNode.remove();
      radio.nextSibling.append(thumbnail.canvas);
      radio.nextSibling.style.padding = "2px";
      return thumbnail;
    });
    f.choice({ trait: "codec", label: "autoencoder", parent: right, options: rows.map((name) => [name, name]) })[0].closest(".ae-choice").firstChild.remove();
    f.toggle({ trait: "headers", label: "count headers", parent: right });

    const hands = [0, 1].map(() => ae.h("div", { class: "ae-cell" }));
    f.controls.append(ae.h("div", { class: "ae-row", style: "flex:1 1 100%;--ae-columns:repeat(2,minmax(0,1fr))" }, ...hands));
    f.slider({ trait: "quality", label: "JPEG quality", values: files.qualities, format: (v) => String(v), hue: "orange", parent: hands[0] });
    f.slider({ trait: "size", label: "bytes of the code", min: 0, max: sizes - 1, step: 1, format: (v) => String(learnedBytes(row())[v]), hue: "blue", parent: hands[1] });
    f.button({ label: "Match bytes", onclick: () => f.set("size", nearest(learnedBytes(row()), jpegBytes()[files.qualities.indexOf(f.get("quality"))])) });
    f.reset();
    const say = f.readout({ lines: 2 });

    let known; // PSNR of every point of this picture
    const look = () => {
      const original = pixels(0);
      known = { picture: f.get("picture"), jpeg: files.qualities.map((_, i) => psnr(pixels(jpegRow(i)), original)), learned: rows.map((_, r) => Array.from({ length: sizes }, (_, i) => psnr(pixels(learnedRow(r, i)), original))) };
    };
    f.draw([], () => thumbnails.forEach((thumbnail, i) => thumbnail.draw(Float64Array.from(raw.subarray(i * 784, (i + 1) * 784), (v) => v / 255))));
    f.draw(["quality", "size"], () => {
      const picture = f.get("picture"), q = files.qualities.indexOf(f.get("quality")), size = f.get("size"), r = row();
      if (!(picture in names)) throw new Error(`picture: got ${picture}, takes an integer from 0 to ${n - 1}`);
      if (q < 0) throw new Error(`quality: got ${f.get("quality")}, takes one of ${files.qualities.join(", ")}`);
      if (!(size in files.learned[rows[0]])) throw new Error(`size: got ${size}, takes an integer from 0 to ${sizes - 1}`);
      if (known?.picture !== picture) look();
      const pngBytes = files.png[picture][which()], bytes = [jpegBytes()[q], learnedBytes(r)[size]], decibels = [known.jpeg[q], known.learned[r][size]];
      const draw = (part, sizes, ys, bold, name, at, lift = 0) => {
        const xs = sizes.map(Math.log10);
        part.line.set(xs, ys);
        part.all.set(xs, ys);
        part.name.set(xs[at], ys[at] + lift, name);
        for (const mark of [part.line, part.all]) mark.el.setAttribute("opacity", bold ? 1 : 0.45);
      };
      draw(jpeg, jpegBytes(), known.jpeg, true, "JPEG", files.qualities.length - 2);
      // The first row's name stands above its curve, or below it where the other curves are above.
      const middle = (sizes - 1) >> 1, lift = ((known.learned[0][middle] > known.jpeg[0] - 2 ? 3 : -3.5) * 300) / plot.height;
      rows.forEach((name, i) => draw(learned[i], learnedBytes(i), known.learned[i], i === r, name.split(",")[0], i ? 0 : middle, i ? 0 : lift));
      png.x(Math.log10(pngBytes));
      pngName.set(Math.log10(pngBytes), 8, "PNG");
      dots[0].set(Math.log10(bytes[0]), decibels[0]);
      dots.slice(1).forEach((dot, i) => { dot.el.style.display = i === r ? "" : "none"; dot.set(Math.log10(bytes[1]), decibels[1]); });
      [0, jpegRow(q), learnedRow(r, size)].forEach((at, i) => shown[i].draw(Float64Array.from(pixels(at), (v) => v / 255)));
      shown[2].title.style.color = ae.hue(hues[r]);
      shown[0].words.textContent = `${pngBytes} bytes\nno loss`;
      bytes.forEach((count, i) => { shown[i + 1].words.textContent = `${count} bytes\n${ae.fmt(decibels[i], 1)} dB`; });
      const better = decibels[1] - decibels[0], fewer = bytes[1] <= bytes[0];
      const verdict = fewer === better >= 0 ? `${fewer ? "The autoencoder" : "JPEG"} wins on both.` : fewer ? "Fewer bytes, a worse picture." : "More bytes, a better picture.";
      say(`${names[picture][0].toUpperCase() + names[picture].slice(1)}: ${bytes[1]} bytes by the autoencoder, ${bytes[0]} by JPEG, and its picture is ${ae.fmt(Math.abs(better), 1)} dB ${better < 0 ? "worse" : "better"}. ${verdict}`);
    });
    for (const name of ["picture", "codec", "headers"]) f.on(name, () => f.redraw());
  },
});
