// One picture as PNG, as JPEG and through a learned codec: bytes against decibels.
import { ofLength, place, placeOf } from "./kit/checks.js";
import { nearestPlace } from "./kit/controls.js";
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes, fmt, psnr, unit } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/marks.js").TextOptions} TextOptions */
/** @typedef {[withHeaders: number, without: number]} Sizes in bytes */
/**
 * For each way to store them, the bytes of each picture: `jpeg` by quality, `learned` by autoencoder and size of code.
 * @typedef {{ png: Sizes[], qualities: number[], jpeg: Sizes[][], learned: Record<string, number[][]> }} Files
 */
/** @typedef {{ bytes: number[], decibels: number[] }} Curve of one picture: a point for each quality or size */

const HUES = ["blue", "green"]; // of the autoencoders

/**
 * The files of Python and the pictures in them: rows of the original, JPEG by quality, then each autoencoder by size.
 * @param {Stage} f
 */
function unpacked(f) {
  const files = /** @type {Files} */ (f.get("files"));
  const names = /** @type {string[]} */ (f.get("names"));
  const codecs = Object.keys(files.learned);
  const sizes = files.learned[codecs[0]].length;
  const raw = bytes(f.get("pixels"));
  const n = names.length;
  const total = 1 + files.qualities.length + codecs.length * sizes;
  ofLength("pixels", raw.length, total * n * 784, "bytes");
  /** @type {(row: number, picture: number) => Uint8Array} */
  const pixels = (row, picture) => raw.subarray((row * n + picture) * 784, (row * n + picture + 1) * 784);
  const rowOf = {
    /** @param {number} q */
    jpeg: (q) => 1 + q,
    /** @type {(codec: number, size: number) => number} */
    learned: (codec, size) => 1 + files.qualities.length + codec * sizes + size,
  };
  return { files, names, codecs, sizes, pixels, rowOf };
}
/** @typedef {ReturnType<typeof unpacked>} Data */

/**
 * What the traits choose: places in the lists, each of them checked.
 * @param {Stage} f
 * @param {Data} data
 */
function chosen(f, { files, names, codecs, sizes }) {
  return {
    picture: place("picture", f.get("picture"), names.length),
    codec: placeOf("codec", f.get("codec"), codecs),
    quality: placeOf("quality", f.get("quality"), files.qualities),
    size: place("size", f.get("size"), sizes),
  };
}

/**
 * Bytes and decibels of every file of a picture; the decibels are kept until another picture is chosen.
 * @param {Data} data
 */
function measurer({ files, codecs, sizes, pixels, rowOf }) {
  let known = -1;
  /** @type {number[][]} */
  let decibels = [];
  /** @type {(picture: number, headers: boolean) => { png: number, jpeg: Curve, learned: Curve[] }} */
  return (picture, headers) => {
    /** @param {number} row */
    const quality = (row) => psnr(pixels(row, picture), pixels(0, picture), 255);
    if (known !== picture) {
      const learned = codecs.map((_, c) => Array.from({ length: sizes }, (_, i) => quality(rowOf.learned(c, i))));
      decibels = [files.qualities.map((_, q) => quality(rowOf.jpeg(q))), ...learned];
      known = picture;
    }
    const which = headers ? 0 : 1;
    const jpeg = { bytes: files.jpeg.map((at) => at[picture][which]), decibels: decibels[0] };
    const learned = codecs.map((name, c) => ({
      bytes: files.learned[name].map((at) => at[picture]),
      decibels: decibels[1 + c],
    }));
    return { png: files.png[picture][which], jpeg, learned };
  };
}
/** @typedef {ReturnType<ReturnType<typeof measurer>>} Measured */
/** @typedef {ReturnType<typeof chosen>} Chosen */

/**
 * Decibels over bytes: a curve for JPEG and for each autoencoder, a rule for PNG.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function curves(f, { codecs }, parent) {
  const plot = f.plot({
    name: "decibels",
    label: "Decibels over bytes for this picture",
    parent,
    height: 300,
    xscale: "log",
    x: [2, 1000],
    y: [0, 52],
    xticks: [3, 10, 30, 100, 300, 1000],
    yticks: [10, 20, 30, 40, 50],
    xlabel: "bytes",
    ylabel: "PSNR, dB: higher is closer to the original",
    margin: { left: 28 },
  });
  const png = plot.rule({ name: "PNG", hue: "muted" });
  const pngName = plot.text({ name: "PNG", hue: "muted", anchor: "middle", dx: 0, dy: 4 });
  /**
   * @param {string} name
   * @param {string} hue
   * @param {TextOptions} place
   */
  const curve = (name, hue, place) => {
    const line = plot.line({ name, hue, width: 1.5 });
    const all = plot.dots({ name: `all of ${name}`, hue, r: 2.5, opacity: 1 });
    const text = plot.text({ name, hue, ...place });
    /** @type {(found: Curve, bold: boolean, at: number, lift?: number) => void} */
    const set = (found, bold, at, lift = 0) => {
      line.set(found.bytes, found.decibels);
      all.set(found.bytes, found.decibels);
      text.set(found.bytes[at], found.decibels[at] + lift, name.split(",")[0]);
      for (const { el } of [line, all]) el.setAttribute("opacity", bold ? "1" : "0.45");
    };
    return { set };
  };
  /** @type {TextOptions[]} */
  const sides = [
    { anchor: "middle", dx: 0, dy: 4 },
    { dx: 0, dy: -10 },
  ];
  const learned = codecs.map((name, c) => curve(name, HUES[c], sides[c]));
  const jpeg = curve("JPEG", "orange", { anchor: "end", dx: -9, dy: 0 });
  const hereJpeg = plot.dot({ name: "JPEG", hue: "orange", r: 7 });
  const here = codecs.map((name, c) => plot.dot({ name, hue: HUES[c], r: 7 }));
  /** @type {(found: Measured, chosen: Chosen) => void} */
  return (found, { codec, quality, size }) => {
    jpeg.set(found.jpeg, true, found.jpeg.bytes.length - 2);
    // The first one's name stands above its curve, or below it where the other curves are above.
    const middle = (found.learned[0].bytes.length - 1) >> 1;
    const below = found.learned[0].decibels[middle] <= found.jpeg.decibels[0] - 2;
    const lift = ((below ? -3.5 : 3) * 300) / plot.height;
    learned.forEach((one, c) => one.set(found.learned[c], c === codec, c ? 0 : middle, c ? 0 : lift));
    png.x(found.png);
    pngName.set(found.png, 8, "PNG");
    hereJpeg.set(found.jpeg.bytes[quality], found.jpeg.decibels[quality]);
    here.forEach((dot, c) => {
      dot.el.style.display = c === codec ? "" : "none";
      dot.set(found.learned[codec].bytes[size], found.learned[codec].decibels[size]);
    });
  };
}

/**
 * The picture as each of the three ways gives it back, with its bytes.
 * @param {Stage} f
 * @param {Data} data
 * @param {HTMLElement} parent
 */
function pictures(f, { pixels, rowOf }, parent) {
  const columns = "display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:12px;align-items:start";
  const tiles = h("div", { style: `${columns};margin-bottom:10px` });
  parent.append(tiles);
  const [png, jpeg, learned] = [["PNG"], ["JPEG", "orange"], ["learned", "blue"]].map(([title, hue]) =>
    f.titled({ title, hue, parent: tiles }),
  );
  /** @type {(found: Measured, chosen: Chosen) => void} */
  return (found, { picture, codec, quality, size }) => {
    /** @type {(tile: typeof png, row: number, bytes: number, words: string) => void} */
    const show = (tile, row, bytes, words) => {
      tile.draw(unit(pixels(row, picture)));
      tile.words.textContent = `${bytes} bytes\n${words}`;
    };
    const [a, b] = [found.jpeg, found.learned[codec]];
    show(png, 0, found.png, "no loss");
    show(jpeg, rowOf.jpeg(quality), a.bytes[quality], `${fmt(a.decibels[quality], 1)} dB`);
    show(learned, rowOf.learned(codec, size), b.bytes[size], `${fmt(b.decibels[size], 1)} dB`);
    learned.tint(HUES[codec]);
  };
}

/** @type {(name: string, bytes: [learned: number, jpeg: number], better: number) => string} */
function inWords(name, [learned, jpeg], better) {
  const fewer = learned <= jpeg;
  const mixed = fewer ? "Fewer bytes, a worse picture." : "More bytes, a better picture.";
  const both = `${fewer ? "The autoencoder" : "JPEG"} wins on both.`;
  return (
    `${name[0].toUpperCase() + name.slice(1)}: ${learned} bytes by the autoencoder, ${jpeg} by JPEG, and its picture ` +
    `is ${fmt(Math.abs(better), 1)} dB ${better < 0 ? "worse" : "better"}. ${fewer === better >= 0 ? both : mixed}`
  );
}

/**
 * One slider for JPEG, one for the code; a button that makes their bytes equal.
 * @param {Stage} f
 * @param {Data} data
 * @param {() => Measured} measure
 */
function controls(f, { files, codecs, sizes }, measure) {
  const { qualities } = files;
  f.slider({ trait: "quality", label: "JPEG quality", values: qualities, format: String, hue: "orange" });
  const now = () => measure().learned[codecs.indexOf(f.get("codec"))].bytes;
  f.slider({
    trait: "size",
    label: "bytes of the code",
    min: 0,
    max: sizes - 1,
    step: 1,
    format: (v) => String(now()[v]),
    hue: "blue",
  });
  const match = () => {
    const wanted = measure().jpeg.bytes[qualities.indexOf(f.get("quality"))];
    f.set("size", nearestPlace(now().map(Math.log), Math.log(wanted)));
  };
  f.button({ label: "Match bytes", onclick: match });
  f.reset();
}

export default define({
  data: ["files", "pixels"],
  render(f) {
    const data = unpacked(f);
    const { names, codecs, pixels } = data;
    const measured = measurer(data);
    const measure = () => measured(chosen(f, data).picture, f.get("headers"));
    const [left, right] = f.row(["1.1fr", "1fr"]);
    const draw = [curves(f, data, left), pictures(f, data, right)];
    const choice = { trait: "picture", label: "picture", names, size: 36, room: "padding:2px" };
    const thumbnails = f.thumbnails({ ...choice, parent: right });
    f.draw([], () => names.forEach((_, i) => thumbnails.draw(i, unit(pixels(0, i)))));
    f.choice({
      trait: "codec",
      label: "autoencoder",
      labelled: false,
      parent: right,
      options: codecs.map((name) => [name, name]),
    });
    f.toggle({ trait: "headers", label: "count headers", parent: right });
    controls(f, data, measure);
    const say = f.readout({ lines: 2 });

    f.draw(["quality", "size"], () => {
      const now = chosen(f, data);
      const found = measure();
      for (const part of draw) part(found, now);
      const [jpeg, learned] = [found.jpeg, found.learned[now.codec]];
      const better = learned.decibels[now.size] - jpeg.decibels[now.quality];
      say(inWords(names[now.picture], [learned.bytes[now.size], jpeg.bytes[now.quality]], better));
    });
    for (const name of ["picture", "codec", "headers"]) f.on(name, () => f.redraw()); // sliders say other bytes, too
  },
});
