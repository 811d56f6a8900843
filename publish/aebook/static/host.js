// The host of the published page: what anywidget gives a module in Jupyter, in a few lines, without a kernel.
import { refuse } from "../../../aelab/figures/kit/define.js";
import { h } from "../../../aelab/figures/kit/dom.js";

/** @typedef {import("../../../aelab/figures/kit/define.js").Module} Module */
/** @typedef {import("../../../aelab/figures/kit/define.js").Model} Model */

/** @param {string} text base64 */
function decode(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i); // tenfold faster than Uint8Array.from
  return new DataView(bytes.buffer);
}

/**
 * The state as Python had it: `{"$bytes": base64}` is a buffer, `{"$data": name}` one in a script of its own.
 * @param {any} value
 * @returns {any}
 */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return decode(value.$bytes);
  if (typeof value.$data === "string") {
    const text = window.aeData?.[value.$data];
    if (text === undefined) throw new Error("its data did not arrive");
    return decode(text);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

/**
 * @param {Record<string, any>} state
 * @param {Record<string, [key: string, address: string]>} assets data that figures share, and where they lie
 * @returns {Model}
 */
function createModel(state, assets) {
  /** @type {Map<string, (() => void)[]>} */
  const listeners = new Map();
  /** @param {string} event */
  const heard = (event) => listeners.get(event) || [];
  return {
    get: (name) => state[name],
    set(name, value) {
      if (Object.is(state[name], value)) return;
      state[name] = value;
      for (const listener of [...heard(`change:${name}`), ...heard("change")]) listener();
    },
    on: (event, listener) => void listeners.set(event, [...heard(event), listener]),
    off: (event, listener) =>
      void listeners.set(
        event,
        heard(event).filter((other) => other !== listener),
      ),
    save_changes() {},
    async asset(name) {
      const [key, address] = assets[name];
      await fetchData(address).catch(() => {
        asked.delete(address); // another press may find it
        throw new Error(`the ${name} did not arrive`);
      });
      return decode(/** @type {Record<string, string>} */ (window.aeData)[key]);
    },
  };
}

/**
 * Bring the figure of an `.ae-embed` to life. If it fails, what stood in its place stands there again.
 * @param {Record<string, Module>} modules
 * @param {HTMLElement} embed
 * @returns {() => void} ends it
 */
function mount(modules, embed) {
  const box = /** @type {HTMLElement} */ (embed.querySelector(".ae-mount"));
  const stand = box.querySelector(".ae-stand");
  let end = () => {};
  try {
    const name = embed.dataset.module || "";
    const module = modules[name];
    if (!module) throw new Error(`module must be one of ${Object.keys(modules).join(", ")}, got ${name}`);
    const model = createModel(
      revive(JSON.parse(embed.querySelector("script")?.textContent || "{}")),
      JSON.parse(embed.dataset.assets || "{}"),
    );
    Object.assign(embed, { aeModel: model });
    end = module.render({ model, el: box });
  } catch (error) {
    refuse(box, /** @type {Error} */ (error));
  }
  if (stand && box.querySelector(":scope > .ae-error")) box.prepend(stand);
  else if (stand) embed.append(h("div", { class: "ae-print", hidden: true }, stand)); // lazy: fetched when printed
  return end;
}

/** @type {Map<string, Promise<void>>} scripts of data that were asked for */
const asked = new Map();

/**
 * A script with data, once a page; `file://` has no other way to it.
 * @param {string} address
 */
function fetchData(address) {
  const there = asked.get(address);
  if (there) return there;
  /** @type {Promise<void>} */
  const coming = new Promise((done, fail) => {
    const script = h("script", { src: address });
    script.addEventListener("load", () => done());
    script.addEventListener("error", () => fail());
    document.head.append(script);
  });
  asked.set(address, coming);
  return coming;
}

/** @type {WeakMap<HTMLElement, Promise<void>>} figures that are alive, or will be when their data are there */
const woken = new WeakMap();

/**
 * Bring a figure to life, once; its room is kept from the beginning. It measures words, so its letters come first.
 * @param {Record<string, Module>} modules
 * @param {HTMLElement} embed
 */
function wake(modules, embed) {
  const data = (embed.dataset.needs || "").split(" ").filter(Boolean);
  const alive =
    woken.get(embed) ||
    Promise.allSettled([document.fonts.load('1em "Book Sans"'), ...data.map(fetchData)]).then(
      () => void mount(modules, embed), // which says so if its data did not arrive
    );
  woken.set(embed, alive);
  return alive;
}

/**
 * The first figure of a page starts at once, each other one when it is a screen away.
 * @param {(embed: HTMLElement) => void} start
 */
function wakeInTime(start) {
  const [first, ...others] = all(".ae-embed");
  if (first) start(first);
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries)
        if (isIntersecting) {
          near.unobserve(target);
          start(/** @type {HTMLElement} */ (target));
        }
    },
    { rootMargin: "100% 0px" },
  );
  for (const embed of others) near.observe(embed);
}

/** @type {(node: HTMLElement, can: boolean) => void} */
function focusable(node, can) {
  if (can) node.tabIndex = 0;
  else node.removeAttribute("tabindex");
}

/**
 * All elements of the page that match.
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
const all = (selector) => [...document.querySelectorAll(selector)].map((node) => /** @type {HTMLElement} */ (node));

/** @param {HTMLElement} box */
const overflows = (box) => box.scrollWidth > box.clientWidth + 1;

/**
 * What in these parts of the page matches.
 * @type {(parts: HTMLElement[], selector: string) => HTMLElement[]}
 */
const within = (parts, selector) => {
  const found = parts.flatMap((part) => [
    ...(part.matches(selector) ? [part] : []),
    ...part.querySelectorAll(selector),
  ]);
  return found.map((node) => /** @type {HTMLElement} */ (node));
};

/**
 * A region that scrolls sideways (a wide equation or table) has to be reachable with the keyboard. All is measured
 * before anything is changed: else the page would be laid out anew for each formula.
 * @param {HTMLElement[]} parts of the page
 */
function reach(parts) {
  const equations = within(parts, "div.math");
  const formulas = within(parts, ".bd-article span.math mjx-container");
  for (const box of equations) box.classList.remove("ae-tight");
  for (const formula of formulas) formula.classList.remove("ae-wide");
  // An equation is centred with room for its number on both sides; one that is too wide gives up the left one.
  const tight = equations.map(overflows);
  const wide = formulas.map((formula) => {
    const room = formula.closest("p, li, td, dd, blockquote, h1, h2, h3, h4")?.clientWidth || 0;
    return room > 0 && /** @type {HTMLElement} */ (formula.firstElementChild).offsetWidth > room;
  });
  for (const [i, box] of equations.entries()) box.classList.toggle("ae-tight", tight[i]);
  for (const [i, formula] of formulas.entries()) {
    formula.classList.toggle("ae-wide", wide[i]);
    focusable(formula, wide[i]);
  }
  const boxes = within(parts, "div.math, .bd-article pre, .ae-table, .ae-still");
  const scrolls = boxes.map(overflows);
  for (const [i, box] of boxes.entries()) focusable(box, scrolls[i]);
}

/** @type {Set<HTMLElement>} parts of the page that a reader has come near: others may not be laid out yet */
const met = new Set();

/**
 * A part is measured when it is a screen away, and again when letters, the width or a fold are others. Who has the keys
 * goes from one to the next of all that can be reached, however far.
 */
function reachInTime() {
  /** @param {HTMLElement[]} come */
  const meet = (come) => {
    for (const part of come) {
      near.unobserve(part);
      met.add(part);
    }
    reach(come);
  };
  const near = new IntersectionObserver(
    (entries) =>
      meet(entries.filter((entry) => entry.isIntersecting).map(({ target }) => /** @type {HTMLElement} */ (target))),
    { rootMargin: "100% 0px" },
  );
  for (const part of parts()) near.observe(part);
  const again = () => reach([...met]);
  addEventListener("resize", again);
  document.fonts.addEventListener("loadingdone", again);
  document.addEventListener("toggle", ({ target }) => reach([/** @type {HTMLElement} */ (target)]), true);
  addEventListener("keydown", () => meet(parts()), { once: true });
}

/** Letters of formulas that nobody has come near are there before the page is printed, which waits for none. */
function fetchLetters() {
  if (!document.querySelector("mjx-container")) return;
  for (const face of document.fonts) if (face.family.includes("MathJax")) face.load().catch(() => {});
}

/** The paragraphs, figures and sections of a page; a slide is one part. */
function parts() {
  const found = all(".bd-article > section > *");
  return found.length ? found : [document.body];
}

/** Once the page has been seen: what a figure computes would stop its text from being drawn. */
function seen() {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, 500); // in a tab that nobody looks at no frame is drawn
  });
}

/**
 * Everything at once, as if a reader had been everywhere.
 * @param {(embed: HTMLElement) => Promise<void>} start
 */
async function whole(start) {
  document.documentElement.dataset.whole = "";
  for (const part of parts()) met.add(part);
  await Promise.all(all(".ae-embed").map(start));
  reach([...met]);
}

/** On paper a page is light, and only code is folded; afterwards all is as it was. */
function prepareForPaper() {
  const page = document.documentElement;
  /** @type {(() => void)[]} */
  let undo = [];
  addEventListener("beforeprint", () => {
    const theme = page.dataset.theme;
    const folded = /** @type {HTMLDetailsElement[]} */ (
      all("details:not([open], .ae-fold-figure, .ae-fold-measure, .ae-fold-setup, .ae-fold-check)")
    );
    for (const details of folded) details.open = true;
    undo = folded.map((details) => () => {
      details.open = false;
    });
    if (!theme) return;
    page.dataset.theme = "light";
    undo.push(() => {
      page.dataset.theme = theme;
    });
  });
  addEventListener("afterprint", () => {
    for (const step of undo.splice(0)) step();
  });
}

/**
 * Start the figures of a page, as soon as it is there.
 * @param {Record<string, Module>} modules by name
 */
export function host(modules) {
  /** @param {HTMLElement} embed */
  const start = (embed) => wake(modules, embed);
  window.aecore = {
    modules,
    mount: (embed) => mount(modules, embed),
    all: () => whole(start),
  };
  const begin = () => {
    document.documentElement.dataset.figures = "";
    prepareForPaper();
    seen().then(() => {
      wakeInTime(start);
      reachInTime();
    });
    addEventListener("load", () => setTimeout(fetchLetters, 3000)); // after all that the first screens need
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
}
