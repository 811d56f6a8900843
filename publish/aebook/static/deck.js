// A deck: reveal.js, the book's MathJax, and the book's figures, which keep the keys that they understand.
window.MathJax = {
  tex: {
    inlineMath: [
      ["$", "$"],
      ["\\(", "\\)"],
    ],
  },
  options: { enableMenu: false, ignoreHtmlClass: "notes|ae-embed" },
  chtml: { matchFontHeight: false },
  loader: { load: [] },
  startup: { typeset: false },
};

(() => {
  const state = document.documentElement.dataset;
  state.deck = "starting"; // before anything is drawn: without it the slides stand one under the other

  /** @returns {HTMLElement | null} the element with the focus, if it is in a figure */
  const held = () => {
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    return active?.closest(".ae-embed") ? active : null;
  };
  const frame = () => new Promise(requestAnimationFrame);
  /**
   * @param {string} selector
   * @returns {HTMLElement[]}
   */
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  /**
   * Of a figure stays what its slide names: plots and pictures by their names, controls by their labels.
   * @param {HTMLElement} room
   */
  function choose(room) {
    if (!room.dataset.shows) return;
    const [shows, moves] = [JSON.parse(room.dataset.shows), JSON.parse(room.dataset.moves || "[]")];
    const body = /** @type {HTMLElement} */ (room.querySelector(".ae-body"));
    const names = (/** @type {HTMLElement} */ e) => [e.dataset.plot, e.dataset.name, e.getAttribute("aria-label")];
    const labels = (/** @type {Element} */ e) => [
      e.getAttribute("aria-label"),
      (e.querySelector(".ae-label") || e).textContent,
    ];
    const parts = /** @type {HTMLElement[]} */ ([...body.querySelectorAll("[data-plot], canvas")]);
    const kept = parts.filter((e) => names(e).some((name) => shows.includes(name)));
    /** @param {Element} node */
    const prune = (node) => {
      for (const child of node.children) {
        const inside = kept.filter((part) => child.contains(part));
        if (child.matches(".ae-controls")) continue; // theirs is decided below
        if (child.matches("canvas[aria-hidden=true]")) continue; // codes as digits, under the plot that stays
        if (inside.includes(/** @type {HTMLElement} */ (child)) || (child.matches(".ae-tile") && inside.length))
          continue;
        if (inside.length) prune(child);
        else child.classList.add("ae-off");
      }
    };
    prune(body);
    room.classList.toggle("ae-many", shows.length > 2);
    const controls = [...room.querySelectorAll(".ae-controls > *")];
    for (const control of controls)
      control.classList.toggle("ae-off", !labels(control).some((label) => moves.includes(label)));
    const missing = [
      ...shows.filter((/** @type {string} */ name) => !kept.some((e) => names(e).includes(name))),
      ...moves.filter((/** @type {string} */ name) => !controls.some((e) => labels(e).includes(name))),
    ];
    if (missing.length) throw new Error(`a slide names ${missing.join(", ")}, which its figure does not have`);
  }

  /**
   * A figure stands in its room as large as possible: the largest scale at which one of two widths fits.
   * @param {HTMLElement} embed
   */
  async function fit(embed) {
    const room = /** @type {HTMLElement} */ (embed.parentElement);
    const most = room.classList.contains("ae-many") ? 1.7 : 2.2; // several parts beside each other need the width
    // A square plot in the whole width is higher than its room at any scale: before it is set small, it is set narrow.
    const wide = [1, 0.85];
    const tries = room.dataset.shows
      ? [
          [most, 1.45, wide],
          [most, 1.2, [0.7, 0.55]],
          [1.2, 0.4, wide],
        ]
      : [[1.5, 0.4, wide]];
    for (const [first, last, shares] of /** @type {[number, number, number[]][]} */ (tries))
      for (let scale = first; scale > last; scale -= 0.05) {
        embed.style.transform = `scale(${scale})`;
        for (const share of shares) {
          embed.style.width = `${(share * room.clientWidth) / scale}px`;
          await frame(); // its plots are drawn anew when their width changes
          await frame();
          if (embed.offsetHeight * scale <= room.clientHeight) return;
        }
      }
  }

  /** An equation that is wider than its slide is set a little smaller; the tests refuse one that is still too wide. */
  function narrow() {
    for (const formula of all('.slides mjx-container[display="true"]')) {
      const share = /** @type {HTMLElement} */ (formula.parentElement).clientWidth / formula.scrollWidth;
      if (share < 1) formula.style.fontSize = `${Math.max(75, 99 * share)}%`;
    }
  }

  /** Notes show in another window, which has no MathJax: there a formula is MathML, which browsers draw themselves. */
  function writeNotes() {
    const formula = /\$\$([\s\S]+?)\$\$|\$([^$]+)\$/g;
    /** @param {string} text */
    const plain = (text) => Object.assign(document.createElement("textarea"), { innerHTML: text }).value;
    for (const note of all("aside.notes"))
      note.innerHTML = note.innerHTML.replace(formula, (_, display, inline) =>
        MathJax.tex2mml(plain(display || inline).replace(/\\tag\{.*?\}/, ""), { display: Boolean(display) }),
      );
  }

  /**
   * Inside a figure the keys are the figure's. Escape gives them back; a presenter's remote always turns the page.
   * @param {KeyboardEvent} event
   */
  function onKey(event) {
    if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "PageDown") Reveal.next();
      else Reveal.prev();
    } else if (event.key === "Escape" && held()) {
      event.stopPropagation();
      held()?.blur();
    }
  }

  async function start() {
    if (!window.Reveal) {
      delete state.deck;
      return;
    }
    for (const embed of all(".ae-embed")) embed.dataset.preventSwipe = "";
    await Reveal.initialize({
      width: 1280,
      height: 720,
      margin: 0,
      minScale: 0.1,
      maxScale: 4,
      center: false,
      display: "flex",
      controls: false,
      progress: true,
      slideNumber: "c/t",
      hash: true,
      transition: "none",
      backgroundTransition: "none",
      viewDistance: 1000,
      mobileViewDistance: 1000, // every figure is laid out before its slide is shown
      keyboardCondition: (/** @type {KeyboardEvent} */ event) =>
        !(/** @type {Element} */ (event.target).closest?.(".ae-embed")),
      pdfMaxPagesPerSlide: 1,
      pdfSeparateFragments: false,
      scrollActivationWidth: null,
      defaultTiming: 120, // without it the lecturer's window ignores what each slide says of its time
      plugins: [RevealNotes],
    });
    addEventListener("keydown", onKey, true);
    Reveal.on("slidechanged", () => held()?.blur());
    await MathJax.startup.promise;
    if (MathJax.typesetPromise) {
      await MathJax.typesetPromise();
      narrow();
      writeNotes();
    }
    await Promise.all([document.fonts.ready, window.aecore?.all()]); // one key press may show any of them
    all(".ae-room").forEach(choose);
    await Promise.all(all(".ae-room > .ae-embed").map(fit));
    state.deck = "ready";
  }

  if (document.readyState === "complete") start();
  else addEventListener("DOMContentLoaded", start);
})();
