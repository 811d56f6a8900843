// Pictures computed at execution, a slider between them. All are in the page; one is visible.
import { ofLength } from "./kit/checks.js";
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */

/** @param {ArrayBufferView} picture SVG */
const address = (picture) => {
  const text = Array.from(bytes(picture), (byte) => String.fromCharCode(byte)).join("");
  return `data:image/svg+xml;base64,${btoa(text)}`;
};

/**
 * The pictures of the theme that the page has now, on top of each other.
 * @param {Stage} f
 */
function pictures(f) {
  const [width, height] = f.get("size");
  const style = `aspect-ratio:${width}/${height};max-width:${width}px`;
  const stack = h("div", { class: "ae-stack", role: "img", style });
  f.body.append(stack);
  const count = f.get("labels").length;
  let theme = "";
  /** @type {HTMLImageElement[]} */
  let images = [];
  const load = () => {
    const now = getComputedStyle(f.root).getPropertyValue("--ae-scheme").trim() || "light";
    if (now === theme) return images;
    theme = now;
    const found = /** @type {ArrayBufferView[]} */ (f.get(theme));
    ofLength(theme, found.length, count, "pictures");
    images = found.map((picture) => h("img", { alt: "", width, height, src: address(picture) }));
    stack.replaceChildren(...images);
    return images;
  };
  return { stack, load };
}

export default define({
  render(f) {
    const labels = /** @type {string[]} */ (f.get("labels"));
    const { stack, load } = pictures(f);
    const range = { min: 0, max: labels.length - 1, step: 1 };
    f.slider({ trait: "index", label: f.get("label"), ...range, format: (i) => labels[i], hue: "blue" });
    f.reset();
    const say = f.readout({ lines: 1 });
    f.draw(["index"], () => {
      const index = f.get("index");
      load().forEach((image, i) => {
        image.style.visibility = i === index ? "visible" : "hidden";
      });
      stack.setAttribute("aria-label", `${f.get("alt")} Shown for ${f.get("label")} ${labels[index]}.`);
      say(`${f.get("label")} ${labels[index]}`);
    });
  },
});
