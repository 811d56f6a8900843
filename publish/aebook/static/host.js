// The host of the published page: what anywidget gives a module in Jupyter, in a few lines, without a kernel.
const decode = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return decode(value.$bytes);
  if (typeof value.$data === "string") {
    const text = (window.aeData || {})[value.$data];
    if (text === undefined) throw new Error("its data did not load");
    return decode(text);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

function createModel(state) {
  const listeners = new Map();
  const emit = (event) => [...(listeners.get(event) || [])].forEach((listener) => listener());
  return {
    get: (name) => state[name],
    set(name, value) {
      if (Object.is(state[name], value)) return;
      state[name] = value;
      emit(`change:${name}`);
      emit("change");
    },
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) || []), listener]),
    off: (event, listener) => listeners.set(event, (listeners.get(event) || []).filter((other) => other !== listener)),
    save_changes() {},
    send() {},
  };
}

function mount(embed) {
  const box = embed.querySelector(".ae-mount");
  try {
    const module = modules[embed.dataset.module];
    if (!module) throw new Error(`there is no module ${embed.dataset.module}`);
    const model = createModel(revive(JSON.parse(embed.querySelector("script").textContent)));
    embed.aeModel = model;
    return module.render({ model, el: box });
  } catch (error) {
    box.replaceChildren(ae.h("p", { class: "ae-error", role: "alert" }, `This figure cannot start: ${error.message}`));
    return () => {};
  }
}

// A region that scrolls sideways (a wide equation or table) has to be reachable with the keyboard.
function reach() {
  for (const box of document.querySelectorAll("div.math")) {
    // An equation is centred with room for its number on both sides; one that is too wide gives up the left one.
    box.classList.remove("ae-tight");
    box.classList.toggle("ae-tight", box.scrollWidth > box.clientWidth + 1);
  }
  for (const box of document.querySelectorAll("div.math, .bd-article .highlight pre, .ae-table, .bd-article .output pre")) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
  for (const formula of document.querySelectorAll(".bd-article span.math mjx-container")) {
    const room = formula.closest("p, li, td, dd, blockquote, h1, h2, h3, h4")?.clientWidth;
    formula.classList.toggle("ae-wide", room > 0 && formula.firstElementChild.offsetWidth > room);
    if (formula.classList.contains("ae-wide")) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  }
}

// On paper a figure is its still picture, a page is light, and nothing is folded; afterwards all is as it was.
function prepareForPaper() {
  for (const embed of document.querySelectorAll(".ae-embed")) {
    const still = ae.h("div", { class: "ae-print", hidden: "" });
    still.innerHTML = embed.querySelector("noscript")?.textContent || ""; // lazy images: fetched when printed
    const sentence = still.querySelector(".ae-sentence");
    if (sentence) sentence.textContent = sentence.textContent.replace(/ With JavaScript, .*$/, "");
    embed.append(still);
  }
  const page = document.documentElement;
  let undo = [];
  addEventListener("beforeprint", () => {
    const theme = page.getAttribute("data-theme");
    const folded = [...document.querySelectorAll("details:not([open])")];
    if (theme) page.dataset.theme = "light";
    folded.forEach((details) => (details.open = true));
    undo = folded.map((details) => () => (details.open = false));
    if (theme) undo.push(() => (page.dataset.theme = theme));
  });
  addEventListener("afterprint", () => undo.splice(0).forEach((step) => step()));
}

function start() {
  for (const table of document.querySelectorAll(".bd-article table")) {
    if (table.closest(".ae-table, .highlighttable")) continue;
    const box = ae.h("div", { class: "ae-table" });
    table.replaceWith(box);
    box.append(table);
  }
  document.querySelectorAll(".ae-embed").forEach(mount);
  prepareForPaper();
  reach();
  addEventListener("resize", reach);
  window.MathJax?.startup?.promise?.then(reach);
}

window.aecore = { modules, mount, helpers: ae };
// The data scripts are deferred too, and come after this one.
if (document.readyState === "complete") start();
else document.addEventListener("DOMContentLoaded", start);
