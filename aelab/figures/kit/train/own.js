// The reader's own data and models: read from a file, saved to one. Nothing leaves the page.
import { h } from "../dom.js";
import { picture, table } from "./files.js";
import { model } from "./safetensors.js";

/** @typedef {import("../stage.js").Stage} Stage */
/** @typedef {import("./conductor.js").Data} Data */

const ENOUGH = 200; // images to train on; fewer are only looked at
const MOST = 1000; // test images

/** @type {(images: Data["test"], from: number, to: number) => Data["test"]} */
const part = ({ pixels, labels }, from, to) => ({
  pixels: pixels.slice(784 * from, 784 * to),
  labels: labels.slice(from, to),
});

/**
 * A table of many images to train on, its last fifth to test with.
 * @param {Data["test"]} images
 * @returns {Data}
 */
export function divide(images) {
  const count = images.labels.length;
  const test = Math.min(MOST, Math.ceil(count / 5));
  return { train: part(images, 0, count - test), test: part(images, count - test, count) };
}

/**
 * The images in the place of the first of those there are.
 * @param {Data["test"]} images
 * @param {Data["test"]} others
 * @returns {Data["test"]}
 */
export function inFront(images, others) {
  const pixels = others.pixels.slice();
  const labels = others.labels.slice();
  pixels.set(images.pixels);
  labels.set(images.labels);
  return { pixels, labels };
}

/**
 * Two buttons under the figure, if it is not small; a file may be dropped anywhere on it.
 * @param {Stage} f
 * @param {object} options
 * @param {ReturnType<typeof import("./conductor.js").conductor>} options.team
 * @param {"vae" | "autoencoder"} options.kind
 * @param {() => Promise<Uint8Array<ArrayBuffer>>} options.file the model as it is, to be saved
 * @param {(found: ReturnType<typeof model>) => void} options.load takes a model that was read
 * @param {(words: string) => void} options.say
 */
export function own(f, { team, kind, file, load, say }) {
  /** @param {File[]} files */
  const take = async (files) => {
    const [first] = files;
    if (!first) return;
    if (first.name.endsWith(".safetensors")) {
      load(model(new Uint8Array(await first.arrayBuffer()), kind));
      say(`${first.name} is the model now; Train goes on from it.`);
      return;
    }
    /** @type {Data["test"]} */
    let images;
    if (first.name.endsWith(".csv")) images = table(await first.text());
    else {
      const drawn = await Promise.all(files.slice(0, ENOUGH).map(picture));
      const pixels = new Uint8Array(784 * drawn.length);
      drawn.forEach((raw, i) => pixels.set(raw, 784 * i));
      images = { pixels, labels: new Uint8Array(drawn.length).fill(255) };
    }
    const count = images.labels.length;
    if (count >= ENOUGH) {
      team.use(divide(images));
      say(`${count} images of yours: Train learns from four fifths of them, the others are test images.`);
    } else {
      await team.look((test) => inFront(images, test));
      say(`${count === 1 ? "Your image stands" : `${count} images of yours stand`} first among the test images.`);
    }
  };
  const wrong = h("p", { class: "ae-error", role: "alert", hidden: true }); // stays while the figure is drawn anew
  /** @param {FileList | null | undefined} files */
  const taken = (files) => {
    wrong.hidden = true;
    return take([...(files || [])]).catch((error) => {
      wrong.textContent = `That file cannot be used: ${error.message}`;
      wrong.hidden = false;
    });
  };
  const input = h("input", { type: "file", accept: "image/*,.csv,.safetensors", multiple: true, hidden: true });
  input.addEventListener("change", async () => {
    await taken(input.files);
    input.value = ""; // the same file, mended, may come again
  });
  const save = async () => {
    if (!(await team.wake())) return;
    const address = URL.createObjectURL(new Blob([await file()]));
    h("a", { href: address, download: `${kind}.safetensors` }).click();
    URL.revokeObjectURL(address);
  };
  if (!f.get("small")) {
    f.button({ label: "Your own images or model", onclick: () => input.click() });
    f.button({ label: "Save the model", onclick: save });
    f.controls.append(input);
  }
  f.notes.before(wrong);

  f.host.addEventListener("dragover", (event) => event.preventDefault());
  f.host.addEventListener("drop", (event) => {
    event.preventDefault();
    taken(event.dataTransfer?.files);
  });
}
