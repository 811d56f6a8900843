// Pictures computed at execution, a slider between them. All are in the page; one is visible.
export default ae.define({
  render(f) {
    const labels = f.get("labels"), [width, height] = f.get("size");
    const stack = ae.h("div", { class: "ae-stack", role: "img", style: `aspect-ratio:${width}/${height};max-width:${width}px` });
    f.body.append(stack);
    const address = (picture) => `data:image/svg+xml;base64,${btoa(Array.from(ae.bytes(picture), (c) => String.fromCharCode(c)).join(""))}`;
    let theme, images = [];
    const load = () => {
      const now = getComputedStyle(f.root).getPropertyValue("--ae-scheme").trim() || "light";
      if (now === theme) return;
      theme = now;
      images = f.get(theme).map((picture) => ae.h("img", { alt: "", width, height, src: address(picture) }));
      if (images.length !== labels.length) throw new Error(`frames: got ${images.length} pictures for ${labels.length} values`);
      stack.replaceChildren(...images);
    };
    f.slider({ trait: "index", label: f.get("label"), min: 0, max: labels.length - 1, step: 1, format: (i) => labels[i], hue: "blue" });
    f.reset();
    const say = f.readout({ lines: 1 });
    f.draw(["index"], () => {
      load();
      const index = f.get("index");
      images.forEach((image, i) => { image.style.visibility = i === index ? "visible" : "hidden"; });
      stack.setAttribute("aria-label", `${f.get("alt")} Shown for ${f.get("label")} ${labels[index]}.`);
      say(`${f.get("label")} ${labels[index]}`);
    });
  },
});
