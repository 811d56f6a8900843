// Run in the page by drawn.py: everything that a figure shows, as attributes and pixels. `(embed, what) => …`
(embed, { canvases, traits }) => {
  const seen = (el) => el.checkVisibility({ checkVisibilityCSS: true });
  const hue = (text) => text?.match(/var\(--ae-(\w+)/)?.[1] ?? "";
  const numbers = (el, ...names) => Object.fromEntries(names.map((name) => [name, Number(el.getAttribute(name))]));
  const base64 = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  };

  const handle = (el) => {
    const [x, y] = el
      .getAttribute("transform")
      .match(/-?[\d.]+/g)
      .map(Number);
    const [min, max, now] = ["min", "max", "now"].map((end) => Number(el.getAttribute(`aria-value${end}`)));
    const knob = hue(el.querySelector(".ae-knob").getAttribute("fill"));
    return { tag: "handle", x, y, min, max, now, text: el.getAttribute("aria-valuetext"), hue: knob };
  };
  const text = (el) => {
    const { x, y, width, height } = el.getBBox();
    return { words: el.textContent, box: [x, y, x + width, y + height], hue: hue(el.getAttribute("style")) };
  };
  const circle = (el) => {
    const hollow = hue(el.getAttribute("fill")) === "surface";
    return { ...numbers(el, "cx", "cy", "r"), hue: hue(el.getAttribute(hollow ? "stroke" : "fill")) };
  };
  const path = (el) => {
    const filled = (el.getAttribute("fill") ?? "none") !== "none";
    const dots = el.hasAttribute("stroke-linecap") && !el.hasAttribute("stroke-linejoin");
    return {
      tag: dots ? "dots" : "path",
      d: el.getAttribute("d") ?? "",
      filled,
      hue: hue(el.getAttribute(filled ? "fill" : "stroke")),
    };
  };
  const kinds = { g: handle, text, circle, path };
  const mark = (el) => ({ tag: el.tagName, name: el.dataset.name ?? "", ...kinds[el.tagName](el) });

  const plot = (svg) => {
    const [axes, clip] = svg.children;
    const ticks = (axis) =>
      [...axes.querySelectorAll(`text[data-axis=${axis}]`)].map((el) => [
        el.textContent,
        Number(el.getAttribute(axis)),
      ]);
    const lines = (name, side) => [...axes.querySelectorAll(`.${name}`)].map((line) => Number(line.getAttribute(side)));
    const marks = [...clip.children, ...svg.querySelectorAll(":scope > g > :is(text, circle, .ae-handle)")];
    return {
      name: svg.dataset.plot,
      size: [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height],
      clip: numbers(clip, "x", "y", "width", "height"),
      x: ticks("x"),
      y: ticks("y"),
      lines: { x: lines("ae-tick", "x1"), y: lines("ae-grid", "y1"), base: lines("ae-axis", "y1") },
      titles: [...axes.querySelectorAll(".ae-name")].map((title) => title.textContent),
      marks: marks.filter((el) => !axes.contains(el) && seen(el)).map(mark),
    };
  };
  const slider = (input) => ({
    label: input.parentNode.querySelector(".ae-label").textContent,
    ...{ value: Number(input.value), min: Number(input.min), max: Number(input.max), step: Number(input.step) },
    fill: input.style.getPropertyValue("--ae-fill"),
    said: input.parentNode.querySelector(".ae-value").textContent,
    spoken: input.getAttribute("aria-valuetext"),
  });
  const picture = (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const [box, under] = [canvas, canvas.parentNode.querySelector(":scope > svg.ae-plot")].map((el) =>
      el?.getBoundingClientRect(),
    );
    const at = under && [box.left - under.left, box.top - under.top];
    return { name: canvas.dataset.name ?? "", width, height, pixels: { $bytes: base64(data) }, at };
  };
  const number = (cell) => {
    const [name, value] = cell.children;
    return [name.textContent, hue(value.getAttribute("style")), value.textContent];
  };
  const plain = (value) => {
    if (value instanceof DataView)
      return { $bytes: base64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  };
  const all = (selector) => [...embed.querySelectorAll(selector)].filter(seen);
  return {
    plots: all("svg.ae-plot").map(plot),
    sliders: all("input[type=range]").map(slider),
    pictures: canvases ? all("canvas").map(picture) : [],
    numbers: all(".ae-notes dl > div").map(number),
    say: embed.querySelector(".ae-say").textContent,
    error: embed.querySelector(".ae-error:not([hidden])")?.textContent ?? "",
    traits: Object.fromEntries(traits.map((name) => [name, plain(embed.aeModel.get(name))])),
  };
};
