// A drawing pad, noise from seeded numbers, and a denoising autoencoder that runs in the page.
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes, clamp, fmt, psnr, rng } from "./kit/maths.js";
import { network } from "./kit/network.js";
import { brush, centred, drawingPad } from "./kit/pad.js";

/** @typedef {import("./kit/maths.js").Numbers} Numbers */

/** @param {number} v */
const cut = (v) => clamp(v, 0, 1);

/**
 * The seeded numbers of a noise pattern; a level decides what they do.
 * @param {number} seed
 */
function pattern(seed) {
  const chance = rng(seed);
  const bell = rng(seed);
  return {
    chance: Float64Array.from({ length: 784 }, chance.uniform),
    bell: Float64Array.from({ length: 784 }, bell.normal),
  };
}

/**
 * A picture with noise.
 * @param {Numbers} image
 * @param {string} kind
 * @param {number} level
 * @param {number} seed
 * @param {ReturnType<typeof pattern>} [drawn] the numbers of this seed, if they are already drawn
 */
function spoil(image, kind, level, seed, { chance, bell } = pattern(seed)) {
  /** @type {Record<string, (v: number, i: number) => number>} */
  const kinds = {
    masking: (v, i) => (chance[i] < level ? 0 : v),
    Gaussian: (v, i) => v + level * bell[i],
    "salt and pepper": (v, i) => (chance[i] < level / 2 ? 0 : chance[i] < level ? 1 : v),
  };
  return Float64Array.from(image, kinds[kind]);
}

/** @type {(kind: string, level: string) => string} */
const noiseInWords = (kind, level) =>
  ({
    masking: `Each pixel is lost with probability ${level}.`,
    Gaussian: `Noise of standard deviation ${level} is added.`,
    "salt and pepper": `${level} of the pixels turn black or white, a noise never trained on.`,
  })[kind] || "";

export default define({
  math: { spoil, brush, centred },
  data: ["network", "digits"],
  render(f) {
    const clean = network(f.get("network"));
    const digits = bytes(f.get("digits"));
    const [left, right] = f.row(["calc((100% - 56px) / 3)", "1fr"]);
    const pair = h("div", { style: "display:grid;grid-template-columns:1fr 1fr;gap:28px" });
    right.append(pair);
    const pad = drawingPad(f, left, "clean: draw here");
    const noisy = f.digit({ label: "The noisy picture", caption: "noisy", size: 216, parent: pair });
    const cleaned = f.digit({ label: "The cleaned picture", caption: "cleaned", size: 216, parent: pair });

    f.choice({
      trait: "digit",
      label: "digit",
      labelled: false, // ten digits need no word beside them, and fit on a phone
      options: Array.from({ length: 10 }, (_, i) => [i, String(i)]),
    });
    f.choice({ trait: "kind", label: "noise", options: ["masking", "Gaussian", "salt and pepper"].map((v) => [v, v]) });
    f.slider({ trait: "level", label: "level", min: 0, max: 0.9, step: 0.01 });
    f.button({ label: "New noise", onclick: () => f.set("seed", f.get("seed") + 1) });
    f.button({ label: "Clear", onclick: pad.clear });
    f.reset("seed", "drawing");
    const show = f.numbers([["noisy, PSNR", "orange"], ["cleaned, PSNR", "blue"], ["gain"]]);
    const say = f.readout();

    let noise = { seed: -1, drawn: pattern(0) };
    f.draw(["digit", "drawing", "kind", "level", "seed"], () => {
      const [digit, kind, level, seed] = ["digit", "kind", "level", "seed"].map((name) => f.get(name));
      const raw = digit < 0 ? bytes(f.get("drawing")) : digits.subarray(784 * digit, 784 * (digit + 1));
      const image = Float32Array.from(raw, (v) => v / 255);
      pad.draw(image);
      if (noise.seed !== seed) noise = { seed, drawn: pattern(seed) };
      const spoiled = spoil(image, kind, level, seed, noise.drawn);
      const result = clean(spoiled);
      noisy.draw(spoiled);
      cleaned.draw(result);
      const [before, after] = [psnr(spoiled.map(cut), image), psnr(result, image)];
      const blank = !raw.some((v) => v);
      /** @param {number} v */
      const dB = (v) => (blank ? "–" : `${fmt(v, 1)} dB`);
      show(dB(before), dB(after), dB(after - before));
      if (blank) return say("The pad is empty: draw a digit.");
      const what = digit < 0 ? "your drawing, centred as in MNIST," : `this test digit ${digit}`;
      const verdict =
        after > before
          ? `The autoencoder brings ${what}`
          : "So little noise that the autoencoder takes more than it gives:";
      say(`${noiseInWords(kind, fmt(level))} ${verdict} from ${fmt(before, 1)} to ${dB(after)}.`);
    });
  },
});
